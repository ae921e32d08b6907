/* SPDX-License-Identifier: MIT */
#pragma once

/* What the verbs of mtrpacketctl share: the connection, how results are shown, and the exit status.
 */

#include <stdbool.h>

#include <jansson.h>
#include <systemd/sd-bus.h>

/* Exit status, also in --help */
enum {
    CTL_EXIT_OK = 0,        /* the probe arrived; every feature is supported */
    CTL_EXIT_OTHER = 1,     /* any other result; a feature is not supported */
    CTL_EXIT_ARGUMENTS = 2, /* wrong use, or arguments that the service refuses */
    CTL_EXIT_DENIED = 3,    /* not allowed */
    CTL_EXIT_HOST = 4,      /* the host has no address, or none of the wanted IP version */
    CTL_EXIT_SERVICE = 5,   /* no service, no mtr-packet, or whatever else kept the answer away */
};

typedef enum JsonMode {
    JSON_OFF,
    JSON_SHORT,  /* one line */
    JSON_PRETTY, /* indented */
} JsonMode;

typedef struct Ctl {
    sd_bus *bus; /* NULL until ctl_connect() */
    JsonMode json;
    bool no_ask_password; /* the user must not be asked to authenticate */
} Ctl;

/* Options that every verb takes, for its getopt_long() table; their letters go to ctl_option(). */
enum {
    CTL_OPTION_JSON = 0x1000,
    CTL_OPTION_NO_ASK_PASSWORD,
};
#define CTL_OPTIONS                                                                                \
    {"json", required_argument, NULL, CTL_OPTION_JSON},                                            \
    {                                                                                              \
        "no-ask-password", no_argument, NULL, CTL_OPTION_NO_ASK_PASSWORD                           \
    }
#define CTL_OPTION_LETTERS "hj"
#define CTL_OPTIONS_HELP                                                                           \
    "  -h --help                 Show this help\n"                                                 \
    "     --json=MODE            Print JSON: short, pretty or off (default: off)\n"                \
    "  -j                        Same as --json=pretty on a terminal, --json=short\n"              \
    "                            otherwise\n"                                                      \
    "     --no-ask-password      Fail rather than ask the user to authenticate\n"

/**
 * ctl_option() - take one of the options that every verb has
 * @option: what getopt_long() returned
 * @argument: its optarg
 *
 * Return: 0, or -EINVAL, which was said on stderr. Other options are -ENOENT, and nothing was said.
 */
int ctl_option(Ctl *ctl, int option, const char *argument);

/**
 * ctl_connect() - connect to the system bus
 *
 * Return: 0 or an exit status, when it was said on stderr why not.
 */
int ctl_connect(Ctl *ctl);

/**
 * ctl_call() - call a method of the service and wait for its answer, however long that takes
 * @call: the message
 * @ret_reply: the answer, only on success
 *
 * Return: 0 or an exit status, when the error's message was said on stderr.
 */
int ctl_call(Ctl *ctl, sd_bus_message *call, sd_bus_message **ret_reply);

/**
 * ctl_internal_error() - say on stderr what could not be done
 * @what: what
 * @error: a negative errno
 *
 * Return: the exit status for it.
 */
int ctl_internal_error(const char *what, int error);

/**
 * ctl_print_json() - print a value as ctl->json says, which is not JSON_OFF
 * @value: the value, whose reference is taken over; NULL says that memory ran out
 *
 * Return: 0 or an exit status, when it was said on stderr why not.
 */
int ctl_print_json(const Ctl *ctl, json_t *value);

/* The verbs; their arguments start at @argv[1]. Return: an exit status. */
int verb_probe(Ctl *ctl, int argc, char *argv[]);
int verb_check_support(Ctl *ctl, int argc, char *argv[]);
