/* SPDX-License-Identifier: MIT */

#include "soak-stream.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define BRIDGE "/run/programs/mtrpacket-bridge"

/* How many commands are on their way at most. */
#define COMMANDS_MAX 40

/* A whole stream is answered within this once it is closed for writing, see ANSWER_MAX of calls. */
#define END_MAX_USEC (45 * 1000000LL)

typedef struct Command {
    Ask ask;
    const char *expected; /* the reply, where it is no probe */
    int64_t sent;
} Command;

struct SoakStream {
    Client *client;
    int fd;
    GPid bridge; /* 0 for none */
    sd_event_source *source;
    GHashTable *commands; /* by token */
    GString *in, *out;
    int token;
    int64_t shut; /* when, or 0 */
    int64_t opened;
};

static Verdict judge_line(SoakStream *stream, const Command *command, char *words, Said *said,
                          char **ret_why);

static SoakStream *stream_free(SoakStream *stream)
{
    sd_event_source_disable_unref(stream->source);
    close(stream->fd);
    g_hash_table_unref(stream->commands);
    g_string_free(stream->in, TRUE);
    g_string_free(stream->out, TRUE);
    g_free(stream);
    return NULL;
}

/* The stream has ended, as it should when it is closed for writing and all is answered. */
static void end(SoakStream *stream)
{
    Client *client = stream->client;
    unsigned cut = g_hash_table_size(stream->commands);
    uint32_t may = TRUTH_ENDS;
    uint32_t faults =
        board_faults(client->board, stream->opened - (stream->bridge ? CLIENT_PAUSE_USEC : 0));

    if (stream->bridge) {
        /* It is as a caller of OpenStream, whose errors end it. */
        may |= TRUTH_PACKET_FAULTS | TRUTH_POLKIT_FAULTS;
        (void)waitpid(stream->bridge, NULL, 0);
    }
    if ((cut > 0 || !stream->shut) && !(faults & may) && sd_bus_is_open(client->bus) > 0) {
        client_count(client, COUNT_FALSE, 1);
        board_fail(client->board, "client %u (seed %u, %s): %s ended with %u commands unanswered",
                   client->slot, client->seed, client->user->name,
                   stream->bridge ? "a bridge" : "a stream", cut);
    }
    client_count(client, COUNT_CUT, cut);
    client_note_outstanding(client, -(int)cut, true);
    client->stream = stream_free(stream);
    client_look(client);
}

/*
 * Replies
 */

/* What a stream says where a call would have an error, see the interface. */
static const struct {
    const char *reply, *error;
} errors[] = {
    {"permission-denied", ERROR_ACCESS_DENIED},
    {"unexpected-error errno 5", ERROR_PROCESS},
    {"unexpected-error errno 125", ERROR_CANCELLED},
    {"unexpected-error errno 12", "org.freedesktop.DBus.Error.NoMemory"},
};

static Verdict judge_line(SoakStream *stream, const Command *command, char *words, Said *said,
                          char **ret_why)
{
    Client *client = stream->client;
    double waited = (double)(board_now() - command->sent) / 1e6;
    uint32_t faults;
    g_auto(GStrv) word = NULL;

    *said = (Said){.time_ms = NAN, .responder = ""};
    for (size_t i = 0; i < G_N_ELEMENTS(errors); i++)
        if (strcmp(words, errors[i].reply) == 0)
            said->error = errors[i].error;
    faults = client_faults(client, said, command->sent);
    if (command->expected) {
        if (strcmp(words, command->expected) == 0)
            return VERDICT_RIGHT;
        *ret_why = g_strdup_printf("%s, and not %s", command->expected, words);
        return said->error ? truth_of_error(NULL, said, waited, faults, faults) : VERDICT_FALSE;
    }
    if (said->error)
        return truth_of_probe(&command->ask, client->user, said, waited, faults, ret_why);

    word = g_strsplit(words, " ", -1);
    said->word = g_intern_string(word[0]);
    said->success = strcmp(said->word, "reply") == 0;
    for (char **name = word + 1; name[0] && name[1]; name += 2) {
        if (g_str_has_prefix(name[0], "ip-"))
            said->responder = g_intern_string(name[1]);
        else if (strcmp(name[0], "round-trip-time") == 0)
            said->time_ms = atof(name[1]) / 1000;
        else if (strcmp(name[0], "errno") == 0)
            said->number = atoi(name[1]);
        else if (strcmp(name[0], "mpls") == 0)
            said->labels = true;
    }
    if (strcmp(said->word, "no-reply") == 0)
        faults = client_loss_faults(client, &command->ask, faults);
    return truth_of_probe(&command->ask, client->user, said, waited, faults, ret_why);
}

static void take_line(SoakStream *stream, char *line)
{
    Client *client = stream->client;
    char *words, *why = NULL;
    int token = (int)strtol(line, &words, 10);
    Command *command = g_hash_table_lookup(stream->commands, GINT_TO_POINTER(token));
    Verdict verdict;
    Said said;

    if (!command || *words != ' ') {
        client_count(client, COUNT_TWICE, 1);
        board_fail(client->board, "client %u (seed %u): a line for no command: %s", client->slot,
                   client->seed, line);
        return;
    }
    client_count(client, COUNT_REPLIES, 1);
    client_note_outstanding(client, -1, true);
    verdict = judge_line(stream, command, words + 1, &said, &why);
    client_note_verdict(client, verdict, &said, command->sent,
                        verdict == VERDICT_FALSE && !command->expected ? ask_text(&command->ask)
                                                                       : g_strdup("a command"),
                        why);
    g_hash_table_remove(stream->commands, GINT_TO_POINTER(token));
}

static void take_lines(SoakStream *stream)
{
    char *newline;

    while ((newline = strchr(stream->in->str, '\n'))) {
        *newline = '\0';
        take_line(stream, stream->in->str);
        g_string_erase(stream->in, 0, newline + 1 - stream->in->str);
    }
}

static void watch(SoakStream *stream)
{
    (void)sd_event_source_set_io_events(stream->source,
                                        EPOLLIN | (stream->out->len > 0 ? EPOLLOUT : 0));
}

static void write_out(SoakStream *stream)
{
    ssize_t n = send(stream->fd, stream->out->str, stream->out->len, MSG_NOSIGNAL);

    if (n > 0)
        g_string_erase(stream->out, 0, n);
    if (stream->out->len == 0 && stream->shut)
        (void)shutdown(stream->fd, SHUT_WR);
    watch(stream);
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    SoakStream *stream = userdata;
    char buffer[16384];
    ssize_t n;

    if (events & EPOLLOUT)
        write_out(stream);
    n = recv(stream->fd, buffer, sizeof(buffer), MSG_DONTWAIT);
    if (n > 0) {
        g_string_append_len(stream->in, buffer, n);
        take_lines(stream);
    } else if (n == 0 || errno != EAGAIN) {
        end(stream);
    }
    return 0;
}

/*
 * Commands
 */

static SoakStream *stream_new(Client *client, int fd, GPid bridge)
{
    SoakStream *stream = g_new0(SoakStream, 1);

    *stream = (SoakStream){.client = client, .fd = fd, .bridge = bridge, .opened = board_now()};
    stream->commands = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    stream->in = g_string_new(NULL);
    stream->out = g_string_new(NULL);
    g_assert_cmpint(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK), ==, 0);
    g_assert_cmpint(sd_event_add_io(client->event, &stream->source, fd, EPOLLIN, on_io, stream), >=,
                    0);
    client_count(client, COUNT_STREAMS, 1);
    return stream;
}

SoakStream *soak_stream_new(Client *client, int fd)
{
    return stream_new(client, fcntl(fd, F_DUPFD_CLOEXEC, 3), 0);
}

SoakStream *soak_stream_new_bridge(Client *client)
{
    const char *const argv[] = {BRIDGE, NULL};
    g_autoptr(GError) error = NULL;
    int fds[2];
    GPid pid;

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
    g_spawn_async_with_pipes_and_fds(
        NULL, argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL,
        fds[1], fds[1], -1, NULL, NULL, 0, &pid, NULL, NULL, NULL, &error);
    g_assert_no_error(error);
    close(fds[1]);
    return stream_new(client, fds[0], pid);
}

static void add_command(SoakStream *stream)
{
    static const char *const others[][2] = {
        {"check-support feature ip-4", "feature-support support ok"},
        {"check-support feature nothing", "feature-support support no"},
        {"send-probe ip-4 198.51.100.66 ttl 300", "invalid-argument reason ttl-out-of-range"},
        {"send-probe ip-4 224.0.0.1", "invalid-argument reason address-not-supported"},
        {"what-is-this", "unknown-command"},
    };
    Client *client = stream->client;
    Command *command = g_new0(Command, 1);

    command->sent = board_now();
    g_string_append_printf(stream->out, "%d ", ++stream->token);
    if (client_chance(client, 0.05)) {
        unsigned i = (unsigned)g_rand_int_range(client->rand, 0, G_N_ELEMENTS(others));

        command->expected = others[i][1];
        g_string_append(stream->out, others[i][0]);
    } else {
        g_autofree char *text = NULL;

        ask_make(&command->ask, client->rand, client->user, true);
        text = ask_command(&command->ask);
        g_string_append(stream->out, text);
    }
    g_string_append_c(stream->out, '\n');
    g_hash_table_insert(stream->commands, GINT_TO_POINTER(stream->token), command);
    client_count(client, COUNT_COMMANDS, 1);
    client_note_outstanding(client, 1, true);
}

void soak_stream_shut(SoakStream *stream)
{
    if (stream->shut)
        return;
    stream->shut = board_now();
    write_out(stream);
}

void soak_stream_act(SoakStream *stream)
{
    Client *client = stream->client;
    int n = g_rand_int_range(client->rand, 1, 15);

    if (stream->shut) {
        if (board_now() > stream->shut + END_MAX_USEC) {
            client_count(client, COUNT_UNANSWERED, g_hash_table_size(stream->commands));
            board_fail(client->board, "client %u (seed %u): a stream does not end", client->slot,
                       client->seed);
            end(stream);
        }
        return;
    }
    if (client_chance(client, 0.08)) {
        soak_stream_shut(stream);
        return;
    }
    for (; n > 0 && g_hash_table_size(stream->commands) < COMMANDS_MAX; n--)
        add_command(stream);
    write_out(stream);
}
