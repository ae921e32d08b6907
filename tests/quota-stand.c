/* SPDX-License-Identifier: MIT */

#include "quota-stand.h"

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

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

void stand_advance(uint64_t usec)
{
    now_usec += usec;
}

/*
 * The stand
 */

Limits wide_limits(void)
{
    return (Limits){
        .user_probes = 65536, .user_rate = 1000000, .user_burst = 1000000, .probes_waiting = 65536};
}

void stand_start(Stand *stand, const Limits *limits)
{
    *stand = (Stand){0};
    g_assert_cmpint(sd_event_new(&stand->event), >=, 0);
    g_assert_cmpint(quota_new(&stand->quota, stand->event, limits, &stand->statistics), ==, 0);
}

void stand_end(Stand *stand)
{
    g_assert_null(quota_free(stand->quota));
    sd_event_unref(stand->event);
}

void stand_pass(Stand *stand, uint64_t usec)
{
    int r;

    stand_advance(usec);
    while ((r = sd_event_run(stand->event, 0)) > 0)
        ;
    g_assert_cmpint(r, ==, 0);
}

QuotaUser *stand_user(Stand *stand, uid_t uid)
{
    QuotaUser *user;

    g_assert_cmpint(quota_get_user(stand->quota, &user, uid), ==, 0);
    return user;
}

Charge *new_charge(QuotaUser *user)
{
    Failure failure;
    Charge *ret;
    int r = charge_new(&ret, user, &failure);

    if (r != 0)
        g_error("%s", failure.message);
    return ret;
}

void assert_refused(QuotaUser *user, const char *message)
{
    Failure failure = {0};
    Charge *ret;

    g_assert_cmpint(charge_new(&ret, user, &failure), ==, OUTCOME_LIMITS_EXCEEDED);
    g_assert_cmpint(failure.outcome, ==, OUTCOME_LIMITS_EXCEEDED);
    g_assert_cmpstr(failure.message, ==, message);
}

unsigned fill_charges(QuotaUser *user, Charge *charges[], unsigned max)
{
    Failure failure;
    unsigned n = 0;

    while (n < max && charge_new(&charges[n], user, &failure) == 0)
        n++;
    return n;
}

void free_charges(Charge *charges[], unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        charges[i] = charge_free(charges[i]);
}

/*
 * Waiters
 */

/* What was called, in order. */
static GString *called;

void note_called(const char *name)
{
    g_string_append(called, name);
}

void waiter_go(void *userdata)
{
    const Waiter *waiter = userdata;

    note_called(waiter->name);
}

bool pace_waiter(Waiter *waiter, QuotaUser *user, const char *name)
{
    int r;

    *waiter = (Waiter){name, new_charge(user)};
    r = charge_pace(waiter->charge, waiter_go, waiter);
    g_assert_cmpint(r, >=, 0);
    return r > 0;
}

void assert_called(const char *names)
{
    g_assert_cmpstr(called->str, ==, names);
    g_string_truncate(called, 0);
}

unsigned count_tokens(QuotaUser *user)
{
    unsigned n = 0;
    Waiter waiter;

    while (pace_waiter(&waiter, user, "?")) {
        charge_free(waiter.charge);
        n++;
    }
    charge_free(waiter.charge);
    return n;
}

int stand_main(int argc, char *argv[], void (*add_tests)(void))
{
    int r;

    g_test_init(&argc, &argv, NULL);
    add_tests();
    called = g_string_new(NULL);
    r = g_test_run();
    g_string_free(called, TRUE);
    return r;
}
