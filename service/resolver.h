/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Names to addresses through the system's resolver (NSS), which blocks: so in threads, a bounded
 * number of them (service-limits.h), taken in turn by the users that wait. Look-ups that hang cost
 * their own user two places of eight; only four users whose look-ups hang keep others waiting.
 */

#include <sys/types.h>

#include <systemd/sd-event.h>

#include "outcome.h"
#include "probe-target.h"
#include "service-limits.h"
#include "statistics.h"
#include "util.h"

typedef struct Resolver Resolver;
typedef struct Lookup Lookup;

/**
 * lookup_done_t - the end of a look-up: exactly one of @target and @failure is not NULL
 *
 * @failure is OUTCOME_HOST_RESOLVE with the resolver's reason, or what probe_target_check() says of
 * the address. Both live until the function returns; the look-up is freed then.
 */
typedef void (*lookup_done_t)(void *userdata, const ProbeTarget *target, const Failure *failure);

/**
 * resolver_new() - make a resolver; it has no threads yet
 * @limits: copied
 * @statistics: where it counts look-ups; borrowed for its whole life
 *
 * Return: 0 or a negative errno.
 */
int resolver_new(Resolver **ret, sd_event *event, const Limits *limits, Statistics *statistics);

/**
 * resolver_free() - forget everything, without waiting for look-ups that run
 *
 * All must have been dropped or done. Takes NULL, returns NULL. Call it at the end of the process
 * only: a thread that hangs in the system's resolver cannot be ended otherwise.
 */
Resolver *resolver_free(Resolver *resolver);
DEFINE_CLEANUP(Resolver *, resolver_free)

/**
 * resolver_lookup() - look a name up
 * @ret: the look-up, by which it can be dropped; only on success
 * @uid: for whom
 * @host: copied
 * @ip_version: 4 or 6, or 0 for the one that the system prefers
 * @done, @userdata: called once, perhaps before this returns
 * @failure: filled in on a positive return
 *
 * Return: 0, OUTCOME_LIMITS_EXCEEDED if too many of this user wait, or a negative errno.
 */
int resolver_lookup(Resolver *resolver, Lookup **ret, uid_t uid, const char *host, int ip_version,
                    lookup_done_t done, void *userdata, Failure *failure);

/** lookup_drop() - nobody waits any more; takes NULL, returns NULL */
Lookup *lookup_drop(Lookup *lookup);
