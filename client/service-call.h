/* SPDX-License-Identifier: MIT */
#pragma once

/* A call of the service, as every client here makes it. */

#include <systemd/sd-bus.h>

/* Room for service_error_text(). */
#define SERVICE_ERROR_SIZE 1024

/**
 * service_call() - call a method of the service and wait for its answer, however long that takes
 * @call: the message
 * @error: what was answered instead, if it is a D-Bus error
 * @ret_reply: the answer, only on success
 *
 * Return: 0 or a negative errno.
 */
int service_call(sd_bus *bus, sd_bus_message *call, sd_bus_error *error,
                 sd_bus_message **ret_reply);

/**
 * service_error_text() - one line that says what went wrong with a call, and what may help
 * @error: of the call
 * @r: what service_call() returned
 * @text: filled in
 *
 * Return: @text.
 */
const char *service_error_text(const sd_bus_error *error, int r,
                               char text[static SERVICE_ERROR_SIZE]);
