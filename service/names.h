/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The names that one caller has resolved. They stay what they were for a minute, so that all hops
 * of a trace go to one address; and requests for the same name that come together share one
 * look-up.
 */

#include <stdbool.h>

#include "outcome.h"
#include "probe-target.h"
#include "resolver.h"

/* How long a name stays what it was, in microseconds. */
#define NAMES_KEPT_USEC (60 * 1000 * 1000ULL)

/* Names that are kept at a time; the oldest goes first. */
#define NAMES_MAX 64

typedef struct Name Name;

typedef struct Names {
    Resolver *resolver; /* borrowed */
    uid_t uid;          /* who looks them up */
    uint64_t keep_usec; /* how long they stay what they were; NAMES_KEPT_USEC */
    bool kept;          /* they do not get too old, for now; set it at will */
    Name *by_key;       /* in the order they came */
} Names;

typedef struct NamesWaiter NamesWaiter;

/** names_done_t - exactly one of @target and @failure is not NULL, and lives until the function
 * returns */
typedef void (*names_done_t)(NamesWaiter *waiter, const ProbeTarget *target,
                             const Failure *failure);

/* Part of whatever waits for a name. */
struct NamesWaiter {
    names_done_t done;
    Name *name; /* NULL unless it waits */
    NamesWaiter *prev, *next;
};

/** names_init() - begin without names */
void names_init(Names *names, Resolver *resolver, uid_t uid);

/** names_deinit() - forget all names; nobody may wait for one */
void names_deinit(Names *names);

/**
 * names_get() - have a name's address
 * @host: a name, as probe_target_parse() lets it pass
 * @ip_version: 4 or 6, or 0 for either
 * @waiter: its `done` set; called once, perhaps before this returns
 * @failure: filled in on a positive return, when `done` is not called
 *
 * Return: 0, OUTCOME_LIMITS_EXCEEDED, or a negative errno.
 */
int names_get(Names *names, const char *host, int ip_version, NamesWaiter *waiter,
              Failure *failure);

/** names_leave() - wait no longer; nothing happens if it does not wait */
void names_leave(NamesWaiter *waiter);
