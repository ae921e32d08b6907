/* SPDX-License-Identifier: MIT */

/* Sequence numbers: which a process has, and what comes after it when they are used up. */

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "crew.h"
#include "numbers.h"
#include "workbench.h"

/* A process for UDP and TCP has numbers of its own, ahead of all others'. When they are used up
 * another takes over with other numbers; and a third only when the first is done. */
static void test_own_numbers(void)
{
    Workbench *bench = workbench_new();
    Asked first, second, third, kept[2], ping;

    first = inspect(bench, 1, PROBE_TCP, 0);
    g_assert_cmpuint(first.skipped, >=, NUMBERS_SHARED_LIFE);
    submit_probe(bench, &kept[0], 1, PROBE_TCP, 0, FAKE_KEEP);
    send_many(bench, NUMBERS_OWN_LIFE - 3, PROBE_UDP, 0);
    g_assert_cmpint(inspect(bench, 1, PROBE_TCP, 0).pid, ==, first.pid);

    second = inspect(bench, 1, PROBE_TCP, 0);
    g_assert_cmpint(second.pid, !=, first.pid);
    g_assert_cmpuint(second.skipped, >=, NUMBERS_SHARED_LIFE);
    g_assert_cmpuint(ABS((int)second.skipped - (int)first.skipped), >=, NUMBERS_OWN_LIFE);
    g_assert_cmpuint(NUMBERS_FIRST + MAX(first.skipped, second.skipped) + NUMBERS_OWN_LIFE, <,
                     NUMBERS_LAST);
    submit_probe(bench, &kept[1], 1, PROBE_UDP, 0, FAKE_KEEP);
    send_many(bench, NUMBERS_OWN_LIFE - 2, PROBE_TCP, 0);

    submit_probe(bench, &third, 2, PROBE_UDP, 0, FAKE_INSPECT);
    ping = inspect(bench, 2, PROBE_ICMP, 0);
    g_assert_cmpuint(ping.skipped, ==, 0);
    settle(bench);
    g_assert_false(third.done);

    release(first.pid);
    wait_for(bench, &third);
    g_assert_true(kept[0].done);
    g_assert_cmpuint(third.skipped, ==, first.skipped);
    wait_gone(bench, first.pid);
    release(second.pid);
    wait_for(bench, &kept[1]);
    wait_gone(bench, second.pid);
    workbench_free(bench);
}

/* One that is lost is followed by one with other numbers, but not by the other's that retires. */
static void test_numbers_after_loss(void)
{
    Workbench *bench = workbench_new();
    Asked first, second, third, kept;
    unsigned behind;

    first = inspect(bench, 1, PROBE_TCP, 0);
    g_assert_cmpint(kill(first.pid, SIGKILL), ==, 0);
    wait_gone(bench, first.pid);
    second = inspect(bench, 1, PROBE_TCP, 0);
    g_assert_cmpuint(second.skipped, !=, first.skipped);

    submit_probe(bench, &kept, 1, PROBE_TCP, 0, FAKE_KEEP);
    send_many(bench, NUMBERS_OWN_LIFE - 2, PROBE_UDP, 0);
    third = inspect(bench, 1, PROBE_TCP, 0);
    behind = third.skipped - first.skipped; /* by what it had used, looks included */
    g_assert_cmpuint(behind, >=, 1);
    g_assert_cmpuint(behind, <, 10);
    g_assert_cmpint(kill(third.pid, SIGKILL), ==, 0);
    wait_gone(bench, third.pid);
    do { /* two losses in a row: there is a pause */
        submit_probe(bench, &third, 1, PROBE_TCP, 0, FAKE_INSPECT);
        wait_for(bench, &third);
    } while (third.outcome == OUTCOME_PROCESS);
    g_assert_cmpuint(third.skipped, ==, first.skipped + 2 * behind);
    release(second.pid);
    wait_for(bench, &kept);
    workbench_free(bench);
}

/* An ICMP process is replaced after 16 000 probes, and ends when it has answered the last. There
 * are no more than four of those at a time. */
static void test_retire(const void *argument)
{
    const uint32_t mark = GPOINTER_TO_UINT(argument);
    int pids[CREW_RETIRING_MAX + 1];
    Asked kept[CREW_RETIRING_MAX + 1], waiting, last;
    Workbench *bench = workbench_new();

    for (unsigned i = 0; i <= CREW_RETIRING_MAX; i++) {
        Asked first = inspect(bench, 1, PROBE_ICMP, mark);

        g_assert_cmpuint(first.probes, ==, 1);
        pids[i] = first.pid;
        for (unsigned j = 0; j < i; j++)
            g_assert_cmpint(pids[j], !=, pids[i]);
        submit_probe(bench, &kept[i], 1, PROBE_ICMP, mark, FAKE_KEEP);
        send_many(bench, NUMBERS_SHARED_LIFE - 3, PROBE_ICMP, mark);
        g_assert_cmpuint(inspect(bench, 1, PROBE_ICMP, mark).probes, ==, NUMBERS_SHARED_LIFE);
    }

    /* the fifth has had its time too, and nowhere to go */
    submit_probe(bench, &waiting, 1, PROBE_ICMP, mark, FAKE_INSPECT);
    last = inspect(bench, 1, PROBE_UDP, 0);
    settle(bench);
    g_assert_false(waiting.done);

    release(pids[2]);
    wait_for(bench, &waiting);
    g_assert_true(kept[2].done);
    g_assert_cmpuint(waiting.probes, ==, 1);
    wait_gone(bench, pids[2]);
    for (unsigned i = 0; i <= CREW_RETIRING_MAX; i++)
        g_assert_cmpint(kept[i].done, ==, i == 2);

    /* The old ones go, whether by their last answer or by their death; and neither is anybody
     * else's. */
    release(pids[0]);
    g_assert_cmpint(kill(pids[1], SIGKILL), ==, 0);
    wait_for(bench, &kept[0]);
    wait_for(bench, &kept[1]);
    g_assert_cmpstr(kept[0].word, ==, "reply");
    g_assert_cmpint(kept[1].outcome, ==, OUTCOME_PROCESS);
    wait_gone(bench, pids[0]);
    g_assert_cmpint(inspect(bench, 1, PROBE_ICMP, mark).pid, ==, waiting.pid);
    g_assert_cmpint(inspect(bench, 1, PROBE_UDP, 0).pid, ==, last.pid);

    for (unsigned i = 3; i <= CREW_RETIRING_MAX; i++)
        scheduler_drop(kept[i].job);
    workbench_free(bench);
}

/* A process that has used its numbers up and has nothing to do is in nobody's way, though another
 * retires for as long as its probe may take. */
static void test_used_up_idle(void)
{
    Workbench *bench = workbench_new();
    Asked kept, first, last;

    first = inspect(bench, 1, PROBE_TCP, 0);
    submit_probe(bench, &kept, 1, PROBE_TCP, 0, FAKE_KEEP);
    send_many(bench, NUMBERS_OWN_LIFE - 2, PROBE_UDP, 0);
    send_many(bench, NUMBERS_OWN_LIFE, PROBE_UDP, 0);
    last = inspect(bench, 2, PROBE_UDP, 0);
    g_assert_cmpuint(last.probes, ==, 1);
    g_assert_false(kept.done);
    g_assert_cmpuint(last.skipped, !=, first.skipped);
    scheduler_drop(kept.job);
    workbench_free(bench);
}

static bool all_done(const Asked *asked, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (!asked[i].done)
            return false;
    return true;
}

/* What may be a TCP probe that expired is sent again, a few times; not what a lot of others used
 * the spare numbers for. */
static void test_again(void)
{
    g_autofree Asked *asked = g_new0(Asked, 999);
    Workbench *bench = workbench_new();
    pid_t pid;

    submit_probe(bench, &asked[0], 1, PROBE_TCP, 0, FAKE_NO_ROUTE);
    wait_for(bench, &asked[0]);
    g_assert_cmpstr(asked[0].word, ==, "no-route");
    g_assert_cmpuint(bench->statistics.probes_sent, ==, 4);
    g_assert_cmpuint(bench->statistics.other_results, ==, 1);
    submit_probe(bench, &asked[0], 1, PROBE_UDP, 0, FAKE_NO_ROUTE);
    wait_for(bench, &asked[0]);
    g_assert_cmpuint(bench->statistics.probes_sent, ==, 5);

    /* All at once, so near to the end that they cannot all be. */
    send_many(bench, NUMBERS_OWN_LIFE - 1000, PROBE_UDP, 0);
    pid = inspect(bench, 1, PROBE_UDP, 0).pid;
    for (unsigned i = 0; i < 900; i++)
        submit_probe(bench, &asked[i], i, PROBE_TCP, 0, FAKE_KEEP_NO_ROUTE);
    while (scheduler_in_flight(bench->scheduler) < 900)
        g_assert_cmpint(sd_event_run(bench->event, UINT64_MAX), >=, 0);
    while (!all_done(asked, 900)) {
        release(pid);
        settle(bench);
    }
    g_assert_cmpuint(bench->statistics.probes_sent, ==, NUMBERS_OWN_LIFE + NUMBERS_AGAIN);
    workbench_free(bench);
}

/* A probe for which there was no port went through all numbers: the process has none left. */
static void test_no_port(void)
{
    Workbench *bench = workbench_new();
    Asked first, asked, second;

    first = inspect(bench, 1, PROBE_TCP, 0);
    submit_probe(bench, &asked, 1, PROBE_TCP, 0, FAKE_ADDRESS_IN_USE);
    wait_for(bench, &asked);
    g_assert_cmpstr(asked.word, ==, "address-in-use");
    second = inspect(bench, 1, PROBE_TCP, 0);
    g_assert_cmpint(second.pid, !=, first.pid);
    g_assert_cmpuint(bench->statistics.processes_lost, ==, 0);

    submit_probe(bench, &asked, 1, PROBE_UDP, 0, FAKE_ADDRESS_IN_USE); /* UDP looks for none */
    wait_for(bench, &asked);
    g_assert_cmpint(inspect(bench, 1, PROBE_TCP, 0).pid, ==, second.pid);
    workbench_free(bench);
}

/* Where many ports are in use, mtr-packet skips their numbers, which nobody sees: so it is given
 * fewer probes. */
static void test_ports_in_use(void)
{
    const unsigned first = NUMBERS_FIRST + NUMBERS_SHARED_LIFE;
    struct rlimit limit;
    Workbench *bench = workbench_new();
    GArray *held = g_array_new(FALSE, FALSE, sizeof(int));
    int pid;

    g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &limit), ==, 0);
    limit.rlim_cur = limit.rlim_max;
    g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &limit), ==, 0);
    for (unsigned port = first; port < first + NUMBERS_OWN_SIZE; port++) {
        const struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (port % 3 == 0) { /* one of three is free */
            close(fd);
            continue;
        }
        g_assert_cmpint(bind(fd, (const struct sockaddr *)&address, sizeof(address)), ==, 0);
        g_array_append_val(held, fd);
    }

    pid = inspect(bench, 1, PROBE_TCP, 0).pid;
    send_many(bench, NUMBERS_OWN_SIZE / 6, PROBE_TCP, 0);
    g_assert_cmpint(inspect(bench, 1, PROBE_TCP, 0).pid, ==, pid);
    /* a third are free, and so many more than a third are not, whatever the sample says */
    send_many(bench, NUMBERS_OWN_SIZE / 3, PROBE_TCP, 0);
    g_assert_cmpint(inspect(bench, 1, PROBE_TCP, 0).pid, !=, pid);

    for (unsigned i = 0; i < held->len; i++)
        close(g_array_index(held, int, i));
    g_array_unref(held);
    workbench_free(bench);
}

static void wait_for_all(Workbench *bench, const Asked *asked, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        wait_for(bench, &asked[i]);
}

/* What waits while a process turns out to be used up goes to the next one. */
static void test_waiting_when_used_up(void)
{
    Workbench *bench = workbench_new();
    Asked asked[40];
    pid_t pid;

    pid = inspect(bench, 1, PROBE_TCP, 0).pid;
    for (unsigned i = 0; i < 40; i++)
        submit_probe(bench, &asked[i], 1, PROBE_TCP, 0, i == 0 ? FAKE_ADDRESS_IN_USE : FAKE_REPLY);
    wait_for_all(bench, asked, 40);
    g_assert_cmpint(inspect(bench, 1, PROBE_TCP, 0).pid, !=, pid);
    workbench_free(bench);

    /* The same where it is what is sent again that uses it up. */
    bench = workbench_new();
    send_many(bench, NUMBERS_OWN_LIFE - 20, PROBE_UDP, 0);
    pid = inspect(bench, 1, PROBE_UDP, 0).pid;
    for (unsigned i = 0; i < 40; i++)
        submit_probe(bench, &asked[i], 1, PROBE_TCP, 0, FAKE_NO_ROUTE);
    wait_for_all(bench, asked, 40);
    g_assert_cmpint(inspect(bench, 1, PROBE_UDP, 0).pid, !=, pid);
    workbench_free(bench);
}

/* One that retires, and breaks the protocol right behind its last answer. */
static void test_broken_at_the_end(void)
{
    Workbench *bench = workbench_new();
    Asked kept, used;
    pid_t pid;

    pid = inspect(bench, 1, PROBE_TCP, 0).pid;
    submit_probe(bench, &kept, 1, PROBE_TCP, 0, FAKE_KEEP_AND_BREAK);
    submit_probe(bench, &used, 1, PROBE_TCP, 0, FAKE_ADDRESS_IN_USE);
    wait_for(bench, &used);
    g_assert_cmpint(inspect(bench, 1, PROBE_TCP, 0).pid, !=, pid);
    release(pid);
    wait_for(bench, &kept);
    g_assert_cmpint(kept.outcome, ==, OUTCOME_OK);
    wait_gone(bench, pid);
    workbench_free(bench);
}

static void add_tests(void)
{
    g_test_add_func("/scheduler-numbers/waiting-when-used-up", test_waiting_when_used_up);
    g_test_add_func("/scheduler-numbers/broken-at-the-end", test_broken_at_the_end);
    g_test_add_func("/scheduler-numbers/own", test_own_numbers);
    g_test_add_func("/scheduler-numbers/after-loss", test_numbers_after_loss);
    g_test_add_func("/scheduler-numbers/used-up-idle", test_used_up_idle);
    g_test_add_func("/scheduler-numbers/again", test_again);
    g_test_add_func("/scheduler-numbers/no-port", test_no_port);
    g_test_add_func("/scheduler-numbers/ports-in-use", test_ports_in_use);
    g_test_add_data_func("/scheduler-numbers/retire", GUINT_TO_POINTER(0), test_retire);
    g_test_add_data_func("/scheduler-numbers/retire-marked", GUINT_TO_POINTER(7), test_retire);
}

int main(int argc, char *argv[])
{
    return workbench_main(argc, argv, add_tests);
}
