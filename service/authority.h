/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Who may do what: polkit says. This is the service's end of the conversation with it: questions,
 * without waiting, and news that its answers may be others from now on. What a caller has been
 * allowed is kept by grants.h.
 *
 * The bus lets us have no more than 128 questions out at a time, and polkit may take long, with
 * those above all that let it ask the user: so there are places for fewer, for either kind, and a
 * user takes a further one only while it holds fewer than are free. A question that nobody waits
 * for any more keeps its place until polkit has answered. If there is no polkit, or it fails, the
 * answer is no.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <systemd/sd-bus.h>

#include "outcome.h"
#include "polkit-call.h"
#include "service-limits.h"
#include "statistics.h"
#include "util.h"

typedef struct Authority Authority;
typedef struct Question Question;

/* What a caller may be allowed. */
typedef enum AuthorityAction {
    AUTHORITY_NOTHING,  /* everybody may: mtr-packet is asked what it supports */
    AUTHORITY_PROBE,    /* to send probes */
    AUTHORITY_SET_MARK, /* and with a routing mark */
    AUTHORITY_ACTIONS,  /* how many there are */
} AuthorityAction;

typedef enum AuthorityAnswer {
    AUTHORITY_YES,         /* now, and until there is news */
    AUTHORITY_YES_BY_USER, /* whatever the details, until there is news, since the user has
                              authenticated */
    AUTHORITY_YES_KEPT,    /* the same, and polkit keeps that from now on: that was the last news */
    AUTHORITY_YES_ONCE,    /* but ask again the next time */
    AUTHORITY_CHALLENGE, /* not unless the user authenticates: of a question that let polkit ask the
                            user, there is nobody whom it could ask */
    AUTHORITY_NO,
} AuthorityAnswer;

/** authority_done_t - the end of a question; @failure says why not if the answer is AUTHORITY_NO,
 * and lives until the function returns. The question is gone. Never called from within a function
 * here. */
typedef void (*authority_done_t)(void *userdata, AuthorityAnswer answer, const Failure *failure);

/**
 * authority_new() - get ready to ask polkit; it need not be there
 * @bus: borrowed for its whole life, attached to an event loop
 * @limits: how long polkit and users may take; copied
 * @statistics: where it counts; borrowed for its whole life
 *
 * Return: 0 or a negative errno.
 */
int authority_new(Authority **ret, sd_bus *bus, const Limits *limits, Statistics *statistics);

/** authority_free() - nobody may wait for an answer; takes NULL, returns NULL */
Authority *authority_free(Authority *authority);
DEFINE_CLEANUP(Authority *, authority_free)

/**
 * authority_ask() - may this caller do this?
 * @ret: the question, by which it can be dropped; only on success
 * @uid: the caller's user, not root
 * @subject: the caller's unique name on the bus
 * @action: what, not AUTHORITY_NOTHING
 * @interactive: polkit may ask the user to authenticate, which takes a while
 * @done, @userdata: called once, unless the question is dropped before
 *
 * Return: 0 or a negative errno.
 */
int authority_ask(Authority *authority, Question **ret, uid_t uid, const char *subject,
                  AuthorityAction action, const PolkitDetails *details, bool interactive,
                  authority_done_t done, void *userdata);

/** question_drop() - nobody wants to know any more: a prompt that is up disappears. Takes NULL,
 * returns NULL */
Question *question_drop(Question *question);

/** authority_age() - a number that changes whenever an AUTHORITY_YES, or one by the user, may not
 * hold any more */
uint64_t authority_age(const Authority *authority);

/** authority_action_id() - the action's name with polkit */
const char *authority_action_id(AuthorityAction action);

/**
 * authority_refuse() - say that a user may not do something
 * @failure: filled in
 * @outcome: as what
 * @reason: why
 *
 * Return: @outcome.
 */
int authority_refuse(Failure *failure, Outcome outcome, uid_t uid, AuthorityAction action,
                     const char *reason);
