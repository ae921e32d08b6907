/* SPDX-License-Identifier: MIT */

#include "fuzz-naive-options.h"

#include <math.h>

#include "fuzz-naive.h"
#include "fuzz.h"
#include "util.h"

typedef enum Which {
    IP_VERSION,
    TTL,
    PORT,
    LOCAL_PORT,
    TIMEOUT,
    SIZE,
    BIT_PATTERN,
    TOS,
    MARK,
    PROTOCOL,
    LOCAL_IP,
    WHICHES,
} Which;

#define NUMBERS PROTOCOL

static const char *const names[WHICHES] = {
    [IP_VERSION] = "ip_version",   [TTL] = "ttl",           [PORT] = "port",
    [LOCAL_PORT] = "local_port",   [TIMEOUT] = "timeout",   [SIZE] = "size",
    [BIT_PATTERN] = "bit_pattern", [TOS] = "tos",           [MARK] = "mark",
    [PROTOCOL] = "protocol",       [LOCAL_IP] = "local_ip",
};

static const struct {
    double min, max;
} ranges[NUMBERS] = {
    [IP_VERSION] = {4, 6},        [TTL] = {1, 255},    [PORT] = {1, 65535},
    [LOCAL_PORT] = {1024, 65535}, [TIMEOUT] = {0, 60}, [SIZE] = {0, 9000},
    [BIT_PATTERN] = {0, 255},     [TOS] = {0, 255},    [MARK] = {0, 4294967295},
};

/* What a message says. */
typedef struct Naive {
    bool is_given[WHICHES];
    double number[NUMBERS];
    const char *protocol;
    NaiveAddress local_ip;
} Naive;

/*
 * A value is read with its type that is in its variant. Each reader returns 0, a negative errno if
 * it cannot be read, or 1 if it is wrong.
 */

static int read_number(sd_bus_message *message, char type, double *ret)
{
    union {
        uint8_t y;
        int16_t n;
        uint16_t q;
        int32_t i;
        uint32_t u;
        int64_t x;
        uint64_t t;
        double d;
    } value;
    int r = sd_bus_message_read_basic(message, type, &value);

    if (r < 0)
        return r;
    *ret = type == 'y'   ? value.y
           : type == 'n' ? value.n
           : type == 'q' ? value.q
           : type == 'i' ? value.i
           : type == 'u' ? value.u
           : type == 'x' ? (double)value.x
           : type == 't' ? (double)value.t
                         : value.d;
    return 0;
}

static int take_number(Naive *naive, Which which, sd_bus_message *message, char type)
{
    double number;
    int r;

    if (!strchr("ynqiuxt", type) && !(which == TIMEOUT && type == 'd'))
        return 1;
    r = read_number(message, type, &number);
    if (r < 0)
        return r;
    naive->number[which] = number;
    if (which == IP_VERSION && number == 5)
        return 1;
    return number >= ranges[which].min && number <= ranges[which].max ? 0 : 1;
}

static int take_text(Naive *naive, Which which, sd_bus_message *message, char type)
{
    const char *text;
    int r;

    if (type != 's')
        return 1;
    r = sd_bus_message_read_basic(message, 's', &text);
    if (r < 0)
        return r;
    if (which == PROTOCOL) {
        naive->protocol = text;
        return strcmp(text, "icmp") != 0 && strcmp(text, "udp") != 0 && strcmp(text, "tcp") != 0 &&
               strcmp(text, "sctp") != 0;
    }
    return !naive_address(&naive->local_ip, strchr(text, ':') ? 6 : 4, text) ||
           !naive_is_host(&naive->local_ip);
}

static int take_entry(Naive *naive, sd_bus_message *message)
{
    const char *name, *contents;
    unsigned which = 0;
    int r;

    r = sd_bus_message_read_basic(message, 's', &name);
    if (r < 0)
        return r;
    while (which < WHICHES && strcmp(name, names[which]) != 0)
        which++;
    if (which == WHICHES || naive->is_given[which])
        return 1;
    naive->is_given[which] = true;

    r = sd_bus_message_peek_type(message, NULL, &contents);
    if (r >= 0)
        r = sd_bus_message_enter_container(message, 'v', contents);
    if (r < 0)
        return r;
    r = which < NUMBERS ? take_number(naive, (Which)which, message, *contents)
                        : take_text(naive, (Which)which, message, *contents);
    if (r != 0)
        return r;
    r = sd_bus_message_exit_container(message);
    return r < 0 ? r : 0;
}

/* Whether options are there together that have to do with each other. */
static bool is_consistent(const Naive *naive)
{
    bool is_icmp = strcmp(naive->protocol, "icmp") == 0;
    bool is_udp = strcmp(naive->protocol, "udp") == 0;

    return !(naive->is_given[PORT] && is_icmp) && !(naive->is_given[LOCAL_PORT] && !is_udp) &&
           !(naive->is_given[SIZE] && !is_icmp && !is_udp);
}

static int read_message(Naive *naive, sd_bus_message *message)
{
    int r;

    *naive = (Naive){.protocol = "icmp"};
    r = sd_bus_message_enter_container(message, 'a', "{sv}");
    if (r < 0)
        return r;
    while ((r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
        r = take_entry(naive, message);
        if (r != 0)
            return r;
        r = sd_bus_message_exit_container(message);
        if (r < 0)
            return r;
    }
    if (r == 0)
        r = sd_bus_message_exit_container(message);
    return r < 0 ? r : !is_consistent(naive);
}

static bool is_number(const Naive *naive, Which which, double value, double otherwise)
{
    return value == (naive->is_given[which] ? naive->number[which] : otherwise);
}

void naive_check_probe_options(sd_bus_message *message, int outcome, const ProbeOptions *options)
{
    double seconds;
    Naive naive;
    int r = read_message(&naive, message);

    CHECK((r < 0) == (outcome < 0) && (r > 0) == (outcome > 0));
    if (r != 0)
        return;

    seconds = naive.is_given[TIMEOUT] ? naive.number[TIMEOUT] : 10;
    CHECK(fabs((double)options->timeout_usec - seconds * 1e6) < 0.501); /* the nearest */
    CHECK(strcmp(probe_protocol_name(options->protocol), naive.protocol) == 0);
    CHECK(naive.is_given[LOCAL_IP] ? naive_is_target(&naive.local_ip, &options->local_ip)
                                   : options->local_ip.ip_version == 0);
    CHECK(is_number(&naive, IP_VERSION, options->ip_version, 0));
    CHECK(is_number(&naive, TTL, options->ttl, -1));
    CHECK(is_number(&naive, PORT, options->port, -1));
    CHECK(is_number(&naive, LOCAL_PORT, options->local_port, -1));
    CHECK(is_number(&naive, SIZE, options->size, -1));
    CHECK(is_number(&naive, BIT_PATTERN, options->bit_pattern, -1));
    CHECK(is_number(&naive, TOS, options->tos, -1));
    CHECK(is_number(&naive, MARK, options->mark, 0));
}

/* One entry at most, and no second one has to be looked at. */
static int read_stream_message(sd_bus_message *message, bool *ret_mark)
{
    const char *name, *contents;
    int r, value;

    *ret_mark = false;
    r = sd_bus_message_enter_container(message, 'a', "{sv}");
    if (r < 0)
        return r;
    for (unsigned n = 0; (r = sd_bus_message_enter_container(message, 'e', "sv")) > 0; n++) {
        r = sd_bus_message_read_basic(message, 's', &name);
        if (r < 0)
            return r;
        if (n > 0 || strcmp(name, "mark") != 0)
            return 1;
        r = sd_bus_message_peek_type(message, NULL, &contents);
        if (r < 0)
            return r;
        if (strcmp(contents, "b") != 0)
            return 1;
        r = sd_bus_message_read(message, "v", "b", &value);
        if (r >= 0)
            r = sd_bus_message_exit_container(message);
        if (r < 0)
            return r;
        *ret_mark = value != 0;
    }
    if (r == 0)
        r = sd_bus_message_exit_container(message);
    return r < 0 ? r : 0;
}

void naive_check_stream_options(sd_bus_message *message, int outcome, const StreamOptions *options)
{
    bool mark;
    int r = read_stream_message(message, &mark);

    CHECK((r < 0) == (outcome < 0) && (r > 0) == (outcome > 0));
    CHECK(r != 0 || options->mark == mark);
}
