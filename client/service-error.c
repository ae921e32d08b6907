/* SPDX-License-Identifier: MIT */

#include "service-error.h"

#include <stdio.h>
#include <string.h>

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
