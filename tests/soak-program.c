/* SPDX-License-Identifier: MIT */

#include "soak-program.h"

#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#define CTL "/run/programs/mtrpacketctl"

/* What mtrpacketctl(1) says of its exit status. */
#define STATUS_REPLY 0
#define STATUS_DENIED 3

struct SoakProgram {
    Client *client;
    GPid pid;
    int fd;
    sd_event_source *source;
    GString *out;
    const char *responder;
    int64_t begun;
};

static void end(SoakProgram *program)
{
    Client *client = program->client;
    bool may = client->user->may_probe;
    /* It does nothing but one call, which has a probe's errors. */
    uint32_t faults =
        board_faults(client->board, program->begun - CLIENT_PAUSE_USEC) & ~FAULT_BIT(FAULT_CLIENT);
    int status;

    g_assert_cmpint(waitpid(program->pid, &status, 0), ==, program->pid);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != (may ? STATUS_REPLY : STATUS_DENIED) ||
        (may && !strstr(program->out->str, program->responder))) {
        if (!WIFEXITED(status) || faults == 0) {
            client_count(client, COUNT_FALSE, 1);
            board_fail(client->board, "client %u (seed %u, %s): mtrpacketctl: status %#x: %s",
                       client->slot, client->seed, client->user->name, (unsigned)status,
                       program->out->str);
        } else {
            client_count(client, COUNT_MAYBE_ERROR, 1);
        }
    }
    sd_event_source_disable_unref(program->source);
    close(program->fd);
    g_string_free(program->out, TRUE);
    g_free(program);
    client->program = NULL;
    client_look(client);
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    SoakProgram *program = userdata;
    char buffer[4096];
    ssize_t n = read(fd, buffer, sizeof(buffer));

    if (n > 0)
        g_string_append_len(program->out, buffer, n);
    else
        end(program);
    return 0;
}

SoakProgram *soak_program_new(Client *client)
{
    static const char *const protocols[] = {"icmp", "udp", "tcp"};
    Place place = (Place)g_rand_int_range(client->rand, PLACE_TARGET, PLACE_HOLE);
    SoakProgram *program = g_new0(SoakProgram, 1);
    g_autofree char *protocol = g_strdup_printf(
        "--protocol=%s", protocols[g_rand_int_range(client->rand, 0, G_N_ELEMENTS(protocols))]);
    const char *argv[] = {CTL, "probe", "--no-ask-password", protocol, NULL, NULL};
    g_autoptr(GError) error = NULL;

    *program = (SoakProgram){.client = client, .out = g_string_new(NULL), .begun = board_now()};
    program->responder = place_address(place, client_chance(client, 0.5) ? 4 : 6);
    argv[4] = program->responder;
    g_spawn_async_with_pipes(NULL, (char **)argv, NULL,
                             G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL,
                             &program->pid, NULL, &program->fd, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpint(
        sd_event_add_io(client->event, &program->source, program->fd, EPOLLIN, on_io, program), >=,
        0);
    client_count(client, COUNT_PROGRAMS, 1);
    return program;
}
