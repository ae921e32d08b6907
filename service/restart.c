/* SPDX-License-Identifier: MIT */

#include "restart.h"

/*
 * A process that is lost sooner than this after its start was no good. After two of them in a row
 * the next start waits, longer each time.
 */
#define QUICK_LOSS_USEC (5 * 1000 * 1000ULL)
#define PAUSE_FIRST_USEC (100 * 1000ULL)
#define PAUSE_MAX_USEC (5 * 1000 * 1000ULL)

/* How long to wait after so many quick losses in a row, in microseconds. */
static uint64_t pause_after(unsigned n_quick_losses)
{
    uint64_t pause = n_quick_losses < 2 ? 0 : PAUSE_FIRST_USEC;

    for (unsigned i = 2; i < n_quick_losses && pause < PAUSE_MAX_USEC; i++)
        pause *= 2;
    return pause < PAUSE_MAX_USEC ? pause : PAUSE_MAX_USEC;
}

int restart_begin(Restart *restart, uint64_t now, Failure *failure)
{
    if (now < restart->not_before_usec)
        return failure_set(
            failure, OUTCOME_PROCESS, "%s; it is not started again for another %.1f s",
            restart->last_loss.message, (double)(restart->not_before_usec - now) / 1e6);

    restart->started_usec = now;
    return 0;
}

void restart_note_loss(Restart *restart, uint64_t now, const Failure *failure)
{
    if (now - restart->started_usec >= QUICK_LOSS_USEC)
        restart->n_quick_losses = 0;
    else
        restart->n_quick_losses++;

    restart->not_before_usec = now + pause_after(restart->n_quick_losses);
    restart->last_loss = *failure;
}
