/* SPDX-License-Identifier: MIT */

/* How many calls users may have waiting or in flight, and of places to wait in. */

#include "quota-stand.h"

/* A user has so many, whatever they wait for and on however many connections; another as many. */
static void test_user_probes(void)
{
    static const char message[] =
        "user 1000 has 3 calls waiting or in flight, the limit (--user-probes=3)";
    Limits limits = wide_limits();
    QuotaUser *first, *again, *other;
    Charge *charges[3], *others[3];
    Stand stand;

    limits.user_probes = 3;
    stand_start(&stand, &limits);
    first = stand_user(&stand, 1000);
    again = stand_user(&stand, 1000);
    other = stand_user(&stand, 1001);

    charges[0] = new_charge(first);
    charges[1] = new_charge(again);
    charges[2] = new_charge(first);
    assert_refused(first, message);
    assert_refused(again, message);
    g_assert_cmpuint(fill_charges(other, others, 3), ==, 3);

    /* one that has been sent counts as before, until it is given back */
    charge_sent(charges[1]);
    assert_refused(first, message);
    charge_sent(charges[1]);
    assert_refused(first, message);
    for (unsigned i = 0; i < G_N_ELEMENTS(charges); i++) {
        charges[i] = charge_free(charges[i]);
        g_assert_null(charges[i]);
        charges[i] = new_charge(first);
        assert_refused(again, message);
    }

    /* and when everybody who had asked for it has gone */
    g_assert_null(quota_user_unref(first));
    quota_user_unref(again);
    first = stand_user(&stand, 1000);
    assert_refused(first, message);
    charges[2] = charge_free(charges[2]);
    quota_user_unref(first);
    first = stand_user(&stand, 1000);
    charges[2] = new_charge(first);
    assert_refused(first, message);

    quota_user_unref(first);
    free_charges(charges, 3);
    quota_user_unref(other);
    free_charges(others, 3);
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
    root = stand_user(&stand, 0);
    for (unsigned i = 0; i < G_N_ELEMENTS(in_flight); i++) {
        in_flight[i] = new_charge(root);
        g_assert_cmpint(charge_pace(in_flight[i], waiter_go, NULL), ==, 1);
        charge_sent(in_flight[i]);
        charge_sent(in_flight[i]);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(waiters); i++)
        g_assert_true(pace_waiter(&waiters[i], root, "."));
    assert_refused(root,
                   "user 0 has 5 calls waiting, as many as there is room for (--probes-waiting=5)");
    charge_sent(waiters[3].charge);
    charge_free(new_charge(root));
    charge_free(new_charge(root));
    g_assert_cmpuint(stand.statistics.calls_delayed, ==, 0);

    for (unsigned i = 0; i < G_N_ELEMENTS(waiters); i++)
        charge_free(waiters[i].charge);
    free_charges(in_flight, G_N_ELEMENTS(in_flight));
    quota_user_unref(root);
    assert_called("");
    stand_end(&stand);
}

/* Neither has fewer places to wait in while the other has many. */
static void test_root_and_others(void)
{
    Charge *of_root[8], *of_first[8], *of_second[8];
    Limits limits = wide_limits();
    QuotaUser *root, *first, *second;
    Stand stand;

    limits.probes_waiting = 4;
    stand_start(&stand, &limits);
    root = stand_user(&stand, 0);
    first = stand_user(&stand, 1000);
    second = stand_user(&stand, 1001);

    for (unsigned round = 0; round < 2; round++) {
        if (round == 0)
            g_assert_cmpuint(fill_charges(root, of_root, 8), ==, 4);
        g_assert_cmpuint(fill_charges(first, of_first, 8), ==, 2);
        g_assert_cmpuint(fill_charges(second, of_second, 8), ==, 1);
        if (round == 1)
            g_assert_cmpuint(fill_charges(root, of_root, 8), ==, 4);
        free_charges(of_root, 4);
        free_charges(of_first, 2);
        free_charges(of_second, 1);
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
    Limits limits = wide_limits();
    Stand stand;

    limits.probes_waiting = PLACES;
    stand_start(&stand, &limits);
    for (unsigned i = 0; i < USERS; i++) {
        users[i] = stand_user(&stand, 1000 + i);
        n[i] = fill_charges(users[i], charges[i], PLACES);
        g_assert_cmpuint(n[i], >=, FEW);
    }
    g_assert_cmpuint(n[0], ==, PLACES / 2);
    g_assert_cmpuint(n[USERS - 1], ==, FEW);

    for (unsigned i = 0; i < USERS; i++) {
        free_charges(charges[i], n[i]);
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
    Limits limits = wide_limits();
    Stand stand;

    limits.probes_waiting = 16;
    stand_start(&stand, &limits);
    for (unsigned i = 0; i < G_N_ELEMENTS(expected); i++) {
        users[i] = stand_user(&stand, 1000 + i);
        g_assert_cmpuint(fill_charges(users[i], charges[i], 16), ==, expected[i]);
    }
    assert_refused(users[0], "user 1000 has 8 calls waiting, as many as there is room for "
                             "(--probes-waiting=16)");

    /* What is given back may be had by whoever has fewest. */
    charges[0][0] = charge_free(charges[0][0]);
    assert_refused(users[0], "user 1000 has 7 calls waiting, as many as there is room for "
                             "(--probes-waiting=16)");
    charges[5][0] = new_charge(users[5]);

    /* What has been sent waits no longer, and is as good as given back. */
    for (unsigned i = 1; i < 8; i++)
        charge_sent(charges[0][i]);
    for (unsigned i = 1; i < 8; i++)
        charge_sent(charges[0][i]); /* but once */
    charges[0][0] = new_charge(users[0]);
    g_assert_cmpuint(fill_charges(users[0], charges[0] + 8, 8), ==, 3);
    g_assert_cmpuint(fill_charges(users[5], charges[5] + 1, 8), ==, 1);

    free_charges(charges[0], 8 + 3);
    for (unsigned i = 1; i < 5; i++)
        free_charges(charges[i], expected[i]);
    free_charges(charges[5], 2);
    for (unsigned i = 0; i < G_N_ELEMENTS(expected); i++)
        quota_user_unref(users[i]);
    stand_end(&stand);
}

static void add_tests(void)
{
    g_test_add_func("/quota/user-probes", test_user_probes);
    g_test_add_func("/quota/root", test_root);
    g_test_add_func("/quota/root-and-others", test_root_and_others);
    g_test_add_func("/quota/shares", test_shares);
    g_test_add_func("/quota/few", test_few);
}

int main(int argc, char *argv[])
{
    return stand_main(argc, argv, add_tests);
}
