/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Many deadlines on one timer. Thousands of probes wait at a time, each with a deadline of its own
 * that is most often not reached: a heap, in which one is set or taken back in logarithmic time,
 * and the event loop knows only the first.
 */

#include <stddef.h>
#include <stdint.h>

#include <systemd/sd-event.h>

typedef struct Deadline Deadline;

/** deadline_passed_t - called once when a deadline has passed; it is no longer set then, and may be
 * set again */
typedef void (*deadline_passed_t)(Deadline *deadline);

/* Part of whatever has the deadline; begins as zeros. */
struct Deadline {
    uint64_t usec; /* CLOCK_MONOTONIC */
    deadline_passed_t passed;
    size_t place; /* in the heap, counted from 1; 0 while it is not set */
};

typedef struct Deadlines {
    sd_event_source *source;
    Deadline **heap;
    size_t n, size;      /* set, and what there is room for */
    uint64_t timer_usec; /* when the timer comes; UINT64_MAX if it does not */
} Deadlines;

/** deadlines_now() - CLOCK_MONOTONIC in microseconds, now and not when the loop last woke */
uint64_t deadlines_now(void);

/**
 * deadlines_init() - make an empty heap
 * @priority: of its timer, see sd_event_source_set_priority()
 *
 * Return: 0 or a negative errno; either way deadlines_deinit() cleans up.
 */
int deadlines_init(Deadlines *deadlines, sd_event *event, int64_t priority);

/** deadlines_deinit() - there must be none left; copes with zeros */
void deadlines_deinit(Deadlines *deadlines);

/**
 * deadlines_set() - set a deadline, anew if it is set already
 * @usec: when, CLOCK_MONOTONIC; if that is past, @passed is called from the loop all the same
 *
 * Return: 0 or -ENOMEM, when it is as it was. For one that is set it cannot fail.
 */
int deadlines_set(Deadlines *deadlines, Deadline *deadline, uint64_t usec,
                  deadline_passed_t passed);

/** deadlines_unset() - take a deadline back; nothing happens if it is not set */
void deadlines_unset(Deadlines *deadlines, Deadline *deadline);
