/* SPDX-License-Identifier: MIT */

#include "stream-options.h"

#include <string.h>

/* Reads the value of the entry NAME. */
static int read_mark(sd_bus_message *message, const char *name, StreamOptions *options,
                     Failure *failure)
{
    const char *contents;
    int r, value;

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
    options->mark = value;
    return 0;
}

int stream_options_read(StreamOptions *ret, sd_bus_message *message, Failure *failure)
{
    StreamOptions options = {0};
    bool seen = false;
    int r;

    r = sd_bus_message_enter_container(message, 'a', "{sv}");
    if (r < 0)
        return r;
    while ((r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
        const char *name;

        r = sd_bus_message_read_basic(message, 's', &name);
        if (r < 0)
            return r;
        if (strcmp(name, "mark") != 0)
            return failure_set(failure, OUTCOME_INVALID_ARGS,
                               "option %s is unknown; mark is expected", QUOTE(name));
        if (seen)
            return failure_set(failure, OUTCOME_INVALID_ARGS,
                               "option %s is given twice, once is expected", name);
        seen = true;
        r = read_mark(message, name, &options, failure);
        if (r != 0)
            return r;
        r = sd_bus_message_exit_container(message);
        if (r < 0)
            return r;
    }
    if (r < 0)
        return r;
    r = sd_bus_message_exit_container(message);
    if (r < 0)
        return r;

    *ret = options;
    return 0;
}
