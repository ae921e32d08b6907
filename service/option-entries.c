/* SPDX-License-Identifier: MIT */

#include "option-entries.h"

static int read_entry(sd_bus_message *message, option_entry_t read, void *userdata,
                      Failure *failure)
{
    const char *name;
    int r;

    r = sd_bus_message_read_basic(message, 's', &name);
    if (r < 0)
        return r;
    r = read(message, name, userdata, failure);
    if (r != 0)
        return r;
    r = sd_bus_message_exit_container(message);
    return r < 0 ? r : 0; /* it says 1 for success, which is an outcome here */
}

int option_entries_read(sd_bus_message *message, option_entry_t read, void *userdata,
                        Failure *failure)
{
    int r;

    r = sd_bus_message_enter_container(message, 'a', "{sv}");
    if (r < 0)
        return r;
    while ((r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
        r = read_entry(message, read, userdata, failure);
        if (r != 0)
            return r;
    }
    if (r < 0)
        return r;
    r = sd_bus_message_exit_container(message);
    return r < 0 ? r : 0;
}
