/* SPDX-License-Identifier: MIT */

/* What is remembered of users, and that whatever they do nothing is left over. */

#include "quota-stand.h"

/* Who leaves and comes back has no more tokens for it; until there would be as many anyway. */
static void test_remembered(void)
{
    Limits limits = wide_limits();
    QuotaUser *user;
    Waiter waiter;
    Stand stand;

    limits.user_rate = 1;
    limits.user_burst = 3;
    stand_start(&stand, &limits);
    user = stand_user(&stand, 1000);
    g_assert_cmpuint(count_tokens(user), ==, 3);
    quota_user_unref(user);

    for (unsigned i = 0; i < 5; i++) {
        user = stand_user(&stand, 1000);
        g_assert_cmpuint(count_tokens(user), ==, 0);
        quota_user_unref(user);
    }
    stand_pass(&stand, SEC - 1);
    user = stand_user(&stand, 1000);
    g_assert_cmpuint(count_tokens(user), ==, 0);
    quota_user_unref(user);
    stand_pass(&stand, SEC + 1);
    user = stand_user(&stand, 1000);
    g_assert_cmpuint(count_tokens(user), ==, 2);

    /* A charge keeps it too, whoever else has gone. */
    g_assert_false(pace_waiter(&waiter, user, "0"));
    charge_sent(waiter.charge);
    quota_user_unref(user);
    stand_pass(&stand, SEC);
    assert_called("0");
    charge_free(waiter.charge);
    user = stand_user(&stand, 1000);
    g_assert_cmpuint(count_tokens(user), ==, 0);
    quota_user_unref(user);
    stand_pass(&stand, 10 * SEC);
    user = stand_user(&stand, 1000);
    g_assert_cmpuint(count_tokens(user), ==, 3);
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
            Limits limits = wide_limits();
            QuotaUser *user;
            Waiter waiter;
            Stand stand;

            limits.user_rate = 1;
            stand_start(&stand, &limits);
            user = stand_user(&stand, rows[i].uid);
            miss_an_entry(user);
            waiter.charge = new_charge(user);
            for (unsigned n = 0; n < rows[i].n_sent; n++)
                charge_sent(waiter.charge);
            charge_free(waiter.charge);
            quota_user_unref(user);

            stand_pass(&stand, rows[i].kept_usec - !late);
            user = stand_user(&stand, rows[i].uid);
            g_assert_cmpuint(missed_entries(user), ==, late ? 0 : 1);
            quota_user_unref(user);
            stand_end(&stand);
        }
    }
}

/* Ten entries at once, one in ten seconds then, and each says how many there were not since. */
static void test_log(void)
{
    Limits limits = wide_limits();
    QuotaUser *user, *other;
    unsigned missed;
    Stand stand;

    stand_start(&stand, &limits);
    user = stand_user(&stand, 1000);
    other = stand_user(&stand, 1001);

    for (unsigned i = 0; i < 10; i++) {
        missed = 77;
        g_assert_true(quota_may_log(user, &missed));
        g_assert_cmpuint(missed, ==, 0);
    }
    g_assert_false(quota_may_log(user, &missed));
    g_assert_false(quota_may_log(user, &missed));
    g_assert_cmpuint(missed_entries(other), ==, 0);
    stand_pass(&stand, 10 * SEC - 1);
    g_assert_false(quota_may_log(user, &missed));
    stand_pass(&stand, 1);
    g_assert_cmpuint(missed_entries(user), ==, 3);
    g_assert_false(quota_may_log(user, &missed));
    stand_pass(&stand, 20 * SEC);
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
            users[u].user = stand_user(&stand, u);
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
            g_assert_cmpint(charge_pace(waiter->charge, waiter_go, waiter), >=, u == 0 ? 1 : 0);
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
            stand_pass(&stand, (uint64_t)g_test_rand_int_range(0, 20000));
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

static void add_tests(void)
{
    g_test_add_func("/quota/remembered", test_remembered);
    g_test_add_func("/quota/forgotten", test_forgotten);
    g_test_add_func("/quota/log", test_log);
    g_test_add_func("/quota/random", test_random);
}

int main(int argc, char *argv[])
{
    return stand_main(argc, argv, add_tests);
}
