/* SPDX-License-Identifier: MIT */

#include "statistics.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "util.h"

#define COUNTER(name)                                                                              \
    {                                                                                              \
#name, offsetof(Statistics, name)                                                          \
    }

static const struct {
    const char *name;
    size_t offset;
} counters[] = {
    COUNTER(probes_sent),
    COUNTER(replies),
    COUNTER(ttl_expired),
    COUNTER(no_reply),
    COUNTER(other_results),
    COUNTER(processes_started),
    COUNTER(processes_lost),
    COUNTER(bytes_in),
    COUNTER(bytes_out),
    COUNTER(lookups),
    COUNTER(authorisation_questions),
    COUNTER(authorisation_prompts),
    COUNTER(calls_delayed),
    COUNTER(streams_opened),
};

void statistics_count_result(Statistics *statistics, const char *word)
{
    if (strcmp(word, "reply") == 0)
        statistics->replies++;
    else if (strcmp(word, "ttl-expired") == 0)
        statistics->ttl_expired++;
    else if (strcmp(word, "no-reply") == 0)
        statistics->no_reply++;
    else
        statistics->other_results++;
}

int statistics_get(const Statistics *statistics, unsigned number, const char **ret_name,
                   uint64_t *ret_value)
{
    if (number >= ELEMENTS(counters))
        return -ENOENT;

    *ret_name = counters[number].name;
    *ret_value =
        *(const uint64_t *)(const void *)((const char *)statistics + counters[number].offset);
    return 0;
}
