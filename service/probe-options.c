/* SPDX-License-Identifier: MIT */

#include "probe-options.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "option-entries.h"
#include "util.h"

typedef struct OptionKey OptionKey;

/* Reads the value of KEY, whose D-Bus type is TYPE, into OPTIONS. */
typedef int (*option_read_t)(const OptionKey *key, sd_bus_message *message, char type,
                             ProbeOptions *options, Failure *failure);

struct OptionKey {
    const char *name;
    option_read_t read;
    size_t offset; /* of the int in ProbeOptions that it sets */
    int64_t min, max;
};

static const char *const protocol_names[] = {
    [PROBE_ICMP] = "icmp",
    [PROBE_UDP] = "udp",
    [PROBE_TCP] = "tcp",
    [PROBE_SCTP] = "sctp",
};

bool probe_protocol_find(const char *name, ProbeProtocol *ret)
{
    for (size_t i = 0; i < ELEMENTS(protocol_names); i++) {
        if (strcmp(name, protocol_names[i]) == 0) {
            *ret = (ProbeProtocol)i;
            return true;
        }
    }
    return false;
}

const char *probe_protocol_name(ProbeProtocol protocol)
{
    return protocol_names[protocol];
}

static void option_set(const OptionKey *key, ProbeOptions *options, int value)
{
    *(int *)(void *)((char *)options + key->offset) = value;
}

/*
 * Reads an integer of any D-Bus type. A uint64 that no int64 holds comes as INT64_MAX: out of every
 * range here, and its text, for the message, is right all the same.
 *
 * Returns 0, a negative errno, or 1 if TYPE is no integer type.
 */
static int read_integer(sd_bus_message *message, char type, int64_t *ret, char ret_text[static 24])
{
    union {
        uint8_t y;
        int16_t n;
        uint16_t q;
        int32_t i;
        uint32_t u;
        int64_t x;
        uint64_t t;
    } value;
    int64_t number;
    int r;

    if (!strchr("ynqiuxt", type))
        return 1;

    r = sd_bus_message_read_basic(message, type, &value);
    if (r < 0)
        return r;

    switch (type) {
    case 'y':
        number = value.y;
        break;
    case 'n':
        number = value.n;
        break;
    case 'q':
        number = value.q;
        break;
    case 'i':
        number = value.i;
        break;
    case 'u':
        number = value.u;
        break;
    case 'x':
        number = value.x;
        break;
    default:
        number = value.t > INT64_MAX ? INT64_MAX : (int64_t)value.t;
        snprintf(ret_text, 24, "%" PRIu64, value.t);
        *ret = number;
        return 0;
    }

    snprintf(ret_text, 24, "%" PRId64, number);
    *ret = number;
    return 0;
}

static int wrong_type(const OptionKey *key, char type, const char *expected, Failure *failure)
{
    return failure_set(failure, OUTCOME_INVALID_ARGS,
                       "option %s has a value of D-Bus type '%c', %s is expected", key->name, type,
                       expected);
}

/* Reads an integer in KEY's range. */
static int read_in_range(const OptionKey *key, sd_bus_message *message, char type, int64_t *ret,
                         Failure *failure)
{
    char text[24], expected[64];
    int64_t number;
    int r;

    snprintf(expected, sizeof(expected), "an integer from %" PRId64 " to %" PRId64, key->min,
             key->max);

    r = read_integer(message, type, &number, text);
    if (r < 0)
        return r;
    if (r > 0)
        return wrong_type(key, type, expected, failure);

    if (number < key->min || number > key->max)
        return failure_set(failure, OUTCOME_INVALID_ARGS, "option %s is %s, %s is expected",
                           key->name, text, expected);

    *ret = number;
    return 0;
}

static int read_number(const OptionKey *key, sd_bus_message *message, char type,
                       ProbeOptions *options, Failure *failure)
{
    int64_t number;
    int r;

    r = read_in_range(key, message, type, &number, failure);
    if (r == 0)
        /* NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): it is set where r is 0 */
        option_set(key, options, (int)number);
    return r;
}

static int read_mark(const OptionKey *key, sd_bus_message *message, char type,
                     ProbeOptions *options, Failure *failure)
{
    int64_t number;
    int r;

    r = read_in_range(key, message, type, &number, failure);
    if (r == 0)
        /* NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Assign): it is set where r is 0 */
        options->mark = (uint32_t)number;
    return r;
}

static int read_ip_version(const OptionKey *key, sd_bus_message *message, char type,
                           ProbeOptions *options, Failure *failure)
{
    char text[24];
    int64_t number;
    int r;

    r = read_integer(message, type, &number, text);
    if (r < 0)
        return r;
    if (r > 0)
        return wrong_type(key, type, "the integer 4 or 6", failure);

    if (number != 4 && number != 6)
        return failure_set(failure, OUTCOME_INVALID_ARGS, "option %s is %s, 4 or 6 is expected",
                           key->name, text);

    option_set(key, options, (int)number);
    return 0;
}

static int read_protocol(const OptionKey *key, sd_bus_message *message, char type,
                         ProbeOptions *options, Failure *failure)
{
    static const char expected[] = "\"icmp\", \"udp\", \"tcp\" or \"sctp\"";
    const char *name;
    int r;

    if (type != 's')
        return wrong_type(key, type, expected, failure);

    r = sd_bus_message_read_basic(message, type, &name);
    if (r < 0)
        return r;

    if (probe_protocol_find(name, &options->protocol))
        return 0;
    return failure_set(failure, OUTCOME_INVALID_ARGS, "option %s is %s, %s is expected", key->name,
                       QUOTE(name), expected);
}

static int read_timeout(const OptionKey *key, sd_bus_message *message, char type,
                        ProbeOptions *options, Failure *failure)
{
    int64_t number = 0;
    double seconds = 0;
    int r;

    if (type == 'd') {
        r = sd_bus_message_read_basic(message, type, &seconds);
        if (r < 0)
            return r;
    } else {
        r = read_in_range(key, message, type, &number, failure);
        if (r != 0)
            return r;
        seconds = (double)number;
    }

    /* Not `< min || > max`: a NaN is neither. */
    if (!(seconds >= (double)key->min && seconds <= (double)key->max))
        return failure_set(failure, OUTCOME_INVALID_ARGS,
                           "option %s is %g, a number of seconds from %" PRId64 " to %" PRId64
                           " is expected",
                           key->name, seconds, key->min, key->max);

    options->timeout_usec = (uint64_t)llrint(seconds * 1e6);
    return 0;
}

static int read_address(const OptionKey *key, sd_bus_message *message, char type,
                        ProbeOptions *options, Failure *failure)
{
    static const char expected[] = "an IPv4 or IPv6 address of this machine";
    ProbeTarget address = {0};
    const char *text;
    int r;

    if (type != 's')
        return wrong_type(key, type, expected, failure);

    r = sd_bus_message_read_basic(message, type, &text);
    if (r < 0)
        return r;

    if (inet_pton(AF_INET, text, &address.ipv4) == 1)
        address.ip_version = 4;
    else if (inet_pton(AF_INET6, text, &address.ipv6) == 1)
        address.ip_version = 6;
    else
        return failure_set(failure, OUTCOME_INVALID_ARGS, "option %s is %s, %s is expected",
                           key->name, QUOTE(text), expected);

    /* What is no host's cannot be this host's, and it need not be asked for. */
    r = probe_target_check(&address, text, failure);
    if (r > 0)
        return failure_set(failure, OUTCOME_INVALID_ARGS, "option %s is %s, %s is expected",
                           key->name, QUOTE(text), expected);

    options->local_ip = address;
    return 0;
}

#define FIELD(name) offsetof(ProbeOptions, name)

static const OptionKey option_keys[] = {
    {"ip_version", read_ip_version, FIELD(ip_version), 4, 6},
    {"protocol", read_protocol, FIELD(protocol), 0, 0},
    {"ttl", read_number, FIELD(ttl), 1, PROBE_TTL_MAX},
    {"port", read_number, FIELD(port), 1, 65535},
    {"local_ip", read_address, 0, 0, 0},
    {"local_port", read_number, FIELD(local_port), PROBE_LOCAL_PORT_MIN, 65535},
    {"timeout", read_timeout, 0, 0, PROBE_TIMEOUT_MAX},
    {"size", read_number, FIELD(size), 0, PROBE_SIZE_MAX},
    {"bit_pattern", read_number, FIELD(bit_pattern), 0, 255},
    {"tos", read_number, FIELD(tos), 0, 255},
    {"mark", read_mark, 0, 0, UINT32_MAX},
};

static const OptionKey *option_key_find(const char *name)
{
    for (size_t i = 0; i < ELEMENTS(option_keys); i++)
        if (strcmp(name, option_keys[i].name) == 0)
            return &option_keys[i];
    return NULL;
}

/* What has been read, and a bit per element of option_keys. */
typedef struct Reading {
    ProbeOptions options;
    unsigned seen;
} Reading;

static int read_entry(sd_bus_message *message, const char *name, void *userdata, Failure *failure)
{
    Reading *reading = userdata;
    const OptionKey *key;
    const char *contents;
    unsigned bit;
    int r;

    key = option_key_find(name);
    if (!key)
        return failure_set(
            failure, OUTCOME_INVALID_ARGS,
            "option %s is unknown; ip_version, protocol, ttl, port, local_ip, local_port, "
            "timeout, size, bit_pattern, tos or mark is expected",
            QUOTE(name));

    bit = 1U << (key - option_keys);
    if (reading->seen & bit)
        return failure_set(failure, OUTCOME_INVALID_ARGS,
                           "option %s is given twice, once is expected", key->name);
    reading->seen |= bit;

    r = sd_bus_message_peek_type(message, NULL, &contents);
    if (r < 0)
        return r;
    r = sd_bus_message_enter_container(message, 'v', contents);
    if (r < 0)
        return r;

    /* A container's type has more than one letter, and its first is no basic type's: every reader
     * refuses it. */
    r = key->read(key, message, contents[0], &reading->options, failure);
    if (r != 0)
        return r;

    r = sd_bus_message_exit_container(message);
    return r < 0 ? r : 0; /* it says 1 for success, which is an outcome here */
}

/* Checks the options that only some protocols have. */
static int check_protocol(const ProbeOptions *options, Failure *failure)
{
    const char *protocol = probe_protocol_name(options->protocol);

    if (options->port != PROBE_OPTION_UNSET && options->protocol == PROBE_ICMP)
        return failure_set(failure, OUTCOME_INVALID_ARGS,
                           "option port is %d, but protocol is \"%s\", which has no ports: "
                           "\"udp\", \"tcp\" or \"sctp\" is expected",
                           options->port, protocol);
    if (options->local_port != PROBE_OPTION_UNSET && options->protocol != PROBE_UDP)
        return failure_set(failure, OUTCOME_INVALID_ARGS,
                           "option local_port is %d, but protocol is \"%s\": mtr-packet takes it "
                           "with \"udp\" only",
                           options->local_port, protocol);
    if (options->size != PROBE_OPTION_UNSET && options->protocol != PROBE_ICMP &&
        options->protocol != PROBE_UDP)
        return failure_set(failure, OUTCOME_INVALID_ARGS,
                           "option size is %d, but protocol is \"%s\": mtr-packet takes it with "
                           "\"icmp\" and \"udp\" only",
                           options->size, protocol);
    return 0;
}

int probe_options_read(ProbeOptions *ret, sd_bus_message *message, Failure *failure)
{
    Reading reading = {.options = PROBE_OPTIONS_INIT};
    int r;

    /* At most one entry a key is read, so that the contract's limit of 32 entries needs no count.
     */
    r = option_entries_read(message, read_entry, &reading, failure);
    if (r == 0)
        r = check_protocol(&reading.options, failure);
    if (r == 0)
        *ret = reading.options;
    return r;
}

int probe_options_check_version(const ProbeOptions *options, int ip_version, Failure *failure)
{
    char text[INET6_ADDRSTRLEN];

    if (options->local_ip.ip_version != 0 && options->local_ip.ip_version != ip_version)
        return failure_set(failure, OUTCOME_INVALID_ARGS,
                           "option local_ip is %s, but the probe goes to an IPv%d address: an "
                           "IPv%d address of this "
                           "machine is expected",
                           probe_target_format(&options->local_ip, text), ip_version, ip_version);
    if (ip_version == 6 && options->local_port != PROBE_OPTION_UNSET &&
        options->port != PROBE_OPTION_UNSET)
        return failure_set(
            failure, OUTCOME_NOT_SUPPORTED,
            "options port (%d) and local_port (%d) together over IPv6: mtr-packet never "
            "sees the answer to such a probe; give only one of them",
            options->port, options->local_port);
    return 0;
}
