/* SPDX-License-Identifier: MIT */

/* What users have of the service, on an event loop alone. Time passes when the tests say so. */

#include <glib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "quota.h"

#define MSEC G_GUINT64_CONSTANT(1000)
#define SEC (1000 * MSEC)

/*
 * The clock
 */

static uint64_t now_usec = 1000 * SEC;

/* In libc's place, for the service and for its event loop. */
int clock_gettime(clockid_t clock, struct timespec *ret)
{
    if (clock != CLOCK_MONOTONIC)
        return (int)syscall(SYS_clock_gettime, clock, ret);
    ret->tv_sec = (time_t)(now_usec / SEC);
    ret->tv_nsec = (long)(now_usec % SEC * 1000);
    return 0;
}

/*
 * The stand
 */

typedef struct Stand {
    sd_event *event;
    Statistics statistics;
    Quota *quota;
} Stand;

/* Limits that are not in the way. */
static Limits wide(void)
{
    return (Limits){
        .user_probes = 65536, .user_rate = 1000000, .user_burst = 1000000, .probes_waiting = 65536};
}

static void stand_start(Stand *stand, const Limits *limits)
{
    *stand = (Stand){0};
    g_assert_cmpint(sd_event_new(&stand->event), >=, 0);
    g_assert_cmpint(quota_new(&stand->quota, stand->event, limits, &stand->statistics), ==, 0);
}

static void stand_end(Stand *stand)
{
    g_assert_null(quota_free(stand->quota));
    sd_event_unref(stand->event);
}

/* Lets time pass, and the loop do what is due then. */
static void pass(Stand *stand, uint64_t usec)
{
    int r;

    now_usec += usec;
    while ((r = sd_event_run(stand->event, 0)) > 0)
        ;
    g_assert_cmpint(r, ==, 0);
}

static QuotaUser *get(Stand *stand, uid_t uid)
{
    QuotaUser *user;

    g_assert_cmpint(quota_get_user(stand->quota, &user, uid), ==, 0);
    return user;
}

static Charge *charge(QuotaUser *user)
{
    Failure failure;
    Charge *new_charge;
    int r = charge_new(&new_charge, user, &failure);

    if (r != 0)
        g_error("%s", failure.message);
    return new_charge;
}

static void assert_refused(QuotaUser *user, const char *message)
{
    Failure failure = {0};
    Charge *new_charge;

    g_assert_cmpint(charge_new(&new_charge, user, &failure), ==, OUTCOME_LIMITS_EXCEEDED);
    g_assert_cmpint(failure.outcome, ==, OUTCOME_LIMITS_EXCEEDED);
    g_assert_cmpstr(failure.message, ==, message);
}

/* Charges until it is refused, and returns how often it was not. */
static unsigned fill(QuotaUser *user, Charge *charges[], unsigned max)
{
    Failure failure;
    unsigned n = 0;

    while (n < max && charge_new(&charges[n], user, &failure) == 0)
        n++;
    return n;
}

static void free_all(Charge *charges[], unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        charges[i] = charge_free(charges[i]);
}

/* What was called, in order. */
static GString *called;

typedef struct Waiter {
    const char *name;
    Charge *charge;
} Waiter;

static void on_go(void *userdata)
{
    const Waiter *waiter = userdata;

    g_string_append(called, waiter->name);
}

/* Charges a waiter and takes a token for it, or has it wait; says which. */
static bool pace(Waiter *waiter, QuotaUser *user, const char *name)
{
    int r;

    *waiter = (Waiter){name, charge(user)};
    r = charge_pace(waiter->charge, on_go, waiter);
    g_assert_cmpint(r, >=, 0);
    return r > 0;
}

static void assert_called(const char *names)
{
    g_assert_cmpstr(called->str, ==, names);
    g_string_truncate(called, 0);
}

/* How many tokens a user has now; they are gone then. */
static unsigned tokens(QuotaUser *user)
{
    unsigned n = 0;
    Waiter waiter;

    while (pace(&waiter, user, "?")) {
        charge_free(waiter.charge);
        n++;
    }
    charge_free(waiter.charge);
    return n;
}

/*
 * How many
 */

/* A user has so many, whatever they wait for and on however many connections; another as many. */
static void test_user_probes(void)
{
    static const char message[] =
        "user 1000 has 3 calls waiting or in flight, the limit (--user-probes=3)";
    Limits limits = wide();
    QuotaUser *first, *again, *other;
    Charge *charges[3], *others[3];
    Stand stand;

    limits.user_probes = 3;
    stand_start(&stand, &limits);
    first = get(&stand, 1000);
    again = get(&stand, 1000);
    other = get(&stand, 1001);

    charges[0] = charge(first);
    charges[1] = charge(again);
    charges[2] = charge(first);
    assert_refused(first, message);
    assert_refused(again, message);
    g_assert_cmpuint(fill(other, others, 3), ==, 3);

    /* one that has been sent counts as before, until it is given back */
    charge_sent(charges[1]);
    assert_refused(first, message);
    charge_sent(charges[1]);
    assert_refused(first, message);
    for (unsigned i = 0; i < G_N_ELEMENTS(charges); i++) {
        charges[i] = charge_free(charges[i]);
        g_assert_null(charges[i]);
        charges[i] = charge(first);
        assert_refused(again, message);
    }

    /* and when everybody who had asked for it has gone */
    g_assert_null(quota_user_unref(first));
    quota_user_unref(again);
    first = get(&stand, 1000);
    assert_refused(first, message);
    charges[2] = charge_free(charges[2]);
    quota_user_unref(first);
    first = get(&stand, 1000);
    charges[2] = charge(first);
    assert_refused(first, message);

    quota_user_unref(first);
    free_all(charges, 3);
    quota_user_unref(other);
    free_all(others, 3);
    stand_end(&stand);
}

/* Root has as many as may wait, and they need no tokens. */
static void test_root(void)
{
    Limits limits = {.user_probes = 2, .user_rate = 1, .user_burst = 1, .probes_waiting = 5};
    Charge *in_flight[20];
    QuotaUser *root;
    Waiter waiters[5];
    Stand stand;

    stand_start(&stand, &limits);
    root = get(&stand, 0);
    for (unsigned i = 0; i < G_N_ELEMENTS(in_flight); i++) {
        in_flight[i] = charge(root);
        g_assert_cmpint(charge_pace(in_flight[i], on_go, NULL), ==, 1);
        charge_sent(in_flight[i]);
        charge_sent(in_flight[i]);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(waiters); i++)
        g_assert_true(pace(&waiters[i], root, "."));
    assert_refused(root,
                   "user 0 has 5 calls waiting, as many as there is room for (--probes-waiting=5)");
    charge_sent(waiters[3].charge);
    charge_free(charge(root));
    charge_free(charge(root));
    g_assert_cmpuint(stand.statistics.calls_delayed, ==, 0);

    for (unsigned i = 0; i < G_N_ELEMENTS(waiters); i++)
        charge_free(waiters[i].charge);
    free_all(in_flight, G_N_ELEMENTS(in_flight));
    quota_user_unref(root);
    assert_called("");
    stand_end(&stand);
}

/* Neither has fewer places to wait in while the other has many. */
static void test_root_and_others(void)
{
    Charge *of_root[8], *of_first[8], *of_second[8];
    Limits limits = wide();
    QuotaUser *root, *first, *second;
    Stand stand;

    limits.probes_waiting = 4;
    stand_start(&stand, &limits);
    root = get(&stand, 0);
    first = get(&stand, 1000);
    second = get(&stand, 1001);

    for (unsigned round = 0; round < 2; round++) {
        if (round == 0)
            g_assert_cmpuint(fill(root, of_root, 8), ==, 4);
        g_assert_cmpuint(fill(first, of_first, 8), ==, 2);
        g_assert_cmpuint(fill(second, of_second, 8), ==, 1);
        if (round == 1)
            g_assert_cmpuint(fill(root, of_root, 8), ==, 4);
        free_all(of_root, 4);
        free_all(of_first, 2);
        free_all(of_second, 1);
    }

    quota_user_unref(root);
    quota_user_unref(first);
    quota_user_unref(second);
    stand_end(&stand);
}

/* However many users have taken all places together: each further one has a few. */
static void test_few(void)
{
    enum { USERS = 20, PLACES = 2048, FEW = 2 };
    static Charge *charges[USERS][PLACES];
    QuotaUser *users[USERS];
    unsigned n[USERS];
    Limits limits = wide();
    Stand stand;

    limits.probes_waiting = PLACES;
    stand_start(&stand, &limits);
    for (unsigned i = 0; i < USERS; i++) {
        users[i] = get(&stand, 1000 + i);
        n[i] = fill(users[i], charges[i], PLACES);
        g_assert_cmpuint(n[i], >=, FEW);
    }
    g_assert_cmpuint(n[0], ==, PLACES / 2);
    g_assert_cmpuint(n[USERS - 1], ==, FEW);

    for (unsigned i = 0; i < USERS; i++) {
        free_all(charges[i], n[i]);
        quota_user_unref(users[i]);
    }
    stand_end(&stand);
}

/* A user has no more places to wait in than are free: half alone, and the next half of the rest. */
static void test_shares(void)
{
    static const unsigned expected[] = {8, 4, 2, 1, 1, 0};
    Charge *charges[G_N_ELEMENTS(expected)][16];
    QuotaUser *users[G_N_ELEMENTS(expected)];
    Limits limits = wide();
    Stand stand;

    limits.probes_waiting = 16;
    stand_start(&stand, &limits);
    for (unsigned i = 0; i < G_N_ELEMENTS(expected); i++) {
        users[i] = get(&stand, 1000 + i);
        g_assert_cmpuint(fill(users[i], charges[i], 16), ==, expected[i]);
    }
    assert_refused(users[0], "user 1000 has 8 calls waiting, as many as there is room for "
                             "(--probes-waiting=16)");

    /* What is given back may be had by whoever has fewest. */
    charges[0][0] = charge_free(charges[0][0]);
    assert_refused(users[0], "user 1000 has 7 calls waiting, as many as there is room for "
                             "(--probes-waiting=16)");
    charges[5][0] = charge(users[5]);

    /* What has been sent waits no longer, and is as good as given back. */
    for (unsigned i = 1; i < 8; i++)
        charge_sent(charges[0][i]);
    for (unsigned i = 1; i < 8; i++)
        charge_sent(charges[0][i]); /* but once */
    charges[0][0] = charge(users[0]);
    g_assert_cmpuint(fill(users[0], charges[0] + 8, 8), ==, 3);
    g_assert_cmpuint(fill(users[5], charges[5] + 1, 8), ==, 1);

    free_all(charges[0], 8 + 3);
    for (unsigned i = 1; i < 5; i++)
        free_all(charges[i], expected[i]);
    free_all(charges[5], 2);
    for (unsigned i = 0; i < G_N_ELEMENTS(expected); i++)
        quota_user_unref(users[i]);
    stand_end(&stand);
}

/*
 * How often
 */

/* What has no token waits for one, in the order it came, for no longer than it must. */
static void test_pace(void)
{
    Limits limits = wide();
    QuotaUser *user, *other;
    Waiter waiters[10];
    Stand stand;

    limits.user_rate = 10;
    limits.user_burst = 2;
    stand_start(&stand, &limits);
    user = get(&stand, 1000);
    other = get(&stand, 1001);

    g_assert_true(pace(&waiters[0], user, "0"));
    g_assert_true(pace(&waiters[1], user, "1"));
    g_assert_false(pace(&waiters[2], user, "2"));
    g_assert_false(pace(&waiters[3], user, "3"));
    g_assert_false(pace(&waiters[4], user, "4"));
    g_assert_false(pace(&waiters[5], user, "5"));
    g_assert_cmpuint(stand.statistics.calls_delayed, ==, 4);

    /* another is not kept waiting by that */
    g_assert_true(pace(&waiters[6], other, "6"));
    g_assert_true(pace(&waiters[7], other, "7"));
    g_assert_false(pace(&waiters[8], other, "8"));

    waiters[3].charge = charge_free(waiters[3].charge); /* waits no longer, and is not called */
    pass(&stand, 100 * MSEC - 1);
    assert_called("");
    pass(&stand, 1);
    assert_called("28");
    pass(&stand, 100 * MSEC - 1);
    assert_called("");
    pass(&stand, 1);
    assert_called("4");

    /* A token that has come is theirs who wait, also before the loop could give it them. */
    now_usec += 100 * MSEC;
    g_assert_false(pace(&waiters[9], user, "9"));
    pass(&stand, 0);
    assert_called("5");
    pass(&stand, 100 * MSEC);
    assert_called("9");
    g_assert_cmpuint(stand.statistics.calls_delayed, ==, 6);

    /* None waits: after a rest there are as many tokens as at first. */
    pass(&stand, 10 * SEC);
    g_assert_cmpuint(tokens(user), ==, 2);
    g_assert_cmpuint(tokens(other), ==, 2);

    /* Where the loop comes late, it is made up for. */
    for (unsigned i = 0; i < G_N_ELEMENTS(waiters); i++)
        charge_free(waiters[i].charge);
    g_assert_false(pace(&waiters[0], user, "0"));
    g_assert_false(pace(&waiters[1], user, "1"));
    g_assert_false(pace(&waiters[2], user, "2"));
    pass(&stand, 150 * MSEC);
    assert_called("0");
    pass(&stand, 149 * MSEC);
    assert_called("1");
    pass(&stand, 1 * MSEC);
    assert_called("2");

    for (unsigned i = 0; i < 3; i++)
        charge_free(waiters[i].charge);
    quota_user_unref(user);
    quota_user_unref(other);
    stand_end(&stand);
}

/* Two users wait for their tokens at once: each gets its own. */
static void test_pace_two(void)
{
    Limits limits = wide();
    QuotaUser *first, *second;
    Waiter waiters[6];
    Stand stand;

    limits.user_rate = 10;
    limits.user_burst = 1;
    stand_start(&stand, &limits);
    first = get(&stand, 1000);
    second = get(&stand, 1001);

    g_assert_true(pace(&waiters[0], first, "a"));
    g_assert_false(pace(&waiters[1], first, "b"));
    g_assert_false(pace(&waiters[2], first, "c"));
    pass(&stand, 50 * MSEC);
    g_assert_true(pace(&waiters[3], second, "A"));
    g_assert_false(pace(&waiters[4], second, "B"));
    g_assert_false(pace(&waiters[5], second, "C"));

    pass(&stand, 50 * MSEC);
    assert_called("b");
    pass(&stand, 50 * MSEC);
    assert_called("B");
    pass(&stand, 50 * MSEC);
    assert_called("c");
    pass(&stand, 50 * MSEC);
    assert_called("C");

    for (unsigned i = 0; i < G_N_ELEMENTS(waiters); i++)
        charge_free(waiters[i].charge);
    quota_user_unref(first);
    quota_user_unref(second);
    stand_end(&stand);
}

/* Who is called does what it likes: here it ends everything of its user, or asks for more. */
typedef struct Busybody {
    Stand *stand;
    QuotaUser *user;
    Waiter waiters[4];
    bool asks_for_more;
} Busybody;

static void on_go_busily(void *userdata)
{
    Busybody *busybody = userdata;

    g_string_append(called, "!");
    if (busybody->asks_for_more) {
        busybody->asks_for_more = false;
        g_assert_false(pace(&busybody->waiters[3], busybody->user, "3"));
        return;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(busybody->waiters); i++)
        busybody->waiters[i].charge = charge_free(busybody->waiters[i].charge);
    busybody->user = quota_user_unref(busybody->user);
}

static void test_callbacks(void)
{
    Limits limits = wide();
    Stand stand;

    limits.user_rate = 10;
    limits.user_burst = 1;
    stand_start(&stand, &limits);
    for (unsigned round = 0; round < 2; round++) {
        Busybody busybody = {.stand = &stand, .asks_for_more = round == 0};

        busybody.user = get(&stand, 1000 + round);
        g_assert_true(pace(&busybody.waiters[0], busybody.user, "0"));
        busybody.waiters[1].charge = charge(busybody.user);
        g_assert_cmpint(charge_pace(busybody.waiters[1].charge, on_go_busily, &busybody), ==, 0);
        if (round == 1)
            g_assert_false(pace(&busybody.waiters[2], busybody.user, "2"));

        pass(&stand, 100 * MSEC);
        assert_called("!");
        pass(&stand, 100 * MSEC);
        assert_called(round == 0 ? "3" : "");
        if (round == 0)
            on_go_busily(&busybody);
        pass(&stand, SEC);
        assert_called(round == 0 ? "!" : "");
    }
    stand_end(&stand);
}

/* The first time that it is sent has its token; each further one costs another, for which the next
 * waits. */
static void test_sent_again(void)
{
    Limits limits = wide();
    Waiter waiter, next;
    QuotaUser *user;
    Stand stand;

    limits.user_rate = 10;
    limits.user_burst = 2;
    stand_start(&stand, &limits);
    user = get(&stand, 1000);

    g_assert_true(pace(&waiter, user, "0"));
    charge_sent(NULL);
    charge_sent(waiter.charge);
    g_assert_cmpuint(tokens(user), ==, 1);
    pass(&stand, SEC);

    charge_sent(waiter.charge);
    charge_sent(waiter.charge);
    charge_sent(waiter.charge);
    g_assert_false(pace(&next, user, "1"));
    pass(&stand, 200 * MSEC - 1);
    assert_called("");
    pass(&stand, 1);
    assert_called("1");
    charge_free(next.charge);

    /* also for what waits already */
    g_assert_false(pace(&next, user, "1"));
    charge_sent(waiter.charge);
    pass(&stand, 200 * MSEC - 1);
    assert_called("");
    pass(&stand, 1);
    assert_called("1");

    charge_free(next.charge);
    charge_free(waiter.charge);
    quota_user_unref(user);
    stand_end(&stand);
}

/*
 * The record
 */

/* Who leaves and comes back has no more tokens for it; until there would be as many anyway. */
static void test_remembered(void)
{
    Limits limits = wide();
    QuotaUser *user;
    Waiter waiter;
    Stand stand;

    limits.user_rate = 1;
    limits.user_burst = 3;
    stand_start(&stand, &limits);
    user = get(&stand, 1000);
    g_assert_cmpuint(tokens(user), ==, 3);
    quota_user_unref(user);

    for (unsigned i = 0; i < 5; i++) {
        user = get(&stand, 1000);
        g_assert_cmpuint(tokens(user), ==, 0);
        quota_user_unref(user);
    }
    pass(&stand, SEC - 1);
    user = get(&stand, 1000);
    g_assert_cmpuint(tokens(user), ==, 0);
    quota_user_unref(user);
    pass(&stand, SEC + 1);
    user = get(&stand, 1000);
    g_assert_cmpuint(tokens(user), ==, 2);

    /* A charge keeps it too, whoever else has gone. */
    g_assert_false(pace(&waiter, user, "0"));
    charge_sent(waiter.charge);
    quota_user_unref(user);
    pass(&stand, SEC);
    assert_called("0");
    charge_free(waiter.charge);
    user = get(&stand, 1000);
    g_assert_cmpuint(tokens(user), ==, 0);
    quota_user_unref(user);
    pass(&stand, 10 * SEC);
    user = get(&stand, 1000);
    g_assert_cmpuint(tokens(user), ==, 3);
    quota_user_unref(user);

    /* Records that wait for their end go with the whole. */
    stand_end(&stand);
}

/* Uses up what a user may log, and misses one entry: so it shows whether a record is the same. */
static void miss_an_entry(QuotaUser *user)
{
    unsigned missed;

    while (quota_may_log(user, &missed))
        ;
}

static unsigned missed_entries(QuotaUser *user)
{
    unsigned missed;

    g_assert_true(quota_may_log(user, &missed));
    return missed;
}

/* A record stays while either bucket is not full, and no longer: that of root too. */
static void test_forgotten(void)
{
    static const struct {
        uid_t uid;
        unsigned n_sent;
        uint64_t kept_usec;
    } rows[] = {
        {1000, 1, 100 * SEC},   /* until it may log as much again */
        {1001, 151, 150 * SEC}, /* until it has its tokens again */
        {0, 151, 100 * SEC},    /* which root does not need */
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        for (unsigned late = 0; late < 2; late++) {
            Limits limits = wide();
            QuotaUser *user;
            Waiter waiter;
            Stand stand;

            limits.user_rate = 1;
            stand_start(&stand, &limits);
            user = get(&stand, rows[i].uid);
            miss_an_entry(user);
            waiter.charge = charge(user);
            for (unsigned n = 0; n < rows[i].n_sent; n++)
                charge_sent(waiter.charge);
            charge_free(waiter.charge);
            quota_user_unref(user);

            pass(&stand, rows[i].kept_usec - !late);
            user = get(&stand, rows[i].uid);
            g_assert_cmpuint(missed_entries(user), ==, late ? 0 : 1);
            quota_user_unref(user);
            stand_end(&stand);
        }
    }
}

/* Ten entries at once, one in ten seconds then, and each says how many there were not since. */
static void test_log(void)
{
    Limits limits = wide();
    QuotaUser *user, *other;
    unsigned missed;
    Stand stand;

    stand_start(&stand, &limits);
    user = get(&stand, 1000);
    other = get(&stand, 1001);

    for (unsigned i = 0; i < 10; i++) {
        missed = 77;
        g_assert_true(quota_may_log(user, &missed));
        g_assert_cmpuint(missed, ==, 0);
    }
    g_assert_false(quota_may_log(user, &missed));
    g_assert_false(quota_may_log(user, &missed));
    g_assert_cmpuint(missed_entries(other), ==, 0);
    pass(&stand, 10 * SEC - 1);
    g_assert_false(quota_may_log(user, &missed));
    pass(&stand, 1);
    g_assert_cmpuint(missed_entries(user), ==, 3);
    g_assert_false(quota_may_log(user, &missed));
    pass(&stand, 20 * SEC);
    g_assert_cmpuint(missed_entries(user), ==, 1);
    g_assert_cmpuint(missed_entries(user), ==, 0);
    g_assert_false(quota_may_log(user, &missed));

    quota_user_unref(user);
    quota_user_unref(other);
    stand_end(&stand);
}

/* Many steps in no order: nobody has more than it may, and nothing is left over. */
static void test_random(void)
{
    const Limits limits = {
        .user_probes = 12, .user_rate = 100, .user_burst = 5, .probes_waiting = 20};
    enum { USERS = 4, MAX = 32 };
    struct {
        QuotaUser *user;
        struct {
            Waiter waiter;
            bool sent;
        } places[MAX];
        unsigned n, n_waiting;
    } users[USERS] = {0};
    Stand stand;

    stand_start(&stand, &limits);
    for (unsigned step = 0; step < 20000; step++) {
        unsigned u = (unsigned)g_test_rand_int_range(0, USERS);
        unsigned place = (unsigned)g_test_rand_int_range(0, MAX);
        Waiter *waiter = &users[u].places[place].waiter;
        bool *sent = &users[u].places[place].sent;
        unsigned all_waiting = 0, room;
        Failure failure;
        bool may;

        if (!users[u].user)
            users[u].user = get(&stand, u);
        for (unsigned i = 1; i < USERS; i++)
            all_waiting += users[i].n_waiting;
        room = limits.probes_waiting - (u == 0 ? users[0].n_waiting : all_waiting);
        may = u == 0 ? room > 0 : users[u].n < limits.user_probes && users[u].n_waiting < room;

        switch (g_test_rand_int_range(0, 6)) {
        case 0:
        case 1:
            if (waiter->charge)
                break;
            g_assert_cmpint(charge_new(&waiter->charge, users[u].user, &failure), ==,
                            may ? 0 : OUTCOME_LIMITS_EXCEEDED);
            if (!may)
                break;
            waiter->name = "";
            g_assert_cmpint(charge_pace(waiter->charge, on_go, waiter), >=, u == 0 ? 1 : 0);
            *sent = false;
            users[u].n++;
            users[u].n_waiting++;
            break;
        case 2:
        case 3:
            if (!waiter->charge)
                break;
            charge_sent(waiter->charge);
            users[u].n_waiting -= !*sent;
            *sent = true;
            break;
        case 4:
            if (!waiter->charge)
                break;
            waiter->charge = charge_free(waiter->charge);
            users[u].n--;
            users[u].n_waiting -= !*sent;
            break;
        default:
            pass(&stand, (uint64_t)g_test_rand_int_range(0, 20000));
            users[u].user = quota_user_unref(users[u].user);
        }
    }

    for (unsigned u = 0; u < USERS; u++) {
        for (unsigned i = 0; i < MAX; i++)
            charge_free(users[u].places[i].waiter.charge);
        quota_user_unref(users[u].user);
    }
    stand_end(&stand);
}

int main(int argc, char *argv[])
{
    int r;

    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/quota/user-probes", test_user_probes);
    g_test_add_func("/quota/root", test_root);
    g_test_add_func("/quota/root-and-others", test_root_and_others);
    g_test_add_func("/quota/shares", test_shares);
    g_test_add_func("/quota/few", test_few);
    g_test_add_func("/quota/pace", test_pace);
    g_test_add_func("/quota/pace-two", test_pace_two);
    g_test_add_func("/quota/callbacks", test_callbacks);
    g_test_add_func("/quota/sent-again", test_sent_again);
    g_test_add_func("/quota/remembered", test_remembered);
    g_test_add_func("/quota/forgotten", test_forgotten);
    g_test_add_func("/quota/log", test_log);
    g_test_add_func("/quota/random", test_random);

    called = g_string_new(NULL);
    r = g_test_run();
    g_string_free(called, TRUE);
    return r;
}
