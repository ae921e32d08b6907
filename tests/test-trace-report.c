/* SPDX-License-Identifier: MIT */

/* What a trace asks for next, where it ends, and how it is shown: without a bus. */

#include <glib.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "trace-report.h"

#define TARGET "192.0.2.9"

static const Style plain = {"", "", "", ""};
static const Style marked = {"<b>", "<f>", "<!>", "</>"};

static const char *no_name(const char *address, void *userdata)
{
    return NULL;
}

static const char *some_names(const char *address, void *userdata)
{
    return g_str_equal(address, "10.0.0.1") ? "first.test" : NULL;
}

static const TraceNames numeric = {no_name, NULL};
static const TraceNames named = {some_names, NULL};

static Trace *new_trace(unsigned first, unsigned max, unsigned queries, bool all_at_once)
{
    Trace *trace = NULL;

    g_assert_cmpint(trace_new(&trace, first, max, queries, all_at_once), ==, 0);
    return trace;
}

/* All that may be sent now, as "TTL TTL ...". */
static char *send_all(Trace *trace)
{
    GString *sent = g_string_new(NULL);
    unsigned number, ttl;

    while (trace_next(trace, &number, &ttl)) {
        g_assert_cmpuint(trace_ttl(trace, number), ==, ttl);
        g_string_append_printf(sent, "%s%u", sent->len > 0 ? " " : "", ttl);
    }
    return g_string_free(sent, FALSE);
}

static void assert_sends(Trace *trace, const char *expected)
{
    g_autofree char *sent = send_all(trace);

    g_assert_cmpstr(sent, ==, expected);
}

static void answer(Trace *trace, unsigned ttl, unsigned query, const char *result,
                   const char *responder, double time_ms)
{
    ProbeReport report = {
        .success = g_str_equal(result, "reply"),
        .result = result,
        .time_ms = time_ms,
        .responder = responder,
        .address = TARGET,
    };

    trace_answer(trace, (ttl - trace->first_ttl) * trace->queries + query, &report);
}

static void answer_label(Trace *trace, unsigned ttl, unsigned query, uint32_t label)
{
    ProbeReport report = {
        .result = "ttl-expired",
        .time_ms = 1,
        .responder = "10.0.0.1",
        .address = TARGET,
        .n_labels = 1,
    };

    /* what is between the members is none of the label */
    memset(report.labels, (int)query, sizeof(report.labels));
    report.labels[0].label = label;
    report.labels[0].traffic_class = 2;
    report.labels[0].bottom_of_stack = 1;
    report.labels[0].ttl = 64;
    trace_answer(trace, (ttl - trace->first_ttl) * trace->queries + query, &report);
}

static void assert_hop(const Trace *trace, unsigned ttl, const TraceNames *names,
                       const Style *style, const char *expected)
{
    g_autofree char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);

    trace_report_print_hop(trace, ttl, names, style, file);
    fclose(file);
    g_assert_cmpstr(text, ==, expected);
}

/* The probes of a hop come together, and all may be sent at once. */
static void test_order(void)
{
    Trace *trace = new_trace(1, 3, 2, true);

    assert_sends(trace, "1 1 2 2 3 3");
    assert_sends(trace, "");
    g_assert_false(trace_next_round(trace));
    trace_free(trace);

    trace = new_trace(254, 255, 1, true);
    assert_sends(trace, "254 255");
    trace_free(trace);
}

static void test_rounds(void)
{
    Trace *trace = new_trace(1, 3, 3, false);

    assert_sends(trace, "1 2 3");
    assert_sends(trace, "");
    g_assert_true(trace_next_round(trace));
    assert_sends(trace, "1 2 3");
    /* nothing is sent beyond the target */
    answer(trace, 2, 0, "reply", TARGET, 1);
    g_assert_true(trace_next_round(trace));
    assert_sends(trace, "1 2");
    g_assert_false(trace_next_round(trace));
    trace_free(trace);
}

/* The least hop that the target answers from is the last, whatever comes first. */
static void test_target(void)
{
    Trace *trace = new_trace(1, 5, 1, true);

    g_free(send_all(trace));
    answer(trace, 4, 0, "reply", TARGET, 1);
    g_assert_cmpuint(trace->last_ttl, ==, 4);
    g_assert_true(trace->is_reached);
    answer(trace, 5, 0, "reply", TARGET, 1);
    g_assert_cmpuint(trace->last_ttl, ==, 4);
    answer(trace, 3, 0, "reply", TARGET, 1);
    g_assert_cmpuint(trace->last_ttl, ==, 3);
    g_assert_true(trace_hop_is_known(trace, 3));
    g_assert_false(trace_hop_is_known(trace, 2));
    answer(trace, 2, 0, "no-reply", "", NAN);
    g_assert_true(trace_hop_is_known(trace, 2));
    trace_free(trace);
}

/* Where there is no way on it ends, but not if the target answers from beyond. */
static void test_dead_end(void)
{
    Trace *trace = new_trace(1, 4, 2, true);

    g_free(send_all(trace));
    for (unsigned ttl = 2; ttl <= 4; ttl++)
        for (unsigned i = 0; i < 2; i++)
            answer(trace, ttl, i, i == 0 ? "no-route" : "no-reply", i == 0 ? "10.0.0.2" : "", 1);
    g_assert_cmpuint(trace->last_ttl, ==, 4); /* of the first hop nothing is known yet */
    answer(trace, 1, 0, "ttl-expired", "10.0.0.1", 1);
    g_assert_cmpuint(trace->last_ttl, ==, 4);
    answer(trace, 1, 1, "no-route", "10.0.0.1", 1);
    g_assert_cmpuint(trace->last_ttl, ==, 2);
    g_assert_false(trace->is_reached);
    trace_free(trace);

    /* Silence is no dead end, nor is a port that was taken. */
    trace = new_trace(1, 3, 1, true);
    g_free(send_all(trace));
    answer(trace, 1, 0, "no-reply", "", NAN);
    g_assert_cmpuint(trace->last_ttl, ==, 3);
    answer(trace, 2, 0, "address-in-use", "", NAN);
    g_assert_cmpuint(trace->last_ttl, ==, 3);
    answer(trace, 3, 0, "reply", TARGET, 1);
    g_assert_true(trace->is_reached);
    trace_free(trace);

    trace = new_trace(1, 3, 1, true);
    g_free(send_all(trace));
    answer(trace, 3, 0, "reply", TARGET, 1);
    answer(trace, 1, 0, "ttl-expired", "10.0.0.1", 1);
    answer(trace, 2, 0, "no-route", "10.0.0.2", 1);
    g_assert_cmpuint(trace->last_ttl, ==, 3);
    g_assert_true(trace->is_reached);
    trace_free(trace);

    /* Probes that do not get out need no second hop. */
    trace = new_trace(1, 3, 1, true);
    g_free(send_all(trace));
    answer(trace, 1, 0, "no-route", "", NAN);
    g_assert_cmpuint(trace->last_ttl, ==, 1);
    assert_hop(trace, 1, &numeric, &plain, " 1  no-route\n");
    trace_free(trace);
}

static void test_lines(void)
{
    Trace *trace = new_trace(1, 12, 4, true);

    g_free(send_all(trace));
    answer(trace, 1, 0, "ttl-expired", "10.0.0.1", 0.5);
    answer(trace, 1, 2, "no-reply", "", NAN);
    answer(trace, 1, 3, "ttl-expired", "10.0.0.1", 12.3456);
    assert_hop(trace, 1, &numeric, &plain, " 1  10.0.0.1  0.500 ms  ?  *  12.346 ms\n");
    assert_hop(trace, 1, &named, &plain, " 1  first.test (10.0.0.1)  0.500 ms  ?  *  12.346 ms\n");
    assert_hop(trace, 1, &named, &marked,
               " 1  <b>first.test</> (10.0.0.1)  0.500 ms  ?  <!>*</>  12.346 ms\n");

    for (unsigned i = 0; i < 4; i++)
        answer(trace, 2, i, "no-reply", "", NAN);
    assert_hop(trace, 2, &numeric, &plain, " 2  *  *  *  *\n");
    assert_hop(trace, 3, &numeric, &plain, " 3  ?  ?  ?  ?\n");

    /* several responders, one of them with other news */
    answer(trace, 4, 0, "no-reply", "", NAN);
    answer(trace, 4, 1, "ttl-expired", "10.0.0.2", 1);
    answer(trace, 4, 2, "no-route", "10.0.0.1", 2);
    answer(trace, 4, 3, "ttl-expired", "10.0.0.2", 3);
    assert_hop(trace, 4, &named, &plain,
               " 4  10.0.0.2  *  1.000 ms  3.000 ms\n"
               "    first.test (10.0.0.1)  2.000 ms  no-route\n");

    answer(trace, 12, 0, "reply", "2001:db8::1", 1);
    assert_hop(trace, 12, &numeric, &plain, "12  2001:db8::1  1.000 ms  ?  ?  ?\n");
    trace_free(trace);
}

/* Each stack is shown once, under its responder. */
static void test_labels(void)
{
    Trace *trace = new_trace(1, 1, 4, true);

    g_free(send_all(trace));
    answer_label(trace, 1, 0, 16);
    answer_label(trace, 1, 1, 16);
    answer(trace, 1, 2, "ttl-expired", "10.0.0.2", 1);
    answer_label(trace, 1, 3, 17);
    assert_hop(trace, 1, &numeric, &plain,
               " 1  10.0.0.1  1.000 ms  1.000 ms  1.000 ms\n"
               "      mpls label 16 tc 2 s 1 ttl 64\n"
               "      mpls label 17 tc 2 s 1 ttl 64\n"
               "    10.0.0.2  1.000 ms\n");
    trace_free(trace);
}

static void test_progress(void)
{
    Trace *trace = new_trace(1, 9, 2, true);
    char text[100], little[12];

    g_free(send_all(trace));
    answer(trace, 1, 1, "no-reply", "", NAN);
    g_assert_cmpstr(trace_report_progress(trace, 1, text, sizeof(text)), ==,
                    " 1  waiting, 1 of 2 answered");
    answer(trace, 3, 0, "reply", TARGET, 1);
    g_assert_cmpstr(trace_report_progress(trace, 2, text, sizeof(text)), ==,
                    " 2  waiting, 0 of 2 answered; the target is hop 3");
    g_assert_cmpstr(trace_report_progress(trace, 2, little, sizeof(little)), ==, " 2  waiting");
    trace_free(trace);
}

static void test_head(void)
{
    Trace *trace = new_trace(1, 3, 2, true);
    g_autofree char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);

    trace_report_print_head("a.test", TARGET, 30, file);
    trace_report_print_head(TARGET, TARGET, 1, file);
    trace_report_print_head("a.test", "", 2, file);
    fclose(file);
    g_assert_cmpstr(text, ==,
                    "trace to a.test (192.0.2.9), up to 30 hops\n"
                    "trace to 192.0.2.9, up to 1 hop\n"
                    "trace to a.test, up to 2 hops\n");

    /* An answer says what the host's address is. */
    g_assert_null(trace_report_address(trace));
    trace_free(trace);
}

static void test_json(void)
{
    static const char expected[] =
        "{\"schema\":1,\"kind\":\"trace\","
        "\"started\":{\"realtime_usec\":1,\"monotonic_usec\":2},"
        "\"ended\":{\"realtime_usec\":3,\"monotonic_usec\":4},"
        "\"host\":\"a.test\",\"address\":\"192.0.2.9\",\"reached\":true,\"complete\":false,"
        "\"names\":{\"10.0.0.1\":\"first.test\"},"
        "\"hops\":[{\"ttl\":1,\"probes\":["
        "{\"started\":{\"realtime_usec\":0,\"monotonic_usec\":0},"
        "\"ended\":{\"realtime_usec\":0,\"monotonic_usec\":0},"
        "\"success\":false,\"result\":\"ttl-expired\",\"time_ms\":1.0,\"responder\":\"10.0.0.1\","
        "\"mpls\":[{\"label\":16,\"traffic_class\":2,\"bottom_of_stack\":true,\"ttl\":64}],"
        "\"details\":{\"address\":\"192.0.2.9\"}}]},"
        "{\"ttl\":2,\"probes\":["
        "{\"started\":{\"realtime_usec\":0,\"monotonic_usec\":0},"
        "\"ended\":{\"realtime_usec\":0,\"monotonic_usec\":0},"
        "\"success\":true,\"result\":\"reply\",\"time_ms\":null,\"responder\":\"192.0.2.9\","
        "\"mpls\":[],\"details\":{\"address\":\"192.0.2.9\"}}]}]}\n";
    const Moment started = {1, 2}, ended = {3, 4};
    g_autofree char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);
    Trace *trace = new_trace(1, 3, 2, true);

    g_free(send_all(trace));
    answer_label(trace, 1, 1, 16);
    answer(trace, 2, 0, "reply", TARGET, NAN);
    g_assert_cmpint(document_write(trace_report_to_json(trace, "a.test", &named, &started, &ended),
                                   JSON_SHORT, file),
                    ==, 0);
    fclose(file);
    g_assert_cmpstr(text, ==, expected);
    trace_free(trace);
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/trace-report/order", test_order);
    g_test_add_func("/trace-report/rounds", test_rounds);
    g_test_add_func("/trace-report/target", test_target);
    g_test_add_func("/trace-report/dead-end", test_dead_end);
    g_test_add_func("/trace-report/lines", test_lines);
    g_test_add_func("/trace-report/labels", test_labels);
    g_test_add_func("/trace-report/progress", test_progress);
    g_test_add_func("/trace-report/head", test_head);
    g_test_add_func("/trace-report/json", test_json);
    return g_test_run();
}
