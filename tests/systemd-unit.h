/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The service's unit, as a running systemd has it. Inside a machine only (tests/machine).
 */

#include <gio/gio.h>

#define UNIT_NAME "mtrpacketd.service"

/** unit_init() - be told of changes from now on; @root is a client of uid 0 */
void unit_init(GDBusConnection *root);

/** unit_property() - a property of the unit, to be freed; @interface is Unit or Service */
GVariant *unit_property(const char *interface, const char *name);

/** unit_number() - one that is some unsigned integer */
guint64 unit_number(const char *interface, const char *name);

/** unit_wait_state() - run the main context until ActiveState is @state; after half a minute the
 * test has failed */
void unit_wait_state(const char *state);

/** unit_wait_restart() - the same until it runs with another main process than @pid, which is
 * returned */
GPid unit_wait_restart(GPid pid);

/** unit_main_pid() - the service's process; it runs */
GPid unit_main_pid(void);

/**
 * unit_configure() - stop the service, and have its unit as installed, but for a drop-in
 * @option: a further option for the service, or NULL
 * @lines: lines for the section [Service], or NULL
 */
void unit_configure(const char *option, const char *lines);
