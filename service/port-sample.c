/* SPDX-License-Identifier: MIT */

#include "port-sample.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "util.h"

/* Enough to tell a tenth from a quarter, nearly always. */
#define SAMPLES 256

/* A port is free if a socket can have it at all addresses; of both IP versions, where there is
 * IPv6. What cannot be found out counts as free. */
static bool is_in_use(uint16_t port)
{
    const struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    const struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
    _cleanup_(close_fdp) int fd = -1;
    int r;

    fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        r = bind(fd, (const struct sockaddr *)&six, sizeof(six));
        if (r == 0 || errno == EADDRINUSE)
            return r != 0; /* cppcheck-suppress resourceLeak ; closed as its scope ends */
        /* NOLINTNEXTLINE(clang-analyzer-deadcode.DeadStores): read as its scope ends */
        fd = close_fd(fd);
    }

    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return fd >= 0 && bind(fd, (const struct sockaddr *)&four, sizeof(four)) < 0 &&
           errno == EADDRINUSE;
}

double port_sample(uint16_t first, uint16_t last)
{
    uint16_t random[SAMPLES];
    unsigned n = 0;

    /* At random, so that nobody can lay himself where we do not look. */
    if (getrandom(random, sizeof(random), 0) != sizeof(random))
        return 1;
    for (unsigned i = 0; i < SAMPLES; i++)
        n += is_in_use((uint16_t)(first + random[i] % (last - first + 1)));
    return (double)n / SAMPLES;
}
