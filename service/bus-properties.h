/* SPDX-License-Identifier: MIT */
#pragma once

/* The properties of the service's object, as sd-bus asks for them: @userdata is the Manager. */

#include <systemd/sd-bus.h>

/** Version: of the service */
int bus_property_version(sd_bus *bus, const char *path, const char *interface, const char *property,
                         sd_bus_message *reply, void *userdata, sd_bus_error *error);

/** PacketVersion: of the mtr-packet that was last started, empty until then */
int bus_property_packet_version(sd_bus *bus, const char *path, const char *interface,
                                const char *property, sd_bus_message *reply, void *userdata,
                                sd_bus_error *error);

/** Features: what that supports */
int bus_property_features(sd_bus *bus, const char *path, const char *interface,
                          const char *property, sd_bus_message *reply, void *userdata,
                          sd_bus_error *error);

/** ProbesInFlight: that mtr-packets have */
int bus_property_probes_in_flight(sd_bus *bus, const char *path, const char *interface,
                                  const char *property, sd_bus_message *reply, void *userdata,
                                  sd_bus_error *error);

/** ProbesQueued: that were asked for, and mtr-packets do not have yet */
int bus_property_probes_queued(sd_bus *bus, const char *path, const char *interface,
                               const char *property, sd_bus_message *reply, void *userdata,
                               sd_bus_error *error);

/** Statistics: counters, see statistics.h; errors each under the last part of their names */
int bus_property_statistics(sd_bus *bus, const char *path, const char *interface,
                            const char *property, sd_bus_message *reply, void *userdata,
                            sd_bus_error *error);
