/* SPDX-License-Identifier: MIT */

#include "packet-command.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

/* mtr-packet's own bounds. */
#define ARGUMENTS_MAX 16
#define WORDS_MAX (2 + 2 * ARGUMENTS_MAX)

/* What is between words, to isspace(). */
#define SPACES " \t\n\v\f\r"

#define INVALID "invalid-argument"
#define OUT_OF_RANGE(name) INVALID " reason " name "-out-of-range"

typedef struct Words {
    size_t n;
    char *word[WORDS_MAX];
} Words;

typedef enum Number {
    NUMBER_PORT,
    NUMBER_LOCAL_PORT,
    NUMBER_TTL,
    NUMBER_TIMEOUT,
    NUMBER_SIZE,
    NUMBER_BIT_PATTERN,
    NUMBER_TOS,
    NUMBER_MARK,
    NUMBERS,
} Number;

/* The default is mtr-packet's own: it is not told what it takes anyway. */
static const struct {
    const char *name;
    int64_t initial, min, max; /* a long may hold no more than an int */
    const char *refusal;
} numbers[] = {
    [NUMBER_PORT] = {"port", 0, 0, 65535, OUT_OF_RANGE("port")},
    [NUMBER_LOCAL_PORT] = {"local-port", 0, 0, 65535, OUT_OF_RANGE("local-port")},
    [NUMBER_TTL] = {"ttl", 255, 1, PROBE_TTL_MAX, OUT_OF_RANGE("ttl")},
    [NUMBER_TIMEOUT] = {"timeout", 10, 0, PROBE_TIMEOUT_MAX, OUT_OF_RANGE("timeout")},
    [NUMBER_SIZE] = {"size", 64, 0, PROBE_SIZE_MAX, OUT_OF_RANGE("size")},
    /* mtr sends a number below 0 for a byte that it has chosen at random: the lowest byte counts.
     */
    [NUMBER_BIT_PATTERN] = {"bit-pattern", 0, INT_MIN, INT_MAX, OUT_OF_RANGE("bit-pattern")},
    [NUMBER_TOS] = {"tos", 0, 0, 255, OUT_OF_RANGE("tos")},
    /* mtr sends marks from 2^31 on as numbers below 0. */
    [NUMBER_MARK] = {"mark", 0, INT32_MIN, UINT32_MAX, OUT_OF_RANGE("mark")},
};

/* The arguments of send-probe, as they were written. */
typedef struct Arguments {
    int ip_version; /* 0 if there is no target */
    const char *target, *source;
    ProbeProtocol protocol;
    int64_t number[NUMBERS];
} Arguments;

/* Takes LINE apart; more words than mtr-packet has room for are none. */
static void split(Words *words, char *line)
{
    char *rest, *word;

    words->n = 0;
    for (word = strtok_r(line, SPACES, &rest); word; word = strtok_r(NULL, SPACES, &rest)) {
        if (words->n == WORDS_MAX) {
            words->n = 0;
            return;
        }
        words->word[words->n++] = word;
    }
}

/* Reads a token as mtr-packet does: one that no int holds loses its upper bits. */
static bool read_token(const char *word, int *ret)
{
    long number;

    errno = 0;
    number = strtol(word, NULL, 10);
    if (errno != 0)
        return false;
    *ret = (int)number;
    return true;
}

/* Reads a number as mtr-packet does; one that no int64_t holds is as out of range as any. */
static bool read_number(Arguments *arguments, Number which, const char *value)
{
    char *end;
    int64_t number;

    number = strtoll(value, &end, 10);
    if (*end != '\0')
        return false;
    if (which == NUMBER_LOCAL_PORT && number < PROBE_LOCAL_PORT_MIN)
        return false;
    arguments->number[which] = number;
    return true;
}

/* Takes one argument; false if mtr-packet would stop at it. */
static bool take_argument(Arguments *arguments, const char *name, const char *value)
{
    if (strcmp(name, "ip-4") == 0 || strcmp(name, "ip-6") == 0) {
        arguments->ip_version = name[3] - '0';
        arguments->target = value;
    } else if (strcmp(name, "local-ip-4") == 0 || strcmp(name, "local-ip-6") == 0) {
        arguments->source = value; /* of the target's version, whatever it is called */
    } else if (strcmp(name, "protocol") == 0) {
        return probe_protocol_find(value, &arguments->protocol);
    } else {
        for (unsigned i = 0; i < NUMBERS; i++)
            if (strcmp(name, numbers[i].name) == 0)
                return read_number(arguments, (Number)i, value);
    }
    return true;
}

static bool take_arguments(Arguments *arguments, const Words *words)
{
    *arguments = (Arguments){.protocol = PROBE_ICMP};
    for (unsigned i = 0; i < NUMBERS; i++)
        arguments->number[i] = numbers[i].initial;

    for (size_t i = 2; i < words->n; i += 2)
        if (!take_argument(arguments, words->word[i], words->word[i + 1]))
            return false;
    return true;
}

/* What mtr-packet does not look at with this protocol is as if it were not there. */
static void drop_unused(Arguments *arguments)
{
    static const bool used[][NUMBERS] = {
        [PROBE_ICMP] = {[NUMBER_SIZE] = true},
        [PROBE_UDP] = {[NUMBER_SIZE] = true, [NUMBER_PORT] = true, [NUMBER_LOCAL_PORT] = true},
        [PROBE_TCP] = {[NUMBER_PORT] = true},
        [PROBE_SCTP] = {[NUMBER_PORT] = true},
    };
    static const Number some[] = {NUMBER_SIZE, NUMBER_PORT, NUMBER_LOCAL_PORT};

    for (size_t i = 0; i < ELEMENTS(some); i++)
        if (!used[arguments->protocol][some[i]])
            arguments->number[some[i]] = numbers[some[i]].initial;
}

static bool read_address(ProbeTarget *ret, int ip_version, const char *text)
{
    *ret = (ProbeTarget){.ip_version = ip_version};
    return inet_pton(ip_version == 4 ? AF_INET : AF_INET6, text,
                     ip_version == 4 ? (void *)&ret->ipv4 : (void *)&ret->ipv6) == 1;
}

static int option(const Arguments *arguments, Number which)
{
    int64_t number = arguments->number[which];

    return number == numbers[which].initial ? PROBE_OPTION_UNSET : (int)number;
}

static void set_options(ProbeOptions *options, const Arguments *arguments)
{
    *options = PROBE_OPTIONS_INIT;
    options->protocol = arguments->protocol;
    options->timeout_usec = (uint64_t)arguments->number[NUMBER_TIMEOUT] * 1000000;
    options->ttl = option(arguments, NUMBER_TTL);
    options->port = option(arguments, NUMBER_PORT);
    options->local_port = option(arguments, NUMBER_LOCAL_PORT);
    options->size = option(arguments, NUMBER_SIZE);
    options->bit_pattern = option(arguments, NUMBER_BIT_PATTERN);
    options->tos = option(arguments, NUMBER_TOS);
    options->mark = (uint32_t)arguments->number[NUMBER_MARK];
}

/* Reads a probe into REQUEST. Returns what is to be replied instead, or NULL. */
static const char *read_probe(PacketRequest *request, const Words *words)
{
    PacketCommand *command = &request->command;
    Arguments arguments;
    Failure failure; /* in whose place one of mtr-packet's words is used */

    if (!take_arguments(&arguments, words))
        return INVALID;
    if (arguments.ip_version == 0)
        return INVALID " reason ip-version-not-supported";
    drop_unused(&arguments);
    for (unsigned i = 0; i < NUMBERS; i++)
        if (arguments.number[i] < numbers[i].min || arguments.number[i] > numbers[i].max)
            return numbers[i].refusal;
    arguments.number[NUMBER_BIT_PATTERN] &= 0xff;

    command->kind = PACKET_SEND_PROBE;
    set_options(&command->options, &arguments);
    if (!read_address(&command->target, arguments.ip_version, arguments.target))
        return INVALID;
    if (probe_target_check(&command->target, arguments.target, &failure) != 0)
        return INVALID " reason address-not-supported";
    if (arguments.source) {
        if (!read_address(&command->options.local_ip, arguments.ip_version, arguments.source))
            return INVALID;
        if (probe_target_check(&command->options.local_ip, arguments.source, &failure) != 0)
            return "permission-denied"; /* no host's, so not this one's */
    }
    if (probe_options_check_version(&command->options, arguments.ip_version, &failure) != 0)
        return INVALID " reason ports-not-supported";

    request->host = arguments.target;
    return NULL;
}

static const char *read_question(PacketRequest *request, const Words *words)
{
    const char *feature = NULL;
    Failure failure;

    for (size_t i = 2; i < words->n && !feature; i += 2)
        if (strcmp(words->word[i], "feature") == 0)
            feature = words->word[i + 1];
    if (!feature)
        return INVALID;
    if (packet_feature_check(feature, &failure) != 0)
        return "feature-support support no"; /* there is none with such a name */

    request->command.kind = PACKET_CHECK_SUPPORT;
    snprintf(request->command.feature, sizeof(request->command.feature), "%s", feature);
    return NULL;
}

void packet_request_parse(PacketRequest *ret, char *line, size_t length)
{
    Words words;

    *ret = (PacketRequest){.refusal = PACKET_REPLY_PARSE_ERROR};

    /* mtr-packet would take a NUL for the end of all that it has read. */
    if (strlen(line) != length)
        return;
    split(&words, line);
    if (words.n < 2 || words.n % 2 != 0 || !read_token(words.word[0], &ret->token))
        return;

    if (strcmp(words.word[1], "send-probe") == 0)
        ret->refusal = read_probe(ret, &words);
    else if (strcmp(words.word[1], "check-support") == 0)
        ret->refusal = read_question(ret, &words);
    else
        ret->refusal = "unknown-command";
}

size_t packet_reply_format(int token, const PacketCommand *command, const PacketReply *reply,
                           char line[static PACKET_REPLY_SIZE])
{
    char *end = line + sprintf(line, "%d ", token);

    if (command->kind == PACKET_CHECK_SUPPORT && strcmp(reply->word, "feature-support") != 0) {
        end = stpcpy(end, "feature-support support ");
        end = stpcpy(end, packet_reply_supported(command, reply) ? "ok" : "no");
    } else {
        /* A reply was a line of LINE_BUFFER_LINE_MAX bytes at most, or is one of our own. */
        end = stpcpy(end, reply->word);
        for (size_t i = 0; i < reply->n_arguments; i++) {
            *end++ = ' ';
            end = stpcpy(end, reply->arguments[i].name);
            *end++ = ' ';
            end = stpcpy(end, reply->arguments[i].value);
        }
    }
    end = stpcpy(end, "\n");
    return (size_t)(end - line);
}
