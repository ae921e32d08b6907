/* SPDX-License-Identifier: MIT */

#include "token-bucket.h"

#define NSEC_PER_USEC 1000

void token_bucket_init(TokenBucket *bucket, uint64_t interval_ns, unsigned burst)
{
    *bucket = (TokenBucket){.interval_ns = interval_ns, .burst = burst};
}

void token_bucket_owe(TokenBucket *bucket, uint64_t now_usec)
{
    uint64_t now_ns = now_usec * NSEC_PER_USEC;

    if (bucket->full_ns < now_ns)
        bucket->full_ns = now_ns;
    bucket->full_ns += bucket->interval_ns;
}

bool token_bucket_take(TokenBucket *bucket, uint64_t now_usec)
{
    if (token_bucket_next(bucket) > now_usec)
        return false;
    token_bucket_owe(bucket, now_usec);
    return true;
}

/* Rounded up: at that microsecond there is one. */
static uint64_t to_usec(uint64_t ns)
{
    return (ns + NSEC_PER_USEC - 1) / NSEC_PER_USEC;
}

uint64_t token_bucket_next(const TokenBucket *bucket)
{
    uint64_t rest_ns = (bucket->burst - 1) * bucket->interval_ns;

    return bucket->full_ns > rest_ns ? to_usec(bucket->full_ns - rest_ns) : 0;
}

uint64_t token_bucket_full(const TokenBucket *bucket)
{
    return to_usec(bucket->full_ns);
}
