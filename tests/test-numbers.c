/* SPDX-License-Identifier: MIT */

/* Tens of thousands of probes, and answers that come late: whose they are then. */

#include <stdio.h>

#include "fixture.h"
#include "tun.h"

#define CONNECTIONS 5
#define AT_ONCE 250

/* Sequence numbers of mtr-packet: the first is given anew after so many. */
#define NUMBERS 32536

/* Probes that are open when the numbers of the late ones come again, and those on either side. */
#define OPEN 450
#define BEFORE (NUMBERS - OPEN / 2)
#define FURTHER 33000

/* The late hosts: of a probe that is still open, of one that was given up, and of the others. */
#define LATE_OPEN 0
#define LATE_GIVEN_UP 1
#define LATE_OTHERS 2
#define N_OTHERS 60

/* Sends N probes that somebody answers. Whether he does is no matter. */
static void send_many(GDBusConnection *const connections[CONNECTIONS], unsigned n)
{
    Answer answers[AT_ONCE];

    for (unsigned sent = 0; sent < n; sent += AT_ONCE) {
        unsigned now = MIN(n - sent, AT_ONCE);

        for (unsigned i = 0; i < now; i++)
            call_start(&answers[i], connections[i % CONNECTIONS], "Probe",
                       probe_arguments("127.0.0.1", "{'timeout': <1>}"));
        for (unsigned i = 0; i < now; i++) {
            call_wait(&answers[i]);
            g_assert_cmpstr(answers[i].message, ==, NULL);
            answer_clear(&answers[i]);
        }
    }
}

/* How many bytes wait to be read by all raw IPv4 sockets, by which the floods go. (Of those for
 * IPv6 mtr-packet has some that it never reads.) */
static unsigned long raw_backlog(void)
{
    g_autofree char *contents = NULL;
    g_auto(GStrv) lines = NULL;
    unsigned long sum = 0, n;

    g_assert_true(g_file_get_contents("/proc/net/raw", &contents, NULL, NULL));
    lines = g_strsplit(contents, "\n", -1);
    for (char **line = lines + 1; *line && **line; line++) {
        g_assert_cmpint(sscanf(*line, "%*s %*s %*s %*s %*x:%lx", &n), ==, 1);
        sum += n;
    }
    return sum;
}

/*
 * Every mtr-packet is told of all ICMP, and has room for some hundreds of answers; one that has no
 * turn while others are sent floods loses what comes then. So this waits until all have caught up.
 */
static void wait_caught_up(void)
{
    while (raw_backlog() > 0)
        g_thread_yield();
}

static void assert_reply(Answer *answer, const char *responder)
{
    const char *shown;

    call_wait(answer);
    assert_result(answer, "reply");
    g_variant_get_child(answer->value, 3, "&s", &shown);
    g_assert_cmpstr(shown, ==, responder);
    answer_clear(answer);
}

/*
 * An echo reply that comes when its number was given anew: to a probe that is still open it is that
 * probe's, and to one that was given up it is nobody's. It never is that of another, though one is
 * open that would have the number.
 */
static void test_late(const void *argument)
{
    const int ip_version = GPOINTER_TO_INT(argument);
    const char *late = tun_late_address(LATE_OPEN, ip_version);
    const char *too_late = tun_late_address(LATE_GIVEN_UP, ip_version);
    GDBusConnection *connections[CONNECTIONS], *openers[CONNECTIONS];
    Answer open, given_up, others[OPEN];
    Fixture fixture;
    Tun *tun;

    tun = tun_new();
    fixture_start(&fixture, NULL);
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        connections[i] = fixture_connect(0);
        openers[i] = fixture_connect(0);
    }

    call_start(&open, fixture.root, "Probe", probe_arguments(late, "{'timeout': <60>}"));
    call_start(&given_up, fixture.root, "Probe", probe_arguments(too_late, "{'timeout': <0.1>}"));
    tun_wait_held(tun, late, 1);
    tun_wait_held(tun, too_late, 1);
    call_wait(&given_up);
    assert_result(&given_up, "no-reply");
    answer_clear(&given_up);

    send_many(connections, BEFORE);
    for (unsigned i = 0; i < OPEN; i++)
        call_start(&others[i], openers[i % CONNECTIONS], "Probe",
                   probe_arguments(tun_late_address(LATE_OTHERS + i % N_OTHERS, ip_version),
                                   "{'timeout': <60>}"));
    for (unsigned i = 0; i < N_OTHERS; i++)
        tun_wait_held(tun, tun_late_address(LATE_OTHERS + i, ip_version),
                      OPEN / N_OTHERS + (i < OPEN % N_OTHERS));
    send_many(connections, FURTHER - BEFORE - OPEN);
    g_assert_false(open.done);
    wait_caught_up();

    g_assert_cmpuint(tun_release(tun, too_late), ==, 1);
    g_assert_cmpuint(tun_release(tun, late), ==, 1);
    assert_reply(&open, late);
    for (unsigned i = 0; i < OPEN; i++)
        g_assert_false(others[i].done);

    /* one host after the other: mtr-packet has no room for all replies at once */
    for (unsigned host = 0; host < N_OTHERS; host++) {
        const char *other = tun_late_address(LATE_OTHERS + host, ip_version);

        wait_caught_up();
        tun_release(tun, other);
        for (unsigned i = host; i < OPEN; i += N_OTHERS)
            assert_reply(&others[i], other);
    }

    for (unsigned i = 0; i < CONNECTIONS; i++) {
        fixture_disconnect(connections[i]);
        fixture_disconnect(openers[i]);
    }
    fixture_stop(&fixture);
    tun_free(tun);
}

static void add_tests(void)
{
    g_test_add_data_func("/numbers/late-4", GINT_TO_POINTER(4), test_late);
    g_test_add_data_func("/numbers/late-6", GINT_TO_POINTER(6), test_late);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add_tests);
}
