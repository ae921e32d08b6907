/* SPDX-License-Identifier: MIT */

#include "pump.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* As much as a pipe holds, by default. */
#define BUFFER_SIZE 65536

typedef struct Pump {
    int in, out, socket;
    bool ended;                   /* of `in`: nothing more is taken from there */
    bool shut;                    /* and the socket has been told */
    size_t begin, end;            /* what the socket has not taken yet */
    size_t n_commands, n_replies; /* lines */
    char commands[BUFFER_SIZE];
    char replies[BUFFER_SIZE];
} Pump;

static bool holds(const Pump *pump)
{
    return pump->begin < pump->end;
}

static size_t count_lines(const char *data, size_t size)
{
    size_t n = 0;

    for (const char *end = data + size; (data = memchr(data, '\n', (size_t)(end - data))); data++)
        n++;
    return n;
}

/* Gives the socket what it takes. */
static int push(Pump *pump)
{
    while (holds(pump)) {
        ssize_t n = send(pump->socket, pump->commands + pump->begin, pump->end - pump->begin,
                         MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n < 0 && errno == EAGAIN)
            return 0;
        if (n < 0 && errno == EPIPE) {
            /* Nobody takes commands any more, but there may be replies still. */
            pump->begin = pump->end;
            pump->ended = true;
            return 0;
        }
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0)
            pump->begin += (size_t)n;
    }
    if (pump->ended && !pump->shut) {
        pump->shut = true;
        if (shutdown(pump->socket, SHUT_WR) < 0)
            return -errno;
    }
    return 0;
}

static int pull(Pump *pump)
{
    ssize_t n = read(pump->in, pump->commands, sizeof(pump->commands));

    if (n < 0)
        return errno == EINTR || errno == EAGAIN ? 0 : -errno;
    pump->ended = n == 0;
    pump->begin = 0;
    pump->end = (size_t)n;
    pump->n_commands += count_lines(pump->commands, (size_t)n);
    return push(pump);
}

static int write_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, data, size);

        if (n < 0 && errno == EAGAIN) {
            /* Somebody else has made it so. */
            struct pollfd room = {.fd = fd, .events = POLLOUT};

            (void)poll(&room, 1, -1);
        } else if (n < 0 && errno != EINTR) {
            return -errno;
        } else if (n > 0) {
            data += n;
            size -= (size_t)n;
        }
    }
    return 0;
}

/* Returns 0 to go on, 1 at the end, or a negative errno. */
static int pass_replies(Pump *pump)
{
    ssize_t n = recv(pump->socket, pump->replies, sizeof(pump->replies), MSG_DONTWAIT);

    if (n > 0) {
        pump->n_replies += count_lines(pump->replies, (size_t)n);
        return write_all(pump->out, pump->replies, (size_t)n);
    }
    if (n < 0)
        return errno == EINTR || errno == EAGAIN ? 0 : -errno;
    return 1;
}

/* What it means that the socket is at its end, or broken. */
static int judge(const Pump *pump, int r)
{
    if (r == 1)
        return pump->shut && pump->n_replies >= pump->n_commands ? 0 : PUMP_E_CLOSED;
    return r == -ECONNRESET ? PUMP_E_CLOSED : r;
}

int pump_run(int in, int out, int socket)
{
    Pump pump = {.in = in, .out = out, .socket = socket};
    int r = 0;

    while (r == 0) {
        struct pollfd fds[] = {
            {.fd = pump.ended || holds(&pump) ? -1 : in, .events = POLLIN},
            {.fd = socket, .events = (short)(POLLIN | (holds(&pump) ? POLLOUT : 0))},
        };

        if (poll(fds, 2, -1) < 0) {
            r = errno == EINTR ? 0 : -errno;
            continue;
        }
        /* Replies first: there may be some before the end. */
        if (fds[1].revents & (POLLIN | POLLHUP | POLLERR))
            r = pass_replies(&pump);
        if (r == 0 && fds[1].revents & POLLOUT)
            r = push(&pump);
        if (r == 0 && fds[0].revents)
            r = pull(&pump);
    }
    return judge(&pump, r);
}
