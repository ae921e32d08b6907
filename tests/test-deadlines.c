/* SPDX-License-Identifier: MIT */

#include <glib.h>
#include <stdbool.h>

#include "deadlines.h"

typedef struct Item {
    Deadline deadline;
    Deadlines *deadlines;
    unsigned *n_passed;
    uint64_t *last;
    bool again;
} Item;

static void on_passed(Deadline *deadline)
{
    Item *item = (Item *)deadline;

    g_assert_cmpuint(deadline->place, ==, 0);
    g_assert_cmpuint(deadlines_now(), >=, deadline->usec);
    g_assert_cmpuint(deadline->usec, >=, *item->last);
    *item->last = deadline->usec;
    (*item->n_passed)++;

    if (item->again) {
        item->again = false;
        g_assert_cmpint(deadlines_set(item->deadlines, deadline, deadline->usec, on_passed), ==, 0);
    }
}

/* Many, in no order, some moved, some taken back: the rest pass in order, none early, each once. */
static void test_order(void)
{
    g_autofree Item *items = g_new0(Item, 1000);
    unsigned n_passed = 0, expected = 0;
    uint64_t start = deadlines_now(), last = 0;
    Deadlines deadlines;
    sd_event *event;

    g_assert_cmpint(sd_event_new(&event), >=, 0);
    g_assert_cmpint(deadlines_init(&deadlines, event, 0), ==, 0);

    for (unsigned i = 0; i < 1000; i++) {
        items[i] = (Item){.deadlines = &deadlines, .n_passed = &n_passed, .last = &last};
        g_assert_cmpint(deadlines_set(&deadlines, &items[i].deadline,
                                      start + (uint64_t)g_test_rand_int_range(0, 50000), on_passed),
                        ==, 0);
    }
    for (unsigned i = 0; i < 1000; i++) {
        switch (g_test_rand_int_range(0, 4)) {
        case 0:
            deadlines_unset(&deadlines, &items[i].deadline);
            deadlines_unset(&deadlines, &items[i].deadline);
            break;
        case 1:
            g_assert_cmpint(deadlines_set(&deadlines, &items[i].deadline,
                                          start + (uint64_t)g_test_rand_int_range(0, 50000),
                                          on_passed),
                            ==, 0);
            expected++;
            break;
        case 2:
            items[i].again = true;
            expected += 2;
            break;
        default:
            expected++;
        }
    }

    while (n_passed < expected)
        g_assert_cmpint(sd_event_run(event, UINT64_MAX), >=, 0);
    g_assert_cmpuint(deadlines.n, ==, 0);
    deadlines_deinit(&deadlines);
    sd_event_unref(event);
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/deadlines/order", test_order);
    return g_test_run();
}
