/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * How often something may be done: so many times a second, and so many at once after a rest. What
 * is kept is the moment at which the bucket would be full again, so nothing has to be done while
 * time passes. Pure: the caller says what time it is.
 */

#include <stdbool.h>
#include <stdint.h>

typedef struct TokenBucket {
    uint64_t interval_ns; /* in which one token comes */
    unsigned burst;       /* tokens that it holds, at least 1 */
    uint64_t full_ns;     /* when it is full */
} TokenBucket;

/** token_bucket_init() - a full bucket of @burst tokens, into which one comes every @interval_ns */
void token_bucket_init(TokenBucket *bucket, uint64_t interval_ns, unsigned burst);

/**
 * token_bucket_take() - take a token, if there is one
 * @now_usec: CLOCK_MONOTONIC in microseconds, as everywhere here
 *
 * Return: whether there was one.
 */
bool token_bucket_take(TokenBucket *bucket, uint64_t now_usec);

/** token_bucket_owe() - take one though there may be none: the next comes so much later */
void token_bucket_owe(TokenBucket *bucket, uint64_t now_usec);

/** token_bucket_next() - when there is a token, in microseconds; it may be past */
uint64_t token_bucket_next(const TokenBucket *bucket);

/** token_bucket_full() - when the bucket is full, in microseconds; it may be past */
uint64_t token_bucket_full(const TokenBucket *bucket);
