/* SPDX-License-Identifier: MIT */

#include "fuzz-naive-request.h"

#include <limits.h>

#include "fuzz-naive.h"
#include "fuzz.h"
#include "util.h"

/* mtr-packet has room for no more. */
#define WORDS_MAX 34

/* Enough for all that can be wrong with one line. */
#define WRONGS_MAX 16

typedef enum Number {
    TTL,
    PORT,
    LOCAL_PORT,
    TIMEOUT,
    SIZE,
    BIT_PATTERN,
    TOS,
    MARK,
    NUMBERS,
} Number;

/* A long double holds any of them, those in range exactly. */
static const struct {
    const char *name;
    long double normal, min, max;
} numbers[NUMBERS] = {
    [TTL] = {"ttl", 255, 1, 255},
    [PORT] = {"port", 0, 0, 65535},
    [LOCAL_PORT] = {"local-port", 0, 0, 65535},
    [TIMEOUT] = {"timeout", 10, 0, 60},
    [SIZE] = {"size", 64, 0, 9000},
    [BIT_PATTERN] = {"bit-pattern", 0, -2147483648.0L, 2147483647},
    [TOS] = {"tos", 0, 0, 255},
    [MARK] = {"mark", 0, -2147483648.0L, 4294967295},
};

static const char *const protocols[] = {"icmp", "udp", "tcp", "sctp"};

/* What a line says, and which refusals would be true of it. */
typedef struct Naive {
    char *words[WORDS_MAX];
    size_t n;
    long double token;
    const char *host, *feature; /* NULL where there is none */
    const char *source_text;
    NaiveAddress target, source;
    unsigned protocol;
    long double number[NUMBERS];
    size_t n_wrongs;
    char wrongs[WRONGS_MAX][64];
} Naive;

static void add_wrong(Naive *naive, const char *refusal)
{
    CHECK(naive->n_wrongs < WRONGS_MAX);
    snprintf(naive->wrongs[naive->n_wrongs++], sizeof(naive->wrongs[0]), "%s", refusal);
}

/* How many characters of TEXT are a number, with or without a sign. */
static size_t number_length(const char *text)
{
    size_t sign = *text == '-' || *text == '+', length = sign;

    while (text[length] >= '0' && text[length] <= '9')
        length++;
    return length > sign ? length : 0;
}

/* Reads one argument of a probe; false if mtr-packet stops at it. */
static bool take_argument(Naive *naive, const char *name, const char *value)
{
    if (strcmp(name, "ip-4") == 0 || strcmp(name, "ip-6") == 0) {
        naive->host = value;
        naive->target.ip_version = name[3] - '0';
    }
    if (strcmp(name, "local-ip-4") == 0 || strcmp(name, "local-ip-6") == 0)
        naive->source_text = value;
    if (strcmp(name, "protocol") == 0) {
        for (naive->protocol = 0; naive->protocol < ELEMENTS(protocols); naive->protocol++)
            if (strcmp(value, protocols[naive->protocol]) == 0)
                return true;
        return false;
    }
    for (unsigned i = 0; i < NUMBERS; i++) {
        if (strcmp(name, numbers[i].name) != 0)
            continue;
        if (!*value || number_length(value) != strlen(value))
            return false;
        naive->number[i] = strtold(value, NULL);
        return i != LOCAL_PORT || naive->number[i] >= 1024;
    }
    return true;
}

/* Reads an address of the target's version, and notes what is wrong with it. */
static void take_address(Naive *naive, NaiveAddress *address, const char *text, const char *no_host)
{
    if (!naive_address(address, naive->target.ip_version, text))
        add_wrong(naive, "invalid-argument");
    else if (!naive_is_host(address))
        add_wrong(naive, no_host);
}

static bool is_used(const Naive *naive, unsigned number)
{
    bool is_icmp = naive->protocol == 0, is_udp = naive->protocol == 1;

    return number == SIZE         ? is_icmp || is_udp
           : number == PORT       ? !is_icmp
           : number == LOCAL_PORT ? is_udp
                                  : true;
}

static void read_probe(Naive *naive)
{
    for (unsigned i = 0; i < NUMBERS; i++)
        naive->number[i] = numbers[i].normal;
    for (size_t i = 2; i < naive->n; i += 2) {
        if (!take_argument(naive, naive->words[i], naive->words[i + 1])) {
            add_wrong(naive, "invalid-argument");
            return;
        }
    }
    if (!naive->host) {
        add_wrong(naive, "invalid-argument reason ip-version-not-supported");
        return;
    }
    take_address(naive, &naive->target, naive->host,
                 "invalid-argument reason address-not-supported");
    if (naive->source_text)
        take_address(naive, &naive->source, naive->source_text, "permission-denied");
    for (unsigned i = 0; i < NUMBERS; i++) {
        char refusal[64];

        if (!is_used(naive, i))
            naive->number[i] = numbers[i].normal;
        if (naive->number[i] >= numbers[i].min && naive->number[i] <= numbers[i].max)
            continue;
        snprintf(refusal, sizeof(refusal), "invalid-argument reason %s-out-of-range",
                 numbers[i].name);
        add_wrong(naive, refusal);
    }
    if (naive->target.ip_version == 6 && naive->number[PORT] != 0 && naive->number[LOCAL_PORT] != 0)
        add_wrong(naive, "invalid-argument reason ports-not-supported");
}

static void read_question(Naive *naive)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-";

    for (size_t i = naive->n - 2; i >= 2; i -= 2) /* the first counts */
        if (strcmp(naive->words[i], "feature") == 0)
            naive->feature = naive->words[i + 1];
    if (!naive->feature) {
        add_wrong(naive, "invalid-argument");
        return;
    }
    for (size_t i = 0; naive->feature[i]; i++) {
        if (i >= 32 || !strchr(allowed, naive->feature[i])) {
            add_wrong(naive, "feature-support support no");
            return;
        }
    }
}

/* Its token is the number that its first word begins with, or 0. */
static void read_line(Naive *naive, char *line, size_t size)
{
    char token[4096];

    naive->n = strlen(line) == size ? naive_split(line, " \t\n\v\f\r", naive->words, WORDS_MAX) : 0;
    if (naive->n >= 2) {
        snprintf(token, sizeof(token), "%.*s", (int)number_length(naive->words[0]),
                 naive->words[0]);
        naive->token = *token ? strtold(token, NULL) : 0;
    }
    if (naive->n < 2 || naive->n > WORDS_MAX || naive->n % 2 != 0 ||
        naive->token < -9223372036854775808.0L || naive->token > 9223372036854775807.0L) {
        naive->token = 0;
        add_wrong(naive, "command-parse-error");
    } else if (strcmp(naive->words[1], "send-probe") == 0) {
        read_probe(naive);
    } else if (strcmp(naive->words[1], "check-support") == 0) {
        read_question(naive);
    } else {
        add_wrong(naive, "unknown-command");
    }
}

/* Whether an option is what the line says, which is not set where that is mtr-packet's default. */
static bool is_option(const Naive *naive, Number number, int option)
{
    return naive->number[number] == numbers[number].normal ? option == -1
                                                           : option == naive->number[number];
}

static void check_probe(const Naive *naive, const PacketCommand *command)
{
    const ProbeOptions *options = &command->options;
    int byte = (int)naive->number[BIT_PATTERN] & 255;

    CHECK(naive_is_target(&naive->target, &command->target));
    CHECK(naive->source_text ? naive_is_target(&naive->source, &options->local_ip)
                             : options->local_ip.ip_version == 0);
    CHECK(strcmp(probe_protocol_name(options->protocol), protocols[naive->protocol]) == 0);
    CHECK(options->timeout_usec == 1000000 * naive->number[TIMEOUT]);
    CHECK(is_option(naive, TTL, options->ttl));
    CHECK(is_option(naive, PORT, options->port));
    CHECK(is_option(naive, LOCAL_PORT, options->local_port));
    CHECK(is_option(naive, SIZE, options->size));
    CHECK(is_option(naive, TOS, options->tos));
    CHECK(options->bit_pattern == (byte == 0 ? -1 : byte));
    CHECK(options->mark == (uint32_t)(long long)naive->number[MARK]);
    CHECK(options->ip_version == 0);
}

void naive_check_request(const char *line, size_t size, const PacketRequest *request)
{
    char *copy = fuzz_copy(line, size);
    Naive naive = {.n = 0};

    read_line(&naive, copy, size);
    /* Of a token that no int holds mtr-packet keeps the lower bits. */
    CHECK((uint32_t)request->token == (uint32_t)(long long)naive.token);
    CHECK(!request->refusal == (naive.n_wrongs == 0));
    if (request->refusal) {
        bool is_true = false;

        for (size_t i = 0; i < naive.n_wrongs; i++)
            is_true |= strcmp(request->refusal, naive.wrongs[i]) == 0;
        CHECK(is_true);
    } else if (naive.feature) {
        CHECK(request->command.kind == PACKET_CHECK_SUPPORT);
        CHECK(strcmp(request->command.feature, naive.feature) == 0);
    } else {
        CHECK(request->command.kind == PACKET_SEND_PROBE);
        CHECK(strcmp(request->host, naive.host) == 0);
        check_probe(&naive, &request->command);
    }
    free(copy);
}
