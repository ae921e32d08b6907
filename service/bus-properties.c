/* SPDX-License-Identifier: MIT */

#include "bus-properties.h"

#include <stdio.h>
#include <string.h>

#include "bus-error.h"
#include "manager.h"
#include "version.h"

int bus_property_version(sd_bus *bus, const char *path, const char *interface, const char *property,
                         sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
    return sd_bus_message_append(reply, "s", MTRPACKETD_VERSION);
}

int bus_property_packet_version(sd_bus *bus, const char *path, const char *interface,
                                const char *property, sd_bus_message *reply, void *userdata,
                                sd_bus_error *error)
{
    Manager *manager = userdata;

    return sd_bus_message_append(reply, "s", manager->support.version);
}

int bus_property_features(sd_bus *bus, const char *path, const char *interface,
                          const char *property, sd_bus_message *reply, void *userdata,
                          sd_bus_error *error)
{
    Manager *manager = userdata;
    int r;

    r = sd_bus_message_open_container(reply, 'a', "s");
    for (unsigned i = 0; r >= 0 && i < PACKET_SUPPORT_FEATURES; i++)
        if (manager->support.features & (1U << i))
            r = sd_bus_message_append(reply, "s", packet_support_features[i]);
    return r < 0 ? r : sd_bus_message_close_container(reply);
}

int bus_property_probes_in_flight(sd_bus *bus, const char *path, const char *interface,
                                  const char *property, sd_bus_message *reply, void *userdata,
                                  sd_bus_error *error)
{
    Manager *manager = userdata;

    return sd_bus_message_append(reply, "u", scheduler_in_flight(manager->scheduler));
}

int bus_property_probes_queued(sd_bus *bus, const char *path, const char *interface,
                               const char *property, sd_bus_message *reply, void *userdata,
                               sd_bus_error *error)
{
    Manager *manager = userdata;

    return sd_bus_message_append(reply, "u",
                                 manager->callers.n_waiting + scheduler_queued(manager->scheduler));
}

/* Errors are counted each under the last part of its name. */
static int append_errors(sd_bus_message *reply, const Statistics *statistics)
{
    char name[64];
    int r = 0;

    for (unsigned i = OUTCOME_OK + 1; r >= 0 && i <= OUTCOME_LAST; i++) {
        snprintf(name, sizeof(name), "errors_%s", strrchr(bus_error_name((Outcome)i), '.') + 1);
        r = sd_bus_message_append(reply, "{st}", name, statistics->errors[i]);
    }
    return r;
}

int bus_property_statistics(sd_bus *bus, const char *path, const char *interface,
                            const char *property, sd_bus_message *reply, void *userdata,
                            sd_bus_error *error)
{
    Manager *manager = userdata;
    const char *name;
    uint64_t value;
    int r;

    r = sd_bus_message_open_container(reply, 'a', "{st}");
    for (unsigned i = 0; r >= 0 && statistics_get(&manager->statistics, i, &name, &value) == 0; i++)
        r = sd_bus_message_append(reply, "{st}", name, value);
    if (r >= 0)
        r = append_errors(reply, &manager->statistics);
    return r < 0 ? r : sd_bus_message_close_container(reply);
}
