/* SPDX-License-Identifier: MIT */

#include "workbench.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

/* As main() has them: the loop watches children. */
static void block_signals(void)
{
    sigset_t handled;

    sigemptyset(&handled);
    sigaddset(&handled, SIGCHLD);
    g_assert_cmpint(sigprocmask(SIG_SETMASK, &handled, NULL), ==, 0);
    signal(SIGPIPE, SIG_IGN);
}

int workbench_main(int argc, char *argv[], void (*add_tests)(void))
{
    block_signals();
    setlogmask(LOG_UPTO(LOG_WARNING));
    return fixture_main(argc, argv, add_tests);
}

static void on_started(void *userdata, const PacketSupport *support)
{
    Workbench *bench = userdata;

    bench->n_started++;
}

Workbench *workbench_new(void)
{
    Workbench *bench = g_new0(Workbench, 1);
    Limits limits;

    limits_init(&limits);

    g_assert_cmpint(sd_event_new(&bench->event), >=, 0);
    g_assert_cmpint(scheduler_new(&bench->scheduler, bench->event,
                                  fixture_program("TEST_FAKE_PACKET", "fake"), &limits,
                                  &bench->statistics, on_started, bench),
                    ==, 0);
    return bench;
}

void workbench_free(Workbench *bench)
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

PacketCommand probe_command(ProbeProtocol protocol, uint32_t mark, int pattern)
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

void submit(Workbench *bench, Asked *asked, uid_t uid, const PacketCommand *command)
{
    *asked = (Asked){0};
    g_assert_cmpint(
        scheduler_submit(bench->scheduler, &asked->job, uid, NULL, command, on_done, asked), ==, 0);
}

void submit_probe(Workbench *bench, Asked *asked, uid_t uid, ProbeProtocol protocol, uint32_t mark,
                  int pattern)
{
    const PacketCommand command = probe_command(protocol, mark, pattern);

    submit(bench, asked, uid, &command);
}

void submit_udp(Workbench *bench, Asked *asked, uint32_t mark, int pattern, const char *host,
                int port, int local_port)
{
    PacketCommand command = probe_command(PROBE_UDP, mark, pattern);

    g_assert_cmpint(inet_pton(AF_INET, host, &command.target.ipv4), ==, 1);
    command.options.port = port;
    command.options.local_port = local_port;
    submit(bench, asked, mark, &command);
}

void wait_for(Workbench *bench, const Asked *asked)
{
    while (!asked->done)
        g_assert_cmpint(sd_event_run(bench->event, UINT64_MAX), >=, 0);
}

Asked inspect(Workbench *bench, uid_t uid, ProbeProtocol protocol, uint32_t mark)
{
    Asked asked;

    submit_probe(bench, &asked, uid, protocol, mark, FAKE_INSPECT);
    wait_for(bench, &asked);
    g_assert_cmpstr(asked.word, ==, "inspected");
    return asked;
}

void settle(Workbench *bench)
{
    while (sd_event_run(bench->event, 0) > 0)
        ;
}

void send_many(Workbench *bench, unsigned n, ProbeProtocol protocol, uint32_t mark)
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

void wait_gone(Workbench *bench, pid_t pid)
{
    while (kill(pid, 0) == 0)
        g_assert_cmpint(sd_event_run(bench->event, UINT64_MAX), >=, 0);
}

void release(pid_t pid)
{
    g_assert_cmpint(kill(pid, SIGUSR1), ==, 0);
}
