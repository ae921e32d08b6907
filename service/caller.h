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

#include "authority.h"
#include "grants.h"
#include "hash.h"
#include "names.h"
#include "outcome.h"
#include "quota.h"
#include "routes.h"
#include "statistics.h"

typedef struct Caller Caller;
typedef struct Callers Callers;
typedef struct Request Request;
typedef struct Stream Stream;

/* Unanswered requests, in the order they came; they register themselves. */
typedef struct RequestList {
    Request *first;
    unsigned n;
} RequestList;

/* Whether a caller has called Open. */
typedef enum CallerSession {
    CALLER_SESSION_NONE,
    CALLER_SESSION_OPENING, /* not yet answered */
    CALLER_SESSION_OPEN,
} CallerSession;

/* Told when the first request, session or stream comes, and when the last has gone. */
typedef void (*callers_busy_t)(void *userdata, bool busy);

struct Caller {
    Callers *callers; /* where it is registered; borrowed */
    char *name;       /* its unique name on the bus */
    UT_hash_handle by_name;

    bool identified;
    sd_bus_slot *question; /* for the uid; while it is out */
    /* only if identified: */
    uid_t uid;
    QuotaUser *user; /* what that user has of the service */
    Grants grants;   /* what the caller has been allowed */
    Names names;     /* that it has resolved */

    CallerSession session; /* change it with caller_set_session() */
    RequestList requests;  /* that came over the bus */
    Stream *streams;       /* open, or to be opened; they register themselves */
};

/* All callers. */
struct Callers {
    sd_bus *bus;            /* borrowed */
    Authority *authority;   /* borrowed */
    Quota *quota;           /* borrowed */
    Resolver *resolver;     /* borrowed */
    Statistics *statistics; /* borrowed; of answers */
    Routes routes;          /* to the targets of probes */
    sd_bus_slot *leaving;
    Caller *by_name;
    unsigned n_unidentified; /* requests of callers whose user is not known yet */
    unsigned n_busy;         /* requests, sessions and streams, of all callers */
    unsigned n_waiting;      /* probes that are not with the scheduler yet */
    callers_busy_t busy;
    void *userdata;
};

/**
 * callers_init() - have the bus tell who leaves
 * @callers: filled in
 * @bus: borrowed, and must be attached to an event loop
 * @authority, @quota, @resolver: borrowed
 * @statistics: where answers are counted; borrowed
 * @busy, @userdata: told of the first and of the last request, session or stream
 *
 * Return: 0 or a negative errno; either way callers_deinit() cleans up.
 */
int callers_init(Callers *callers, sd_bus *bus, Authority *authority, Quota *quota,
                 Resolver *resolver, Statistics *statistics, callers_busy_t busy, void *userdata);

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

/** callers_cancel() - answer every request of every caller with @failure, and end every session
 * and every stream */
void callers_cancel(Callers *callers, const Failure *failure);

/** callers_hold() - a request or a stream has come; callers_release() when it is gone */
void callers_hold(Callers *callers);
void callers_release(Callers *callers);

/**
 * caller_set_session() - begin or end a session
 *
 * While there is one, the caller's names stay what they are, and the service stays.
 */
void caller_set_session(Caller *caller, CallerSession session);

/**
 * caller_close() - end a session, if there is one
 * @failure: filled in on a positive return
 *
 * What the caller has asked for since it was opened is answered with OUTCOME_CANCELLED.
 *
 * Return: 0, or OUTCOME_STATE if there is none.
 */
int caller_close(Caller *caller, Failure *failure);
