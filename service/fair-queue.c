/* SPDX-License-Identifier: MIT */

#include "fair-queue.h"

#include <errno.h>
#include <stdlib.h>

#include "hash.h"

/* A user for whom something waits. */
struct FairUser {
    uid_t uid;
    UT_hash_handle by_uid;
    FairUser *prev, *next; /* in `turns` */
    FairItem *items;       /* never empty between calls */
};

/* The user's entry, a new one if need be; NULL if memory is out. */
static FairUser *get_user(FairQueue *queue, uid_t uid)
{
    FairUser *user;

    HASH_FIND(by_uid, queue->by_uid, &uid, sizeof(uid), user);
    if (user)
        return user;

    user = calloc(1, sizeof(*user));
    if (!user)
        return NULL;
    user->uid = uid;
    HASH_ADD(by_uid, queue->by_uid, uid, sizeof(uid), user);
    if (!HASH_ADDED(by_uid, user)) {
        free(user);
        return NULL;
    }
    DL_APPEND(queue->turns, user);
    return user;
}

bool fair_queue_empty(const FairQueue *queue)
{
    return !queue->turns;
}

static int insert(FairQueue *queue, FairItem *item, uid_t uid, bool first)
{
    FairUser *user = get_user(queue, uid);

    if (!user)
        return -ENOMEM;
    item->user = user;
    if (first)
        DL_PREPEND(user->items, item);
    else
        DL_APPEND(user->items, item);
    return 0;
}

int fair_queue_append(FairQueue *queue, FairItem *item, uid_t uid)
{
    return insert(queue, item, uid, false);
}

int fair_queue_put_back(FairQueue *queue, FairItem *item, uid_t uid)
{
    return insert(queue, item, uid, true);
}

void fair_queue_remove(FairQueue *queue, FairItem *item)
{
    FairUser *user = item->user;

    DL_DELETE(user->items, item);
    item->user = NULL;
    if (user->items)
        return;

    HASH_DELETE(by_uid, queue->by_uid, user);
    DL_DELETE(queue->turns, user);
    free(user);
}

FairItem *fair_queue_take(FairQueue *queue, fair_queue_may_t may, void *userdata)
{
    FairUser *user;

    DL_FOREACH (queue->turns, user) {
        FairItem *item = user->items;

        if (may && !may(userdata, user->uid))
            continue;

        /* The others come first, the next time. */
        DL_DELETE(queue->turns, user);
        DL_APPEND(queue->turns, user);
        fair_queue_remove(queue, item);
        return item;
    }
    return NULL;
}

FairItem *fair_queue_first(const FairQueue *queue)
{
    return queue->turns ? queue->turns->items : NULL;
}
