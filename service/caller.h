/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A caller is a connection to the bus that has called us. The bus is asked once for its user,
 * without waiting, and tells when it leaves; until then the caller is kept, so a connection that
 * probes one by one is not asked about each time. There are no more callers than the bus lets
 * connections be.
 */

#include <stdbool.h>
#include <sys/types.h>

#include <systemd/sd-bus.h>

#include "hash.h"
#include "names.h"
#include "outcome.h"

typedef struct Caller Caller;
typedef struct Callers Callers;
typedef struct Request Request;

struct Caller {
    Callers *callers; /* where it is registered; borrowed */
    char *name;       /* its unique name on the bus */
    UT_hash_handle by_name;

    bool identified;
    uid_t uid;             /* only if identified */
    Names names;           /* that it has resolved; only if identified */
    sd_bus_slot *question; /* for the uid; while it is out */

    Request
        *requests; /* its unanswered requests, in the order they came; they register themselves */
};

/* All callers. */
struct Callers {
    sd_bus *bus;        /* borrowed */
    Resolver *resolver; /* borrowed */
    sd_bus_slot *leaving;
    Caller *by_name;
};

/**
 * callers_init() - have the bus tell who leaves
 * @callers: filled in
 * @bus: borrowed, and must be attached to an event loop
 * @resolver: borrowed
 *
 * Return: 0 or a negative errno; either way callers_deinit() cleans up.
 */
int callers_init(Callers *callers, sd_bus *bus, Resolver *resolver);

/** callers_deinit() - forget all callers; none may have requests */
void callers_deinit(Callers *callers);

/**
 * callers_get() - the caller that sent a message
 * @callers: the registry
 * @ret: the caller, which belongs to the registry
 * @message: a call that came over the bus
 *
 * A caller that is new is asked about; its requests are told the answer with
 * request_on_identified().
 *
 * Return: 0 or a negative errno.
 */
int callers_get(Callers *callers, Caller **ret, sd_bus_message *message);

/** callers_cancel() - answer every request of every caller with @failure */
void callers_cancel(Callers *callers, const Failure *failure);
