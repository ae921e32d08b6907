/* SPDX-License-Identifier: MIT */

#include "marks.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "hash.h"

struct Mark {
    Marks *marks;
    uint32_t value;
    UT_hash_handle by_value;
    uid_t uid;         /* who first asked for it */
    Mark *prev, *next; /* in `open` */
    bool is_open;
    FairItem item; /* in `waiting`, if it is not open */
    Lane *lane;
    Deadline rest; /* while nothing is in its process: when that is ended */
};

static void balance(Marks *marks);
static void on_rest(Deadline *deadline);

static Mark *mark_free(Mark *mark)
{
    Marks *marks = mark->marks;

    deadlines_unset(&marks->workplace->deadlines, &mark->rest);
    if (HASH_ADDED(by_value, mark))
        HASH_DELETE(by_value, marks->by_value, mark);
    lane_free(mark->lane);
    free(mark);
    return NULL;
}

static void open_mark(Marks *marks, Mark *mark)
{
    DL_APPEND(marks->open, mark);
    marks->n_open++;
    mark->is_open = true;
    lane_set_open(mark->lane, true);
}

/* Ends the mark's process, in which is nothing. If probes wait for it, it waits for its turn. */
static void rest(Mark *mark)
{
    Marks *marks = mark->marks;

    if (mark->is_open) {
        if (fair_queue_append(&marks->waiting, &mark->item, mark->uid) < 0) {
            /* No memory: it stays as it is for now. */
            (void)deadlines_set(&marks->workplace->deadlines, &mark->rest,
                                deadlines_now() + MARKS_UNUSED_USEC, on_rest);
            return;
        }
        DL_DELETE(marks->open, mark);
        marks->n_open--;
        mark->is_open = false;
        if (marks->closing == mark)
            marks->closing = NULL;
        lane_set_open(mark->lane, false);
        lane_rest(mark->lane);
    }
    if (lane_unused(mark->lane)) {
        fair_queue_remove(&marks->waiting, &mark->item);
        mark_free(mark);
    }
    balance(marks);
}

static void on_rest(Deadline *deadline)
{
    Mark *mark = CONTAINER_OF(deadline, Mark, rest);
    bool gives_way = mark == mark->marks->closing;

    /* It may have been used since. */
    if (!lane_in_process(mark->lane) && (gives_way || lane_unused(mark->lane)))
        rest(mark);
}

/*
 * Has the mark's process ended, from the event loop, unless it is used before. Somebody who waits
 * for the place need not wait for that.
 */
static void rest_later(Mark *mark)
{
    Marks *marks = mark->marks;
    bool at_once = !fair_queue_empty(&marks->waiting) || !mark->is_open;

    /* Without memory for it the process stays until it is used and unused once more. */
    (void)deadlines_set(&marks->workplace->deadlines, &mark->rest,
                        deadlines_now() + (at_once ? 0 : MARKS_UNUSED_USEC), on_rest);
}

static void on_quiet(void *userdata)
{
    rest_later(userdata);
}

/*
 * The mark that gives way most easily: one that is not used, or else the one opened first. But not
 * one that has not had its turn yet, since its process starts or its probes wait for something
 * else: it would wait anew, and so would the next, for ever. NULL if there are only such; they will
 * be used.
 */
static Mark *choose_closing(const Marks *marks)
{
    Mark *mark;

    DL_FOREACH (marks->open, mark)
        if (lane_unused(mark->lane))
            return mark;
    DL_FOREACH (marks->open, mark)
        if (lane_in_process(mark->lane))
            return mark;
    return NULL;
}

/* Opens marks that wait, if there are places, or has one give way, if somebody waits. */
static void balance(Marks *marks)
{
    FairItem *item;

    while (marks->n_open < MARKS_OPEN_MAX && (item = fair_queue_take(&marks->waiting, NULL, NULL)))
        open_mark(marks, CONTAINER_OF(item, Mark, item));

    if (!fair_queue_empty(&marks->waiting) && !marks->closing) {
        marks->closing = choose_closing(marks);
        if (!marks->closing)
            return;
        lane_set_open(marks->closing->lane, false);
        if (!lane_in_process(marks->closing->lane))
            rest_later(marks->closing);
    } else if (fair_queue_empty(&marks->waiting) && marks->closing) {
        Mark *mark = TAKE_PTR(marks->closing);

        lane_set_open(mark->lane, true);
    }
}

static int mark_new(Mark **ret, Marks *marks, uint32_t value, uid_t uid)
{
    Mark *mark;
    int r;

    mark = calloc(1, sizeof(*mark));
    if (!mark)
        return -ENOMEM;
    mark->marks = marks;
    mark->value = value;
    mark->uid = uid;

    r = lane_new(&mark->lane, marks->workplace, NUMBERS_SHARED, &marks->restart, on_quiet, mark);
    if (r >= 0) {
        HASH_ADD(by_value, marks->by_value, value, sizeof(value), mark);
        r = HASH_ADDED(by_value, mark) ? 0 : -ENOMEM;
    }
    if (r >= 0)
        r = fair_queue_append(&marks->waiting, &mark->item, uid);
    if (r < 0) {
        mark_free(mark);
        return r;
    }

    lane_set_open(mark->lane, false);
    *ret = mark;
    return 0;
}

int marks_submit(Marks *marks, Job *job)
{
    const uint32_t value = job->command.options.mark;
    Mark *mark;
    int r = 0;

    HASH_FIND(by_value, marks->by_value, &value, sizeof(value), mark);
    if (!mark)
        r = mark_new(&mark, marks, value, job->uid);
    if (r < 0)
        return r;

    /* One that is to give way keeps its date: it is not used any more. */
    if (mark != marks->closing)
        deadlines_unset(&marks->workplace->deadlines, &mark->rest);
    r = lane_submit(mark->lane, job);
    if (r < 0)
        rest_later(mark);
    balance(marks);
    return r;
}

void marks_dispatch(Marks *marks)
{
    Mark *mark;

    DL_FOREACH (marks->open, mark)
        lane_dispatch(mark->lane);
}

void marks_replace(Marks *marks, const char *reason)
{
    Mark *mark;

    DL_FOREACH (marks->open, mark)
        lane_replace(mark->lane, reason);
}

void marks_deinit(Marks *marks)
{
    Mark *mark, *next;

    HASH_ITER (by_value, marks->by_value, mark, next) {
        if (mark->item.user)
            fair_queue_remove(&marks->waiting, &mark->item);
        mark_free(mark);
    }
    marks->open = marks->closing = NULL;
    marks->n_open = 0;
}
