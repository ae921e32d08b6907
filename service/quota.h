/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What each user has of the service. A call is charged to its user when it comes, whatever it then
 * waits for, and the charge is given back when it is freed: a probe that mtr-packet has cannot be
 * called back, so its charge stays with it until mtr-packet answers, whoever has gone. How often a
 * user may probe is a bucket of tokens, see token-bucket.h: who has none waits for one.
 *
 * Root is bound by nothing but the number of all streams, and of its own waiting probes, which is
 * not shared with the other users: neither can keep the other out. Of theirs a user has no more
 * than are free, but always a few, so nobody keeps the others out.
 */

#include <stdbool.h>
#include <sys/types.h>

#include <systemd/sd-event.h>

#include "outcome.h"
#include "service-limits.h"
#include "statistics.h"
#include "util.h"

typedef struct Quota Quota;
typedef struct QuotaUser QuotaUser;
typedef struct Charge Charge;
typedef struct RoomWaiter RoomWaiter;

/** charge_go_t - a charge that waited for its token has it */
typedef void (*charge_go_t)(void *userdata);

/** room_go_t - there is room for a charge, for whoever takes it first; called from the event loop
 */
typedef void (*room_go_t)(RoomWaiter *waiter);

/* Part of whatever waits for room; begins as zeros. */
struct RoomWaiter {
    QuotaUser *user; /* NULL unless it waits */
    room_go_t go;
    RoomWaiter *prev, *next;
};

/**
 * quota_new() - nobody has anything yet
 * @limits: copied
 * @statistics: where it counts; borrowed for its whole life
 *
 * Return: 0 or a negative errno.
 */
int quota_new(Quota **ret, sd_event *event, const Limits *limits, Statistics *statistics);

/** quota_free() - all charges and users must have been given back; takes NULL, returns NULL */
Quota *quota_free(Quota *quota);
DEFINE_CLEANUP(Quota *, quota_free)

/**
 * quota_get_user() - a user's record
 * @ret: to be given back with quota_user_unref()
 *
 * It stays after that for as long as somebody who comes back would find another than at first.
 *
 * Return: 0 or -ENOMEM.
 */
int quota_get_user(Quota *quota, QuotaUser **ret, uid_t uid);

/** quota_user_unref() - takes NULL, returns NULL */
QuotaUser *quota_user_unref(QuotaUser *user);

/**
 * quota_may_log() - whether this user has not had too many entries in the journal lately
 * @ret_missed: how many times it had since it last might
 */
bool quota_may_log(QuotaUser *user, unsigned *ret_missed);

/**
 * quota_check_stream() - whether a stream of this user's may be opened now
 * @failure: filled in on a positive return
 *
 * Return: 0, or OUTCOME_LIMITS_EXCEEDED.
 */
int quota_check_stream(const QuotaUser *user, Failure *failure);

/** quota_take_stream() - it is opened, after quota_check_stream() */
void quota_take_stream(QuotaUser *user);

/** quota_give_stream() - it has ended; if it is not @closed, it counts as long as the quota lives
 */
void quota_give_stream(QuotaUser *user, bool closed);

/**
 * charge_new() - charge a call to its user
 * @ret: the charge, only on success
 * @failure: filled in on a positive return
 *
 * Return: 0, OUTCOME_LIMITS_EXCEEDED, or -ENOMEM.
 */
int charge_new(Charge **ret, QuotaUser *user, Failure *failure);

/** room_wait() - have @go called once there is room for a charge to this user, behind all others of
 * its that wait already */
void room_wait(RoomWaiter *waiter, QuotaUser *user, room_go_t go);

/** room_is_awaited() - whether somebody waits for room for a charge to this user */
bool room_is_awaited(const QuotaUser *user);

/** room_leave() - wait no longer; nothing happens if it does not wait */
void room_leave(RoomWaiter *waiter);

/**
 * charge_pace() - take a token for a charge, or wait for one
 * @go, @userdata: called if it must wait, unless the charge is freed before
 *
 * Return: 1 if there was one, 0 if @go will be called, or -ENOMEM.
 */
int charge_pace(Charge *charge, charge_go_t go, void *userdata);

/** charge_sent() - what is charged has been given to mtr-packet; each time but the first costs a
 * token, for which it does not wait. Takes NULL */
void charge_sent(Charge *charge);

/** charge_free() - give it back; takes NULL, returns NULL */
Charge *charge_free(Charge *charge);
