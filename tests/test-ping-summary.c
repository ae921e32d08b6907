/* SPDX-License-Identifier: MIT */

/* What a ping adds up to, and how it is shown: without a bus. */

#include <glib.h>
#include <math.h>
#include <stdlib.h>

#include "ping-summary.h"

static void add(PingSummary *summary, const char *result, double time_ms)
{
    const ProbeReport report = {
        .success = g_str_equal(result, "reply"),
        .result = result,
        .time_ms = time_ms,
        .responder = "",
        .address = "192.0.2.9",
    };

    summary->n_sent++;
    ping_summary_add(summary, &report);
}

static void assert_printed(const PingSummary *summary, const char *host, const char *expected)
{
    g_autofree char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);

    ping_summary_print(summary, host, file);
    fclose(file);
    g_assert_cmpstr(text, ==, expected);
}

static void test_figures(void)
{
    PingSummary summary = {0};

    add(&summary, "reply", 2);
    add(&summary, "reply", 4);
    add(&summary, "no-reply", NAN);
    add(&summary, "reply", 6);
    assert_printed(&summary, "a.test",
                   "\na.test (192.0.2.9): 4 probes, 3 replies, 25.0% loss\n"
                   "round trip min/avg/max/mdev 2.000/4.000/6.000/1.633 ms\n");
    assert_printed(&summary, "192.0.2.9",
                   "\n192.0.2.9: 4 probes, 3 replies, 25.0% loss\n"
                   "round trip min/avg/max/mdev 2.000/4.000/6.000/1.633 ms\n");

    /* What is open is not lost, and what failed tells nothing. */
    summary.n_sent += 2;
    summary.n_failed = 1;
    add(&summary, "ttl-expired", 100);
    assert_printed(
        &summary, "a.test",
        "\na.test (192.0.2.9): 7 probes, 3 replies, 1 other result, 1 failed, 1 not answered yet, "
        "40.0% loss\n"
        "round trip min/avg/max/mdev 2.000/4.000/6.000/1.633 ms\n");
}

static void test_bounds(void)
{
    PingSummary summary = {.n_sent = 2};

    assert_printed(&summary, "a.test", "\na.test: 2 probes, 0 replies, 2 not answered yet\n");

    summary = (PingSummary){0};
    add(&summary, "reply", NAN); /* no time, but it arrived */
    assert_printed(&summary, "a.test", "\na.test (192.0.2.9): 1 probe, 1 reply, 0% loss\n");

    summary = (PingSummary){0};
    add(&summary, "no-reply", NAN);
    assert_printed(&summary, "a.test", "\na.test (192.0.2.9): 1 probe, 0 replies, 100% loss\n");

    /* one of very many is not none */
    summary =
        (PingSummary){.n_sent = 100000, .n_ended = 100000, .n_replies = 99999, .n_no_reply = 1};
    assert_printed(&summary, "a.test", "\na.test: 100000 probes, 99999 replies, 0.1% loss\n");
    summary.n_replies = 1;
    summary.n_no_reply = 99999;
    assert_printed(&summary, "a.test", "\na.test: 100000 probes, 1 reply, 99.9% loss\n");
}

/* Small differences of large times are not lost in the squares. */
static void test_deviation(void)
{
    PingSummary summary = {0};

    for (unsigned i = 0; i < 1000; i++)
        add(&summary, "reply", i % 2 ? 59999.998 : 60000.000);
    g_assert_cmpfloat_with_epsilon(ping_summary_deviation(&summary), 0.001, 1e-6);
}

static void test_json(void)
{
    const Moment started = {1, 2}, ended = {3, 4};
    g_autofree char *text = NULL;
    PingSummary summary = {.n_sent = 1};
    size_t size;
    FILE *file = open_memstream(&text, &size);

    g_assert_cmpint(document_write(ping_summary_to_json(&summary, "a.test", &started, &ended),
                                   JSON_SHORT, file),
                    ==, 0);
    add(&summary, "reply", 2);
    add(&summary, "no-reply", NAN);
    g_assert_cmpint(document_write(ping_summary_to_json(&summary, "a.test", &started, &ended),
                                   JSON_SHORT, file),
                    ==, 0);
    fclose(file);
    g_assert_cmpstr(
        text, ==,
        "{\"schema\":1,\"kind\":\"summary\",\"started\":{\"realtime_usec\":1,\"monotonic_usec\":2},"
        "\"ended\":{\"realtime_usec\":3,\"monotonic_usec\":4},\"host\":\"a.test\",\"address\":\"\","
        "\"probes\":1,\"replies\":0,\"no_reply\":0,\"other\":0,\"failed\":0,\"open\":1,"
        "\"loss_percent\":null,\"time_ms\":null}\n"
        "{\"schema\":1,\"kind\":\"summary\",\"started\":{\"realtime_usec\":1,\"monotonic_usec\":2},"
        "\"ended\":{\"realtime_usec\":3,\"monotonic_usec\":4},\"host\":\"a.test\",\"address\":"
        "\"192.0.2.9\",\"probes\":3,\"replies\":1,\"no_reply\":1,\"other\":0,\"failed\":0,"
        "\"open\":1,\"loss_percent\":50.0,\"time_ms\":{\"min\":2.0,\"avg\":2.0,\"max\":2.0,"
        "\"mdev\":0.0}}\n");
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ping-summary/figures", test_figures);
    g_test_add_func("/ping-summary/bounds", test_bounds);
    g_test_add_func("/ping-summary/deviation", test_deviation);
    g_test_add_func("/ping-summary/json", test_json);
    return g_test_run();
}
