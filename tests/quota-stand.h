/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The quota on an event loop alone, and whoever charges it. Time passes when the tests say so: its
 * clock is in libc's place.
 */

#include <glib.h>
#include <string.h>

#include "quota.h"

#define MSEC G_GUINT64_CONSTANT(1000)
#define SEC (1000 * MSEC)

typedef struct Stand {
    sd_event *event;
    Statistics statistics;
    Quota *quota;
} Stand;

typedef struct Waiter {
    const char *name;
    Charge *charge;
} Waiter;

/** wide_limits() - limits that are not in the way */
Limits wide_limits(void);

/** stand_start() - a quota with these limits */
void stand_start(Stand *stand, const Limits *limits);

/** stand_end() - check that nothing is left of it */
void stand_end(Stand *stand);

/** stand_advance() - let time pass, in microseconds, and nothing else */
void stand_advance(uint64_t usec);

/** stand_pass() - let time pass, in microseconds, and the loop do what is due then */
void stand_pass(Stand *stand, uint64_t usec);

/** stand_user() - a user of the quota, to be given back with quota_user_unref() */
QuotaUser *stand_user(Stand *stand, uid_t uid);

/** new_charge() - charge a user, who is not refused; to be freed */
Charge *new_charge(QuotaUser *user);

/** assert_refused() - check that a user is not charged, and what is said of it */
void assert_refused(QuotaUser *user, const char *message);

/** fill_charges() - charge until it is refused, @max times at most; returns how often it was not */
unsigned fill_charges(QuotaUser *user, Charge *charges[], unsigned max);

/** free_charges() - and set them to NULL */
void free_charges(Charge *charges[], unsigned n);

/** waiter_go() - for charge_pace() of a Waiter: notes its name */
void waiter_go(void *userdata);

/** pace_waiter() - charge a waiter and take a token for it, or have it wait; says which */
bool pace_waiter(Waiter *waiter, QuotaUser *user, const char *name);

/** note_called() - for who is called otherwise */
void note_called(const char *name);

/** assert_called() - check who was called since the last time, in order */
void assert_called(const char *names);

/** count_tokens() - how many tokens a user has now; they are gone then */
unsigned count_tokens(QuotaUser *user);

/** stand_main() - for main(): runs what @add_tests adds */
int stand_main(int argc, char *argv[], void (*add_tests)(void));
