/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What one caller has been allowed, and what is being asked for it. Requests for the same thing
 * that wait together, with no news between them (see authority.h), share one question and its
 * answer. polkit is asked first whether the caller may as it is; that it may is kept for a minute,
 * or until there is news. If the user would have to authenticate and the call allows that, polkit
 * is asked again, and may ask the user: one prompt per action at a time, and what that brings is
 * not kept here (a stream keeps what it was opened with, see GrantByUser). The others wait for the
 * end of it. If the user did not authenticate they are refused too; else each asks first whether it
 * still needs a prompt, since polkit itself may have kept the answer.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "authority.h"
#include "outcome.h"

/* How long a yes is kept at most, in microseconds. */
#define GRANTS_KEPT_USEC (60 * 1000 * 1000ULL)

/* Those that are kept at a time; the oldest goes first. */
#define GRANTS_MAX 64

typedef struct Grant Grant;
typedef struct GrantWaiter GrantWaiter;

typedef struct Grants {
    Authority *authority;              /* borrowed */
    uid_t uid;                         /* whose caller it is */
    const char *subject;               /* the caller's unique name; borrowed */
    Grant *by_key;                     /* in the order they came */
    unsigned n_kept;                   /* of those */
    bool ending;                       /* see grants_end() */
    Grant *turn[AUTHORITY_ACTIONS];    /* who may have the user asked; NULL if nobody wants to */
    Grant *in_line[AUTHORITY_ACTIONS]; /* and who wait for that, in the order they came */
    bool passing[AUTHORITY_ACTIONS];   /* the turn is just being passed on */
} Grants;

/** grants_done_t - the caller may if @failure is NULL; else that says why not, and lives until the
 * function returns */
typedef void (*grants_done_t)(GrantWaiter *waiter, const Failure *failure);

/* That the caller may do all there is of an action, since its user has authenticated: until there
 * is news. Begins as zeros, which is none. */
typedef struct GrantByUser {
    bool given;
    bool is_news; /* that polkit keeps it from now on, which was the last there was */
    uint64_t age; /* the authority's then */
} GrantByUser;

/* Part of whatever waits for a grant. */
struct GrantWaiter {
    grants_done_t done;
    Grant *grant;        /* NULL unless it waits */
    GrantByUser by_user; /* what there is of it when `done` is called without a failure */
    GrantWaiter *prev, *next;
};

/** grants_init() - begin with nothing */
void grants_init(Grants *grants, Authority *authority, uid_t uid, const char *subject);

/** grants_deinit() - forget everything; nobody may wait for anything. Copes with zeros */
void grants_deinit(Grants *grants);

/**
 * grants_get() - may the caller do this?
 * @action: what; root may everything, and everybody may nothing
 * @details: copied
 * @interactive: the user may be asked to authenticate, which takes a while
 * @waiter: its `done` set; called once, perhaps before this returns, with OUTCOME_ACCESS_DENIED, or
 *   with OUTCOME_AUTHENTICATION if the user would have to authenticate
 *
 * Return: 0 or a negative errno, when `done` is not called.
 */
int grants_get(Grants *grants, AuthorityAction action, const PolkitDetails *details,
               bool interactive, GrantWaiter *waiter);

/** grants_renew() - where @newer has brought the only news since @older was given, and nothing has
 * been taken back by that, @older holds on */
void grants_renew(GrantByUser *older, const GrantByUser *newer);

/** grants_holds() - whether what the user has authenticated for still holds */
bool grants_holds(const Grants *grants, const GrantByUser *by_user);

/** grants_end() - all who wait are about to leave: when the user is not asked for one of them any
 * more, none of the others needs to be */
void grants_end(Grants *grants);

/** grants_leave() - wait no longer; nothing happens if it does not wait */
void grants_leave(GrantWaiter *waiter);
