/* SPDX-License-Identifier: MIT */

#include "local-address.h"

#include <errno.h>
#include <net/if.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
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

/* Looks through the IPv4 addresses of all interfaces. The kernel sends from a secondary address to
 * itself with the primary one of its subnet as the source, so that what is_own() asks does not
 * tell. Returns 1 if @address is there, else 0. */
static int is_on_interface(const ProbeTarget *address)
{
    _cleanup_(close_fdp) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    _cleanup_(freep) struct ifreq *entries = NULL;
    struct ifconf list = {0};
    int capacity;

    if (fd < 0)
        return -errno;
    if (ioctl(fd, SIOCGIFCONF, &list) < 0)
        return -errno;
    capacity = list.ifc_len + 16 * (int)sizeof(*entries); /* some may come meanwhile */
    entries = malloc((size_t)capacity);
    if (!entries)
        return -ENOMEM;
    list.ifc_len = capacity;
    list.ifc_req = entries;
    if (ioctl(fd, SIOCGIFCONF, &list) < 0)
        return -errno;

    for (size_t i = 0; i < (size_t)list.ifc_len / sizeof(*entries); i++) {
        struct sockaddr_in own;

        memcpy(&own, &entries[i].ifr_addr, sizeof(own));
        if (own.sin_addr.s_addr == address->ipv4.s_addr)
            return 1;
    }
    return 0;
}

/* Connecting a UDP socket sends nothing, but has the kernel choose the source. Returns 1 if it
 * chose @address, else 0. */
static int is_own(const ProbeTarget *address)
{
    _cleanup_(close_fdp) int fd = -1;
    Address peer = {0}, source = {0};
    socklen_t length;

    if (address->ip_version == 4) {
        length = sizeof(peer.ipv4);
        peer.ipv4 = (struct sockaddr_in){
            .sin_family = AF_INET, .sin_port = htons(9), .sin_addr = address->ipv4};
    } else {
        length = sizeof(peer.ipv6);
        peer.ipv6 = (struct sockaddr_in6){
            .sin6_family = AF_INET6, .sin6_port = htons(9), .sin6_addr = address->ipv6};
    }

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

int local_address_check(const ProbeTarget *address, Failure *failure)
{
    char text[INET6_ADDRSTRLEN];
    int r;

    r = is_loopback(address) ? 1 : is_own(address);
    if (r == 0 && address->ip_version == 4)
        r = is_on_interface(address);
    if (r < 0)
        return r;
    if (r == 0)
        return failure_set(failure, OUTCOME_INVALID_ARGS,
                           "option local_ip is %s, an address of this machine is expected",
                           probe_target_format(address, text));
    return 0;
}
