/* SPDX-License-Identifier: MIT */

#include "quota.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "deadlines.h"
#include "hash.h"
#include "token-bucket.h"

#define NSEC_PER_SEC 1000000000ULL

/* Entries in the journal about one user: so many at once, and then one in so long. */
#define LOG_BURST 10
#define LOG_INTERVAL_NS (10 * NSEC_PER_SEC)

/* The part of all places to wait in that a user may take though there is no room: 8 by default. */
#define WAITING_FEW_PART 1024

struct QuotaUser {
    Quota *quota;
    uid_t uid;
    UT_hash_handle by_uid;
    unsigned n_refs; /* charges too */

    unsigned n_charges;
    unsigned n_waiting; /* of those, not given to mtr-packet yet */
    unsigned n_streams;
    unsigned n_lost_streams; /* of those, that have ended and cannot be closed */
    TokenBucket probes;
    Charge *paced; /* charges that wait for a token, in the order they came */
    TokenBucket log;
    unsigned n_missed; /* entries that it had no token for */
    Deadline deadline; /* the next token, or, with no refs, when the buckets are full */
};

struct Charge {
    QuotaUser *user;
    bool sent;
    charge_go_t go; /* while it waits for a token */
    void *userdata;
    Charge *prev, *next; /* then, in user->paced */
};

struct Quota {
    Limits limits;
    Statistics *statistics;
    Deadlines deadlines;
    QuotaUser *by_uid;
    unsigned n_waiting;   /* of all users but root */
    unsigned n_streams;   /* of all users */
    RoomWaiter *for_room; /* who waits for it, in the order they came */
    sd_event_source *room;
};

static void schedule(QuotaUser *user);

static bool is_root(const QuotaUser *user)
{
    return user->uid == 0;
}

/*
 * Users
 */

static void user_free(QuotaUser *user)
{
    assert(user->n_charges == 0 && user->n_streams == user->n_lost_streams);

    deadlines_unset(&user->quota->deadlines, &user->deadline);
    if (HASH_ADDED(by_uid, user))
        HASH_DELETE(by_uid, user->quota->by_uid, user);
    free(user);
}

static uint64_t full_usec(const QuotaUser *user)
{
    uint64_t probes = token_bucket_full(&user->probes), log = token_bucket_full(&user->log);

    return probes > log ? probes : log;
}

int quota_get_user(Quota *quota, QuotaUser **ret, uid_t uid)
{
    QuotaUser *user;

    HASH_FIND(by_uid, quota->by_uid, &uid, sizeof(uid), user);
    if (!user) {
        user = calloc(1, sizeof(*user));
        if (!user)
            return -ENOMEM;
        user->quota = quota;
        user->uid = uid;
        token_bucket_init(&user->probes, NSEC_PER_SEC / quota->limits.user_rate,
                          quota->limits.user_burst);
        token_bucket_init(&user->log, LOG_INTERVAL_NS, LOG_BURST);
        HASH_ADD(by_uid, quota->by_uid, uid, sizeof(user->uid), user);
        if (!HASH_ADDED(by_uid, user)) {
            free(user);
            return -ENOMEM;
        }
    }

    user->n_refs++; /* its deadline may pass all the same: then nothing happens */
    *ret = user;
    return 0;
}

QuotaUser *quota_user_unref(QuotaUser *user)
{
    if (!user)
        return NULL;

    assert(user->n_refs > 0);
    user->n_refs--;
    schedule(user);
    return NULL;
}

bool quota_may_log(QuotaUser *user, unsigned *ret_missed)
{
    if (!token_bucket_take(&user->log, deadlines_now())) {
        user->n_missed++;
        return false;
    }
    *ret_missed = user->n_missed;
    user->n_missed = 0;
    return true;
}

/*
 * Time
 */

static void on_time(Deadline *deadline)
{
    QuotaUser *user = CONTAINER_OF(deadline, QuotaUser, deadline);

    /* Cannot fail here, where it has just been; and from now on it can be set again whenever need
     * be. */
    (void)deadlines_set(&user->quota->deadlines, deadline, deadlines_now(), on_time);

    user->n_refs++; /* who goes may be the last */
    while (user->paced && token_bucket_take(&user->probes, deadlines_now())) {
        Charge *charge = user->paced;
        charge_go_t go = charge->go;

        charge->go = NULL;
        DL_DELETE(user->paced, charge);
        go(charge->userdata);
    }
    (void)quota_user_unref(user);
}

/* Has the user's next moment come, if there is one: the record may be gone after this. */
static void schedule(QuotaUser *user)
{
    Deadlines *deadlines = &user->quota->deadlines;

    if (user->paced) {
        /* Cannot fail: it is set. */
        (void)deadlines_set(deadlines, &user->deadline, token_bucket_next(&user->probes), on_time);
    } else if (user->n_refs > 0) {
        deadlines_unset(deadlines, &user->deadline);
    } else if (full_usec(user) <= deadlines_now() ||
               deadlines_set(deadlines, &user->deadline, full_usec(user), on_time) < 0) {
        user_free(user); /* without memory for the deadline rather too early than never */
    }
}

/*
 * Charges
 */

/* The waiting charges among which a user's are counted: how many more there may be. */
static unsigned room(const QuotaUser *user)
{
    const Quota *quota = user->quota;
    unsigned waiting = is_root(user) ? user->n_waiting : quota->n_waiting;

    return waiting < quota->limits.probes_waiting ? quota->limits.probes_waiting - waiting : 0;
}

/* Whether there is room for one more that waits. A few of each user's always have it: else many
 * users together could keep the others out. */
static bool may_wait(const QuotaUser *user)
{
    if (is_root(user))
        return room(user) > 0;
    return user->n_waiting < user->quota->limits.probes_waiting / WAITING_FEW_PART ||
           user->n_waiting < room(user);
}

static bool has_all(const QuotaUser *user)
{
    return !is_root(user) && user->n_charges >= user->quota->limits.user_probes;
}

static int check_limits(const QuotaUser *user, Failure *failure)
{
    const Limits *limits = &user->quota->limits;

    if (has_all(user))
        return failure_set(
            failure, OUTCOME_LIMITS_EXCEEDED,
            "user %u has %u calls waiting or in flight, the limit (--user-probes=%u)",
            (unsigned)user->uid, user->n_charges, limits->user_probes);
    if (!may_wait(user))
        return failure_set(failure, OUTCOME_LIMITS_EXCEEDED,
                           "user %u has %u calls waiting, as many as there is room for "
                           "(--probes-waiting=%u)",
                           (unsigned)user->uid, user->n_waiting, limits->probes_waiting);
    return 0;
}

/* There may be room, for which somebody waits. Not told from here: whoever gives a charge back is
 * at work still. */
static void tell_room(Quota *quota)
{
    if (quota->for_room)
        (void)sd_event_source_set_enabled(quota->room, SD_EVENT_ONESHOT);
}

/* Tells those for whose users there is room now, each once, in the order they came. They are
 * streams, so there are few. */
static int on_room(sd_event_source *source, void *userdata)
{
    Quota *quota = userdata;
    RoomWaiter *waiter, *next, *last = quota->for_room ? quota->for_room->prev : NULL;

    for (waiter = quota->for_room; waiter; waiter = next) {
        next = waiter == last ? NULL : waiter->next;
        if (has_all(waiter->user) || !may_wait(waiter->user))
            continue;
        room_leave(waiter);
        waiter->go(waiter);
    }
    return 0;
}

void room_wait(RoomWaiter *waiter, QuotaUser *user, room_go_t go)
{
    waiter->user = user;
    waiter->go = go;
    DL_APPEND(user->quota->for_room, waiter);
    tell_room(user->quota); /* it may be waiting for its turn only */
}

bool room_is_awaited(const QuotaUser *user)
{
    const RoomWaiter *waiter;

    DL_FOREACH (user->quota->for_room, waiter)
        if (waiter->user == user)
            return true;
    return false;
}

void room_leave(RoomWaiter *waiter)
{
    if (waiter->user)
        DL_DELETE(waiter->user->quota->for_room, waiter);
    waiter->user = NULL;
}

static void waits_no_longer(QuotaUser *user)
{
    user->n_waiting--;
    if (!is_root(user))
        user->quota->n_waiting--;
}

int charge_new(Charge **ret, QuotaUser *user, Failure *failure)
{
    Charge *charge;
    int r;

    r = check_limits(user, failure);
    if (r != 0)
        return r;

    charge = calloc(1, sizeof(*charge));
    if (!charge)
        return -ENOMEM;
    charge->user = user;
    user->n_refs++;
    user->n_charges++;
    user->n_waiting++;
    if (!is_root(user))
        user->quota->n_waiting++;
    *ret = charge;
    return 0;
}

int charge_pace(Charge *charge, charge_go_t go, void *userdata)
{
    QuotaUser *user = charge->user;
    Quota *quota = user->quota;
    int r;

    if (is_root(user) || (!user->paced && token_bucket_take(&user->probes, deadlines_now())))
        return 1;

    if (!user->paced) {
        r = deadlines_set(&quota->deadlines, &user->deadline, token_bucket_next(&user->probes),
                          on_time);
        if (r < 0)
            return r;
    }
    charge->go = go;
    charge->userdata = userdata;
    DL_APPEND(user->paced, charge);
    quota->statistics->calls_delayed++;
    return 0;
}

void charge_sent(Charge *charge)
{
    if (!charge)
        return;

    if (!charge->sent) {
        waits_no_longer(charge->user);
        tell_room(charge->user->quota);
    } else if (!is_root(charge->user)) {
        token_bucket_owe(&charge->user->probes, deadlines_now());
    }
    charge->sent = true;
}

Charge *charge_free(Charge *charge)
{
    QuotaUser *user;

    if (!charge)
        return NULL;

    user = charge->user;
    if (charge->go)
        DL_DELETE(user->paced, charge);
    if (!charge->sent)
        waits_no_longer(user);
    user->n_charges--;
    free(charge);
    tell_room(user->quota);
    (void)quota_user_unref(user);
    return NULL;
}

/*
 * Streams
 */

int quota_check_stream(const QuotaUser *user, Failure *failure)
{
    const Quota *quota = user->quota;
    const Limits *limits = &quota->limits;

    if (!is_root(user) && user->n_streams >= limits->user_streams)
        return failure_set(failure, OUTCOME_LIMITS_EXCEEDED,
                           "user %u has %u streams open, the limit (--user-streams=%u)",
                           (unsigned)user->uid, user->n_streams, limits->user_streams);
    if (quota->n_streams >= limits->streams)
        return failure_set(failure, OUTCOME_LIMITS_EXCEEDED,
                           "all users have %u streams open, the limit (--streams=%u)",
                           quota->n_streams, limits->streams);
    return 0;
}

void quota_take_stream(QuotaUser *user)
{
    user->n_streams++;
    user->quota->n_streams++;
}

void quota_give_stream(QuotaUser *user, bool closed)
{
    if (!closed) {
        user->n_lost_streams++;
        user->n_refs++; /* so that it is remembered */
        return;
    }
    user->n_streams--;
    user->quota->n_streams--;
}

/*
 * The whole
 */

int quota_new(Quota **ret, sd_event *event, const Limits *limits, Statistics *statistics)
{
    _cleanup_(quota_freep) Quota *quota = NULL;
    int r;

    quota = calloc(1, sizeof(*quota));
    if (!quota)
        return -ENOMEM;
    quota->limits = *limits;
    quota->statistics = statistics;
    r = deadlines_init(&quota->deadlines, event, SD_EVENT_PRIORITY_NORMAL);
    if (r >= 0)
        r = sd_event_add_defer(event, &quota->room, on_room, quota);
    if (r >= 0)
        r = sd_event_source_set_enabled(quota->room, SD_EVENT_OFF);
    if (r < 0)
        return r;

    *ret = TAKE_PTR(quota);
    return 0;
}

Quota *quota_free(Quota *quota)
{
    QuotaUser *user, *next;

    if (!quota)
        return NULL;

    HASH_ITER (by_uid, quota->by_uid, user, next) {
        assert(user->n_refs == user->n_lost_streams);
        quota->n_streams -= user->n_lost_streams;
        user_free(user);
    }
    assert(quota->n_waiting == 0 && quota->n_streams == 0);
    assert(!quota->for_room);
    sd_event_source_disable_unref(quota->room);
    deadlines_deinit(&quota->deadlines);
    free(quota);
    return NULL;
}
