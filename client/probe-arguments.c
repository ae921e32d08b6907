/* SPDX-License-Identifier: MIT */

#include "probe-arguments.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>

#include "syntax.h"
#include "util.h"

/* How an option's value goes into the call. */
typedef enum ValueKind {
    VALUE_STRING,
    VALUE_INTEGER,
    VALUE_SECONDS, /* an integer where it is one, else a double */
} ValueKind;

static const struct {
    const char *key;
    ValueKind kind;
} contract[] = {
    [PROBE_ARGUMENT_IP_VERSION] = {"ip_version", VALUE_INTEGER},
    [PROBE_ARGUMENT_PROTOCOL] = {"protocol", VALUE_STRING},
    [PROBE_ARGUMENT_TTL] = {"ttl", VALUE_INTEGER},
    [PROBE_ARGUMENT_PORT] = {"port", VALUE_INTEGER},
    [PROBE_ARGUMENT_LOCAL_IP] = {"local_ip", VALUE_STRING},
    [PROBE_ARGUMENT_LOCAL_PORT] = {"local_port", VALUE_INTEGER},
    [PROBE_ARGUMENT_TIMEOUT] = {"timeout", VALUE_SECONDS},
    [PROBE_ARGUMENT_SIZE] = {"size", VALUE_INTEGER},
    [PROBE_ARGUMENT_BIT_PATTERN] = {"bit_pattern", VALUE_INTEGER},
    [PROBE_ARGUMENT_TOS] = {"tos", VALUE_INTEGER},
    [PROBE_ARGUMENT_MARK] = {"mark", VALUE_INTEGER},
};

#define OPTION(argument) (0x100 + (argument))

const struct option probe_argument_options[] = {
    {"ip-version", required_argument, NULL, OPTION(PROBE_ARGUMENT_IP_VERSION)},
    {"protocol", required_argument, NULL, OPTION(PROBE_ARGUMENT_PROTOCOL)},
    {"port", required_argument, NULL, OPTION(PROBE_ARGUMENT_PORT)},
    {"local-ip", required_argument, NULL, OPTION(PROBE_ARGUMENT_LOCAL_IP)},
    {"local-port", required_argument, NULL, OPTION(PROBE_ARGUMENT_LOCAL_PORT)},
    {"timeout", required_argument, NULL, OPTION(PROBE_ARGUMENT_TIMEOUT)},
    {"size", required_argument, NULL, OPTION(PROBE_ARGUMENT_SIZE)},
    {"bit-pattern", required_argument, NULL, OPTION(PROBE_ARGUMENT_BIT_PATTERN)},
    {"tos", required_argument, NULL, OPTION(PROBE_ARGUMENT_TOS)},
    {"mark", required_argument, NULL, OPTION(PROBE_ARGUMENT_MARK)},
    {0},
};

const struct option probe_argument_ttl_option[] = {
    {"ttl", required_argument, NULL, OPTION(PROBE_ARGUMENT_TTL)},
    {0},
};

/* Says so where text is not of its kind. */
static bool check(const char *key, ValueKind kind, const char *text)
{
    int64_t integer;
    double seconds;

    if (kind == VALUE_STRING || syntax_read_integer(text, &integer) ||
        (kind == VALUE_SECONDS && syntax_read_seconds(text, &seconds)))
        return true;
    fprintf(stderr, "option %s is '%s', a %s is expected\n", key, text,
            kind == VALUE_SECONDS ? "number of seconds" : "whole number");
    return false;
}

bool probe_arguments_take(ProbeArguments *arguments, int option, const char *argument)
{
    int i = option - OPTION(0);

    if (option == '4' || option == '6')
        arguments->values[PROBE_ARGUMENT_IP_VERSION] = option == '4' ? "4" : "6";
    else if (i < 0 || i > PROBE_ARGUMENT_LAST ||
             !check(contract[i].key, contract[i].kind, argument))
        return false;
    else
        arguments->values[i] = argument;
    return true;
}

/* Appends one {sv}. Returns as probe_arguments_append(). */
static int append(sd_bus_message *call, const char *key, ValueKind kind, const char *text)
{
    int64_t integer;
    double seconds;
    int r;

    if (kind == VALUE_STRING)
        r = sd_bus_message_append(call, "{sv}", key, "s", text);
    else if (syntax_read_integer(text, &integer))
        r = sd_bus_message_append(call, "{sv}", key, "x", integer);
    else if (syntax_read_seconds(text, &seconds))
        r = sd_bus_message_append(call, "{sv}", key, "d", seconds);
    else
        r = -EDOM; /* check() let it pass */
    if (r == -EINVAL) {
        fprintf(stderr, "option %s is not UTF-8 text\n", key);
        return 1;
    }
    return r < 0 ? r : 0; /* sd-bus may say 1 for success */
}

int probe_arguments_append(const ProbeArguments *arguments, sd_bus_message *call)
{
    int r;

    r = sd_bus_message_open_container(call, 'a', "{sv}");
    for (size_t i = 0; r >= 0 && i < ELEMENTS(contract); i++) {
        if (!arguments->values[i])
            continue;
        r = append(call, contract[i].key, contract[i].kind, arguments->values[i]);
        if (r > 0)
            return r;
    }
    return r < 0 ? r : sd_bus_message_close_container(call);
}
