/* SPDX-License-Identifier: MIT */

#include "pipe-load.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "line-buffer.h"
#include "packet-protocol.h"

/* The longest command that is written here. */
#define COMMAND_MAX 96

/* A barrier's token, which is no probe's. */
#define BARRIER INT_MAX

typedef struct Run {
    PipeLoad *pipe_load;
    Load *load;
    unsigned in_flight, burst;
    unsigned n_unbarred; /* probes given since the last barrier */
    bool barred;         /* that is not answered yet */
    LineBuffer replies;
    GString *commands;
} Run;

/* Asks one question, and waits for the answer. */
static void greet(const PipeLoad *pipe_load)
{
    static const char question[] = "1 check-support feature ip-4\n";
    char c;

    g_assert_cmpint(write(pipe_load->commands, question, strlen(question)), ==, strlen(question));
    do
        g_assert_cmpint(read(pipe_load->replies, &c, 1), ==, 1);
    while (c != '\n');
    g_assert_cmpint(fcntl(pipe_load->commands, F_SETFL, O_NONBLOCK), ==, 0);
}

void pipe_load_start(PipeLoad *pipe_load, const char *const argv[])
{
    g_autoptr(GError) error = NULL;

    g_spawn_async_with_pipes(
        NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL,
        &pipe_load->pid, &pipe_load->commands, &pipe_load->replies, NULL, &error);
    g_assert_no_error(error);
    greet(pipe_load);
}

void pipe_load_start_apart(PipeLoad *pipe_load, const char *const argv[])
{
    g_autoptr(GPtrArray) whole = g_ptr_array_new();

    /* A raw socket sees the packets of all others in the same network. */
    for (const char *const *p = (const char *const[]){"unshare", "--net", "sh", "-c",
                                                      "ip link set lo up; exec \"$@\"", "sh", NULL};
         *p; p++)
        g_ptr_array_add(whole, (char *)*p);
    for (; *argv; argv++)
        g_ptr_array_add(whole, (char *)*argv);
    g_ptr_array_add(whole, NULL);
    pipe_load_start(pipe_load, (const char *const *)whole->pdata);
}

void pipe_load_take(PipeLoad *pipe_load, int fd)
{
    *pipe_load = (PipeLoad){.commands = fd, .replies = dup(fd)};
    g_assert_cmpint(pipe_load->replies, >=, 0);
    greet(pipe_load);
}

void pipe_load_stop(PipeLoad *pipe_load)
{
    close(pipe_load->commands);
    close(pipe_load->replies);
    if (pipe_load->pid == 0)
        return;
    kill(pipe_load->pid, SIGTERM);
    g_assert_cmpint(waitpid(pipe_load->pid, NULL, 0), ==, pipe_load->pid);
}

/* Whether another probe may be given now. */
static bool has_room(const Run *run)
{
    return run->load->n_sent < run->load->n && !run->barred &&
           run->load->n_sent - run->load->n_answered < run->in_flight;
}

static void write_commands(Run *run)
{
    ssize_t n;

    while (has_room(run)) {
        /* The words that the service would use. */
        g_string_append_printf(run->commands,
                               "%u send-probe ip-4 127.0.0.1 protocol icmp timeout 10\n",
                               ++run->load->n_sent);
        if (run->burst > 0 && ++run->n_unbarred == run->burst) {
            g_string_append_printf(run->commands, "%d check-support feature send-probe\n", BARRIER);
            run->n_unbarred = 0;
            run->barred = true;
        }
    }
    if (run->commands->len == 0)
        return;

    n = write(run->pipe_load->commands, run->commands->str, run->commands->len);
    g_assert_true(n > 0 || errno == EAGAIN);
    if (n > 0)
        g_string_erase(run->commands, 0, n);
}

static void read_replies(Run *run)
{
    PacketReply reply;
    size_t size, length;
    char *line;
    ssize_t n;

    line = line_buffer_space(&run->replies, &size);
    n = read(run->pipe_load->replies, line, size);
    g_assert_cmpint(n, >, 0);
    line_buffer_fill(&run->replies, (size_t)n);

    while (line_buffer_next(&run->replies, &line, &length) == 0) {
        g_assert_cmpint(packet_reply_parse(&reply, line, length), ==, 0);
        if (reply.token == BARRIER)
            run->barred = false;
        else if (strcmp(reply.word, "reply") == 0)
            load_answer(run->load, strtod(packet_reply_argument(&reply, "round-trip-time"), NULL));
        else
            load_answer(run->load, -1);
    }
}

void pipe_load_run(PipeLoad *pipe_load, Load *load, const GPid processes[LOAD_COSTS], unsigned n,
                   unsigned in_flight, unsigned burst)
{
    Run run = {.pipe_load = pipe_load, .load = load, .in_flight = in_flight, .burst = burst};

    line_buffer_init(&run.replies, LINE_BUFFER_LINE_MAX);
    run.commands = g_string_sized_new((gsize)in_flight * COMMAND_MAX);

    load_begin(load, n, processes);
    while (load->n_answered < n || run.barred) {
        struct pollfd fds[] = {
            {.fd = pipe_load->replies, .events = POLLIN},
            {.fd = pipe_load->commands, .events = run.commands->len > 0 ? POLLOUT : 0},
        };

        write_commands(&run);
        fds[1].events = run.commands->len > 0 ? POLLOUT : 0;
        g_assert_cmpint(poll(fds, 2, -1), >, 0);
        if (fds[0].revents)
            read_replies(&run);
    }
    load_end(load);
    g_string_free(run.commands, TRUE);
}
