/* SPDX-License-Identifier: MIT */

/* Who is served, by which process: the scheduler alone. */

#include <signal.h>
#include <string.h>

#include "pace.h"
#include "workbench.h"

/*
 * Users
 */

/* Alone a user has half of a process's places; the next, half of what is left; and so on: nobody
 * waits behind somebody else's probes. */
static void test_share(void)
{
    static const unsigned wanted[] = {800, 400, 200}, given[] = {500, 250, 125};
    unsigned total = 0, n_done = 0;
    Workbench *bench = workbench_new();
    Asked *asked[G_N_ELEMENTS(wanted)], seen;

    for (unsigned user = 0; user < G_N_ELEMENTS(wanted); user++) {
        asked[user] = g_new0(Asked, wanted[user]);
        for (unsigned i = 0; i < wanted[user]; i++)
            submit_probe(bench, &asked[user][i], user, PROBE_ICMP, 0, FAKE_KEEP);
        total += given[user];
        while (scheduler_in_flight(bench->scheduler) < total)
            g_assert_cmpint(sd_event_run(bench->event, UINT64_MAX), >=, 0);
        seen = inspect(bench, 1000, PROBE_ICMP, 0);
        g_assert_cmpuint(seen.probes, ==, total + user + 1);
        g_assert_cmpuint(scheduler_in_flight(bench->scheduler), ==, total);
    }

    /* what is answered makes room for what waits */
    while (n_done < 1400) {
        release(seen.pid);
        seen = inspect(bench, 1000, PROBE_ICMP, 0);
        n_done = 0;
        for (unsigned user = 0; user < G_N_ELEMENTS(wanted); user++) {
            for (unsigned i = 0; i < wanted[user]; i++)
                n_done += asked[user][i].done;
        }
    }
    g_assert_cmpuint(scheduler_in_flight(bench->scheduler), ==, 0);
    for (unsigned user = 0; user < G_N_ELEMENTS(wanted); user++)
        g_free(asked[user]);
    workbench_free(bench);
}

/* Users have their turn one after the other, and each in the order of asking. */
static void test_turns(void)
{
    static const uid_t uids[] = {5, 5, 5, 5, 6, 6, 0};
    static const unsigned expected[] = {1, 4, 6, 7, 2, 5, 3};
    Workbench *bench = workbench_new();
    Asked asked[G_N_ELEMENTS(uids)];

    /* They wait for the process to start. */
    for (size_t i = 0; i < G_N_ELEMENTS(uids); i++)
        submit_probe(bench, &asked[i], uids[i], PROBE_UDP, 0, FAKE_INSPECT);
    for (size_t i = 0; i < G_N_ELEMENTS(uids); i++) {
        wait_for(bench, &asked[i]);
        g_assert_cmpuint(asked[i].probes, ==, expected[i]);
    }
    workbench_free(bench);
}

/* What is counted is a probe's number: questions have none. */
static void test_questions(void)
{
    PacketCommand question = {.kind = PACKET_CHECK_SUPPORT, .feature = "nonsense"};
    Workbench *bench = workbench_new();
    unsigned before, ports;
    Asked asked;

    before = inspect(bench, 1, PROBE_ICMP, 0).questions;
    for (unsigned i = 0; i < 3; i++) {
        submit(bench, &asked, 1, &question);
        wait_for(bench, &asked);
        g_assert_true(asked.supported); /* says the fake of everything */
    }
    /* asked once, and kept */
    g_assert_cmpuint(inspect(bench, 1, PROBE_ICMP, 0).questions, ==, before + 1);

    /* what was asked at the start is known from there */
    strcpy(question.feature, "icmp");
    submit(bench, &asked, 1, &question);
    g_assert_true(asked.done && asked.supported);

    /* of marks it is asked, once, by a probe of the process for TCP */
    strcpy(question.feature, "mark");
    ports = inspect(bench, 1, PROBE_TCP, 0).probes;
    for (unsigned i = 0; i < 2; i++) {
        submit(bench, &asked, 1, &question);
        wait_for(bench, &asked);
    }
    g_assert_cmpuint(inspect(bench, 1, PROBE_TCP, 0).probes, ==, ports + 2);
    g_assert_cmpuint(bench->statistics.probes_sent, ==, 4); /* those for inspection */

    /* but of another process it is not known */
    g_assert_cmpint(kill(inspect(bench, 1, PROBE_ICMP, 0).pid, SIGKILL), ==, 0);
    while (bench->statistics.processes_lost == 0)
        g_assert_cmpint(sd_event_run(bench->event, UINT64_MAX), >=, 0);
    strcpy(question.feature, "nonsense");
    submit(bench, &asked, 1, &question);
    g_assert_false(asked.done);
    wait_for(bench, &asked);
    g_assert_cmpuint(inspect(bench, 1, PROBE_ICMP, 0).questions, ==, before + 1);
    workbench_free(bench);
}

/*
 * UDP
 */

/* UDP with a fixed port to one target is in flight from one process at a time, and from each in its
 * turn. What cannot be confused with it does not wait. */
static void test_udp(void)
{
    const int no = PROBE_OPTION_UNSET;
    Asked first, second, third, fourth, dropped, other, done;
    Workbench *bench = workbench_new();
    int plain, marked;

    plain = inspect(bench, 0, PROBE_UDP, 0).pid;
    marked = inspect(bench, 0, PROBE_UDP, 1).pid;
    submit_udp(bench, &first, 0, FAKE_KEEP, "192.0.2.1", 53, no);
    submit_udp(bench, &second, 1, FAKE_KEEP, "192.0.2.1", no, 5353);
    submit_udp(bench, &dropped, 1, FAKE_DIE, "192.0.2.1", 53, no);
    submit_udp(bench, &third, 0, FAKE_INSPECT, "192.0.2.1", 53, no);
    submit_udp(bench, &fourth, 0, FAKE_INSPECT, "192.0.2.1", 53, no);
    g_assert_cmpuint(scheduler_in_flight(bench->scheduler), ==, 1);

    submit_udp(bench, &other, 1, FAKE_INSPECT, "192.0.2.2", 53, no);
    wait_for(bench, &other);
    g_assert_cmpint(other.pid, ==, marked);
    submit_udp(bench, &other, 1, FAKE_INSPECT, "192.0.2.1", no, no);
    wait_for(bench, &other);
    submit_probe(bench, &other, 1, PROBE_ICMP, 1, FAKE_INSPECT);
    wait_for(bench, &other);

    scheduler_drop(dropped.job);
    /* It keeps the first by now. */
    g_assert_cmpint(inspect(bench, 0, PROBE_UDP, 0).pid, ==, plain);
    release(plain);
    wait_for(bench, &first);
    settle(bench);
    submit_udp(bench, &done, 1, FAKE_INSPECT, "192.0.2.9", no, no);
    wait_for(bench, &done);
    g_assert_cmpuint(done.probes, ==, 5 + 1); /* with the second, which is kept */
    g_assert_false(second.done || third.done);

    release(marked);
    wait_for(bench, &second);
    wait_for(bench, &third);
    wait_for(bench, &fourth);
    g_assert_cmpint(third.pid, ==, plain);
    g_assert_cmpuint(third.probes + 1, ==, fourth.probes); /* still in order */

    /* a process that dies ends its turn */
    submit_udp(bench, &first, 1, FAKE_KEEP, "192.0.2.1", 53, no);
    submit_udp(bench, &second, 0, FAKE_INSPECT, "192.0.2.1", 53, no);
    settle(bench);
    g_assert_false(second.done);
    g_assert_cmpint(kill(marked, SIGKILL), ==, 0);
    wait_for(bench, &second);
    g_assert_cmpint(first.outcome, ==, OUTCOME_PROCESS);
    g_assert_cmpint(second.pid, ==, plain);
    workbench_free(bench);
}

/*
 * Ids
 */

static void set_next_pid(int pid)
{
    g_autofree char *text = g_strdup_printf("%d", pid - 1);

    g_assert_true(g_file_set_contents_full("/proc/sys/kernel/ns_last_pid", text, -1,
                                           G_FILE_SET_CONTENTS_NONE, 0644, NULL));
}

/* Packets have 16 bits of the process's id: no two processes have those in common. */
static void test_pid(void)
{
    Workbench *bench = workbench_new();
    int icmp = inspect(bench, 1, PROBE_ICMP, 0).pid, other;

    set_next_pid(icmp + 65536);
    other = inspect(bench, 1, PROBE_UDP, 0).pid;
    g_assert_cmpint(other, >, icmp + 65536); /* it was tried */
    g_assert_cmpint(other, <, icmp + 65536 + 100);
    g_assert_cmpint(kill(icmp + 65536, 0), <, 0);

    /* nor with one that was there a moment ago: answers to it may still come */
    g_assert_cmpint(kill(icmp, SIGKILL), ==, 0);
    wait_gone(bench, icmp);
    set_next_pid(icmp);
    other = inspect(bench, 1, PROBE_ICMP, 0).pid;
    g_assert_cmpint(other, >, icmp);
    g_assert_cmpint(other, <, icmp + 100);
    workbench_free(bench);
}

/*
 * Drops
 */

/* Whoever goes is forgotten wherever its jobs are, and nobody else's are touched. */
static void test_drop(void)
{
    Asked asked[600], mine;
    Workbench *bench = workbench_new();
    Asked seen;

    for (unsigned i = 0; i < G_N_ELEMENTS(asked); i++)
        submit_probe(bench, &asked[i], 1, PROBE_ICMP, 0, FAKE_KEEP);
    while (scheduler_in_flight(bench->scheduler) < 500)
        g_assert_cmpint(sd_event_run(bench->event, UINT64_MAX), >=, 0);
    seen = inspect(bench, 2, PROBE_ICMP, 0);
    g_assert_cmpuint(seen.probes, ==, 501);
    submit_probe(bench, &mine, 2, PROBE_ICMP, 0, FAKE_KEEP);
    for (unsigned i = 0; i < G_N_ELEMENTS(asked); i++)
        scheduler_drop(asked[i].job);
    g_assert_cmpuint(scheduler_in_flight(bench->scheduler), ==, 501);

    /* what was in the process is still, and what waited is not */
    seen = inspect(bench, 2, PROBE_ICMP, 0);
    g_assert_cmpuint(seen.probes, ==, 503);
    release(seen.pid);
    wait_for(bench, &mine);
    seen = inspect(bench, 1, PROBE_ICMP, 0);
    g_assert_cmpuint(seen.probes, ==, 504);
    for (unsigned i = 0; i < G_N_ELEMENTS(asked); i++)
        g_assert_false(asked[i].done);
    g_assert_cmpuint(scheduler_in_flight(bench->scheduler), ==, 0);
    g_assert_cmpuint(bench->statistics.replies, ==, 501);
    workbench_free(bench);
}

/* A process that has not answered a question for longer than it may, because the machine or we
 * stood still, has its time from then on. */
static void test_standstill(void)
{
    Workbench *bench = workbench_new();
    Asked asked[PACE_BURST_DEFAULT];
    pid_t pid;

    pid = inspect(bench, 1, PROBE_ICMP, 0).pid;
    settle(bench);
    g_assert_cmpint(kill(pid, SIGSTOP), ==, 0);
    for (unsigned i = 0; i < PACE_BURST_DEFAULT; i++)
        submit_probe(bench, &asked[i], 1, PROBE_ICMP, 0, FAKE_REPLY);
    g_usleep(PACKET_PROCESS_ANSWER_USEC + 1500000);
    g_assert_cmpint(sd_event_run(bench->event, UINT64_MAX), >=, 0); /* this is late */
    g_assert_cmpint(kill(pid, SIGCONT), ==, 0);
    for (unsigned i = 0; i < PACE_BURST_DEFAULT; i++) {
        wait_for(bench, &asked[i]);
        g_assert_cmpint(asked[i].outcome, ==, OUTCOME_OK);
    }
    workbench_free(bench);
}

static void add_tests(void)
{
    g_test_add_func("/scheduler/standstill", test_standstill);
    g_test_add_func("/scheduler/share", test_share);
    g_test_add_func("/scheduler/turns", test_turns);
    g_test_add_func("/scheduler/questions", test_questions);
    g_test_add_func("/scheduler/udp", test_udp);
    g_test_add_func("/scheduler/pid", test_pid);
    g_test_add_func("/scheduler/drop", test_drop);
}

int main(int argc, char *argv[])
{
    return workbench_main(argc, argv, add_tests);
}
