/* SPDX-License-Identifier: MIT */
#pragma once

/* What is said, by every client here, where a call of the service has no result. */

#include <systemd/sd-bus.h>

/* Room for service_error_text(). */
#define SERVICE_ERROR_SIZE 1024

/**
 * service_error_text() - one line that says what went wrong with a call, and what may help
 * @error: of the call
 * @r: the negative errno that sd-bus has for it
 * @text: filled in
 *
 * Return: @text.
 */
const char *service_error_text(const sd_bus_error *error, int r,
                               char text[static SERVICE_ERROR_SIZE]);
