/* SPDX-License-Identifier: MIT */

#include "probe-target.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

/* What kind of address no probe can be sent to, or NULL if one can. */
static const char *unprobeable(const ProbeTarget *target)
{
    if (target->ip_version == 4) {
        in_addr_t address = ntohl(target->ipv4.s_addr);

        if (address == INADDR_ANY)
            return "the unspecified address";
        if (IN_MULTICAST(address))
            return "a multicast address";
        if (address == INADDR_BROADCAST)
            return "the broadcast address";
        return NULL;
    }

    if (IN6_IS_ADDR_UNSPECIFIED(&target->ipv6))
        return "the unspecified address";
    if (IN6_IS_ADDR_MULTICAST(&target->ipv6))
        return "a multicast address";
    if (IN6_IS_ADDR_V4MAPPED(&target->ipv6))
        return "an IPv4 address written as IPv6";
    return NULL;
}

int probe_target_check(const ProbeTarget *target, const char *host, Failure *failure)
{
    const char *kind = unprobeable(target);
    char address[INET6_ADDRSTRLEN];

    if (!kind)
        return 0;
    return failure_set(failure, OUTCOME_INVALID_ARGS,
                       "host %s is %s (%s), the address of a single host is expected", QUOTE(host),
                       kind, probe_target_format(target, address));
}

/*
 * Whether HOST could be a name: labels of 1 to 63 letters, digits, "-" and "_" with dots between
 * them, and perhaps one at the end. The resolver would take others, and pass them on to whoever it
 * asks.
 */
static bool is_name(const char *host)
{
    for (;;) {
        size_t length =
            strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");

        if (length < 1 || length > 63)
            return false;
        host += length;
        if (*host == '.')
            host++;
        else
            return !*host;
        if (!*host)
            return true;
    }
}

int probe_target_parse(ProbeTarget *ret, const char *host, int ip_version, Failure *failure)
{
    ProbeTarget target = {0};
    int r;

    if (!*host)
        return failure_set(failure, OUTCOME_INVALID_ARGS,
                           "host is empty, a name or an address is expected");
    if (strlen(host) > PROBE_HOST_MAX)
        return failure_set(failure, OUTCOME_INVALID_ARGS,
                           "host %s has %zu bytes, at most %d are expected", QUOTE(host),
                           strlen(host), PROBE_HOST_MAX);

    if (inet_pton(AF_INET, host, &target.ipv4) == 1) {
        target.ip_version = 4;
    } else if (inet_pton(AF_INET6, host, &target.ipv6) == 1) {
        target.ip_version = 6;
    } else if (strchr(host, '%')) {
        return failure_set(
            failure, OUTCOME_NOT_SUPPORTED,
            "host %s names an interface, which mtr-packet cannot send through: an address without "
            "%%scope is expected",
            QUOTE(host));
    } else if (is_name(host)) {
        *ret = target;
        return 0;
    } else {
        return failure_set(failure, OUTCOME_INVALID_ARGS,
                           "host %s is neither an address nor a name: labels of 1 to 63 letters, "
                           "digits, \"-\" and "
                           "\"_\" with dots between them are expected",
                           QUOTE(host));
    }

    if (ip_version && ip_version != target.ip_version)
        return failure_set(failure, OUTCOME_HOST_RESOLVE,
                           "host %s is an IPv%d address, but ip_version asks for IPv%d",
                           QUOTE(host), target.ip_version, ip_version);

    r = probe_target_check(&target, host, failure);
    if (r == 0)
        *ret = target;
    return r;
}

const char *probe_target_format(const ProbeTarget *target, char buffer[static INET6_ADDRSTRLEN])
{
    const char *text;

    if (target->ip_version == 4)
        text = inet_ntop(AF_INET, &target->ipv4, buffer, INET6_ADDRSTRLEN);
    else
        text = inet_ntop(AF_INET6, &target->ipv6, buffer, INET6_ADDRSTRLEN);

    assert(text); /* both families are known, and the buffer holds the longest of either */
    return text;
}
