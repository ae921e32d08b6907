/* SPDX-License-Identifier: MIT */

/* What the service says of its work, and of what never became work. */

#include <string.h>

#include "fake-packet.h"
#include "fixture.h"

static void fake_probe(GDBusConnection *connection, int pattern)
{
    g_autofree char *options = g_strdup_printf("{'bit_pattern': <%d>}", pattern);
    Answer answer;

    probe_wait(&answer, connection, "127.0.0.1", options);
    answer_clear(&answer);
}

static void refused(GDBusConnection *connection, const char *host, const char *options)
{
    Answer answer;

    probe_wait(&answer, connection, host, options);
    g_assert_nonnull(answer.error);
    answer_clear(&answer);
}

static void test_counters(void)
{
    static const struct {
        const char *name;
        guint64 value;
    } rows[] = {
        {"probes_sent", 7},           {"replies", 3},
        {"ttl_expired", 1},           {"no_reply", 1},
        {"other_results", 1},         {"processes_started", 2},
        {"processes_lost", 1},        {"lookups", 2},
        {"errors_Process", 1},        {"errors_InvalidArgs", 2},
        {"errors_HostResolve", 2},    {"errors_AccessDenied", 1},
        {"errors_State", 1},          {"errors_NotSupported", 1},
        {"errors_Cancelled", 0},      {"errors_NoMemory", 0},
        {"errors_LimitsExceeded", 0},
    };
    g_autofree char *unanswered =
        g_strdup_printf("{'bit_pattern': <%d>, 'timeout': <0.1>}", FAKE_HOLD);
    GDBusConnection *other;
    guint64 in, out;
    Fixture fixture;
    Answer answer;

    fixture_start(&fixture, fixture_program("TEST_FAKE_PACKET", "fake"));
    other = fixture_connect(FIXTURE_OTHER_UID);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        g_assert_cmpuint(get_statistic(other, rows[i].name), ==, 0); /* anybody may read it */
    g_assert_cmpuint(get_statistic(other, "bytes_out"), ==, 0);

    fake_probe(fixture.root, FAKE_REPLY);
    fake_probe(fixture.root, FAKE_MPLS);
    fake_probe(fixture.root, FAKE_UNKNOWN);
    fake_probe(fixture.root, FAKE_REPLY);
    /* Its answer comes after it was given up, and counts no more. */
    probe_wait(&answer, fixture.root, "127.0.0.1", unanswered);
    assert_result(&answer, "no-reply");
    answer_clear(&answer);
    call_start(&answer, fixture.root, "CheckSupport", g_variant_new("(s)", "release"));
    call_wait(&answer);
    answer_clear(&answer);
    fake_probe(fixture.root, FAKE_DIE);
    probe_wait(&answer, fixture.root, "four.test", NULL);
    assert_result(&answer, "reply");
    answer_clear(&answer);
    refused(fixture.root, "127.0.0.1", "{'ttl': <0>}");
    refused(fixture.root, "a\nb", NULL);
    refused(fixture.root, "fe80::1%lo", NULL);
    refused(fixture.root, "nowhere.test", NULL);
    refused(fixture.root, "127.0.0.1", "{'ip_version': <6>}");
    refused(other, "127.0.0.1", NULL);
    call_start(&answer, fixture.root, "Close", NULL);
    call_wait(&answer);
    assert_error(&answer, ERROR_STATE, "not open");
    answer_clear(&answer);

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        guint64 value = get_statistic(other, rows[i].name);

        if (value != rows[i].value)
            g_error("%s is %" G_GUINT64_FORMAT ", not %" G_GUINT64_FORMAT, rows[i].name, value,
                    rows[i].value);
    }
    in = get_statistic(other, "bytes_in");
    out = get_statistic(other, "bytes_out");
    g_assert_cmpuint(in, >, 7 * strlen("1 reply ip-4 127.0.0.1 round-trip-time 1\n"));
    g_assert_cmpuint(out, >, 7 * strlen("1 send-probe ip-4 127.0.0.1 protocol icmp timeout 1\n"));

    fixture_disconnect(other);
    fixture_stop(&fixture);
}

/* How many probes are under way, and how many wait: here for a place, since one user alone has no
 * more than half of them. */
static void test_gauges(void)
{
    g_autofree char *hold = g_strdup_printf("{'bit_pattern': <%d>}", FAKE_HOLD);
    GDBusConnection *connections[6];
    Answer answers[600], answer;
    Fixture fixture;

    fixture_start(&fixture, fixture_program("TEST_FAKE_PACKET", "fake"));
    g_assert_cmpuint(get_number(fixture.root, "ProbesInFlight"), ==, 0);
    for (unsigned i = 0; i < G_N_ELEMENTS(connections); i++)
        connections[i] = fixture_connect(0);

    /* one fewer than the fake holds at the most */
    for (unsigned i = 0; i < FAKE_HELD_MAX - 1; i++)
        call_start(&answers[i], connections[i % 6], "Probe", probe_arguments("127.0.0.1", hold));
    while (get_number(fixture.root, "ProbesInFlight") < FAKE_HELD_MAX - 1)
        ;
    g_assert_cmpuint(get_number(fixture.root, "ProbesQueued"), ==, 0);

    /* What nobody waits for any more is in flight all the same. */
    fixture_disconnect(connections[0]);
    call_full(&answer, connections[1], "org.freedesktop.DBus.Peer", "Ping", NULL);
    call_wait(&answer);
    answer_clear(&answer);
    g_assert_cmpuint(get_number(fixture.root, "ProbesInFlight"), ==, FAKE_HELD_MAX - 1);

    call_start(&answer, fixture.root, "CheckSupport", g_variant_new("(s)", "release"));
    call_wait(&answer);
    answer_clear(&answer);
    for (unsigned i = 0; i < FAKE_HELD_MAX - 1; i++) {
        call_wait(&answers[i]);
        answer_clear(&answers[i]);
    }
    g_assert_cmpuint(get_number(fixture.root, "ProbesInFlight"), ==, 0);
    g_assert_cmpuint(get_number(fixture.root, "ProbesQueued"), ==, 0);

    for (unsigned i = 1; i < G_N_ELEMENTS(connections); i++)
        fixture_disconnect(connections[i]);
    fixture_stop(&fixture);
}

/* What waits before mtr-packet has answered for the first time is queued. */
static void test_queued(void)
{
    Answer answers[3], answer;
    Fixture fixture;

    fixture_start(&fixture, fixture_program("TEST_FAKE_PACKET", FAKE_NAME_LATE));
    for (unsigned i = 0; i < G_N_ELEMENTS(answers); i++)
        call_start(&answers[i], fixture.root, "Probe", probe_arguments("127.0.0.1", NULL));
    call_start(&answer, fixture.root, "CheckSupport", g_variant_new("(s)", "icmp"));
    g_assert_cmpuint(get_number(fixture.root, "ProbesQueued"), ==, G_N_ELEMENTS(answers));
    g_assert_cmpuint(get_number(fixture.root, "ProbesInFlight"), ==, 0);

    g_assert_true(g_file_set_contents(FAKE_GO, "", 0, NULL));
    for (unsigned i = 0; i < G_N_ELEMENTS(answers); i++) {
        call_wait(&answers[i]);
        assert_result(&answers[i], "reply");
        answer_clear(&answers[i]);
    }
    call_wait(&answer);
    answer_clear(&answer);
    fixture_stop(&fixture);
}

static GVariant *many_entries(const char *key, GVariant *value)
{
    GVariantBuilder builder;

    g_variant_ref_sink(value);
    g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
    for (unsigned i = 0; i < 10000; i++)
        g_variant_builder_add(&builder, "{sv}", key, value);
    g_variant_unref(value);
    return g_variant_new("(s@a{sv})", "127.0.0.1", g_variant_builder_end(&builder));
}

static void assert_refused(Fixture *fixture, const char *method, GVariant *arguments,
                           const char *error, const char *part)
{
    Answer answer;

    call_start(&answer, fixture->root, method, arguments);
    call_wait(&answer);
    assert_error(&answer, error, part);
    answer_clear(&answer);
}

/* What is wrong is refused by name, and nothing of it is written to mtr-packet. */
static void test_bad_input(void)
{
    static const struct {
        const char *host, *options, *part;
    } rows[] = {
        {"127.0.0.1 ttl 1", NULL, "\"127.0.0.1 ttl 1\""},
        {"a\nb", NULL, "\"a\\x0ab\""},
        {"127.0.0.1\n1 send-probe ip-4 127.0.0.1", NULL, "\\x0a"},
        {"", NULL, "host is empty"},
        {"127.0.0.1", "{'ttl': <<1>>}", "ttl has a value of D-Bus type 'v'"},
        {"127.0.0.1", "{'ttl': <<<<[1]>>>>}", "ttl has a value of D-Bus type 'v'"},
        {"127.0.0.1", "{'ttl': <[1]>}", "ttl has a value of D-Bus type 'a'"},
        {"127.0.0.1", "{'timeout': <{'a': <1>}>}", "timeout has a value of D-Bus type 'a'"},
        {"127.0.0.1", "{'timeout': <-1>}", "timeout is -1"},
        {"127.0.0.1", "{'timeout': <-0.001>}", "timeout is -0.001"},
        {"127.0.0.1", "{'timeout': <1e300>}", "timeout is 1e+300"},
        {"127.0.0.1", "{'mark': <1.0>}", "mark has a value of D-Bus type 'd'"},
    };
    g_autofree char *inspect = g_strdup_printf("{'bit_pattern': <%d>}", FAKE_INSPECT);
    g_autofree char *long_name = g_strnfill(300, 'a');
    GVariantBuilder builder;
    guint64 written;
    Fixture fixture;
    Answer answer;

    fixture_start(&fixture, fixture_program("TEST_FAKE_PACKET", "fake"));
    probe_wait(&answer, fixture.root, "127.0.0.1", inspect);
    answer_clear(&answer);
    written = get_statistic(fixture.root, "bytes_out");

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        assert_refused(&fixture, "Probe", probe_arguments(rows[i].host, rows[i].options),
                       ERROR_INVALID_ARGS, rows[i].part);
    assert_refused(&fixture, "Probe", probe_arguments(long_name, NULL), ERROR_INVALID_ARGS, "253");
    assert_refused(&fixture, "Probe", many_entries("ttl", g_variant_new_uint32(1)),
                   ERROR_INVALID_ARGS, "ttl is given twice");
    assert_refused(&fixture, "Probe", many_entries("TTL", g_variant_new_uint32(1)),
                   ERROR_INVALID_ARGS, "\"TTL\" is unknown");

    g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT); /* no text is a NaN */
    g_variant_builder_add(&builder, "{sv}", "timeout", g_variant_new_double(0.0 / 0.0));
    assert_refused(&fixture, "Probe",
                   g_variant_new("(s@a{sv})", "127.0.0.1", g_variant_builder_end(&builder)),
                   ERROR_INVALID_ARGS, "timeout is");

    assert_refused(&fixture, "CheckSupport", g_variant_new("(s)", "x\n1 send-probe ip-4 127.0.0.1"),
                   ERROR_INVALID_ARGS, "\"x\\x0a1 send-probe ip-4 127.0.0.1\"");
    assert_refused(&fixture, "CheckSupport", g_variant_new("(s)", long_name), ERROR_INVALID_ARGS,
                   "1 to 32 characters");

    g_assert_cmpuint(get_statistic(fixture.root, "bytes_out"), ==, written);
    probe_wait(&answer, fixture.root, "127.0.0.1", inspect);
    g_assert_cmpstr(answer_detail(&answer, "probes"), ==, "2");
    answer_clear(&answer);
    fixture_stop(&fixture);
}

static void add_tests(void)
{
    g_test_add_func("/statistics/counters", test_counters);
    g_test_add_func("/statistics/gauges", test_gauges);
    g_test_add_func("/statistics/queued", test_queued);
    g_test_add_func("/statistics/bad-input", test_bad_input);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add_tests);
}
