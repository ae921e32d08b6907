/* SPDX-License-Identifier: MIT */

/*
 * Command lines of a stream, and what mtr-packet is given of them: one line, of nothing but numbers
 * in their ranges, words of a list and addresses; and read again it is the same command.
 */

#include <arpa/inet.h>
#include <limits.h>

#include "fuzz.h"
#include "packet-command.h"
#include "util.h"

#define TOKEN INT_MAX

static bool is_between(long number, long min, long max)
{
    return number >= min && number <= max;
}

static bool is_option(int value, int min, int max)
{
    return value == PROBE_OPTION_UNSET || is_between(value, min, max);
}

static void check_target(const ProbeTarget *target)
{
    Failure failure;

    CHECK(target->ip_version == 4 || target->ip_version == 6);
    CHECK(probe_target_check(target, "it", &failure) == 0);
}

static void check_probe(const PacketCommand *command)
{
    const ProbeOptions *options = &command->options;
    bool has_ports = options->protocol != PROBE_ICMP, is_udp = options->protocol == PROBE_UDP;

    check_target(&command->target);
    CHECK(is_option(options->ttl, 1, 255));
    CHECK(is_option(options->port, 1, 65535));
    CHECK(is_option(options->local_port, 1024, 65535));
    CHECK(is_option(options->size, 0, 9000));
    CHECK(is_option(options->bit_pattern, 1, 255)); /* 0 is mtr-packet's own */
    CHECK(is_option(options->tos, 1, 255));
    CHECK(options->timeout_usec % 1000000 == 0 && options->timeout_usec <= 60 * 1000000ULL);
    CHECK(has_ports || options->port == PROBE_OPTION_UNSET);
    CHECK(is_udp || options->local_port == PROBE_OPTION_UNSET);
    CHECK(is_udp || !has_ports || options->size == PROBE_OPTION_UNSET);
    if (options->local_ip.ip_version != 0) {
        check_target(&options->local_ip);
        CHECK(options->local_ip.ip_version == command->target.ip_version);
    }
    CHECK(command->target.ip_version == 4 || options->port == PROBE_OPTION_UNSET ||
          options->local_port == PROBE_OPTION_UNSET);
}

/* What mtr-packet takes after each name; by the text, whatever the structure says. */
static void check_argument(const char *name, const char *value)
{
    static const struct {
        const char *name;
        long min, max;
    } numbers[] = {
        {"ttl", 1, 255},    {"port", 1, 65535},      {"local-port", 1024, 65535},
        {"timeout", 0, 60}, {"size", 0, 9000},       {"bit-pattern", 0, 255},
        {"tos", 0, 255},    {"mark", 1, UINT32_MAX},
    };
    struct in6_addr address;
    const char *version = name + strlen(name) - 1;

    for (size_t i = 0; i < ELEMENTS(numbers); i++) {
        char *end;

        if (strcmp(name, numbers[i].name) != 0)
            continue;
        CHECK(is_between(strtol(value, &end, 10), numbers[i].min, numbers[i].max) && !*end);
        return;
    }
    if (strcmp(name, "protocol") == 0) {
        CHECK(strcmp(value, "icmp") == 0 || strcmp(value, "udp") == 0 ||
              strcmp(value, "tcp") == 0 || strcmp(value, "sctp") == 0);
        return;
    }
    CHECK(strcmp(name, "ip-4") == 0 || strcmp(name, "ip-6") == 0 ||
          strcmp(name, "local-ip-4") == 0 || strcmp(name, "local-ip-6") == 0);
    CHECK(inet_pton(*version == '4' ? AF_INET : AF_INET6, value, &address) == 1);
}

static void check_text(const char *line, size_t length)
{
    char *copy = fuzz_copy(line, length - 1), *rest;
    const char *word, *name, *value;

    word = strtok_r(copy, " ", &rest);
    CHECK(word && strcmp(word, "2147483647") == 0);
    word = strtok_r(NULL, " ", &rest);
    CHECK(word && (strcmp(word, "send-probe") == 0 || strcmp(word, "check-support") == 0));
    while ((name = strtok_r(NULL, " ", &rest))) {
        value = strtok_r(NULL, " ", &rest);
        CHECK(value);
        if (strcmp(word, "send-probe") == 0)
            check_argument(name, value);
        else
            CHECK(strcmp(name, "feature") == 0 && strlen(value) <= PACKET_FEATURE_MAX);
    }
    free(copy);
}

/* Writes the command for mtr-packet. */
static size_t encode(const PacketCommand *command, char line[static PACKET_COMMAND_SIZE])
{
    size_t length = packet_command_format(command, TOKEN, line);

    CHECK(length < PACKET_COMMAND_SIZE && strlen(line) == length);
    CHECK(strspn(line, "abcdefghijklmnopqrstuvwxyz0123456789 .:-") == length - 1);
    CHECK(line[length - 1] == '\n');
    check_text(line, length);
    return length;
}

static void check_encoded(const PacketRequest *request)
{
    char line[PACKET_COMMAND_SIZE], again[PACKET_COMMAND_SIZE];
    size_t length = encode(&request->command, line);
    PacketRequest second;
    char *copy = fuzz_copy(line, length - 1);

    packet_request_parse(&second, copy, length - 1);
    CHECK(!second.refusal && second.token == TOKEN);
    CHECK(encode(&second.command, again) == length && memcmp(line, again, length) == 0);
    if (request->command.kind == PACKET_SEND_PROBE) {
        check_probe(&second.command);
        CHECK(second.command.options.timeout_usec == request->command.options.timeout_usec);
        CHECK(second.command.options.protocol == request->command.options.protocol);
        CHECK(second.command.options.mark == request->command.options.mark);
        CHECK(second.command.options.port == request->command.options.port);
    }
    free(copy);
}

static void check_refusal(const PacketRequest *request)
{
    PacketReply reply;
    char line[128];
    int length = snprintf(line, sizeof(line), "%d %s", request->token, request->refusal);

    CHECK(length > 0 && (size_t)length < sizeof(line));
    CHECK(packet_reply_parse(&reply, line, (size_t)length) == 0);
    CHECK(strcmp(reply.word, PACKET_REPLY_PARSE_ERROR) != 0 || reply.token == 0);
}

static void try_line(const char *line, size_t size)
{
    PacketRequest request;
    char *copy;

    if (size > PACKET_COMMAND_LINE_MAX)
        size = PACKET_COMMAND_LINE_MAX; /* a longer one is none, see stream.c */
    copy = fuzz_copy(line, size);
    packet_request_parse(&request, copy, size);
    if (request.refusal) {
        check_refusal(&request);
    } else if (request.command.kind == PACKET_SEND_PROBE) {
        CHECK(request.host >= copy && request.host + strlen(request.host) <= copy + size);
        check_probe(&request.command);
        check_encoded(&request);
    } else {
        CHECK(request.command.kind == PACKET_CHECK_SUPPORT);
        check_encoded(&request);
    }
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_lines(data, size, try_line);
    return 0;
}
