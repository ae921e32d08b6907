/* SPDX-License-Identifier: MIT */

/* Who is served next, and who may take a place. */

#include <glib.h>
#include <stdint.h>

#include "fair-queue.h"
#include "shares.h"
#include "util.h"

typedef struct Thing {
    FairItem item;
    unsigned number;
} Thing;

/* All but one user may. */
static bool may(void *userdata, uid_t uid)
{
    return uid != *(uid_t *)userdata;
}

static void assert_taken(FairQueue *queue, uid_t refused, unsigned number)
{
    FairItem *item = fair_queue_take(queue, may, &refused);

    g_assert_nonnull(item);
    g_assert_null(item->user);
    g_assert_cmpuint(CONTAINER_OF(item, Thing, item)->number, ==, number);
}

#define NOBODY ((uid_t)-1)

static void test_queue(void)
{
    static const uid_t uids[] = {1, 1, 1, 2, 2, 3};
    Thing things[G_N_ELEMENTS(uids)];
    FairQueue queue = {0};
    uid_t refused = 2;

    g_assert_true(fair_queue_empty(&queue));
    g_assert_null(fair_queue_first(&queue));
    g_assert_null(fair_queue_take(&queue, may, &refused));

    for (unsigned i = 0; i < G_N_ELEMENTS(uids); i++) {
        things[i] = (Thing){.number = i};
        g_assert_cmpint(fair_queue_append(&queue, &things[i].item, uids[i]), ==, 0);
    }
    g_assert_false(fair_queue_empty(&queue));
    g_assert_true(fair_queue_first(&queue) == &things[0].item);

    /* in turn; who may not loses nothing by it but the turn of others */
    assert_taken(&queue, NOBODY, 0);
    assert_taken(&queue, 2, 5);
    assert_taken(&queue, 2, 1);
    assert_taken(&queue, NOBODY, 3);

    /* put back, it is before the user's others, and the user's turn is not sooner for it */
    g_assert_cmpint(fair_queue_put_back(&queue, &things[3].item, 2), ==, 0);
    g_assert_cmpint(fair_queue_put_back(&queue, &things[1].item, 1), ==, 0);
    fair_queue_remove(&queue, &things[4].item);
    assert_taken(&queue, NOBODY, 1);
    assert_taken(&queue, NOBODY, 3);
    g_assert_null(fair_queue_take(&queue, may, &(uid_t){1}));
    assert_taken(&queue, NOBODY, 2);
    g_assert_true(fair_queue_empty(&queue));
}

/* How many places a user gets alone, and another after it. */
static void test_shares(void)
{
    Shares shares = {.places = 10};

    for (unsigned i = 0; i < 5; i++) {
        g_assert_true(shares_may_take(&shares, 0));
        g_assert_cmpint(shares_take(&shares, 0), ==, 0);
    }
    g_assert_false(shares_may_take(&shares, 0)); /* 5 of 5 free ones */

    for (unsigned i = 0; i < 3; i++) {
        g_assert_true(shares_may_take(&shares, 7));
        g_assert_cmpint(shares_take(&shares, 7), ==, 0);
    }
    g_assert_false(shares_may_take(&shares, 7)); /* 3, and 2 free */
    g_assert_true(shares_may_take(&shares, 8));

    /* given back, it is everybody's again, and holds count no longer */
    for (unsigned i = 0; i < 4; i++)
        shares_give_back(&shares, 0);
    g_assert_cmpuint(shares.taken, ==, 4);
    g_assert_true(shares_may_take(&shares, 7));
    g_assert_true(shares_may_take(&shares, 0));
    shares_give_back(&shares, 0);
    for (unsigned i = 0; i < 3; i++)
        shares_give_back(&shares, 7);
    g_assert_cmpuint(shares.taken, ==, 0);
    g_assert_null(shares.by_uid);
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/fair-queue/turns", test_queue);
    g_test_add_func("/fair-queue/shares", test_shares);
    return g_test_run();
}
