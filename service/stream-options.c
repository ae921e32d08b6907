/* SPDX-License-Identifier: MIT */

#include "stream-options.h"

#include <string.h>

#include "option-entries.h"

typedef struct Reading {
    StreamOptions options;
    bool seen;
} Reading;

static int read_entry(sd_bus_message *message, const char *name, void *userdata, Failure *failure)
{
    Reading *reading = userdata;
    const char *contents;
    int r, value;

    if (strcmp(name, "mark") != 0)
        return failure_set(failure, OUTCOME_INVALID_ARGS, "option %s is unknown; mark is expected",
                           QUOTE(name));
    if (reading->seen)
        return failure_set(failure, OUTCOME_INVALID_ARGS,
                           "option %s is given twice, once is expected", name);
    reading->seen = true;

    r = sd_bus_message_peek_type(message, NULL, &contents);
    if (r < 0)
        return r;
    if (strcmp(contents, "b") != 0)
        return failure_set(failure, OUTCOME_INVALID_ARGS,
                           "option %s has a value of D-Bus type %s, a boolean is expected", name,
                           QUOTE(contents));
    r = sd_bus_message_read(message, "v", "b", &value);
    if (r < 0)
        return r;
    reading->options.mark = value;
    return 0;
}

int stream_options_read(StreamOptions *ret, sd_bus_message *message, Failure *failure)
{
    Reading reading = {0};
    int r;

    r = option_entries_read(message, read_entry, &reading, failure);
    if (r == 0)
        *ret = reading.options;
    return r;
}
