/* SPDX-License-Identifier: MIT */

#include "caller.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bus-error.h"
#include "request.h"
#include "stream.h"
#include "util.h"

static Caller *caller_free(Caller *caller)
{
    if (!caller)
        return NULL;

    assert(!caller->requests.first && !caller->streams);

    caller_set_session(caller, CALLER_SESSION_NONE);
    if (HASH_ADDED(by_name, caller))
        HASH_DELETE(by_name, caller->callers->by_name, caller);
    names_deinit(&caller->names);
    grants_deinit(&caller->grants);
    quota_user_unref(caller->user);
    sd_bus_slot_unref(caller->question);
    free(caller->name);
    free(caller);
    return NULL;
}
DEFINE_CLEANUP(Caller *, caller_free)

/* What depends on the caller's user, who is known now. */
static int identify(Caller *caller, uid_t uid)
{
    int r;

    r = quota_get_user(caller->callers->quota, &caller->user, uid);
    if (r < 0)
        return r;
    caller->identified = true;
    caller->uid = uid;
    grants_init(&caller->grants, caller->callers->authority, uid, caller->name);
    names_init(&caller->names, caller->callers->resolver, uid);
    caller->names.kept = caller->session != CALLER_SESSION_NONE;
    return 0;
}

static int on_identified(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
    Caller *caller = userdata;
    Request *request, *next;
    Failure failure;
    uint32_t uid;

    caller->question = sd_bus_slot_unref(caller->question);

    if (sd_bus_message_is_method_error(message, NULL) ||
        sd_bus_message_read_basic(message, 'u', &uid) < 0)
        failure_set(&failure, OUTCOME_ACCESS_DENIED,
                    "the bus does not say which user this connection is of");
    else if (identify(caller, uid) < 0)
        failure_set(&failure, OUTCOME_NO_MEMORY, "out of memory");

    DL_FOREACH_SAFE (caller->requests.first, request, next)
        request_on_identified(request, caller->identified ? NULL : &failure);

    /* So that its next call asks again. */
    if (!caller->identified)
        caller_free(caller);
    return 0;
}

int callers_get(Callers *callers, Caller **ret, sd_bus_message *message)
{
    const char *name = sd_bus_message_get_sender(message);
    _cleanup_(caller_freep) Caller *caller = NULL;
    Caller *known;
    int r;

    if (!name)
        return -EBADMSG; /* no bus sends such a call */

    HASH_FIND(by_name, callers->by_name, name, strlen(name), known);
    if (known) {
        *ret = known;
        return 0;
    }

    caller = calloc(1, sizeof(*caller));
    if (!caller)
        return -ENOMEM;
    caller->callers = callers;
    caller->name = strdup(name);
    if (!caller->name)
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): freed as its scope ends */
        return -ENOMEM;

    r = sd_bus_call_method_async(callers->bus, &caller->question, BUS_DRIVER_NAME, BUS_DRIVER_PATH,
                                 BUS_DRIVER_INTERFACE, "GetConnectionUnixUser", on_identified,
                                 caller, "s", name);
    if (r < 0)
        return r;

    HASH_ADD_KEYPTR(by_name, callers->by_name, caller->name, strlen(caller->name), caller);
    if (!HASH_ADDED(by_name, caller))
        return -ENOMEM;

    *ret = TAKE_PTR(caller);
    return 0;
}

/*
 * Somebody has left the bus: NameOwnerChanged(name, old owner, no new owner). The match has the bus
 * as the sender, but sd-bus cannot tell whose a unique name is, and lets any pass for it.
 */
static int on_leaving(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
    Callers *callers = userdata;
    const char *sender = sd_bus_message_get_sender(message), *name;
    Caller *caller;

    if (!sender || strcmp(sender, BUS_DRIVER_NAME) != 0)
        return 0;
    if (sd_bus_message_read_basic(message, 's', &name) < 0)
        return 0;
    HASH_FIND(by_name, callers->by_name, name, strlen(name), caller);
    if (!caller)
        return 0;

    grants_end(&caller->grants);
    while (caller->requests.first)
        request_free(caller->requests.first);
    while (caller->streams)
        stream_free(caller->streams);
    caller_free(caller);
    return 0;
}

int callers_init(Callers *callers, sd_bus *bus, Authority *authority, Quota *quota,
                 Resolver *resolver, Statistics *statistics, callers_busy_t busy, void *userdata)
{
    *callers = (Callers){.bus = bus,
                         .authority = authority,
                         .quota = quota,
                         .resolver = resolver,
                         .statistics = statistics,
                         .busy = busy,
                         .userdata = userdata};
    routes_init(&callers->routes);

    return sd_bus_add_match_async(bus, &callers->leaving,
                                  "type='signal',sender='" BUS_DRIVER_NAME
                                  "',path='" BUS_DRIVER_PATH "',interface='" BUS_DRIVER_INTERFACE
                                  "',member='NameOwnerChanged',arg2=''",
                                  on_leaving, NULL, callers);
}

void callers_deinit(Callers *callers)
{
    Caller *caller, *next;

    HASH_ITER (by_name, callers->by_name, caller, next)
        caller_free(caller);
    callers->leaving = sd_bus_slot_unref(callers->leaving);
    routes_deinit(&callers->routes);
}

void callers_cancel(Callers *callers, const Failure *failure)
{
    Caller *caller, *next_caller;

    HASH_ITER (by_name, callers->by_name, caller, next_caller) {
        grants_end(&caller->grants);
        while (caller->requests.first)
            request_fail(caller->requests.first, failure);
        while (caller->streams)
            stream_end(caller->streams, failure);
        caller_set_session(caller, CALLER_SESSION_NONE);
    }
}

void callers_hold(Callers *callers)
{
    if (callers->n_busy++ == 0)
        callers->busy(callers->userdata, true);
}

void callers_release(Callers *callers)
{
    assert(callers->n_busy > 0);
    if (--callers->n_busy == 0)
        callers->busy(callers->userdata, false);
}

void caller_set_session(Caller *caller, CallerSession session)
{
    CallerSession before = caller->session;

    caller->session = session;
    caller->names.kept = session != CALLER_SESSION_NONE;
    if (before == CALLER_SESSION_NONE && session != CALLER_SESSION_NONE)
        callers_hold(caller->callers);
    else if (before != CALLER_SESSION_NONE && session == CALLER_SESSION_NONE)
        callers_release(caller->callers);
}

/* Those of the session came after all others that there still are: no need to look for them. */
static Request *last_in_session(const Caller *caller)
{
    Request *last = caller->requests.first ? caller->requests.first->prev : NULL;

    return last && last->in_session ? last : NULL;
}

int caller_close(Caller *caller, Failure *failure)
{
    Request *request;
    Failure cancelled;

    if (caller->session == CALLER_SESSION_NONE)
        return failure_set(failure, OUTCOME_STATE, "not open: Open comes before Close");

    failure_set(&cancelled, OUTCOME_CANCELLED, "the session was closed before there was an answer");
    while ((request = last_in_session(caller)))
        request_fail(request, &cancelled);
    caller_set_session(caller, CALLER_SESSION_NONE);
    return 0;
}
