/* SPDX-License-Identifier: MIT */

#include "local-address.h"

#include <errno.h>
#include <ifaddrs.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "util.h"

typedef union Address {
    struct sockaddr any;
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;
} Address;

/* Loopback addresses are ours all, though only one of IPv4's is on an interface. */
static bool is_loopback(const ProbeTarget *address)
{
    if (address->ip_version == 4) {
        in_addr_t host = ntohl(address->ipv4.s_addr);

        return host >> 24 == IN_LOOPBACKNET && host != 0x7fffffff;
    }
    return IN6_IS_ADDR_LOOPBACK(&address->ipv6);
}

/* Looks through the addresses of all interfaces. The kernel sends from a secondary IPv4 address to
 * itself with the primary one of its subnet as the source, so that what is_chosen() asks does not
 * tell. Returns 1 if @address is there, else 0. */
static int is_on_interface(const ProbeTarget *address)
{
    struct ifaddrs *list;
    int found = 0;

    if (getifaddrs(&list) < 0)
        return -errno;

    for (const struct ifaddrs *entry = list; entry && !found; entry = entry->ifa_next) {
        const Address *own = (const void *)entry->ifa_addr;

        if (!own)
            continue;
        if (address->ip_version == 4)
            found =
                own->any.sa_family == AF_INET && own->ipv4.sin_addr.s_addr == address->ipv4.s_addr;
        else
            found = own->any.sa_family == AF_INET6 &&
                    IN6_ARE_ADDR_EQUAL(&own->ipv6.sin6_addr, &address->ipv6);
    }
    freeifaddrs(list);
    return found;
}

static socklen_t set(Address *to, const ProbeTarget *address, in_port_t port)
{
    if (address->ip_version == 4) {
        to->ipv4 = (struct sockaddr_in){
            .sin_family = AF_INET, .sin_port = port, .sin_addr = address->ipv4};
        return sizeof(to->ipv4);
    }
    to->ipv6 = (struct sockaddr_in6){
        .sin6_family = AF_INET6, .sin6_port = port, .sin6_addr = address->ipv6};
    return sizeof(to->ipv6);
}

/* Connecting a UDP socket sends nothing, but has the kernel choose the source. Returns 1 if it
 * chose @address, else 0. */
static int is_chosen(const ProbeTarget *address)
{
    _cleanup_(close_fdp) int fd = -1;
    Address peer = {0}, source = {0};
    socklen_t length = set(&peer, address, htons(9));

    fd = socket(peer.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, &peer.any, length) < 0)
        return 0; /* broadcast, or there is no way there */
    if (getsockname(fd, &source.any, &length) < 0)
        return -errno;

    if (address->ip_version == 4)
        return source.ipv4.sin_addr.s_addr == address->ipv4.s_addr;
    return IN6_ARE_ADDR_EQUAL(&source.ipv6.sin6_addr, &address->ipv6);
}

/* Whether no socket can be bound to @address, which an interface has: an IPv6 one that may be a
 * duplicate, or is one, or one of a VRF. Returns 1 if so, else 0, or a negative errno. */
static int is_out_of_use(const ProbeTarget *address)
{
    _cleanup_(close_fdp) int fd = -1;
    Address own = {0};
    socklen_t length = set(&own, address, 0);

    fd = socket(own.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    return bind(fd, &own.any, length) < 0 && errno == EADDRNOTAVAIL;
}

/* Returns 1 if @address is this machine's, else 0, or a negative errno. */
static int is_own(const ProbeTarget *address)
{
    int r;

    r = is_loopback(address) ? 1 : is_chosen(address);
    return r == 0 ? is_on_interface(address) : r;
}

int local_address_check(const ProbeTarget *address, Failure *failure)
{
    char text[INET6_ADDRSTRLEN];
    int r;

    r = is_own(address);
    if (r < 0)
        return r;
    if (r == 0)
        return failure_set(failure, OUTCOME_INVALID_ARGS,
                           "option local_ip is %s, an address of this machine is expected",
                           probe_target_format(address, text));
    r = is_out_of_use(address);
    if (r < 0)
        return r;
    if (r > 0)
        return failure_set(failure, OUTCOME_INVALID_ARGS,
                           "option local_ip is %s, which is not in use: an address that can be "
                           "sent from is expected",
                           probe_target_format(address, text));
    return 0;
}

int local_address_check_target(const ProbeTarget *address, const ProbeTarget *target,
                               Failure *failure)
{
    char text[INET6_ADDRSTRLEN], target_text[INET6_ADDRSTRLEN];
    int r;

    if (!is_loopback(address))
        return 0;
    r = is_own(target);
    if (r < 0)
        return r;
    if (r == 0)
        return failure_set(
            failure, OUTCOME_INVALID_ARGS,
            "option local_ip is %s, which must not leave this machine, but the probe "
            "goes to %s: an address of an interface is expected",
            probe_target_format(address, text), probe_target_format(target, target_text));
    return 0;
}
