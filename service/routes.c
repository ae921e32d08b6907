/* SPDX-License-Identifier: MIT */

#include "routes.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "hash.h"
#include "util.h"

/* The one that mtr-packet asks with: rules may look at it. */
#define PORT 1

void routes_init(Routes *routes)
{
    *routes = (Routes){.fds = {
                           socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0),
                           socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0),
                       }};
}

void routes_deinit(Routes *routes)
{
    for (size_t i = 0; i < ELEMENTS(routes->fds); i++)
        if (routes->fds[i] > 0)
            routes->fds[i] = close_fd(routes->fds[i]);
}

static bool is_same(const ProbeTarget *one, const ProbeTarget *other)
{
    if (one->ip_version != other->ip_version)
        return false;
    return one->ip_version == 4 ? one->ipv4.s_addr == other->ipv4.s_addr
                                : IN6_ARE_ADDR_EQUAL(&one->ipv6, &other->ipv6);
}

static size_t place(const ProbeTarget *target)
{
    unsigned hash;

    if (target->ip_version == 4)
        HASH_JEN(&target->ipv4, sizeof(target->ipv4), hash);
    else
        HASH_JEN(&target->ipv6, sizeof(target->ipv6), hash);
    return hash % ROUTES_KEPT_MAX;
}

/* Connecting a UDP socket sends nothing, but has the kernel look for a route. It is disconnected
 * again, or it would keep a port and a source. */
static bool ask(int fd, const ProbeTarget *target)
{
    static const struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
    struct sockaddr_in ipv4 = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6, .sin6_port = htons(PORT)};
    bool is_unreachable;
    int r;

    if (target->ip_version == 4) {
        ipv4.sin_addr = target->ipv4;
        r = connect(fd, (const struct sockaddr *)&ipv4, sizeof(ipv4));
    } else {
        ipv6.sin6_addr = target->ipv6;
        r = connect(fd, (const struct sockaddr *)&ipv6, sizeof(ipv6));
    }
    is_unreachable = r < 0 && errno == EHOSTUNREACH;
    (void)connect(fd, &nowhere, sizeof(nowhere));
    return is_unreachable;
}

bool routes_is_unreachable(Routes *routes, const ProbeTarget *target, uint64_t now_usec)
{
    size_t i = place(target);
    int fd = routes->fds[target->ip_version == 6];

    if (is_same(&routes->kept[i].target, target) &&
        now_usec - routes->kept[i].usec < ROUTES_KEPT_USEC)
        return routes->kept[i].is_unreachable;

    if (fd < 0)
        return false;

    routes->kept[i].target = *target;
    routes->kept[i].usec = now_usec;
    routes->kept[i].is_unreachable = ask(fd, target);
    return routes->kept[i].is_unreachable;
}
