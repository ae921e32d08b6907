/* SPDX-License-Identifier: MIT */

/* How long a process that keeps dying is not started again. */

#include <glib.h>
#include <string.h>

#include "restart.h"

#define SECOND G_GUINT64_CONSTANT(1000000)

static const Failure loss = {OUTCOME_PROCESS, "mtr-packet was lost"};

/* How long after a loss at @now the next start is refused, in microseconds; what says so names the
 * loss and the time. */
static uint64_t pause_after_loss(Restart *restart, uint64_t now)
{
    Failure failure;
    uint64_t pause;

    restart_note_loss(restart, now, &loss);
    pause = restart->not_before_usec - now;
    if (pause > 0) {
        g_assert_cmpint(restart_begin(restart, now + pause - 1, &failure), ==, OUTCOME_PROCESS);
        g_assert_nonnull(strstr(failure.message, loss.message));
        g_assert_nonnull(strstr(failure.message, "another 0.0 s"));
    }
    g_assert_cmpint(restart_begin(restart, now + pause, &failure), ==, 0);
    return pause;
}

static void test_pauses(void)
{
    static const uint64_t pauses[] = {0, 100000, 200000, 400000, 800000, 1600000, 3200000, 5000000};
    Restart restart = {0};
    uint64_t now = 1000 * SECOND;
    Failure failure;

    g_assert_cmpint(restart_begin(&restart, now, &failure), ==, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(pauses); i++) {
        now += 5 * SECOND - 1;
        g_assert_cmpuint(pause_after_loss(&restart, now), ==, pauses[i]);
        now += pauses[i];
    }
    for (unsigned i = 0; i < 100; i++)
        g_assert_cmpuint(pause_after_loss(&restart, now += 5 * SECOND), <=, 5 * SECOND);

    /* one that lived was no bad one, and neither is the first after it */
    now = restart.started_usec + 5 * SECOND;
    g_assert_cmpuint(pause_after_loss(&restart, now), ==, 0);
    g_assert_cmpuint(pause_after_loss(&restart, now + 1), ==, 0);
    g_assert_cmpuint(pause_after_loss(&restart, now + 2), ==, 100000);
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/restart/pauses", test_pauses);
    return g_test_run();
}
