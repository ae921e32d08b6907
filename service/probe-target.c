/* SPDX-License-Identifier: MIT */

#include "probe-target.h"

#include <assert.h>
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

int probe_target_parse(ProbeTarget *ret, const char *host, int ip_version, Failure *failure)
{
    ProbeTarget target = {0};
    const char *kind;

    if (!*host)
        return failure_set(failure, OUTCOME_INVALID_ARGS,
                           "host is empty, an IPv4 or IPv6 address is expected");
    if (strlen(host) > PROBE_HOST_MAX)
        return failure_set(failure, OUTCOME_INVALID_ARGS,
                           "host %s has %zu bytes, at most %d are expected", QUOTE(host),
                           strlen(host), PROBE_HOST_MAX);

    if (inet_pton(AF_INET, host, &target.ipv4) == 1)
        target.ip_version = 4;
    else if (inet_pton(AF_INET6, host, &target.ipv6) == 1)
        target.ip_version = 6;
    else if (strchr(host, '%'))
        return failure_set(failure, OUTCOME_NOT_SUPPORTED,
                           "host %s names an interface, which mtr-packet cannot send through: "
                           "an address without %%scope is expected",
                           QUOTE(host));
    else
        return failure_set(failure, OUTCOME_NOT_SUPPORTED,
                           "host %s is not a numeric IPv4 or IPv6 address, and names are not "
                           "supported yet",
                           QUOTE(host));

    if (ip_version && ip_version != target.ip_version)
        return failure_set(failure, OUTCOME_HOST_RESOLVE,
                           "host %s is an IPv%d address, but ip_version asks for IPv%d",
                           QUOTE(host), target.ip_version, ip_version);

    kind = unprobeable(&target);
    if (kind)
        return failure_set(failure, OUTCOME_INVALID_ARGS,
                           "host %s is %s, the address of a single host is expected", QUOTE(host),
                           kind);

    *ret = target;
    return 0;
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
