/* SPDX-License-Identifier: MIT */

/*
 * Reply lines of mtr-packet. What is a reply, and what is in it, is found out a second time, the
 * naive way; and what is written of it again must be the same reply.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <math.h>

#include "fuzz.h"
#include "packet-command.h"
#include "packet-protocol.h"
#include "util.h"

#define WORDS_MAX (2 + 2 * PACKET_ARGUMENTS_MAX)

/* Words between spaces; as many as there are, of which WORDS_MAX are kept. */
static size_t split(char *line, char *words[static WORDS_MAX])
{
    size_t n = 0;
    char *rest;

    for (char *word = strtok_r(line, " ", &rest); word; word = strtok_r(NULL, " ", &rest), n++)
        if (n < WORDS_MAX)
            words[n] = word;
    return n;
}

/* Whether WORD is a number that an int holds, by its text. */
static bool is_int(const char *word)
{
    const char *most = *word == '-' ? "2147483648" : "2147483647";

    word += *word == '-';
    if (!*word || strspn(word, "0123456789") != strlen(word))
        return false;
    word += strspn(word, "0");
    return strlen(word) < 10 || (strlen(word) == 10 && strcmp(word, most) <= 0);
}

static bool is_printable(const char *line, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (line[i] < ' ' || line[i] > '~')
            return false;
    return true;
}

static void check_same(const PacketReply *reply, char *const words[], size_t n)
{
    CHECK(reply->n_arguments == n / 2 - 1);
    CHECK(strcmp(reply->word, words[1]) == 0);
    for (size_t i = 0; i < reply->n_arguments; i++) {
        CHECK(strcmp(reply->arguments[i].name, words[2 + 2 * i]) == 0);
        CHECK(strcmp(reply->arguments[i].value, words[3 + 2 * i]) == 0);
    }
}

/* The next number of a list that has one. */
static unsigned long next_number(const char **text)
{
    unsigned long number;
    char *end;

    CHECK(**text >= '0' && **text <= '9');
    number = strtoul(*text, &end, 10);
    *text = end + (*end == ',');
    return number;
}

static void check_labels(const ProbeResult *result, const char *text)
{
    CHECK(result->n_mpls <= PACKET_MPLS_MAX);
    for (size_t i = 0; i < result->n_mpls; i++) {
        const MplsLabel *label = &result->mpls[i];

        CHECK(text && label->label <= 0xfffff && label->traffic_class <= 7);
        CHECK(next_number(&text) == label->label);
        CHECK(next_number(&text) == label->traffic_class);
        CHECK(next_number(&text) == label->bottom_of_stack);
        CHECK(next_number(&text) == label->ttl);
    }
    CHECK(result->n_mpls == 0 || !*text);
}

/* What is told, and what is left to the details, are together all there was. */
static void check_decoded(const PacketReply *reply)
{
    const char *time = packet_reply_argument(reply, "round-trip-time");
    ProbeResult result;
    size_t n_names = 0, n_told;
    char address[16];

    packet_reply_decode(&result, reply);
    CHECK(result.word == reply->word && result.success == (strcmp(reply->word, "reply") == 0));
    CHECK(isnan(result.time_ms) || (time && isfinite(result.time_ms)));
    if (!isnan(result.time_ms))
        CHECK(result.time_ms >= 0 && fabs(result.time_ms - strtod(time, NULL) / 1000) < 1);
    if (*result.responder)
        CHECK(inet_pton(AF_INET, result.responder, address) == 1 ||
              inet_pton(AF_INET6, result.responder, address) == 1);
    check_labels(&result, packet_reply_argument(reply, "mpls"));

    for (size_t i = 0; i < reply->n_arguments; i++)
        n_names +=
            packet_reply_argument(reply, reply->arguments[i].name) == reply->arguments[i].value;
    CHECK(result.n_details <= n_names);
    n_told = n_names - result.n_details;
    /* ip-4 and ip-6 may both be there. */
    CHECK(n_told <= 4 && n_told >= (unsigned)(!isnan(result.time_ms) + (*result.responder != 0) +
                                              (result.n_mpls > 0)));
    for (size_t i = 0; i < result.n_details; i++)
        CHECK(packet_reply_argument(reply, result.details[i].name) == result.details[i].value);
}

/* What is asked of a reply to a certain command. */
static void check_questions(const PacketReply *reply)
{
    PacketCommand probe = {.kind = PACKET_SEND_PROBE, .options = PROBE_OPTIONS_INIT};
    PacketCommand question = {.kind = PACKET_CHECK_SUPPORT, .feature = "ip-4"};
    const char *support = packet_reply_argument(reply, "support"), *misread;
    char line[PACKET_REPLY_SIZE];

    CHECK(!packet_reply_misread(&probe, reply) && !packet_reply_used_numbers(&probe, reply));
    probe.options.protocol = PROBE_TCP;
    misread = packet_reply_misread(&probe, reply);
    CHECK(!misread || (reply->n_arguments == 0 && strcmp(misread, reply->word) == 0));
    CHECK(!packet_reply_distrust(&question, reply, 0));
    CHECK(!packet_reply_distrust(&probe, reply, UINT64_MAX / 2) ||
          packet_reply_argument(reply, "round-trip-time")[0] == '-');
    CHECK(packet_reply_supported(&question, reply) ==
          (strcmp(reply->word, "feature-support") == 0 && support && strcmp(support, "ok") == 0));

    /* It was asked by way of a probe: whatever it is, it is yes or no. */
    strcpy(question.feature, "mark");
    packet_reply_format(7, &question, reply, line);
    if (strcmp(reply->word, "feature-support") != 0)
        CHECK(strcmp(line, "7 feature-support support ok\n") == 0 ||
              strcmp(line, "7 feature-support support no\n") == 0);
}

/* Written with another token and read again it is the same. */
static void check_again(const PacketReply *reply, char *const words[], size_t n)
{
    const PacketCommand probe = {.kind = PACKET_SEND_PROBE, .options = PROBE_OPTIONS_INIT};
    char line[PACKET_REPLY_SIZE];
    size_t length = packet_reply_format(INT_MIN, &probe, reply, line);
    PacketReply again;

    CHECK(length < sizeof(line) && strlen(line) == length);
    CHECK(strchr(line, '\n') == line + length - 1);
    line[length - 1] = '\0';
    CHECK(packet_reply_parse(&again, line, length - 1) == 0);
    CHECK(again.token == INT_MIN);
    check_same(&again, words, n);
}

static void try_line(const char *line, size_t size)
{
    char *words[WORDS_MAX];
    char *given, *naive;
    PacketReply reply;
    size_t n;
    int r;

    if (size > LINE_BUFFER_LINE_MAX)
        size = LINE_BUFFER_LINE_MAX; /* no longer one comes from the line buffer */
    given = fuzz_copy(line, size);
    naive = fuzz_copy(line, size);
    r = packet_reply_parse(&reply, given, size);
    n = split(naive, words);
    CHECK(r == 0 || r == -EBADMSG);
    CHECK((r == 0) ==
          (is_printable(line, size) && n >= 2 && n % 2 == 0 && n <= WORDS_MAX && is_int(words[0])));
    if (r == 0) {
        CHECK(reply.token == (int)strtol(words[0], NULL, 10));
        check_same(&reply, words, n);
        check_decoded(&reply);
        check_questions(&reply);
        check_again(&reply, words, n);
    }
    free(given);
    free(naive);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_lines(data, size, try_line);
    return 0;
}
