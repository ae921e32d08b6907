/* SPDX-License-Identifier: MIT */

/* How often users may have something sent: what has no token waits for one. */

#include "quota-stand.h"

/* What has no token waits for one, in the order it came, for no longer than it must. */
static void test_pace(void)
{
    Limits limits = wide_limits();
    QuotaUser *user, *other;
    Waiter waiters[10];
    Stand stand;

    limits.user_rate = 10;
    limits.user_burst = 2;
    stand_start(&stand, &limits);
    user = stand_user(&stand, 1000);
    other = stand_user(&stand, 1001);

    g_assert_true(pace_waiter(&waiters[0], user, "0"));
    g_assert_true(pace_waiter(&waiters[1], user, "1"));
    g_assert_false(pace_waiter(&waiters[2], user, "2"));
    g_assert_false(pace_waiter(&waiters[3], user, "3"));
    g_assert_false(pace_waiter(&waiters[4], user, "4"));
    g_assert_false(pace_waiter(&waiters[5], user, "5"));
    g_assert_cmpuint(stand.statistics.calls_delayed, ==, 4);

    /* another is not kept waiting by that */
    g_assert_true(pace_waiter(&waiters[6], other, "6"));
    g_assert_true(pace_waiter(&waiters[7], other, "7"));
    g_assert_false(pace_waiter(&waiters[8], other, "8"));

    waiters[3].charge = charge_free(waiters[3].charge); /* waits no longer, and is not called */
    stand_pass(&stand, 100 * MSEC - 1);
    assert_called("");
    stand_pass(&stand, 1);
    assert_called("28");
    stand_pass(&stand, 100 * MSEC - 1);
    assert_called("");
    stand_pass(&stand, 1);
    assert_called("4");

    /* A token that has come is theirs who wait, also before the loop could give it them. */
    stand_advance(100 * MSEC);
    g_assert_false(pace_waiter(&waiters[9], user, "9"));
    stand_pass(&stand, 0);
    assert_called("5");
    stand_pass(&stand, 100 * MSEC);
    assert_called("9");
    g_assert_cmpuint(stand.statistics.calls_delayed, ==, 6);

    /* None waits: after a rest there are as many tokens as at first. */
    stand_pass(&stand, 10 * SEC);
    g_assert_cmpuint(count_tokens(user), ==, 2);
    g_assert_cmpuint(count_tokens(other), ==, 2);

    /* Where the loop comes late, it is made up for. */
    for (unsigned i = 0; i < G_N_ELEMENTS(waiters); i++)
        charge_free(waiters[i].charge);
    g_assert_false(pace_waiter(&waiters[0], user, "0"));
    g_assert_false(pace_waiter(&waiters[1], user, "1"));
    g_assert_false(pace_waiter(&waiters[2], user, "2"));
    stand_pass(&stand, 150 * MSEC);
    assert_called("0");
    stand_pass(&stand, 149 * MSEC);
    assert_called("1");
    stand_pass(&stand, 1 * MSEC);
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
    Limits limits = wide_limits();
    QuotaUser *first, *second;
    Waiter waiters[6];
    Stand stand;

    limits.user_rate = 10;
    limits.user_burst = 1;
    stand_start(&stand, &limits);
    first = stand_user(&stand, 1000);
    second = stand_user(&stand, 1001);

    g_assert_true(pace_waiter(&waiters[0], first, "a"));
    g_assert_false(pace_waiter(&waiters[1], first, "b"));
    g_assert_false(pace_waiter(&waiters[2], first, "c"));
    stand_pass(&stand, 50 * MSEC);
    g_assert_true(pace_waiter(&waiters[3], second, "A"));
    g_assert_false(pace_waiter(&waiters[4], second, "B"));
    g_assert_false(pace_waiter(&waiters[5], second, "C"));

    stand_pass(&stand, 50 * MSEC);
    assert_called("b");
    stand_pass(&stand, 50 * MSEC);
    assert_called("B");
    stand_pass(&stand, 50 * MSEC);
    assert_called("c");
    stand_pass(&stand, 50 * MSEC);
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

    note_called("!");
    if (busybody->asks_for_more) {
        busybody->asks_for_more = false;
        g_assert_false(pace_waiter(&busybody->waiters[3], busybody->user, "3"));
        return;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(busybody->waiters); i++)
        busybody->waiters[i].charge = charge_free(busybody->waiters[i].charge);
    busybody->user = quota_user_unref(busybody->user);
}

static void test_callbacks(void)
{
    Limits limits = wide_limits();
    Stand stand;

    limits.user_rate = 10;
    limits.user_burst = 1;
    stand_start(&stand, &limits);
    for (unsigned round = 0; round < 2; round++) {
        Busybody busybody = {.stand = &stand, .asks_for_more = round == 0};

        busybody.user = stand_user(&stand, 1000 + round);
        g_assert_true(pace_waiter(&busybody.waiters[0], busybody.user, "0"));
        busybody.waiters[1].charge = new_charge(busybody.user);
        g_assert_cmpint(charge_pace(busybody.waiters[1].charge, on_go_busily, &busybody), ==, 0);
        if (round == 1)
            g_assert_false(pace_waiter(&busybody.waiters[2], busybody.user, "2"));

        stand_pass(&stand, 100 * MSEC);
        assert_called("!");
        stand_pass(&stand, 100 * MSEC);
        assert_called(round == 0 ? "3" : "");
        if (round == 0)
            on_go_busily(&busybody);
        stand_pass(&stand, SEC);
        assert_called(round == 0 ? "!" : "");
    }
    stand_end(&stand);
}

/* The first time that it is sent has its token; each further one costs another, for which the next
 * waits. */
static void test_sent_again(void)
{
    Limits limits = wide_limits();
    Waiter waiter, next;
    QuotaUser *user;
    Stand stand;

    limits.user_rate = 10;
    limits.user_burst = 2;
    stand_start(&stand, &limits);
    user = stand_user(&stand, 1000);

    g_assert_true(pace_waiter(&waiter, user, "0"));
    charge_sent(NULL);
    charge_sent(waiter.charge);
    g_assert_cmpuint(count_tokens(user), ==, 1);
    stand_pass(&stand, SEC);

    charge_sent(waiter.charge);
    charge_sent(waiter.charge);
    charge_sent(waiter.charge);
    g_assert_false(pace_waiter(&next, user, "1"));
    stand_pass(&stand, 200 * MSEC - 1);
    assert_called("");
    stand_pass(&stand, 1);
    assert_called("1");
    charge_free(next.charge);

    /* also for what waits already */
    g_assert_false(pace_waiter(&next, user, "1"));
    charge_sent(waiter.charge);
    stand_pass(&stand, 200 * MSEC - 1);
    assert_called("");
    stand_pass(&stand, 1);
    assert_called("1");

    charge_free(next.charge);
    charge_free(waiter.charge);
    quota_user_unref(user);
    stand_end(&stand);
}

static void add_tests(void)
{
    g_test_add_func("/quota/pace", test_pace);
    g_test_add_func("/quota/pace-two", test_pace_two);
    g_test_add_func("/quota/callbacks", test_callbacks);
    g_test_add_func("/quota/sent-again", test_sent_again);
}

int main(int argc, char *argv[])
{
    return stand_main(argc, argv, add_tests);
}
