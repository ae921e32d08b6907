/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * When a process that was lost may be started again: at once, unless it keeps dying, and then after
 * a pause that grows, so that a broken mtr-packet costs neither the processor's time nor a caller's
 * patience. Pure: times are CLOCK_MONOTONIC in microseconds, and given.
 */

#include <stdbool.h>
#include <stdint.h>

#include "outcome.h"

/* Begins as zeros. */
typedef struct Restart {
    uint64_t started_usec;    /* when the last process was started */
    unsigned n_quick_losses;  /* in a row */
    uint64_t not_before_usec; /* when the next may be started */
    Failure last_loss;
} Restart;

/**
 * restart_begin() - a process is about to be started
 * @now: the time
 * @failure: filled in on a positive return: the last loss, and how long it still takes
 *
 * Return: 0, or OUTCOME_PROCESS if it must not be.
 */
int restart_begin(Restart *restart, uint64_t now, Failure *failure);

/** restart_note_loss() - the process was lost, or could not be started; at @now */
void restart_note_loss(Restart *restart, uint64_t now, const Failure *failure);
