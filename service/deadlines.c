/* SPDX-License-Identifier: MIT */

#include "deadlines.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

/* How late the timer may be, in microseconds. sd-event's own default is a quarter of a second. */
#define ACCURACY_USEC 1000

uint64_t deadlines_now(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* every Linux has it */
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void put(Deadlines *deadlines, size_t place, Deadline *deadline)
{
    deadlines->heap[place - 1] = deadline;
    deadline->place = place;
}

/* Moves the deadline at PLACE towards the top while it is earlier than what is above it. */
static void rise(Deadlines *deadlines, size_t place)
{
    Deadline *deadline = deadlines->heap[place - 1];

    for (; place > 1 && deadline->usec < deadlines->heap[place / 2 - 1]->usec; place /= 2)
        put(deadlines, place, deadlines->heap[place / 2 - 1]);
    put(deadlines, place, deadline);
}

/* Moves it away from the top while one of the two below it is earlier. */
static void sink(Deadlines *deadlines, size_t place)
{
    Deadline *deadline = deadlines->heap[place - 1];

    for (size_t below; (below = 2 * place) <= deadlines->n; place = below) {
        if (below < deadlines->n && deadlines->heap[below]->usec < deadlines->heap[below - 1]->usec)
            below++;
        if (deadline->usec <= deadlines->heap[below - 1]->usec)
            break;
        put(deadlines, place, deadlines->heap[below - 1]);
    }
    put(deadlines, place, deadline);
}

/*
 * Has the timer come for the first deadline. If that was taken back or moved, it comes too early
 * once, and is set then, which is cheaper than to set it each time: that is a system call.
 */
static void set_timer(Deadlines *deadlines)
{
    if (deadlines->n == 0 || deadlines->heap[0]->usec >= deadlines->timer_usec)
        return;
    deadlines->timer_usec = deadlines->heap[0]->usec;
    (void)sd_event_source_set_time(deadlines->source, deadlines->timer_usec);
    (void)sd_event_source_set_enabled(deadlines->source, SD_EVENT_ONESHOT);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
    Deadlines *deadlines = userdata;
    uint64_t now = deadlines_now();

    /* What passes while others are handled comes next time: replies that came meanwhile go first.
     */
    while (deadlines->n > 0 && deadlines->heap[0]->usec <= now) {
        Deadline *deadline = deadlines->heap[0];

        deadlines_unset(deadlines, deadline);
        deadline->passed(deadline);
    }
    deadlines->timer_usec = UINT64_MAX;
    set_timer(deadlines);
    return 0;
}

int deadlines_init(Deadlines *deadlines, sd_event *event, int64_t priority)
{
    int r;

    *deadlines = (Deadlines){.timer_usec = UINT64_MAX};
    r = sd_event_add_time(event, &deadlines->source, CLOCK_MONOTONIC, 0, ACCURACY_USEC, on_timer,
                          deadlines);
    if (r >= 0)
        r = sd_event_source_set_priority(deadlines->source, priority);
    if (r >= 0)
        r = sd_event_source_set_enabled(deadlines->source, SD_EVENT_OFF);
    return r < 0 ? r : 0;
}

void deadlines_deinit(Deadlines *deadlines)
{
    assert(deadlines->n == 0);
    deadlines->source = sd_event_source_disable_unref(deadlines->source);
    free(deadlines->heap);
    deadlines->heap = NULL;
    deadlines->size = 0;
}

int deadlines_set(Deadlines *deadlines, Deadline *deadline, uint64_t usec, deadline_passed_t passed)
{
    if (deadline->place == 0) {
        if (deadlines->n == deadlines->size) {
            size_t size = deadlines->size > 0 ? 2 * deadlines->size : 64;
            /* NOLINTNEXTLINE(bugprone-sizeof-expression): the heap is one of pointers */
            Deadline **larger = reallocarray(deadlines->heap, size, sizeof(*larger));

            if (!larger)
                return -ENOMEM;
            deadlines->heap = larger;
            deadlines->size = size;
        }
        put(deadlines, ++deadlines->n, deadline);
    }

    deadline->usec = usec;
    deadline->passed = passed;
    rise(deadlines, deadline->place);
    sink(deadlines, deadline->place);
    set_timer(deadlines);
    return 0;
}

void deadlines_unset(Deadlines *deadlines, Deadline *deadline)
{
    size_t place = deadline->place;
    Deadline *last;

    if (place == 0)
        return;

    last = deadlines->heap[--deadlines->n];
    deadline->place = 0;
    if (last != deadline) {
        put(deadlines, place, last);
        rise(deadlines, place);
        sink(deadlines, last->place);
    }
}
