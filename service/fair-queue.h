/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Things that wait, each for a user: the users are served in turn, and what one of them waits for
 * in the order it came. Pure: it knows nothing of what waits.
 */

#include <stdbool.h>
#include <sys/types.h>

typedef struct FairUser FairUser;
typedef struct FairItem FairItem;

/* Part of whatever waits; begins as zeros. */
struct FairItem {
    FairUser *user; /* NULL unless it waits */
    FairItem *prev, *next;
};

/* Begins as zeros; needs no end but that nothing waits any more. */
typedef struct FairQueue {
    FairUser *by_uid;
    FairUser *turns; /* the next to be served first */
} FairQueue;

/** fair_queue_may_t - whether @uid may be served now */
typedef bool (*fair_queue_may_t)(void *userdata, uid_t uid);

/** fair_queue_empty() - whether nothing waits */
bool fair_queue_empty(const FairQueue *queue);

/**
 * fair_queue_append() - wait, behind what else waits for the same user
 *
 * Return: 0 or -ENOMEM.
 */
int fair_queue_append(FairQueue *queue, FairItem *item, uid_t uid);

/**
 * fair_queue_put_back() - wait, before what else waits for the same user
 *
 * For what was taken and could not be served after all. Return: 0 or -ENOMEM.
 */
int fair_queue_put_back(FairQueue *queue, FairItem *item, uid_t uid);

/** fair_queue_remove() - wait no longer */
void fair_queue_remove(FairQueue *queue, FairItem *item);

/**
 * fair_queue_take() - whose turn it is, of those who may
 * @may, @userdata: asked of each user; or NULL if all may
 *
 * Return: the item, which waits no longer, or NULL if nothing waits for a user who may.
 */
FairItem *fair_queue_take(FairQueue *queue, fair_queue_may_t may, void *userdata);

/** fair_queue_first() - any item that waits, or NULL */
FairItem *fair_queue_first(const FairQueue *queue);
