/* SPDX-License-Identifier: MIT */

#include "stream-client.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <glib-unix.h>

int stream_answer_take(Answer *answer)
{
    g_autoptr(GError) error = NULL;
    int fd;

    call_wait(answer);
    g_assert_cmpstr(answer->message, ==, NULL);
    g_assert_cmpstr(g_variant_get_type_string(answer->value), ==, "(h)");
    fd = g_unix_fd_list_get(answer->fds, 0, &error);
    g_assert_no_error(error);
    answer_clear(answer);
    return fd;
}

int stream_take(GDBusConnection *connection)
{
    Answer answer;

    call_start(&answer, connection, "OpenStream", g_variant_new_parsed("(@a{sv} {},)"));
    return stream_answer_take(&answer);
}

void stream_open(StreamClient *client, GDBusConnection *connection)
{
    int fd = stream_take(connection);

    stream_client_init(client, fd, fd);
}

void stream_client_init(StreamClient *client, int in, int out)
{
    *client = (StreamClient){.in = in, .out = out, .read = g_string_new(NULL)};
}

void stream_client_clear(StreamClient *client)
{
    if (client->out >= 0 && client->out != client->in)
        close(client->out);
    if (client->in >= 0)
        close(client->in);
    g_string_free(client->read, TRUE);
}

void stream_say(StreamClient *client, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list arguments;

    va_start(arguments, format);
    text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_assert_cmpint(write(client->out, text, strlen(text)), ==, strlen(text));
}

void stream_shut(StreamClient *client)
{
    if (client->out == client->in)
        g_assert_cmpint(shutdown(client->out, SHUT_WR), ==, 0);
    else
        close(client->out);
    client->out = -1;
}

static gboolean on_readable(int fd, GIOCondition condition, void *userdata)
{
    *(bool *)userdata = true;
    return G_SOURCE_REMOVE;
}

static void read_now(StreamClient *client)
{
    char buffer[4096];
    ssize_t n;

    n = read(client->in, buffer, sizeof(buffer));
    g_assert_true(n >= 0 || errno == ECONNRESET);
    if (n > 0)
        g_string_append_len(client->read, buffer, n);
    else
        client->ended = true;
}

static void read_some(StreamClient *client)
{
    bool is_readable = false;

    g_unix_fd_add(client->in, G_IO_IN | G_IO_HUP | G_IO_ERR, on_readable, &is_readable);
    wait_until(&is_readable);
    read_now(client);
}

unsigned stream_lines_now(StreamClient *client)
{
    GPollFD fd = {.fd = client->in, .events = G_IO_IN | G_IO_HUP | G_IO_ERR};
    unsigned n = 0;

    while (!client->ended && g_poll(&fd, 1, 0) > 0)
        read_now(client);
    for (gsize i = 0; i < client->read->len; i++)
        n += client->read->str[i] == '\n';
    return n;
}

char *stream_line(StreamClient *client)
{
    for (;;) {
        char *newline = memchr(client->read->str, '\n', client->read->len);

        if (newline) {
            gsize length = newline - client->read->str;
            char *line = g_strndup(client->read->str, length);

            g_string_erase(client->read, 0, (gssize)length + 1);
            return line;
        }
        if (client->ended)
            return NULL;
        read_some(client);
    }
}

void stream_expect(StreamClient *client, const char *line)
{
    g_autofree char *got = stream_line(client);

    g_assert_cmpstr(got, ==, line);
}

void stream_expect_reply(StreamClient *client, int token, const char *address)
{
    g_autofree char *got = stream_line(client);
    g_autofree char *pattern = g_strdup_printf("^%d reply ip-%d %s round-trip-time [0-9]+$", token,
                                               strchr(address, ':') ? 6 : 4, address);

    g_assert_nonnull(got);
    if (!g_regex_match_simple(pattern, got, 0, 0))
        g_error("\"%s\" is no reply of %s to %d", got, address, token);
}

void stream_expect_end(StreamClient *client)
{
    g_autofree char *got = stream_line(client);

    g_assert_cmpstr(got, ==, NULL);
    g_assert_cmpuint(client->read->len, ==, 0);
}
