/* SPDX-License-Identifier: MIT */

#include "ctl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bus-error.h"
#include "service-call.h"

int ctl_option(Ctl *ctl, int option, const char *argument)
{
    if (option == 'j') {
        ctl->json = isatty(STDOUT_FILENO) ? JSON_PRETTY : JSON_SHORT;
        return 0;
    }
    if (option == CTL_OPTION_NO_ASK_PASSWORD) {
        ctl->no_ask_password = true;
        return 0;
    }
    if (option != CTL_OPTION_JSON)
        return -ENOENT;

    if (strcmp(argument, "short") == 0)
        ctl->json = JSON_SHORT;
    else if (strcmp(argument, "pretty") == 0)
        ctl->json = JSON_PRETTY;
    else if (strcmp(argument, "off") == 0)
        ctl->json = JSON_OFF;
    else {
        fprintf(stderr, "--json=%s is not known: short, pretty or off is expected\n", argument);
        return -EINVAL;
    }
    return 0;
}

int ctl_internal_error(const char *what, int error)
{
    fprintf(stderr, "Failed to %s: %s\n", what, strerror(-error));
    return CTL_EXIT_SERVICE;
}

int ctl_connect(Ctl *ctl)
{
    int r;

    if (ctl->bus)
        return 0;

    r = sd_bus_open_system_with_description(&ctl->bus, "mtrpacketctl");
    if (r >= 0)
        r = sd_bus_set_allow_interactive_authorization(ctl->bus, !ctl->no_ask_password);
    return r < 0 ? ctl_internal_error("connect to the system bus", r) : 0;
}

static int exit_status(const sd_bus_error *error)
{
    switch (sd_bus_error_get_errno(error)) {
    case EINVAL:
    case EOPNOTSUPP:
        return CTL_EXIT_ARGUMENTS;
    case EACCES:
    case EPERM:
        return CTL_EXIT_DENIED;
    case EHOSTUNREACH:
        return sd_bus_error_has_name(error, BUS_ERROR_HOST_RESOLVE) ? CTL_EXIT_HOST
                                                                    : CTL_EXIT_SERVICE;
    default:
        return CTL_EXIT_SERVICE;
    }
}

int ctl_call(Ctl *ctl, sd_bus_message *call, sd_bus_message **ret_reply)
{
    sd_bus_error error __attribute__((cleanup(sd_bus_error_free))) = SD_BUS_ERROR_NULL;
    char text[SERVICE_ERROR_SIZE];
    int r;

    r = service_call(ctl->bus, call, &error, ret_reply);
    if (r == 0)
        return 0;
    fprintf(stderr, "%s\n", service_error_text(&error, r, text));
    return exit_status(&error);
}

int ctl_print_json(const Ctl *ctl, json_t *value)
{
    size_t flags =
        JSON_REAL_PRECISION(15) | (ctl->json == JSON_PRETTY ? JSON_INDENT(8) : JSON_COMPACT);
    int r;

    if (!value)
        return ctl_internal_error("write JSON", -ENOMEM);

    r = json_dumpf(value, stdout, flags);
    json_decref(value);
    if (r < 0 || putchar('\n') == EOF)
        return ctl_internal_error("write JSON", -EIO);
    return 0;
}
