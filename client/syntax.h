/* SPDX-License-Identifier: MIT */
#pragma once

/* The command line of a command of mtrpacketctl: options that every command has, and its own. */

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>

#include "ctl.h"

#define SYNTAX_TABLES_MAX 3

/* What a command takes besides what all take. */
typedef struct Syntax {
    const char *command;
    void (*help)(void);
    const char *letters; /* as for getopt(); "" for none */

    /* Each ends with zeros; those behind the last are NULL. Their values are letters, or 0x100 and
     * on, but below 0x1000. */
    const struct option *tables[SYNTAX_TABLES_MAX];

    /* Takes one of them, if there are any. Returns false if the value is wrong, which it has said
     * on stderr. */
    bool (*take)(int option, const char *argument, void *userdata);

    int n_arguments;      /* how many there are behind the options; negative: that many or more */
    const char *argument; /* what they are, for messages: "host" */
} Syntax;

/* The part of --help that every command has. */
#define SYNTAX_OPTIONS_HELP                                                                        \
    "  -h --help                 Show this help\n"                                                 \
    "  -H --host=[USER@]HOST     Use the service on another machine, over ssh\n"                   \
    "  -M --machine=CONTAINER    Use the service in a local container\n"                           \
    "     --json=MODE            Print JSON: short, pretty or off (default: off)\n"                \
    "  -j                        Same as --json=pretty on a terminal, --json=short\n"              \
    "                            otherwise\n"                                                      \
    "     --no-ask-password      Fail rather than ask the user to authenticate\n"

/**
 * syntax_parse() - read the options of a command
 * @ctl: what all commands have goes there
 * @argv: from the command's name on; optind is left at the first argument behind the options
 * @userdata: for take()
 *
 * Return: 0 to go on, or 1 + the exit status, when the help was printed, or said what is wrong.
 */
int syntax_parse(const Syntax *syntax, Ctl *ctl, int argc, char *argv[], void *userdata);

/**
 * syntax_parse_common() - read the options before the command
 * @version: set if --version is among them
 *
 * Return: as syntax_parse().
 */
int syntax_parse_common(Ctl *ctl, int argc, char *argv[], void (*help)(void), bool *version);

/** syntax_read_integer() - read a whole number of 64 bits, decimal or hexadecimal with 0x. False if
 * TEXT is none. */
bool syntax_read_integer(const char *text, int64_t *ret);

/** syntax_read_seconds() - read a number of seconds, with a fraction or not. False if TEXT is none.
 */
bool syntax_read_seconds(const char *text, double *ret);

/**
 * syntax_integer() - read the whole number that is the value of an option
 * @name: the option's, for what is said on stderr if it is none, or less than @min or more than
 * @max
 *
 * Return: whether it is one.
 */
bool syntax_integer(const char *name, const char *text, unsigned min, unsigned max, unsigned *ret);

/** syntax_seconds() - the same for seconds and parts of them, read into microseconds */
bool syntax_seconds(const char *name, const char *text, double min, double max, uint64_t *ret_usec);
