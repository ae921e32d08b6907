/* SPDX-License-Identifier: MIT */

#include "syntax.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

enum {
    OPTION_JSON = 0x1000,
    OPTION_NO_ASK_PASSWORD,
    OPTION_VERSION,
};

#define COMMON_LETTERS "hjH:M:"

static const struct option common_options[] = {
    {"help", no_argument, NULL, 'h'},
    {"host", required_argument, NULL, 'H'},
    {"json", required_argument, NULL, OPTION_JSON},
    {"machine", required_argument, NULL, 'M'},
    {"no-ask-password", no_argument, NULL, OPTION_NO_ASK_PASSWORD},
    {0},
};

#define OPTIONS_MAX 40
#define LETTERS_MAX 32

static bool take_json(Ctl *ctl, const char *mode)
{
    static const char *const names[] = {
        [JSON_OFF] = "off", [JSON_SHORT] = "short", [JSON_PRETTY] = "pretty"};

    for (size_t i = 0; i < ELEMENTS(names); i++) {
        if (strcmp(mode, names[i]) == 0) {
            ctl->json = (JsonMode)i;
            return true;
        }
    }
    fprintf(stderr, "--json=%s is not known: short, pretty or off is expected\n", mode);
    return false;
}

/* Takes one of the options that every command has. Returns 0, 1 if it is none of them, or a
 * negative errno if its value is wrong, which was said. */
static int take_common(Ctl *ctl, int option, const char *argument)
{
    switch (option) {
    case 'j':
        ctl->json = isatty(STDOUT_FILENO) ? JSON_PRETTY : JSON_SHORT;
        return 0;
    case 'H':
        ctl->host = argument;
        ctl->machine = NULL;
        return 0;
    case 'M':
        ctl->machine = argument;
        ctl->host = NULL;
        return 0;
    case OPTION_JSON:
        return take_json(ctl, argument) ? 0 : -EINVAL;
    case OPTION_NO_ASK_PASSWORD:
        ctl->no_ask_password = true;
        return 0;
    default:
        return 1;
    }
}

static size_t append_options(struct option *to, size_t n, const struct option *options)
{
    for (; options->name; options++) {
        assert(n < OPTIONS_MAX - 1);
        to[n++] = *options;
    }
    to[n] = (struct option){0};
    return n;
}

static int wrong_use(void)
{
    return 1 + CTL_EXIT_ARGUMENTS;
}

static int check_arguments(const Syntax *syntax, int n)
{
    if (syntax->n_arguments < 0 ? n >= -syntax->n_arguments : n == syntax->n_arguments)
        return 0;
    if (n == 0)
        fprintf(stderr, "A %s is missing", syntax->argument);
    else if (syntax->n_arguments == 0)
        fprintf(stderr, "No argument is expected");
    else
        fprintf(stderr, "More than one %s", syntax->argument);
    fprintf(stderr, ": see mtrpacketctl %s --help\n", syntax->command);
    return wrong_use();
}

int syntax_parse(const Syntax *syntax, Ctl *ctl, int argc, char *argv[], void *userdata)
{
    struct option options[OPTIONS_MAX];
    char letters[LETTERS_MAX];
    size_t n;

    n = append_options(options, 0, common_options);
    for (size_t i = 0; i < SYNTAX_TABLES_MAX && syntax->tables[i]; i++)
        n = append_options(options, n, syntax->tables[i]);
    snprintf(letters, sizeof(letters), "%s%s", COMMON_LETTERS, syntax->letters);

    argv[0] = program_invocation_short_name; /* who getopt_long() says speaks */
    optind = 0;                              /* from the start, whatever was read before */
    for (int c; (c = getopt_long(argc, argv, letters, options, NULL)) >= 0;) {
        int r;

        if (c == 'h') {
            syntax->help();
            return 1 + CTL_EXIT_OK;
        }
        if (c == '?')
            return wrong_use();
        r = take_common(ctl, c, optarg);
        if (r < 0 || (r > 0 && !syntax->take(c, optarg, userdata)))
            return wrong_use();
    }
    return check_arguments(syntax, argc - optind);
}

int syntax_parse_common(Ctl *ctl, int argc, char *argv[], void (*help)(void), bool *version)
{
    static const struct option version_option[] = {
        {"version", no_argument, NULL, OPTION_VERSION},
        {0},
    };
    struct option options[OPTIONS_MAX];

    append_options(options, append_options(options, 0, common_options), version_option);
    /* "+": what follows the command is the command's. */
    for (int c; (c = getopt_long(argc, argv, "+" COMMON_LETTERS, options, NULL)) >= 0;) {
        if (c == 'h') {
            help();
            return 1 + CTL_EXIT_OK;
        }
        if (c == OPTION_VERSION)
            *version = true;
        else if (take_common(ctl, c, optarg) != 0)
            return wrong_use();
    }
    return 0;
}

/* A leading zero is no octal here. */
bool syntax_read_integer(const char *text, int64_t *ret)
{
    const char *digits = text + (text[0] == '-' || text[0] == '+');
    bool hex = digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X');
    char *end;

    if (digits[0] < '0' || digits[0] > '9')
        return false;

    errno = 0;
    *ret = strtoll(text, &end, hex ? 16 : 10);
    return errno == 0 && end > digits && *end == '\0';
}

bool syntax_read_seconds(const char *text, double *ret)
{
    char *end;

    if (text[strspn(text, "0123456789.-")] != '\0')
        return false;
    *ret = strtod(text, &end);
    return end != text && *end == '\0';
}

bool syntax_integer(const char *name, const char *text, unsigned min, unsigned max, unsigned *ret)
{
    int64_t value;

    if (!syntax_read_integer(text, &value) || value < min || value > max) {
        fprintf(stderr, "option %s is '%s', a whole number from %u to %u is expected\n", name, text,
                min, max);
        return false;
    }
    *ret = (unsigned)value;
    return true;
}

bool syntax_seconds(const char *name, const char *text, double min, double max, uint64_t *ret_usec)
{
    double value;

    if (!syntax_read_seconds(text, &value) || !(value >= min && value <= max)) {
        fprintf(stderr, "option %s is '%s', a number of seconds from %g to %g is expected\n", name,
                text, min, max);
        return false;
    }
    *ret_usec = (uint64_t)llround(value * 1e6);
    return true;
}
