/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Places of which each user holds some. A user takes a further one only while it holds fewer than
 * are free, so that nobody holds all: alone a user gets half of them, and whoever comes then half
 * of what is left. Pure.
 */

#include <stdbool.h>
#include <sys/types.h>

typedef struct Share Share;

/* Begins as zeros but for `places` and `most`; needs no end but that all was given back. */
typedef struct Shares {
    unsigned places; /* that there are */
    unsigned most;   /* of those, that one user may have at all; 0 if that is as good as any */
    unsigned taken;  /* of those, by all users */
    Share *by_uid;
} Shares;

/** shares_may_take() - whether this user may take a place */
bool shares_may_take(const Shares *shares, uid_t uid);

/** shares_take() - take a place; 0 or -ENOMEM */
int shares_take(Shares *shares, uid_t uid);

/** shares_give_back() - give a place back that this user took */
void shares_give_back(Shares *shares, uid_t uid);
