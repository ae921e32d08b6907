/* SPDX-License-Identifier: MIT */

#include "output.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/param.h>
#include <unistd.h>

#include "util.h"

/* Waits until something can be written. False if a signal comes first. */
static bool await_reader(Ending *ending)
{
    struct pollfd fds[] = {
        {.fd = STDOUT_FILENO, .events = POLLOUT},
        {.fd = ending->fd, .events = POLLIN},
    };

    while (ending->signal == 0 && poll(fds, ELEMENTS(fds), -1) < 0 && errno == EINTR)
        ;
    if (ending->signal == 0 && fds[0].revents == 0)
        ending_take(ending);
    return ending->signal == 0;
}

/* A pipe that can be written to has room for so much, and blocks at more. */
static ssize_t write_out(void *userdata, const char *text, size_t size)
{
    size_t written = 0;
    ssize_t n = 0;

    while (written < size && n >= 0 && await_reader(userdata)) {
        n = write(STDOUT_FILENO, text + written, MIN(size - written, PIPE_BUF));
        written += n > 0 ? (size_t)n : 0;
    }
    return (ssize_t)written;
}

int output_watch(Ending *ending)
{
    FILE *file = fopencookie(ending, "w", (cookie_io_functions_t){.write = write_out});

    if (!file)
        return -errno;
    setvbuf(file, NULL, isatty(STDOUT_FILENO) ? _IOLBF : _IOFBF, BUFSIZ);
    (void)fflush(stdout);
    stdout = file;
    return 0;
}
