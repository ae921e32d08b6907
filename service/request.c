/* SPDX-License-Identifier: MIT */

#include "request.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "local-address.h"
#include "util.h"

static void request_finish(Request *request, const PacketReply *reply, const Failure *failure)
{
    request->answer(request, reply, failure);
    request_free(request);
}

void request_fail(Request *request, const Failure *failure)
{
    request_finish(request, NULL, failure);
}

static void on_job_done(void *userdata, const PacketReply *reply, const Failure *failure)
{
    Request *request = userdata;

    request->job = NULL; /* the scheduler frees it */
    request_finish(request, reply, failure);
}

static bool waits(const Request *request)
{
    return request->command.kind == PACKET_SEND_PROBE && request->state != REQUEST_QUEUED;
}

/* Counts probes that wait for something else than the scheduler. */
static void set_state(Request *request, RequestState state)
{
    unsigned *n_waiting = &request->caller->callers->n_waiting;

    *n_waiting -= waits(request);
    request->state = state;
    *n_waiting += waits(request);
}

static void request_submit(Request *request)
{
    Failure failure;
    int r;

    set_state(request, REQUEST_QUEUED);
    r = scheduler_submit(request->scheduler, &request->job, request->caller->uid, &request->command,
                         on_job_done, request);
    if (r < 0) {
        failure_set(&failure, OUTCOME_NO_MEMORY, "out of memory");
        request_fail(request, &failure);
    }
}

/* Ends the request if R is not 0: FAILURE says why, or R is a negative errno. */
static bool refuse(Request *request, int r, Failure *failure)
{
    if (r < 0)
        failure_set(failure, OUTCOME_NO_MEMORY, "the source address cannot be checked: %s",
                    strerror(-r));
    if (r != 0)
        request_fail(request, failure);
    return r != 0;
}

/* Where the probe goes is known. */
static void request_send(Request *request)
{
    const ProbeOptions *options = &request->command.options;
    const ProbeTarget *target = &request->command.target;
    Failure failure;
    int r;

    r = probe_options_check_version(options, target->ip_version, &failure);
    if (r == 0 && options->local_ip.ip_version != 0)
        r = local_address_check_target(&options->local_ip, target, &failure);
    if (!refuse(request, r, &failure))
        request_submit(request);
}

static void on_resolved(NamesWaiter *waiter, const ProbeTarget *target, const Failure *failure)
{
    Request *request = CONTAINER_OF(waiter, Request, name);

    if (failure) {
        request_fail(request, failure);
        return;
    }
    request->command.target = *target;
    request_send(request);
}

static void request_resolve(Request *request)
{
    Failure failure;
    int r;

    set_state(request, REQUEST_RESOLVING);
    request->name.done = on_resolved;
    r = names_get(&request->caller->names, request->host, request->command.options.ip_version,
                  &request->name, &failure);
    if (r < 0)
        r = failure_set(&failure, OUTCOME_NO_MEMORY, "out of memory");
    if (r > 0)
        request_fail(request, &failure);
}

/* What only somebody may ask for who is allowed to probe: it costs a look at all addresses of this
 * machine. */
static int check_source(const PacketCommand *command, Failure *failure)
{
    if (command->kind != PACKET_SEND_PROBE || command->options.local_ip.ip_version == 0)
        return 0;
    return local_address_check(&command->options.local_ip, failure);
}

static void request_authorize(Request *request)
{
    Failure failure;
    int r;

    r = authority_check(request->caller->uid, request->action, &failure);
    if (r == 0)
        r = check_source(&request->command, &failure);
    if (refuse(request, r, &failure))
        return;

    if (request->host)
        request_resolve(request);
    else if (request->command.kind == PACKET_SEND_PROBE)
        request_send(request);
    else
        request_submit(request);
}

void request_on_identified(Request *request, const Failure *failure)
{
    assert(request->state == REQUEST_AUTHORIZING); /* nothing goes on before this is known */

    if (failure)
        request_fail(request, failure);
    else
        request_authorize(request);
}

int request_start(Caller *caller, Scheduler *scheduler, const RequestSpec *spec,
                  sd_bus_message *message)
{
    Request *request;

    request = calloc(1, sizeof(*request));
    if (!request)
        return -ENOMEM;
    if (spec->command.kind == PACKET_SEND_PROBE && spec->command.target.ip_version == 0) {
        request->host = strdup(spec->host);
        if (!request->host) {
            free(request);
            return -ENOMEM;
        }
    }
    request->caller = caller;
    request->scheduler = scheduler;
    request->state = REQUEST_AUTHORIZING;
    request->in_session = caller->session != CALLER_SESSION_NONE;
    request->action = spec->action;
    request->command = spec->command;
    request->message = sd_bus_message_ref(message);
    request->answer = spec->answer;
    caller->callers->n_waiting += waits(request);
    DL_APPEND(caller->requests, request);
    callers_hold(caller->callers);

    if (caller->identified)
        request_authorize(request);
    return 0;
}

Request *request_free(Request *request)
{
    Callers *callers;

    if (!request)
        return NULL;

    callers = request->caller->callers;
    callers->n_waiting -= waits(request);
    DL_DELETE(request->caller->requests, request);
    names_leave(&request->name);
    scheduler_drop(request->job);
    sd_bus_message_unref(request->message);
    free(request->host);
    free(request);
    callers_release(callers);
    return NULL;
}
