/* SPDX-License-Identifier: MIT */

/*
 * The scheduler alone, for users that a bus would have to have, and for tens of thousands of
 * probes: against a scripted mtr-packet, which says who it is and what it was given.
 */

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <syslog.h>
#include <unistd.h>

#include <systemd/sd-event.h>

#include "crew.h"
#include "fake-packet.h"
#include "fixture.h"
#include "hash.h"
#include "marks.h"
#include "numbers.h"
#include "scheduler.h"

/* A probe or a question, and what came of it. */
typedef struct Asked {
    Job *job;
    bool done;
    Outcome outcome;
    char word[32];
    int pid;                             /* of the process that was inspected */
    unsigned probes, questions, skipped; /* that it had been given */
    bool supported;
} Asked;

typedef struct Bench {
    sd_event *event;
    Scheduler *scheduler;
    Statistics statistics;
    unsigned n_started;
} Bench;

static void on_started(void *userdata, const PacketSupport *support)
{
    Bench *bench = userdata;

    bench->n_started++;
}

static Bench *bench_new(void)
{
    Bench *bench = g_new0(Bench, 1);

    g_assert_cmpint(sd_event_new(&bench->event), >=, 0);
    g_assert_cmpint(scheduler_new(&bench->scheduler, bench->event,
                                  fixture_program("TEST_FAKE_PACKET", "fake"), &bench->statistics,
                                  on_started, bench),
                    ==, 0);
    return bench;
}

static void bench_free(Bench *bench)
{
    scheduler_free(bench->scheduler);
    sd_event_unref(bench->event);
    g_free(bench);
}

static int number_of(const PacketReply *reply, const char *argument)
{
    const char *text = packet_reply_argument(reply, argument);

    return text ? atoi(text) : 0;
}

static void on_done(void *userdata, const PacketReply *reply, const Failure *failure)
{
    Asked *asked = userdata;
    PacketCommand question = {.kind = PACKET_CHECK_SUPPORT};

    g_assert_false(asked->done); /* once */
    asked->done = true;
    asked->job = NULL;
    if (failure) {
        asked->outcome = failure->outcome;
        return;
    }
    g_strlcpy(asked->word, reply->word, sizeof(asked->word));
    asked->pid = number_of(reply, "pid");
    asked->probes = (unsigned)number_of(reply, "probes");
    asked->questions = (unsigned)number_of(reply, "questions");
    asked->skipped = (unsigned)number_of(reply, "skipped");
    asked->supported = packet_reply_supported(&question, reply);
}

static PacketCommand probe_command(ProbeProtocol protocol, uint32_t mark, int pattern)
{
    PacketCommand command = {.kind = PACKET_SEND_PROBE, .options = PROBE_OPTIONS_INIT};

    command.target.ip_version = 4;
    command.target.ipv4.s_addr = htonl(INADDR_LOOPBACK);
    command.options.protocol = protocol;
    command.options.mark = mark;
    command.options.bit_pattern = pattern;
    command.options.timeout_usec = 60000000;
    return command;
}

static void submit(Bench *bench, Asked *asked, uid_t uid, const PacketCommand *command)
{
    *asked = (Asked){0};
    g_assert_cmpint(scheduler_submit(bench->scheduler, &asked->job, uid, command, on_done, asked),
                    ==, 0);
}

static void submit_probe(Bench *bench, Asked *asked, uid_t uid, ProbeProtocol protocol,
                         uint32_t mark, int pattern)
{
    const PacketCommand command = probe_command(protocol, mark, pattern);

    submit(bench, asked, uid, &command);
}

static void submit_udp(Bench *bench, Asked *asked, uint32_t mark, int pattern, const char *host,
                       int port, int local_port)
{
    PacketCommand command = probe_command(PROBE_UDP, mark, pattern);

    g_assert_cmpint(inet_pton(AF_INET, host, &command.target.ipv4), ==, 1);
    command.options.port = port;
    command.options.local_port = local_port;
    submit(bench, asked, mark, &command);
}

static void wait_for(Bench *bench, const Asked *asked)
{
    while (!asked->done)
        g_assert_cmpint(sd_event_run(bench->event, UINT64_MAX), >=, 0);
}

/* The process that a probe of this kind goes to, by inspection. */
static Asked inspect(Bench *bench, uid_t uid, ProbeProtocol protocol, uint32_t mark)
{
    Asked asked;

    submit_probe(bench, &asked, uid, protocol, mark, FAKE_INSPECT);
    wait_for(bench, &asked);
    g_assert_cmpstr(asked.word, ==, "inspected");
    return asked;
}

/* Has all that is due at once happen: until the loop has nothing to do. A fake that was given
 * something has answered what it answers, if an inspection came after it. */
static void settle(Bench *bench)
{
    while (sd_event_run(bench->event, 0) > 0)
        ;
}

/* Sends N probes that are answered at once, a few hundred at a time. */
static void send_many(Bench *bench, unsigned n, ProbeProtocol protocol, uint32_t mark)
{
    g_autofree Asked *asked = g_new0(Asked, 400);

    while (n > 0) {
        unsigned now = MIN(n, 400);

        for (unsigned i = 0; i < now; i++)
            submit_probe(bench, &asked[i], 77, protocol, mark, FAKE_REPLY);
        for (unsigned i = 0; i < now; i++) {
            wait_for(bench, &asked[i]);
            g_assert_cmpstr(asked[i].word, ==, "reply");
        }
        n -= now;
    }
}

/* Until there is no such process any more. */
static void wait_gone(Bench *bench, pid_t pid)
{
    while (kill(pid, 0) == 0)
        g_assert_cmpint(sd_event_run(bench->event, UINT64_MAX), >=, 0);
}

/* Has the fake answer what it keeps. */
static void release(pid_t pid)
{
    g_assert_cmpint(kill(pid, SIGUSR1), ==, 0);
}

/*
 * Users
 */

/* Alone a user has half of a process's places; the next, half of what is left; and so on: nobody
 * waits behind somebody else's probes. */
static void test_share(void)
{
    static const unsigned wanted[] = {800, 400, 200}, given[] = {500, 250, 125};
    unsigned total = 0, n_done = 0;
    Bench *bench = bench_new();
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
    bench_free(bench);
}

/* Users have their turn one after the other, and each in the order of asking. */
static void test_turns(void)
{
    static const uid_t uids[] = {5, 5, 5, 5, 6, 6, 0};
    static const unsigned expected[] = {1, 4, 6, 7, 2, 5, 3};
    Bench *bench = bench_new();
    Asked asked[G_N_ELEMENTS(uids)];

    /* They wait for the process to start. */
    for (size_t i = 0; i < G_N_ELEMENTS(uids); i++)
        submit_probe(bench, &asked[i], uids[i], PROBE_UDP, 0, FAKE_INSPECT);
    for (size_t i = 0; i < G_N_ELEMENTS(uids); i++) {
        wait_for(bench, &asked[i]);
        g_assert_cmpuint(asked[i].probes, ==, expected[i]);
    }
    bench_free(bench);
}

/*
 * Numbers
 */

/* A process for UDP and TCP has numbers of its own, ahead of all others'. When they are used up
 * another takes over with other numbers; and a third only when the first is done. */
static void test_own_numbers(void)
{
    Bench *bench = bench_new();
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
    bench_free(bench);
}

/* One that is lost is followed by one with other numbers, but not by the other's that retires. */
static void test_numbers_after_loss(void)
{
    Bench *bench = bench_new();
    Asked first, second, third, kept;

    first = inspect(bench, 1, PROBE_TCP, 0);
    g_assert_cmpint(kill(first.pid, SIGKILL), ==, 0);
    wait_gone(bench, first.pid);
    second = inspect(bench, 1, PROBE_TCP, 0);
    g_assert_cmpuint(second.skipped, !=, first.skipped);

    submit_probe(bench, &kept, 1, PROBE_TCP, 0, FAKE_KEEP);
    send_many(bench, NUMBERS_OWN_LIFE - 2, PROBE_UDP, 0);
    third = inspect(bench, 1, PROBE_TCP, 0);
    g_assert_cmpuint(third.skipped, ==, first.skipped + 1); /* behind it */
    g_assert_cmpint(kill(third.pid, SIGKILL), ==, 0);
    wait_gone(bench, third.pid);
    do { /* two losses in a row: there is a pause */
        submit_probe(bench, &third, 1, PROBE_TCP, 0, FAKE_INSPECT);
        wait_for(bench, &third);
    } while (third.outcome == OUTCOME_PROCESS);
    g_assert_cmpuint(third.skipped, ==, first.skipped + 2);
    release(second.pid);
    wait_for(bench, &kept);
    bench_free(bench);
}

/* An ICMP process is replaced after 16 000 probes, and ends when it has answered the last. There
 * are no more than four of those at a time. */
static void test_retire(const void *argument)
{
    const uint32_t mark = GPOINTER_TO_UINT(argument);
    int pids[CREW_RETIRING_MAX + 1];
    Asked kept[CREW_RETIRING_MAX + 1], waiting, last;
    Bench *bench = bench_new();

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
    bench_free(bench);
}

/* A process that has used its numbers up and has nothing to do is in nobody's way, though another
 * retires for as long as its probe may take. */
static void test_used_up_idle(void)
{
    Bench *bench = bench_new();
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
    bench_free(bench);
}

/* What may be a TCP probe that expired is sent again, a few times; not what a lot of others used
 * the spare numbers for. */
static void test_again(void)
{
    g_autofree Asked *asked = g_new0(Asked, 999);
    Bench *bench = bench_new();

    submit_probe(bench, &asked[0], 1, PROBE_TCP, 0, FAKE_NO_ROUTE);
    wait_for(bench, &asked[0]);
    g_assert_cmpstr(asked[0].word, ==, "no-route");
    g_assert_cmpuint(bench->statistics.probes_sent, ==, 4);
    g_assert_cmpuint(bench->statistics.other_results, ==, 1);
    submit_probe(bench, &asked[0], 1, PROBE_UDP, 0, FAKE_NO_ROUTE);
    wait_for(bench, &asked[0]);
    g_assert_cmpuint(bench->statistics.probes_sent, ==, 5);

    send_many(bench, NUMBERS_OWN_LIFE - 1000, PROBE_UDP, 0);
    for (unsigned i = 0; i < 900; i++)
        submit_probe(bench, &asked[i], i, PROBE_TCP, 0, FAKE_NO_ROUTE);
    for (unsigned i = 0; i < 900; i++)
        wait_for(bench, &asked[i]);
    g_assert_cmpuint(bench->statistics.probes_sent, <=, NUMBERS_OWN_LIFE + NUMBERS_AGAIN);
    g_assert_cmpuint(bench->statistics.probes_sent, >, NUMBERS_OWN_LIFE);
    bench_free(bench);
}

/* A probe for which there was no port went through all numbers: the process has none left. */
static void test_no_port(void)
{
    Bench *bench = bench_new();
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
    bench_free(bench);
}

/* Where many ports are in use, mtr-packet skips their numbers, which nobody sees: so it is given
 * fewer probes. */
static void test_ports_in_use(void)
{
    const unsigned first = NUMBERS_FIRST + NUMBERS_SHARED_LIFE;
    struct rlimit limit;
    Bench *bench = bench_new();
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
    send_many(bench, NUMBERS_OWN_SIZE / 6, PROBE_TCP, 0);
    g_assert_cmpint(inspect(bench, 1, PROBE_TCP, 0).pid, !=, pid);

    for (unsigned i = 0; i < held->len; i++)
        close(g_array_index(held, int, i));
    g_array_unref(held);
    bench_free(bench);
}

/* What is counted is a probe's number: questions have none. */
static void test_questions(void)
{
    PacketCommand question = {.kind = PACKET_CHECK_SUPPORT, .feature = "nonsense"};
    Bench *bench = bench_new();
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
    bench_free(bench);
}

/*
 * Marks
 */

/* Who shares a process, and who must not. */
static void test_isolation(void)
{
    Bench *bench = bench_new();
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
    bench_free(bench);
}

/* Eight marks have a process at a time. A ninth takes the place of one that is not used, or waits
 * until the one that is open for longest has answered what it has. */
static void test_ninth_mark(void)
{
    Asked kept[MARKS_OPEN_MAX + 1], more, tenth;
    int pids[MARKS_OPEN_MAX + 1];
    Bench *bench = bench_new();

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
    bench_free(bench);
}

/* Somebody who waited for a place and goes: whoever was to give way goes on as before. */
static void test_ninth_mark_goes(void)
{
    Asked kept[MARKS_OPEN_MAX], ninth, more;
    Bench *bench = bench_new();
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
    bench_free(bench);
}

/* More marks at once than have places, before any has had its turn: they do not take the places
 * from each other for ever, but have their turns. */
static void test_many_marks_at_once(const void *argument)
{
    Bench *bench = bench_new();
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
    bench_free(bench);
}

/* A pause holds for all marks: another mark is no way round it. */
static void test_marks_pause(void)
{
    Bench *bench = bench_new();
    unsigned n_refused = 0;
    Asked asked;

    for (unsigned i = 0; i < 100; i++) {
        submit_probe(bench, &asked, 1, PROBE_ICMP, 1 + i, FAKE_DIE);
        wait_for(bench, &asked);
        g_assert_cmpint(asked.outcome, ==, OUTCOME_PROCESS);
    }
    n_refused = 100 - bench->n_started;
    g_assert_cmpuint(n_refused, >, 0);
    bench_free(bench);
}

/* A mark's process that is not used is ended after ten seconds; the standing ones stay. */
static void test_unused_mark(void)
{
    Bench *bench = bench_new();
    int icmp = inspect(bench, 1, PROBE_ICMP, 0).pid, mark = inspect(bench, 1, PROBE_ICMP, 1).pid;
    guint64 start = deadlines_now();

    wait_gone(bench, mark);
    g_assert_cmpuint(deadlines_now() - start, >=, MARKS_UNUSED_USEC / 2);
    g_assert_cmpint(inspect(bench, 1, PROBE_ICMP, 0).pid, ==, icmp);
    g_assert_cmpint(inspect(bench, 1, PROBE_ICMP, 1).pid, !=, mark);
    g_assert_cmpuint(bench->statistics.processes_lost, ==, 0);
    bench_free(bench);
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
    Bench *bench = bench_new();
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
    bench_free(bench);
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
    Bench *bench = bench_new();
    int icmp = inspect(bench, 1, PROBE_ICMP, 0).pid, other;

    set_next_pid(icmp + 65536);
    other = inspect(bench, 1, PROBE_UDP, 0).pid;
    g_assert_cmpint(other, >, icmp + 65536); /* it was tried */
    g_assert_cmpint(other, <, icmp + 65536 + 100);
    g_assert_cmpint(kill(icmp + 65536, 0), <, 0);
    bench_free(bench);
}

/*
 * Drops
 */

/* Whoever goes is forgotten wherever its jobs are, and nobody else's are touched. */
static void test_drop(void)
{
    Asked asked[600], mine;
    Bench *bench = bench_new();
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
    bench_free(bench);
}

static void add_tests(void)
{
    setlogmask(LOG_UPTO(LOG_WARNING));
    g_test_add_func("/scheduler/share", test_share);
    g_test_add_func("/scheduler/turns", test_turns);
    g_test_add_func("/scheduler/own-numbers", test_own_numbers);
    g_test_add_func("/scheduler/numbers-after-loss", test_numbers_after_loss);
    g_test_add_func("/scheduler/used-up-idle", test_used_up_idle);
    g_test_add_func("/scheduler/again", test_again);
    g_test_add_func("/scheduler/ports-in-use", test_ports_in_use);
    g_test_add_func("/scheduler/no-port", test_no_port);
    g_test_add_data_func("/scheduler/retire", GUINT_TO_POINTER(0), test_retire);
    g_test_add_data_func("/scheduler/retire-marked", GUINT_TO_POINTER(7), test_retire);
    g_test_add_func("/scheduler/questions", test_questions);
    g_test_add_func("/scheduler/isolation", test_isolation);
    g_test_add_func("/scheduler/ninth-mark", test_ninth_mark);
    g_test_add_func("/scheduler/ninth-mark-goes", test_ninth_mark_goes);
    g_test_add_data_func("/scheduler/marks-at-once", NULL, test_many_marks_at_once);
    g_test_add_data_func("/scheduler/marks-await-turn", "", test_many_marks_at_once);
    g_test_add_func("/scheduler/marks-pause", test_marks_pause);
    g_test_add_func("/scheduler/unused-mark", test_unused_mark);
    g_test_add_func("/scheduler/udp", test_udp);
    g_test_add_func("/scheduler/pid", test_pid);
    g_test_add_func("/scheduler/drop", test_drop);
}

/* As main() has them: the loop watches children. */
static void block_signals(void)
{
    sigset_t handled;

    sigemptyset(&handled);
    sigaddset(&handled, SIGCHLD);
    g_assert_cmpint(sigprocmask(SIG_SETMASK, &handled, NULL), ==, 0);
    signal(SIGPIPE, SIG_IGN);
}

int main(int argc, char *argv[])
{
    block_signals();
    return fixture_main(argc, argv, add_tests);
}
