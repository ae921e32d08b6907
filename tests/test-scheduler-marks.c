/* SPDX-License-Identifier: MIT */

/* Marks: who has a process of its own, and what becomes of it. */

#include "marks.h"
#include "workbench.h"

/* Who shares a process, and who must not. */
static void test_isolation(void)
{
    Workbench *bench = workbench_new();
    int icmp = inspect(bench, 1, PROBE_ICMP, 0).pid, udp = inspect(bench, 1, PROBE_UDP, 0).pid;
    int one = inspect(bench, 1, PROBE_ICMP, 1).pid, two = inspect(bench, 1, PROBE_UDP, 2).pid;
    const int pids[] = {icmp, udp, one, two};

    for (size_t i = 0; i < G_N_ELEMENTS(pids); i++)
        for (size_t j = 0; j < i; j++)
            g_assert_cmpint(pids[i], !=, pids[j]);

    g_assert_cmpint(inspect(bench, 2, PROBE_TCP, 0).pid, ==, udp);
    g_assert_cmpint(inspect(bench, 2, PROBE_SCTP, 0).pid, ==, udp);
    g_assert_cmpint(inspect(bench, 2, PROBE_TCP, 1).pid, ==, udp);
    g_assert_cmpint(inspect(bench, 2, PROBE_SCTP, 1).pid, ==, udp);
    g_assert_cmpint(inspect(bench, 2, PROBE_UDP, 1).pid, ==, one);
    g_assert_cmpint(inspect(bench, 2, PROBE_ICMP, 2).pid, ==, two);
    g_assert_cmpint(inspect(bench, 2, PROBE_ICMP, 0).pid, ==, icmp);
    g_assert_cmpint(inspect(bench, 2, PROBE_UDP, 0).pid, ==, udp);
    g_assert_cmpuint(bench->n_started, ==, 4);
    workbench_free(bench);
}

/* Eight marks have a process at a time. A ninth takes the place of one that is not used, or waits
 * until the one that is open for longest has answered what it has. */
static void test_ninth_mark(void)
{
    Asked kept[MARKS_OPEN_MAX + 1], more, tenth;
    int pids[MARKS_OPEN_MAX + 1];
    Workbench *bench = workbench_new();

    for (unsigned i = 0; i < MARKS_OPEN_MAX; i++) {
        pids[i] = inspect(bench, 1, PROBE_ICMP, 1 + i).pid;
        submit_probe(bench, &kept[i], 1, PROBE_UDP, 1 + i, i == 5 ? FAKE_REPLY : FAKE_KEEP);
    }
    wait_for(bench, &kept[5]);

    pids[8] = inspect(bench, 1, PROBE_ICMP, 9).pid;
    wait_gone(bench, pids[5]);
    submit_probe(bench, &kept[8], 1, PROBE_UDP, 9, FAKE_KEEP);

    /* Now all are in use: the tenth waits for the first, and so does what comes for the first. */
    submit_probe(bench, &tenth, 1, PROBE_ICMP, 10, FAKE_INSPECT);
    submit_probe(bench, &more, 1, PROBE_ICMP, 1, FAKE_INSPECT);
    for (unsigned i = 1; i < MARKS_OPEN_MAX; i++)
        if (i != 5)
            g_assert_cmpint(inspect(bench, 1, PROBE_ICMP, 1 + i).pid, ==, pids[i]);
    settle(bench);
    g_assert_false(tenth.done || more.done);

    release(pids[0]);
    wait_for(bench, &tenth);
    g_assert_true(kept[0].done);
    wait_gone(bench, pids[0]);
    /* the tenth is not used any more, and gives its place back */
    wait_for(bench, &more);
    g_assert_cmpint(more.pid, !=, pids[0]);
    wait_gone(bench, tenth.pid);

    for (unsigned i = 0; i <= MARKS_OPEN_MAX; i++)
        scheduler_drop(kept[i].job);
    workbench_free(bench);
}

/* Somebody who waited for a place and goes: whoever was to give way goes on as before. */
static void test_ninth_mark_goes(void)
{
    Asked kept[MARKS_OPEN_MAX], ninth, more;
    Workbench *bench = workbench_new();
    int pid = 0;

    for (unsigned i = 0; i < MARKS_OPEN_MAX; i++) {
        if (i == 0)
            pid = inspect(bench, 1, PROBE_ICMP, 1).pid;
        submit_probe(bench, &kept[i], 1, PROBE_UDP, 1 + i, FAKE_KEEP);
    }
    submit_probe(bench, &ninth, 1, PROBE_ICMP, 9, FAKE_INSPECT);
    submit_probe(bench, &more, 1, PROBE_ICMP, 1, FAKE_INSPECT);
    settle(bench);
    g_assert_false(ninth.done || more.done);

    scheduler_drop(ninth.job);
    wait_for(bench, &more);
    g_assert_false(ninth.done);
    g_assert_cmpint(more.pid, ==, pid);
    for (unsigned i = 0; i < MARKS_OPEN_MAX; i++)
        scheduler_drop(kept[i].job);
    workbench_free(bench);
}

/* Users whose marks wait have turns: one who asks for many is in nobody's way. */
static void test_users(void)
{
    Asked kept[MARKS_OPEN_MAX], many[30], other;
    Workbench *bench = workbench_new();
    int pids[MARKS_OPEN_MAX];
    unsigned n_done = 0;

    for (unsigned i = 0; i < MARKS_OPEN_MAX; i++) {
        pids[i] = inspect(bench, 1, PROBE_ICMP, 1 + i).pid;
        submit_probe(bench, &kept[i], 1, PROBE_ICMP, 1 + i, FAKE_KEEP);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(many); i++)
        submit_probe(bench, &many[i], 1, PROBE_ICMP, 100 + i, FAKE_INSPECT);
    submit_probe(bench, &other, 2, PROBE_ICMP, 200, FAKE_INSPECT);
    settle(bench);

    release(pids[0]);
    wait_for(bench, &other);
    for (unsigned i = 0; i < G_N_ELEMENTS(many); i++)
        n_done += many[i].done;
    g_assert_cmpuint(n_done, <=, 2);

    for (unsigned i = 0; i < G_N_ELEMENTS(many); i++)
        wait_for(bench, &many[i]);
    for (unsigned i = 1; i < MARKS_OPEN_MAX; i++)
        scheduler_drop(kept[i].job);
    workbench_free(bench);
}

/* More marks at once than have places, before any has had its turn: they do not take the places
 * from each other for ever, but have their turns. */
static void test_many_marks_at_once(const void *argument)
{
    Workbench *bench = workbench_new();
    Asked asked[3 * MARKS_OPEN_MAX], kept = {0};

    if (argument) { /* and all await the end of a UDP turn */
        submit_udp(bench, &kept, 0, FAKE_KEEP, "192.0.2.1", 53, PROBE_OPTION_UNSET);
        (void)inspect(bench, 99, PROBE_UDP, 0);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(asked); i++)
        submit_udp(bench, &asked[i], 1 + i, FAKE_INSPECT, "192.0.2.1", 53, PROBE_OPTION_UNSET);
    if (argument) {
        int pid = inspect(bench, 99, PROBE_UDP, 0).pid; /* others are not kept from it */

        settle(bench);
        release(pid);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(asked); i++) {
        wait_for(bench, &asked[i]);
        g_assert_cmpstr(asked[i].word, ==, "inspected");
    }
    g_assert_cmpuint(bench->n_started, <=, 2 * G_N_ELEMENTS(asked));
    workbench_free(bench);
}

/* A pause holds for all marks: another mark is no way round it. */
static void test_marks_pause(void)
{
    Workbench *bench = workbench_new();
    unsigned n_refused = 0;
    Asked asked;

    for (unsigned i = 0; i < 100; i++) {
        submit_probe(bench, &asked, 1, PROBE_ICMP, 1 + i, FAKE_DIE);
        wait_for(bench, &asked);
        g_assert_cmpint(asked.outcome, ==, OUTCOME_PROCESS);
    }
    n_refused = 100 - bench->n_started;
    g_assert_cmpuint(n_refused, >, 0);
    workbench_free(bench);
}

/* A mark's process that is not used is ended after ten seconds; the standing ones stay. */
static void test_unused_mark(void)
{
    Workbench *bench = workbench_new();
    int icmp = inspect(bench, 1, PROBE_ICMP, 0).pid, mark = inspect(bench, 1, PROBE_ICMP, 1).pid;
    guint64 start = deadlines_now();

    wait_gone(bench, mark);
    g_assert_cmpuint(deadlines_now() - start, >=, MARKS_UNUSED_USEC / 2);
    g_assert_cmpint(inspect(bench, 1, PROBE_ICMP, 0).pid, ==, icmp);
    g_assert_cmpint(inspect(bench, 1, PROBE_ICMP, 1).pid, !=, mark);
    g_assert_cmpuint(bench->statistics.processes_lost, ==, 0);
    workbench_free(bench);
}

static void add_tests(void)
{
    g_test_add_func("/scheduler-marks/isolation", test_isolation);
    g_test_add_func("/scheduler-marks/ninth", test_ninth_mark);
    g_test_add_func("/scheduler-marks/ninth-goes", test_ninth_mark_goes);
    g_test_add_func("/scheduler-marks/users", test_users);
    g_test_add_data_func("/scheduler-marks/at-once", NULL, test_many_marks_at_once);
    g_test_add_data_func("/scheduler-marks/await-turn", "", test_many_marks_at_once);
    g_test_add_func("/scheduler-marks/pause", test_marks_pause);
    g_test_add_func("/scheduler-marks/unused", test_unused_mark);
}

int main(int argc, char *argv[])
{
    return workbench_main(argc, argv, add_tests);
}
