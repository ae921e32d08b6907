/* SPDX-License-Identifier: MIT */

/* Probes that nobody answers, and an mtr-packet that does not. */

#include <math.h>
#include <signal.h>

#include "fixture.h"

#define SILENT 90
#define LOUD 10

/* Probes that nobody answers delay no others, and end with their timeout. */
static void test_black_hole(void)
{
    Answer silent[SILENT], loud[LOUD];
    gint64 start, elapsed;
    Fixture fixture;

    dig_black_hole();
    fixture_start(&fixture, NULL);

    start = g_get_monotonic_time();
    for (unsigned i = 0; i < SILENT; i++) {
        static const char *const protocols[] = {"icmp", "udp", "tcp"};
        g_autofree char *options =
            g_strdup_printf("{'timeout': <2>, 'protocol': <'%s'>}", protocols[i % 3]);

        call_start(&silent[i], fixture.root, "Probe",
                   probe_arguments(i % 2 ? "192.0.2.2" : "2001:db8::2", options));
    }
    for (unsigned i = 0; i < LOUD; i++)
        call_start(&loud[i], fixture.root, "Probe", probe_arguments("127.0.0.1", NULL));

    for (unsigned i = 0; i < LOUD; i++) {
        call_wait(&loud[i]);
        assert_result(&loud[i], "reply");
        answer_clear(&loud[i]);
    }
    for (unsigned i = 0; i < SILENT; i++)
        g_assert_false(silent[i].done);

    for (unsigned i = 0; i < SILENT; i++) {
        gboolean success;
        double time_ms;

        call_wait(&silent[i]);
        assert_result(&silent[i], "no-reply");
        g_variant_get_child(silent[i].value, 0, "b", &success);
        g_assert_false(success);
        g_variant_get_child(silent[i].value, 2, "d", &time_ms);
        g_assert_true(isnan(time_ms));
        answer_clear(&silent[i]);
    }
    elapsed = g_get_monotonic_time() - start;
    g_assert_cmpint(elapsed, >=, 2 * G_USEC_PER_SEC);

    fixture_stop(&fixture);
    fill_black_hole();
}

/* Timeouts are the service's own, to the part of a second: mtr-packet would answer both of these
 * after a second. */
static void test_fractions(void)
{
    Answer slow, fast;
    gint64 start;
    Fixture fixture;
    GPid packet;

    dig_black_hole();
    fixture_start(&fixture, NULL);
    probe_wait(&fast, fixture.root, "127.0.0.1", NULL);
    answer_clear(&fast);
    packet = process_child(fixture.service_pid);

    start = g_get_monotonic_time();
    call_start(&slow, fixture.root, "Probe", probe_arguments("192.0.2.2", "{'timeout': <0.9>}"));
    call_start(&fast, fixture.root, "Probe", probe_arguments("192.0.2.2", "{'timeout': <0.2>}"));
    call_wait(&fast);
    g_assert_cmpint(g_get_monotonic_time() - start, >=, 200000);
    assert_result(&fast, "no-reply");
    g_assert_cmpstr(answer_detail(&fast, "address"), ==, "192.0.2.2");
    g_assert_false(slow.done);
    answer_clear(&fast);
    call_wait(&slow);
    g_assert_cmpint(g_get_monotonic_time() - start, >=, 900000);
    assert_result(&slow, "no-reply");
    answer_clear(&slow);

    /* While this waits, mtr-packet gives its own answers to the two, and nobody minds. */
    probe_wait(&slow, fixture.root, "192.0.2.2", "{'timeout': <1.5>}");
    assert_result(&slow, "no-reply");
    answer_clear(&slow);
    g_assert_cmpint(process_child(fixture.service_pid), ==, packet);
    fixture_stop(&fixture);
    fill_black_hole();
}

/* A stopped mtr-packet: timeouts are kept, then it is found out and replaced, and what is in flight
 * fails. */
static void test_hang(void)
{
    Answer silent, later, answer;
    Fixture fixture;
    GPid packet;

    fixture_start(&fixture, NULL);
    probe_wait(&answer, fixture.root, "127.0.0.1", NULL);
    answer_clear(&answer);
    packet = process_child(fixture.service_pid);
    g_assert_cmpint(kill(packet, SIGSTOP), ==, 0);

    call_start(&later, fixture.root, "Probe", probe_arguments("127.0.0.1", "{'timeout': <60>}"));
    call_start(&silent, fixture.root, "Probe", probe_arguments("127.0.0.1", "{'timeout': <0.5>}"));
    call_wait(&silent);
    assert_result(&silent, "no-reply");
    answer_clear(&silent);
    g_assert_false(later.done);
    call_wait(&later);
    assert_error(&later, ERROR_PROCESS, "hangs");
    answer_clear(&later);

    probe_wait(&answer, fixture.root, "127.0.0.1", NULL);
    assert_result(&answer, "reply");
    answer_clear(&answer);
    g_assert_cmpint(process_child(fixture.service_pid), !=, packet);
    g_assert_cmpuint(fixture_processes(&fixture), ==, 3);
    fixture_stop(&fixture);
}

static void add_tests(void)
{
    g_test_add_func("/timeouts/black-hole", test_black_hole);
    g_test_add_func("/timeouts/fractions", test_fractions);
    g_test_add_func("/timeouts/hang", test_hang);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add_tests);
}
