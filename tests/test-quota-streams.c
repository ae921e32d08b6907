/* SPDX-License-Identifier: MIT */

/* How many streams a user may have, and how one that has no room for its next command hears of it
 * when there is. */

#include <glib.h>
#include <string.h>

#include "quota.h"
#include "service-limits.h"

#define USERS 6

typedef struct Stand {
    sd_event *event;
    Statistics statistics;
    Quota *quota;
    QuotaUser *user[USERS]; /* the first is root */
} Stand;

static void stand_start(Stand *stand, const Limits *limits)
{
    *stand = (Stand){0};
    g_assert_cmpint(sd_event_new(&stand->event), >=, 0);
    g_assert_cmpint(quota_new(&stand->quota, stand->event, limits, &stand->statistics), ==, 0);
    for (unsigned i = 0; i < USERS; i++)
        g_assert_cmpint(quota_get_user(stand->quota, &stand->user[i], i), ==, 0);
}

static void stand_end(Stand *stand)
{
    for (unsigned i = 0; i < USERS; i++)
        quota_user_unref(stand->user[i]);
    quota_free(stand->quota);
    sd_event_unref(stand->event);
}

static void assert_streams(QuotaUser *user, unsigned n)
{
    Failure failure;

    for (unsigned i = 0; i < n; i++) {
        g_assert_cmpint(quota_check_stream(user, &failure), ==, 0);
        quota_take_stream(user);
    }
}

static void assert_no_stream(QuotaUser *user, const char *message)
{
    Failure failure;

    g_assert_cmpint(quota_check_stream(user, &failure), ==, OUTCOME_LIMITS_EXCEEDED);
    g_assert_cmpstr(failure.message, ==, message);
}

static void give_streams(QuotaUser *user, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        quota_give_stream(user, true);
}

static void test_streams(void)
{
    Limits limits;
    Stand stand;

    limits_init(&limits);
    stand_start(&stand, &limits);

    assert_streams(stand.user[1], 8);
    assert_no_stream(stand.user[1], "user 1 has 8 streams open, the limit (--user-streams=8)");
    give_streams(stand.user[1], 1);
    assert_streams(stand.user[1], 1);
    assert_streams(stand.user[2], 8);
    assert_streams(stand.user[3], 8);

    /* Root has no other limit than all have together. */
    assert_streams(stand.user[0], 8);
    assert_no_stream(stand.user[0], "all users have 32 streams open, the limit (--streams=32)");
    assert_no_stream(stand.user[4], "all users have 32 streams open, the limit (--streams=32)");
    give_streams(stand.user[1], 8);
    assert_streams(stand.user[0], 8);
    assert_no_stream(stand.user[0], "all users have 32 streams open, the limit (--streams=32)");

    /* What cannot be closed counts on, whether its user is there or not. */
    give_streams(stand.user[2], 7);
    quota_give_stream(stand.user[2], false);
    quota_user_unref(stand.user[2]);
    g_assert_cmpint(quota_get_user(stand.quota, &stand.user[2], 2), ==, 0);
    assert_streams(stand.user[2], 7);
    assert_no_stream(stand.user[2], "user 2 has 8 streams open, the limit (--user-streams=8)");
    give_streams(stand.user[2], 7);

    give_streams(stand.user[0], 16);
    give_streams(stand.user[3], 8);
    stand_end(&stand);
}

typedef struct Waiter {
    RoomWaiter room;
    QuotaUser *user; /* for whom it waits again, or NULL */
    unsigned n_told;
} Waiter;

static void on_room(RoomWaiter *room)
{
    ((Waiter *)room)->n_told++;
}

static Charge *charge(QuotaUser *user)
{
    Failure failure;
    Charge *charge;

    g_assert_cmpint(charge_new(&charge, user, &failure), ==, 0);
    return charge;
}

/* Has the event loop do what there is to do. */
static void turn(Stand *stand)
{
    while (sd_event_run(stand->event, 0) > 0)
        ;
}

/* Who waits is told once, from the event loop, when its own user has room. */
static void test_room(void)
{
    Waiter first = {0}, second = {0}, other = {0};
    Charge *charges[3];
    Failure failure;
    Limits limits;
    Stand stand;

    limits_init(&limits);
    limits.user_probes = 2;
    stand_start(&stand, &limits);

    charges[0] = charge(stand.user[1]);
    charges[1] = charge(stand.user[1]);
    charges[2] = charge(stand.user[2]);
    g_assert_cmpint(charge_new(&charges[2], stand.user[1], &failure), ==, OUTCOME_LIMITS_EXCEEDED);
    g_assert_false(room_is_awaited(stand.user[1]));
    room_wait(&first.room, stand.user[1], on_room);
    room_wait(&second.room, stand.user[1], on_room);
    room_wait(&other.room, stand.user[1], on_room);
    room_leave(&other.room);
    room_leave(&other.room);
    g_assert_true(room_is_awaited(stand.user[1]));
    g_assert_false(room_is_awaited(stand.user[2]));

    /* mtr-packet has one: it still counts. And what others give back is no room for this user. */
    charge_sent(charges[0]);
    charge_free(charges[2]);
    turn(&stand);
    g_assert_cmpuint(first.n_told, ==, 0);

    charge_free(charges[0]);
    g_assert_cmpuint(first.n_told, ==, 0);
    turn(&stand);
    g_assert_cmpuint(first.n_told, ==, 1);
    g_assert_cmpuint(second.n_told, ==, 1);
    g_assert_cmpuint(other.n_told, ==, 0);
    g_assert_false(room_is_awaited(stand.user[1]));
    charge_free(charges[1]);
    turn(&stand);
    g_assert_cmpuint(first.n_told, ==, 1);

    /* Who waits though there is room is told, too. */
    room_wait(&first.room, stand.user[1], on_room);
    turn(&stand);
    g_assert_cmpuint(first.n_told, ==, 2);

    stand_end(&stand);
}

static void on_room_wait_again(RoomWaiter *room)
{
    on_room(room);
    room_wait(room, ((Waiter *)room)->user, on_room_wait_again);
}

/* Who waits again at once has its next turn behind all others, and in the next turn of the loop. */
static void test_turns(void)
{
    Waiter first = {0}, second = {0};
    Limits limits;
    Stand stand;

    limits_init(&limits);
    stand_start(&stand, &limits);
    first.user = second.user = stand.user[1];
    room_wait(&first.room, stand.user[1], on_room_wait_again);
    room_wait(&second.room, stand.user[1], on_room_wait_again);
    for (unsigned i = 1; i <= 3; i++) {
        g_assert_cmpint(sd_event_run(stand.event, 0), >, 0);
        g_assert_cmpuint(first.n_told, ==, i);
        g_assert_cmpuint(second.n_told, ==, i);
    }
    room_leave(&first.room);
    room_leave(&second.room);
    stand_end(&stand);
}

/* Where all places to wait in are taken, there is room as soon as one of them is not waited in. */
static void test_room_for_all(void)
{
    enum { ROOM = 2 };
    Waiter waiter = {0};
    Charge *charges[ROOM];
    Failure failure;
    Limits limits;
    Stand stand;

    limits_init(&limits);
    limits.probes_waiting = ROOM;
    stand_start(&stand, &limits);

    for (unsigned i = 0; i < ROOM; i++)
        charges[i] = charge(stand.user[0]);
    g_assert_cmpint(charge_new(&charges[0], stand.user[0], &failure), ==, OUTCOME_LIMITS_EXCEEDED);
    room_wait(&waiter.room, stand.user[0], on_room);
    charge_sent(charges[1]);
    turn(&stand);
    g_assert_cmpuint(waiter.n_told, ==, 1);
    for (unsigned i = 0; i < ROOM; i++)
        charge_free(charges[i]);
    stand_end(&stand);
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/quota-streams/streams", test_streams);
    g_test_add_func("/quota-streams/room", test_room);
    g_test_add_func("/quota-streams/turns", test_turns);
    g_test_add_func("/quota-streams/room-for-all", test_room_for_all);
    return g_test_run();
}
