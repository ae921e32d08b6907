/* SPDX-License-Identifier: MIT */
#pragma once

/* Where a probe goes: one IPv4 or IPv6 address. Pure. */

#include <arpa/inet.h>
#include <netinet/in.h>

#include "outcome.h"

/* The longest host that is looked at, in bytes: no DNS name is longer. */
#define PROBE_HOST_MAX 253

typedef struct ProbeTarget {
    int ip_version; /* 4 or 6; 0 while there is only a name */
    union {
        struct in_addr ipv4;
        struct in6_addr ipv6;
    };
} ProbeTarget;

/**
 * probe_target_parse() - read the host argument of a probe
 * @ret: the target, only on success; of a name that must be looked up its ip_version is 0
 * @host: what the caller gave, UTF-8
 * @ip_version: 4 or 6 for only this version, 0 for any
 * @failure: filled in on a positive return
 *
 * Return: 0, or OUTCOME_INVALID_ARGS for what no probe can go to (empty, over-long, no name that
 * could be, or see probe_target_check()), OUTCOME_HOST_RESOLVE for an address of the other version,
 * OUTCOME_NOT_SUPPORTED for an address with a scope.
 */
int probe_target_parse(ProbeTarget *ret, const char *host, int ip_version, Failure *failure);

/**
 * probe_target_check() - whether a probe can go to an address
 * @target: an address
 * @host: what the caller gave for it
 * @failure: filled in on a positive return
 *
 * Return: 0, or OUTCOME_INVALID_ARGS for an unspecified, multicast, broadcast or v4-mapped address.
 */
int probe_target_check(const ProbeTarget *target, const char *host, Failure *failure);

/**
 * probe_target_format() - the target as text
 * @target: a target
 * @buffer: INET6_ADDRSTRLEN bytes, filled in with the canonical form
 *
 * Return: @buffer.
 */
const char *probe_target_format(const ProbeTarget *target, char buffer[static INET6_ADDRSTRLEN]);
