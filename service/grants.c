/* SPDX-License-Identifier: MIT */

#include "grants.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "deadlines.h"
#include "hash.h"
#include "probe-target.h"

/* What comes before the host in a key: action, whether the user may be asked, protocol, mark, age.
 */
#define KEY_HEAD 48
#define KEY_SIZE (KEY_HEAD + PROBE_HOST_MAX + 1)

typedef enum GrantState {
    GRANT_ASKING,  /* whether the caller may as it is; or for the user, if it has the turn */
    GRANT_IN_LINE, /* the user would have to authenticate, but is being asked something else */
    GRANT_KEPT,    /* yes */
} GrantState;

struct Grant {
    Grants *grants;
    UT_hash_handle by_key;
    Grant *prev, *next; /* while IN_LINE */
    GrantState state;
    AuthorityAction action;
    PolkitDetails details; /* its host is in the key */
    bool interactive;      /* the user may be asked, for those who wait */
    bool asks_user;        /* and is, now */
    Question *question;    /* while ASKING */
    GrantWaiter *waiters;  /* unless KEPT */
    uint64_t age;          /* the authority's when it was asked for: of no use to who comes later */
    uint64_t until_usec;   /* while KEPT */
    char key[];
};

static void ask(Grant *grant, bool the_user);

static bool has_turn(const Grant *grant)
{
    return grant->grants->turn[grant->action] == grant;
}

static void grant_free(Grant *grant)
{
    Grants *grants = grant->grants;

    assert(!grant->waiters);

    if (grant->state == GRANT_IN_LINE)
        DL_DELETE(grants->in_line[grant->action], grant);
    if (has_turn(grant))
        grants->turn[grant->action] = NULL;
    if (grant->state == GRANT_KEPT)
        grants->n_kept--;
    if (HASH_ADDED(by_key, grant))
        HASH_DELETE(by_key, grants->by_key, grant);
    question_drop(grant->question);
    free(grant);
}

/* Whoever is next in line for the user asks first whether that is still needed. Who cannot ask, for
 * want of memory, leaves the turn again: the loop passes it on, not that call, since the line may
 * be as long as a user's calls. */
static void pass_turn(Grants *grants, AuthorityAction action)
{
    Grant *next;

    if (grants->passing[action])
        return;
    grants->passing[action] = true;
    while (!grants->ending && !grants->turn[action] && grants->in_line[action]) {
        next = grants->in_line[action];
        DL_DELETE(grants->in_line[action], next);
        grants->turn[action] = next;
        ask(next, false);
    }
    grants->passing[action] = false;
}

static bool holds(const Grant *grant)
{
    return grant->age == authority_age(grant->grants->authority) &&
           deadlines_now() < grant->until_usec;
}

/* Forgets what does not hold any more, and the oldest if there is no room for another. */
static void tidy(Grants *grants)
{
    Grant *grant, *next;

    HASH_ITER (by_key, grants->by_key, grant, next)
        if (grant->state == GRANT_KEPT && (!holds(grant) || grants->n_kept >= GRANTS_MAX))
            grant_free(grant);
}

static void keep(Grant *grant)
{
    tidy(grant->grants);
    grant->state = GRANT_KEPT;
    grant->until_usec = deadlines_now() + GRANTS_KEPT_USEC;
    grant->grants->n_kept++;
}

/* Tells those who wait. They may ask for more, but the grants themselves stay. */
static void settle(Grant *grant, AuthorityAnswer answer, const Failure *failure)
{
    Grants *grants = grant->grants;
    AuthorityAction action = grant->action;
    GrantWaiter *waiters = grant->waiters, *waiter, *next;
    GrantByUser by_user = {.given = answer == AUTHORITY_YES_BY_USER || answer == AUTHORITY_YES_KEPT,
                           .is_news = answer == AUTHORITY_YES_KEPT,
                           .age = authority_age(grants->authority)};

    grant->waiters = NULL;
    if (answer == AUTHORITY_YES) {
        if (has_turn(grant))
            grants->turn[action] = NULL;
        keep(grant);
    } else {
        grant_free(grant);
    }

    DL_FOREACH (waiters, waiter) {
        waiter->grant = NULL;
        waiter->by_user = by_user;
    }
    pass_turn(grants, action);
    DL_FOREACH_SAFE (waiters, waiter, next)
        waiter->done(waiter, failure);
}

static void demand_authentication(Grant *grant, const char *reason)
{
    Failure failure;

    (void)authority_refuse(&failure, OUTCOME_AUTHENTICATION, grant->grants->uid, grant->action,
                           reason);
    settle(grant, AUTHORITY_NO, &failure);
}

/* The user would have to authenticate. */
static void on_challenge(Grant *grant)
{
    Grants *grants = grant->grants;

    if (grant->asks_user) {
        demand_authentication(
            grant, "authentication is required, and there is no agent to ask the user for it");
    } else if (!grant->interactive) {
        demand_authentication(
            grant, "authentication is required, and the call does not allow to ask for it");
    } else if (!grants->turn[grant->action] || has_turn(grant)) {
        grants->turn[grant->action] = grant;
        ask(grant, true);
    } else {
        grant->state = GRANT_IN_LINE;
        DL_APPEND(grants->in_line[grant->action], grant);
    }
}

/* The user did not authenticate, and is not asked for one thing after the other: those in line are
 * refused with the one that was up. */
static void refuse_line(Grant *grant, const Failure *failure)
{
    Grant **in_line = &grant->grants->in_line[grant->action];

    while (*in_line)
        settle(*in_line, AUTHORITY_NO, failure);
}

static void on_answer(void *userdata, AuthorityAnswer answer, const Failure *failure)
{
    Grant *grant = userdata;

    grant->question = NULL;
    switch (answer) {
    case AUTHORITY_YES:
    case AUTHORITY_YES_BY_USER:
    case AUTHORITY_YES_KEPT:
    case AUTHORITY_YES_ONCE:
        settle(grant, answer, NULL);
        break;
    case AUTHORITY_CHALLENGE:
        on_challenge(grant);
        break;
    case AUTHORITY_NO:
        if (grant->asks_user)
            refuse_line(grant, failure);
        settle(grant, answer, failure);
        break;
    }
}

/* One that cannot be asked for is refused. */
static void ask(Grant *grant, bool the_user)
{
    const Grants *grants = grant->grants;
    Failure failure;
    int r;

    grant->state = GRANT_ASKING;
    grant->asks_user = the_user;
    r = authority_ask(grants->authority, &grant->question, grants->uid, grants->subject,
                      grant->action, &grant->details, the_user, on_answer, grant);
    if (r < 0) {
        failure_set(&failure, OUTCOME_NO_MEMORY, "polkit cannot be asked: %s", strerror(-r));
        settle(grant, AUTHORITY_NO, &failure);
    }
}

void grants_init(Grants *grants, Authority *authority, uid_t uid, const char *subject)
{
    *grants = (Grants){.authority = authority, .uid = uid, .subject = subject};
}

void grants_deinit(Grants *grants)
{
    Grant *grant, *next;

    HASH_ITER (by_key, grants->by_key, grant, next)
        grant_free(grant);
}

static int grant_new(Grant **ret, Grants *grants, AuthorityAction action,
                     const PolkitDetails *details, bool interactive, const char *key)
{
    Grant *grant;

    grant = calloc(1, sizeof(*grant) + strlen(key) + 1);
    if (!grant)
        return -ENOMEM;
    grant->grants = grants;
    grant->age = authority_age(grants->authority);
    grant->action = action;
    grant->interactive = interactive;
    grant->details = *details;
    strcpy(grant->key, key);
    if (details->host)
        grant->details.host = strchr(grant->key, '/') + 1;
    HASH_ADD_KEYPTR(by_key, grants->by_key, grant->key, strlen(grant->key), grant);
    if (!HASH_ADDED(by_key, grant)) {
        free(grant);
        return -ENOMEM;
    }
    *ret = grant;
    return 0;
}

static Grant *find(const Grants *grants, AuthorityAction action, const PolkitDetails *details,
                   bool interactive, char key[static KEY_SIZE])
{
    Grant *grant;

    snprintf(key, KEY_SIZE, "%d %d %s %u %" PRIu64 "/%s", action, interactive,
             details->host ? details->protocol : "-", (unsigned)details->mark,
             authority_age(grants->authority), details->host ? details->host : "");
    HASH_FIND(by_key, grants->by_key, key, strlen(key), grant);
    return grant;
}

int grants_get(Grants *grants, AuthorityAction action, const PolkitDetails *details,
               bool interactive, GrantWaiter *waiter)
{
    char key[KEY_SIZE];
    Grant *grant;
    bool is_new;
    int r;

    waiter->by_user = (GrantByUser){0};
    if (grants->uid == 0 || action == AUTHORITY_NOTHING) {
        waiter->done(waiter, NULL);
        return 0;
    }

    /* It does not matter which kind of call a yes was kept for. */
    grant = find(grants, action, details, !interactive, key);
    if (!grant || grant->state != GRANT_KEPT || !holds(grant))
        grant = find(grants, action, details, interactive, key);
    if (grant && grant->state == GRANT_KEPT) {
        if (holds(grant)) {
            waiter->done(waiter, NULL);
            return 0;
        }
        grant_free(grant);
        grant = NULL;
    }

    is_new = !grant;
    if (is_new) {
        r = grant_new(&grant, grants, action, details, interactive, key);
        if (r < 0)
            return r;
    }
    waiter->grant = grant;
    DL_APPEND(grant->waiters, waiter);
    if (is_new)
        ask(grant, false);
    return 0;
}

void grants_renew(GrantByUser *older, const GrantByUser *newer)
{
    if (older->given && newer->is_news && newer->age == older->age + 1)
        older->age = newer->age;
}

bool grants_holds(const Grants *grants, const GrantByUser *by_user)
{
    return by_user->given && by_user->age == authority_age(grants->authority);
}

void grants_end(Grants *grants)
{
    grants->ending = true;
}

void grants_leave(GrantWaiter *waiter)
{
    Grant *grant = waiter->grant;
    Grants *grants;
    AuthorityAction action;

    if (!grant)
        return;

    DL_DELETE(grant->waiters, waiter);
    waiter->grant = NULL;
    if (grant->waiters)
        return;

    /* Nobody is asked for nobody. */
    grants = grant->grants;
    action = grant->action;
    grant_free(grant);
    pass_turn(grants, action);
}
