/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * One call on its way: made from a message, or from a command of a stream, it walks its states, and
 * is answered exactly once.
 *
 *     IDENTIFYING  until the bus has said who the caller is
 *     DELAYED      until its user has not sent too many a second (a command of a stream begins
 *                  behind this)
 *     AUTHORIZING  until polkit has said that the caller may
 *     RESOLVING    until the host's name has an address
 *     QUEUED       with the scheduler, and then in mtr-packet
 *     answered, and freed
 *
 * A caller that leaves the bus takes its requests along, unanswered, and a stream those that came
 * by it.
 */

#include <systemd/sd-bus.h>

#include "authority.h"
#include "bus-call.h"
#include "caller.h"
#include "outcome.h"
#include "packet-protocol.h"
#include "scheduler.h"

/** request_answer_t - answer a call: exactly one of @reply and @failure is not NULL */
typedef void (*request_answer_t)(Request *request, const PacketReply *reply,
                                 const Failure *failure);

/* What is asked for. */
typedef struct RequestSpec {
    AuthorityAction action; /* what the caller must be allowed */
    bool with_mark;         /* and AUTHORITY_SET_MARK */
    PacketCommand command;
    const char *host; /* of a probe, as the caller gave it: a name to look up, if the command's
                         target has ip_version 0; else NULL */
    request_answer_t answer;
    Stream *stream; /* borrowed: that it came by, or that it is to open; or NULL */
} RequestSpec;

/*
 * Calls that wait before it is known whose they are, and so to whom they can be charged: of one
 * caller as many as the bus lets wait for their replies, for there is no other bound for those that
 * want none; but where there are many already, of all callers, no more than a few, which nobody is
 * refused.
 */
#define REQUESTS_UNIDENTIFIED_MAX 128
#define REQUESTS_UNIDENTIFIED_MANY 4096
#define REQUESTS_UNIDENTIFIED_FEW 4

typedef enum RequestState {
    REQUEST_IDENTIFYING,
    REQUEST_DELAYED,
    REQUEST_AUTHORIZING,
    REQUEST_RESOLVING,
    REQUEST_QUEUED,
} RequestState;

struct Request {
    Caller *caller;       /* borrowed: it frees its requests before it goes */
    RequestList *list;    /* the caller's, or of the stream that it came by */
    Request *prev, *next; /* there */
    Scheduler *scheduler; /* borrowed */
    RequestState state;
    bool in_session; /* of its caller */
    bool with_mark;
    PacketCommand command;
    char *host;             /* as it was given, of a probe */
    Stream *stream;         /* that it came by, or is to open; or NULL */
    Charge *charge;         /* from DELAYED on, until QUEUED: then it is the job's */
    AuthorityAction asking; /* what polkit is asked, while AUTHORIZING */
    GrantWaiter grant;      /* then */
    NamesWaiter name;       /* while RESOLVING */
    Job *job;               /* while QUEUED */
    request_answer_t answer;
    BusCall call; /* to answer to, if it came over the bus */
    int token;    /* or by a stream */
};

/**
 * request_start() - take a validated call, to be answered later
 * @caller: who called
 * @scheduler: borrowed
 * @spec: what it asks for; copied. Its `answer` is called once, perhaps before this returns.
 * @message: the call, which is not kept
 * @failure: filled in on a positive return
 *
 * Return: 0, or OUTCOME_LIMITS_EXCEEDED or a negative errno, when `answer` will not be called.
 */
int request_start(Caller *caller, Scheduler *scheduler, const RequestSpec *spec,
                  sd_bus_message *message, Failure *failure);

/**
 * request_start_command() - take a command of a stream, to be answered later
 * @list: the stream's requests
 * @caller: whose stream it is; the bus has said who it is
 * @scheduler: borrowed
 * @spec: what it asks for; copied. Its `answer` is called once, perhaps before this returns.
 * @token: the command's
 * @charge: to the caller's user, with its token; taken over, in any case
 *
 * Return: 0 or -ENOMEM, when `answer` will not be called.
 */
int request_start_command(RequestList *list, Caller *caller, Scheduler *scheduler,
                          const RequestSpec *spec, int token, Charge *charge);

/**
 * request_on_identified() - the bus has said who the caller is, or would not
 * @failure: why not, or NULL
 *
 * The request may be answered and freed.
 */
void request_on_identified(Request *request, const Failure *failure);

/** request_fail() - answer with @failure, and free */
void request_fail(Request *request, const Failure *failure);

/** request_free() - forget, unanswered; takes NULL, returns NULL */
Request *request_free(Request *request);
