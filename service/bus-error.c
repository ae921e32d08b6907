/* SPDX-License-Identifier: MIT */

#include "bus-error.h"

#include <errno.h>
#include <stdlib.h>

const char *bus_error_name(Outcome outcome)
{
    /* No default: the compiler names an outcome that has no error yet. */
    switch (outcome) {
    case OUTCOME_INVALID_ARGS:
        return SD_BUS_ERROR_INVALID_ARGS;
    case OUTCOME_NOT_SUPPORTED:
        return SD_BUS_ERROR_NOT_SUPPORTED;
    case OUTCOME_ACCESS_DENIED:
        return SD_BUS_ERROR_ACCESS_DENIED;
    case OUTCOME_AUTHENTICATION:
        return SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED;
    case OUTCOME_HOST_RESOLVE:
        return BUS_ERROR_HOST_RESOLVE;
    case OUTCOME_PROCESS:
        return BUS_ERROR_PROCESS;
    case OUTCOME_STATE:
        return BUS_ERROR_STATE;
    case OUTCOME_CANCELLED:
        return BUS_ERROR_CANCELLED;
    case OUTCOME_LIMITS_EXCEEDED:
        return SD_BUS_ERROR_LIMITS_EXCEEDED;
    case OUTCOME_NO_MEMORY:
        return SD_BUS_ERROR_NO_MEMORY;
    case OUTCOME_OK:
        break;
    }

    abort(); /* success has no error name: whoever asks would answer a caller with nonsense */
}

void bus_error_register(void)
{
    static const sd_bus_error_map map[] = {
        SD_BUS_ERROR_MAP(BUS_ERROR_HOST_RESOLVE, EHOSTUNREACH),
        SD_BUS_ERROR_MAP(BUS_ERROR_PROCESS, EIO),
        SD_BUS_ERROR_MAP(BUS_ERROR_STATE, EBADFD),
        SD_BUS_ERROR_MAP(BUS_ERROR_CANCELLED, ECANCELED),
        SD_BUS_ERROR_MAP_END,
    };

    (void)sd_bus_error_add_map(map);
}
