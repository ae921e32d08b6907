/* SPDX-License-Identifier: MIT */

#include "service-call.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

int service_call(sd_bus *bus, sd_bus_message *call, sd_bus_error *error, sd_bus_message **ret_reply)
{
    int r;

    /* The service has the deadline, and its caller may wait for others first: the default of 25 s
     * is no limit here. */
    r = sd_bus_call(bus, call, UINT64_MAX, error, ret_reply);
    return r < 0 ? r : 0;
}

const char *service_error_text(const sd_bus_error *error, int r,
                               char text[static SERVICE_ERROR_SIZE])
{
    const char *message = error->message ? error->message : strerror(-r);

    if (sd_bus_error_has_name(error, SD_BUS_ERROR_SERVICE_UNKNOWN) ||
        sd_bus_error_has_name(error, SD_BUS_ERROR_NAME_HAS_NO_OWNER))
        snprintf(text, SERVICE_ERROR_SIZE, "No mtrpacketd is on the bus: is it installed? (%s)",
                 message);
    else
        snprintf(text, SERVICE_ERROR_SIZE, "%s", message);
    return text;
}
