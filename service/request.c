/* SPDX-License-Identifier: MIT */

#include "request.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "deadlines.h"
#include "hash.h"
#include "local-address.h"
#include "log.h"
#include "stream.h"
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

/* Only then has the command a target and options. */
static bool is_probe(const Request *request)
{
    return request->command.kind == PACKET_SEND_PROBE;
}

static bool waits(const Request *request)
{
    return is_probe(request) && request->state != REQUEST_QUEUED;
}

/* Counts a request where it is: those of nobody yet, and probes that wait for something else than
 * the scheduler. */
static void count(Request *request)
{
    Callers *callers = request->caller->callers;

    callers->n_unidentified += request->state == REQUEST_IDENTIFYING;
    callers->n_waiting += waits(request);
}

static void uncount(Request *request)
{
    Callers *callers = request->caller->callers;

    callers->n_unidentified -= request->state == REQUEST_IDENTIFYING;
    callers->n_waiting -= waits(request);
}

static void set_state(Request *request, RequestState state)
{
    uncount(request);
    request->state = state;
    count(request);
}

/* Ends the request if R is not 0: FAILURE says why, or R is a negative errno, for which WHAT could
 * not be done. */
static bool refuse(Request *request, int r, Failure *failure, const char *what)
{
    if (r < 0)
        failure_set(failure, OUTCOME_NO_MEMORY, "%s: %s", what, strerror(-r));
    if (r != 0)
        request_fail(request, failure);
    return r != 0;
}

static void request_submit(Request *request)
{
    Failure failure;
    int r;

    set_state(request, REQUEST_QUEUED);
    r = scheduler_submit(request->scheduler, &request->job, request->caller->uid,
                         TAKE_PTR(request->charge), &request->command, on_job_done, request);
    (void)refuse(request, r, &failure, "the call cannot be queued");
}

/* Where the probe goes is known. What the kernel has no way to is answered as mtr-packet does if it
 * is given a source. */
static void request_send(Request *request)
{
    static const PacketReply no_route = {.word = "no-route"};
    const ProbeOptions *options = &request->command.options;
    const ProbeTarget *target = &request->command.target;
    Failure failure;
    int r;

    r = probe_options_check_version(options, target->ip_version, &failure);
    if (r == 0 && options->local_ip.ip_version != 0)
        r = local_address_check_target(&options->local_ip, target, &failure);
    if (refuse(request, r, &failure, "the source address cannot be checked"))
        return;
    if (options->local_ip.ip_version == 0 &&
        routes_is_unreachable(&request->caller->callers->routes, target, deadlines_now()))
        request_finish(request, &no_route, NULL);
    else
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
    (void)refuse(request, r, &failure, "the name cannot be looked up");
}

/* What only somebody may ask for who is allowed to probe: it costs a look at all addresses of this
 * machine. */
static int check_source(const PacketCommand *command, Failure *failure)
{
    if (command->kind != PACKET_SEND_PROBE || command->options.local_ip.ip_version == 0)
        return 0;
    return local_address_check(&command->options.local_ip, failure);
}

static void request_go(Request *request)
{
    Failure failure;

    if (refuse(request, check_source(&request->command, &failure), &failure,
               "the source address cannot be checked"))
        return;

    if (!is_probe(request))
        request_submit(request);
    else if (request->command.target.ip_version == 0)
        request_resolve(request);
    else
        request_send(request);
}

/* What the administrator should know; not so often that a caller could fill the journal. */
static void log_denial(const Request *request, const Failure *failure)
{
    const char *host = request->host ? request->host : "";
    char uid[16], missed_text[64] = "";
    const LogField fields[] = {
        {"MESSAGE_ID", LOG_ID_DENIED},
        {"CALLER_UID", uid},
        {"CALLER_NAME", request->caller->name},
        {"POLKIT_ACTION", authority_action_id(request->asking)},
        {"PROBE_HOST", host},
    };
    unsigned missed;

    if (!quota_may_log(request->caller->user, &missed))
        return;
    snprintf(uid, sizeof(uid), "%u", (unsigned)request->caller->uid);
    if (missed > 0)
        snprintf(missed_text, sizeof(missed_text), "; %u more denials of this user before it",
                 missed);
    log_event(LOG_NOTICE, fields, ELEMENTS(fields), "%s%s", failure->message, missed_text);
}

static void request_authorize(Request *request);

static void request_on_authorized(Request *request)
{
    if (request->asking == AUTHORITY_PROBE && request->with_mark) {
        request->asking = AUTHORITY_SET_MARK;
        request_authorize(request);
    } else {
        request_go(request);
    }
}

static void on_granted(GrantWaiter *waiter, const Failure *failure)
{
    Request *request = CONTAINER_OF(waiter, Request, grant);

    if (failure) {
        if (failure->outcome != OUTCOME_NO_MEMORY)
            log_denial(request, failure);
        request_fail(request, failure);
    } else {
        if (request->stream)
            stream_note_grant(request->stream, request->asking, &waiter->by_user);
        request_on_authorized(request);
    }
}

static void request_authorize(Request *request)
{
    const ProbeOptions *options = &request->command.options;
    PolkitDetails details = {0};
    Failure failure;
    int r;

    if (is_probe(request))
        details = (PolkitDetails){.host = request->host,
                                  .protocol = probe_protocol_name(options->protocol),
                                  .mark = options->mark};
    set_state(request, REQUEST_AUTHORIZING);
    if (request->stream && stream_may(request->stream, request->asking)) {
        request_on_authorized(request);
        return;
    }
    request->grant.done = on_granted;
    r = grants_get(&request->caller->grants, request->asking, &details, request->call.interactive,
                   &request->grant);
    (void)refuse(request, r, &failure, "polkit cannot be asked");
}

static void on_token(void *userdata)
{
    request_authorize(userdata);
}

/* Charges the request to its caller's user, who is known now. */
static void request_charge(Request *request)
{
    Failure failure;
    int r;

    /* Before anybody is asked to authenticate for one that there is no place for. */
    r = request->stream ? quota_check_stream(request->caller->user, &failure) : 0;
    if (r == 0)
        r = charge_new(&request->charge, request->caller->user, &failure);
    if (refuse(request, r, &failure, "the call cannot be charged"))
        return;

    set_state(request, REQUEST_DELAYED);
    r = charge_pace(request->charge, on_token, request);
    if (r > 0)
        request_authorize(request);
    else
        (void)refuse(request, r, &failure, "the call cannot be charged");
}

void request_on_identified(Request *request, const Failure *failure)
{
    assert(request->state == REQUEST_IDENTIFYING); /* nothing goes on before this is known */

    if (failure)
        request_fail(request, failure);
    else
        request_charge(request);
}

/* A request as it was asked for, and counted. */
static int request_new(Request **ret, RequestList *list, Caller *caller, Scheduler *scheduler,
                       const RequestSpec *spec, RequestState state)
{
    _cleanup_(freep) Request *request = NULL;

    request = calloc(1, sizeof(*request));
    if (!request)
        return -ENOMEM;
    if (spec->host) {
        request->host = strdup(spec->host);
        if (!request->host)
            /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): freed as its scope ends */
            return -ENOMEM;
    }
    request->caller = caller;
    request->scheduler = scheduler;
    request->state = state;
    request->asking = spec->action;
    request->with_mark = spec->with_mark;
    request->command = spec->command;
    request->answer = spec->answer;
    request->stream = spec->stream;

    request->list = list;
    list->n++;
    DL_APPEND(list->first, request);
    count(request);
    callers_hold(caller->callers);
    *ret = TAKE_PTR(request);
    return 0;
}

/* Whose it is the bus will have said in a moment. */
static bool may_be_unidentified(const Caller *caller)
{
    bool many = caller->callers->n_unidentified >= REQUESTS_UNIDENTIFIED_MANY;

    return caller->identified ||
           caller->requests.n < (many ? REQUESTS_UNIDENTIFIED_FEW : REQUESTS_UNIDENTIFIED_MAX);
}

int request_start(Caller *caller, Scheduler *scheduler, const RequestSpec *spec,
                  sd_bus_message *message, Failure *failure)
{
    Request *request;
    BusCall call;
    int r;

    if (!may_be_unidentified(caller))
        return failure_set(failure, OUTCOME_LIMITS_EXCEEDED,
                           "the caller has %u calls waiting before the bus has said who it is",
                           caller->requests.n);

    r = bus_call_note(&call, message);
    if (r < 0)
        return r;
    r = request_new(&request, &caller->requests, caller, scheduler, spec, REQUEST_IDENTIFYING);
    if (r < 0)
        return r;
    request->call = call;
    request->in_session = caller->session != CALLER_SESSION_NONE;

    if (caller->identified)
        request_charge(request);
    return 0;
}

int request_start_command(RequestList *list, Caller *caller, Scheduler *scheduler,
                          const RequestSpec *spec, int token, Charge *charge)
{
    Request *request;
    int r;

    r = request_new(&request, list, caller, scheduler, spec, REQUEST_AUTHORIZING);
    if (r < 0) {
        charge_free(charge);
        return r;
    }
    request->token = token;
    request->charge = charge;
    request_authorize(request);
    return 0;
}

Request *request_free(Request *request)
{
    Callers *callers;

    if (!request)
        return NULL;

    callers = request->caller->callers;
    uncount(request);
    request->list->n--;
    DL_DELETE(request->list->first, request);
    grants_leave(&request->grant);
    names_leave(&request->name);
    scheduler_drop(request->job);
    charge_free(request->charge);
    free(request->host);
    free(request);
    callers_release(callers);
    return NULL;
}
