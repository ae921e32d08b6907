/* SPDX-License-Identifier: MIT */

#include "fuzz-naive.h"

#include <arpa/inet.h>
#include <string.h>

#include "fuzz.h"

size_t naive_split(char *line, const char *between, char *words[], size_t max)
{
    bool in_word = false;
    size_t n = 0;

    for (char *c = line; *c; c++) {
        if (strchr(between, *c)) {
            *c = '\0';
            in_word = false;
        } else if (!in_word) {
            if (n < max)
                words[n] = c;
            n++;
            in_word = true;
        }
    }
    return n;
}

bool naive_is_within(const char *text, const char *most)
{
    size_t length = strlen(text);

    if (length == 0)
        return false;
    for (size_t i = 0; i < length; i++)
        if (text[i] < '0' || text[i] > '9')
            return false;
    while (*text == '0') {
        text++;
        length--;
    }
    return length < strlen(most) || (length == strlen(most) && strcmp(text, most) <= 0);
}

bool naive_address(NaiveAddress *ret, int ip_version, const char *text)
{
    *ret = (NaiveAddress){.ip_version = ip_version};
    return inet_pton(ip_version == 4 ? AF_INET : AF_INET6, text, ret->bytes) == 1;
}

bool naive_is_host(const NaiveAddress *address)
{
    static const uint8_t zeros[16], ones[4] = {255, 255, 255, 255},
                                    mapped[12] = {[10] = 255, [11] = 255};
    const uint8_t *bytes = address->bytes;

    if (memcmp(bytes, zeros, sizeof(zeros)) == 0)
        return false;
    if (address->ip_version == 4)
        return (bytes[0] < 224 || bytes[0] > 239) && memcmp(bytes, ones, sizeof(ones)) != 0;
    return bytes[0] != 0xff && memcmp(bytes, mapped, sizeof(mapped)) != 0;
}

bool naive_is_target(const NaiveAddress *address, const ProbeTarget *target)
{
    if (target->ip_version != address->ip_version)
        return false;
    return memcmp(address->bytes, &target->ipv6, address->ip_version == 4 ? 4 : 16) == 0;
}

/* The arguments of a line that was written, name and value in turn. */
typedef struct Written {
    char *words[40];
    size_t n;
} Written;

/* The value behind @name, which is there once; NULL if it is not there. */
static const char *written(const Written *line, const char *name)
{
    const char *value = NULL;

    for (size_t i = 0; i < line->n; i += 2) {
        if (strcmp(line->words[i], name) != 0)
            continue;
        CHECK(!value);
        value = line->words[i + 1];
    }
    return value;
}

/* Each of these returns how many arguments are to be there for it: 1 or 0. */

static size_t check_text(const Written *line, const char *name, const char *text)
{
    const char *value = written(line, name);

    CHECK(value && strcmp(value, text) == 0);
    return 1;
}

static size_t check_number(const Written *line, const char *name, bool is_set, long long number)
{
    char text[32];

    if (!is_set) {
        CHECK(!written(line, name));
        return 0;
    }
    snprintf(text, sizeof(text), "%lld", number);
    return check_text(line, name, text);
}

static size_t check_option(const Written *line, const char *name, int value)
{
    return check_number(line, name, value != -1, value);
}

static size_t check_address(const Written *line, const char *prefix, const ProbeTarget *target)
{
    NaiveAddress address;
    char name[16];
    const char *value;

    if (target->ip_version == 0)
        return 0;
    snprintf(name, sizeof(name), "%sip-%d", prefix, target->ip_version);
    value = written(line, name);
    CHECK(value && naive_address(&address, target->ip_version, value));
    CHECK(naive_is_target(&address, target));
    return 1;
}

static void check_probe(const Written *line, const ProbeTarget *target, const ProbeOptions *options)
{
    static const char *const protocols[] = {
        [PROBE_ICMP] = "icmp", [PROBE_UDP] = "udp", [PROBE_TCP] = "tcp", [PROBE_SCTP] = "sctp"};
    uint64_t seconds = 0;
    size_t n = 0;

    while (seconds * 1000000 < options->timeout_usec)
        seconds++;
    CHECK(target->ip_version == 4 || target->ip_version == 6);
    n += check_address(line, "", target);
    n += check_address(line, "local-", &options->local_ip);
    n += check_text(line, "protocol", protocols[options->protocol]);
    n += check_number(line, "timeout", true, (long long)seconds);
    n += check_option(line, "ttl", options->ttl);
    n += check_option(line, "port", options->port);
    n += check_option(line, "local-port", options->local_port);
    n += check_option(line, "size", options->size);
    n += check_option(line, "bit-pattern", options->bit_pattern);
    n += check_option(line, "tos", options->tos);
    n += check_number(line, "mark", options->mark != 0, options->mark);
    CHECK(line->n == 2 * n);
}

void naive_check_written(const PacketCommand *command, int token, const char *line)
{
    size_t length = strlen(line), n;
    char *copy = fuzz_copy(line, length), *words[40], number[16];
    Written arguments = {.n = 0};

    CHECK(length > 0 && line[length - 1] == '\n' && !strstr(line, "  "));
    copy[length - 1] = '\0';
    n = naive_split(copy, " ", words, 40);
    CHECK(n >= 2 && n <= 34 && n % 2 == 0); /* mtr-packet has room for no more */
    snprintf(number, sizeof(number), "%d", token);
    CHECK(strcmp(words[0], number) == 0);
    memcpy(arguments.words, words + 2, (n - 2) * sizeof(words[0]));
    arguments.n = n - 2;

    if (command->kind == PACKET_SEND_PROBE) {
        CHECK(strcmp(words[1], "send-probe") == 0);
        check_probe(&arguments, &command->target, &command->options);
    } else if (strcmp(command->feature, "mark") == 0) {
        CHECK(strcmp(words[1], "send-probe") == 0); /* it is tried, not asked */
        n = check_text(&arguments, "ip-4", "127.0.0.1") +
            check_text(&arguments, "protocol", "tcp") + check_text(&arguments, "timeout", "1") +
            check_text(&arguments, "port", "9") + check_text(&arguments, "mark", "1");
        CHECK(arguments.n == 2 * n);
    } else {
        CHECK(strcmp(words[1], "check-support") == 0);
        CHECK(check_text(&arguments, "feature", command->feature) == 1 && arguments.n == 2);
    }
    free(copy);
}
