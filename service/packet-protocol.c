/* SPDX-License-Identifier: MIT */

#include "packet-protocol.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

int packet_feature_check(const char *feature, Failure *failure)
{
    size_t length = strlen(feature);

    if (length < 1 || length > PACKET_FEATURE_MAX ||
        strspn(feature, "abcdefghijklmnopqrstuvwxyz0123456789-") != length)
        return failure_set(failure, OUTCOME_INVALID_ARGS,
                           "feature %s is not a feature's name: 1 to %d characters of a-z, 0-9 and "
                           "\"-\" are expected",
                           QUOTE(feature), PACKET_FEATURE_MAX);
    return 0;
}

/* Appends to LINE, of which LENGTH bytes are used; returns the new length. */
static size_t __attribute__((format(printf, 3, 4)))
append(char *line, size_t length, const char *format, ...)
{
    va_list arguments;
    int n;

    va_start(arguments, format);
    n = vsnprintf(line + length, PACKET_COMMAND_SIZE - length, format, arguments);
    va_end(arguments);

    /* Every argument is bounded, and PACKET_COMMAND_SIZE holds them all at their longest. */
    assert(n >= 0 && (size_t)n < PACKET_COMMAND_SIZE - length);
    return length + (size_t)n;
}

static size_t append_option(char *line, size_t length, const char *name, int value)
{
    return value == PROBE_OPTION_UNSET ? length : append(line, length, " %s %d", name, value);
}

unsigned packet_command_seconds(const PacketCommand *command)
{
    return (unsigned)((command->options.timeout_usec + 999999) / 1000000);
}

static bool asks_for_mark(const PacketCommand *command)
{
    return command->kind == PACKET_CHECK_SUPPORT && strcmp(command->feature, "mark") == 0;
}

bool packet_command_is_numbered(const PacketCommand *command)
{
    return command->kind == PACKET_SEND_PROBE || asks_for_mark(command);
}

size_t packet_command_format(const PacketCommand *command, int token,
                             char line[static PACKET_COMMAND_SIZE])
{
    const ProbeOptions *options = &command->options;
    char address[INET6_ADDRSTRLEN];
    size_t n;

    /* Over TCP, where the mark stays with its probe; to ourselves, to the port for what nobody
     * wants. */
    if (asks_for_mark(command))
        return append(line, 0,
                      "%d send-probe ip-4 127.0.0.1 protocol tcp timeout 1 port 9 mark 1\n", token);
    /* A number is given before the address is looked at. */
    if (command->kind == PACKET_SKIP_NUMBER)
        return append(line, 0, "%d send-probe ip-4 none\n", token);
    if (command->kind == PACKET_CHECK_SUPPORT)
        return append(line, 0, "%d check-support feature %s\n", token, command->feature);

    n = append(line, 0, "%d send-probe ip-%d %s protocol %s timeout %u", token,
               command->target.ip_version, probe_target_format(&command->target, address),
               probe_protocol_name(options->protocol), packet_command_seconds(command));
    if (options->local_ip.ip_version != 0)
        n = append(line, n, " local-ip-%d %s", options->local_ip.ip_version,
                   probe_target_format(&options->local_ip, address));
    n = append_option(line, n, "ttl", options->ttl);
    n = append_option(line, n, "port", options->port);
    n = append_option(line, n, "local-port", options->local_port);
    n = append_option(line, n, "size", options->size);
    n = append_option(line, n, "bit-pattern", options->bit_pattern);
    n = append_option(line, n, "tos", options->tos);
    if (options->mark != 0)
        n = append(line, n, " mark %" PRIu32, options->mark);
    return append(line, n, "\n");
}

/* The next word of *LINE, NUL put behind it and *LINE moved past it; NULL at the end. */
static char *next_word(char **line)
{
    char *word = *line + strspn(*line, " ");

    if (!*word)
        return NULL;

    *line = word + strcspn(word, " ");
    if (**line)
        *(*line)++ = '\0';
    return word;
}

/* Reads TEXT as a decimal number from MIN to MAX, all of it, without the signs and spaces that
 * strtol() lets pass. */
static bool read_decimal(const char *text, long min, long max, long *ret)
{
    const char *digits = text[0] == '-' && min < 0 ? text + 1 : text;
    long value;

    if (!*digits || strspn(digits, "0123456789") != strlen(digits))
        return false;

    errno = 0;
    value = strtol(text, NULL, 10);
    if (errno != 0 || value < min || value > max)
        return false;

    *ret = value;
    return true;
}

int packet_reply_parse(PacketReply *ret, char *line, size_t length)
{
    PacketReply reply;
    const char *token;
    long number;

    for (size_t i = 0; i < length; i++)
        if (line[i] < 0x20 || line[i] > 0x7e)
            return -EBADMSG;

    token = next_word(&line);
    if (!token || !read_decimal(token, INT_MIN, INT_MAX, &number))
        return -EBADMSG;
    reply.token = (int)number;

    reply.n_arguments = 0;
    reply.word = next_word(&line);
    if (!reply.word)
        return -EBADMSG;

    for (const char *name; (name = next_word(&line));) {
        const char *value = next_word(&line);

        if (!value || reply.n_arguments == PACKET_ARGUMENTS_MAX)
            return -EBADMSG;
        reply.arguments[reply.n_arguments++] = (PacketArgument){name, value};
    }

    /* Of the arguments only those that there are: it is large, and most replies have two. */
    ret->token = reply.token;
    ret->word = reply.word;
    ret->n_arguments = reply.n_arguments;
    memcpy(ret->arguments, reply.arguments, reply.n_arguments * sizeof(reply.arguments[0]));
    return 0;
}

/* Whether the command is a probe by a connection, whose source port is its sequence number. */
static bool connects(const PacketCommand *command)
{
    return command->kind == PACKET_SEND_PROBE &&
           (command->options.protocol == PROBE_TCP || command->options.protocol == PROBE_SCTP);
}

const char *packet_reply_misread(const PacketCommand *command, const PacketReply *reply)
{
    static const char *const words[] = {"no-route", "no-route-host"};

    if (!connects(command) || reply->n_arguments > 0)
        return NULL;
    for (size_t i = 0; i < ELEMENTS(words); i++)
        if (strcmp(reply->word, words[i]) == 0)
            return words[i];
    return NULL;
}

bool packet_reply_used_numbers(const PacketCommand *command, const PacketReply *reply)
{
    return connects(command) && (strcmp(reply->word, "address-in-use") == 0 ||
                                 strcmp(reply->word, "address-not-available") == 0);
}

const char *packet_reply_argument(const PacketReply *reply, const char *name)
{
    for (size_t i = 0; i < reply->n_arguments; i++)
        if (strcmp(reply->arguments[i].name, name) == 0)
            return reply->arguments[i].value;
    return NULL;
}

/*
 * Reads a decimal number from 0 to MAX that ends at END, and moves *TEXT past END; the last number
 * of a list ends at its NUL, where *TEXT stays.
 */
static bool read_label_field(const char **text, char end, long max, long *ret)
{
    const char *p = *text;
    long value = 0;

    if (*p < '0' || *p > '9')
        return false;
    for (; *p >= '0' && *p <= '9'; p++) {
        value = value * 10 + (*p - '0');
        if (value > max)
            return false;
    }
    if (*p != end)
        return false;

    *text = end ? p + 1 : p;
    *ret = value;
    return true;
}

/* Reads "label,traffic-class,bottom-of-stack,ttl[,label,...]"; false, with nothing filled in,
 * unless all of it is good. */
static bool decode_mpls(const char *text, ProbeResult *result)
{
    MplsLabel labels[PACKET_MPLS_MAX];
    size_t n = 0;

    for (;;) {
        long label, traffic_class, bottom, ttl;
        bool last;

        if (n == PACKET_MPLS_MAX)
            return false;
        if (!read_label_field(&text, ',', 0xfffff, &label) ||
            !read_label_field(&text, ',', 7, &traffic_class) ||
            !read_label_field(&text, ',', 1, &bottom))
            return false;

        last = text[strcspn(text, ",")] == '\0';
        if (!read_label_field(&text, last ? '\0' : ',', 255, &ttl))
            return false;

        labels[n++] =
            (MplsLabel){(uint32_t)label, (uint8_t)traffic_class, bottom == 1, (uint8_t)ttl};
        if (last)
            break;
    }

    memcpy(result->mpls, labels, n * sizeof(labels[0]));
    result->n_mpls = n;
    return true;
}

static bool decode_time(const char *text, ProbeResult *result)
{
    long microseconds;

    if (!read_decimal(text, 0, LONG_MAX, &microseconds))
        return false;
    result->time_ms = (double)microseconds / 1000;
    return true;
}

static bool decode_responder(int family, const char *text, ProbeResult *result)
{
    struct in6_addr address;

    if (inet_pton(family, text, &address) != 1)
        return false;
    result->responder = text;
    return true;
}

/* Whether ARGUMENT is one that the result has a place for, and is understood. */
static bool decode_argument(const PacketArgument *argument, ProbeResult *result)
{
    if (strcmp(argument->name, "ip-4") == 0)
        return decode_responder(AF_INET, argument->value, result);
    if (strcmp(argument->name, "ip-6") == 0)
        return decode_responder(AF_INET6, argument->value, result);
    if (strcmp(argument->name, "round-trip-time") == 0)
        return decode_time(argument->value, result);
    if (strcmp(argument->name, "mpls") == 0)
        return decode_mpls(argument->value, result);
    return false;
}

void packet_reply_decode(ProbeResult *ret, const PacketReply *reply)
{
    ret->success = strcmp(reply->word, "reply") == 0;
    ret->word = reply->word;
    ret->time_ms = NAN;
    ret->responder = "";
    ret->n_mpls = 0;
    ret->n_details = 0;

    for (size_t i = 0; i < reply->n_arguments; i++) {
        const PacketArgument *argument = &reply->arguments[i];

        if (packet_reply_argument(reply, argument->name) != argument->value)
            continue; /* not the first with this name */
        if (!decode_argument(argument, ret))
            ret->details[ret->n_details++] = *argument;
    }
}

bool packet_reply_is_plain(const PacketReply *reply)
{
    const char *support = packet_reply_argument(reply, "support");

    return !support || strcmp(support, "ok") == 0 || strcmp(support, "no") == 0;
}

bool packet_reply_supported(const PacketCommand *command, const PacketReply *reply)
{
    const char *support = packet_reply_argument(reply, "support");

    if (strcmp(reply->word, "feature-support") == 0)
        return support && strcmp(support, "ok") == 0;
    return asks_for_mark(command) && strcmp(reply->word, "permission-denied") != 0 &&
           strcmp(reply->word, "invalid-argument") != 0;
}

/* How much earlier than its timeout a probe may be given up, in microseconds: what the two clocks
 * may be apart in reading. */
#define EARLY_USEC 10000

const char *packet_reply_distrust(const PacketCommand *command, const PacketReply *reply,
                                  uint64_t span_usec)
{
    const char *text = packet_reply_argument(reply, "round-trip-time");
    long time;

    if (command->kind != PACKET_SEND_PROBE)
        return NULL;
    if (text && read_decimal(text, LONG_MIN, LONG_MAX, &time) &&
        (time < 0 || (uint64_t)time > span_usec))
        return "measured a time that cannot be: the machine's clock was set, by which it measures";
    if (strcmp(reply->word, "no-reply") == 0 &&
        span_usec + EARLY_USEC < command->options.timeout_usec)
        return "gave a probe up before its time: the machine's clock was set, by which it measures";
    return NULL;
}
