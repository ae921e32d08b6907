/* SPDX-License-Identifier: MIT */

/*
 * Reply lines of mtr-packet. What is a reply, and what each of its arguments says, is found out a
 * second time, the naive way; and what is written of it again must be the same reply.
 */

#include <errno.h>
#include <limits.h>
#include <math.h>

#include "fuzz-naive.h"
#include "fuzz.h"
#include "packet-command.h"
#include "packet-protocol.h"
#include "util.h"

#define WORDS_MAX (2 + 2 * PACKET_ARGUMENTS_MAX)

/* Whether WORD is a number that an int holds, by its text. */
static bool is_int(const char *word)
{
    return *word == '-' ? naive_is_within(word + 1, "2147483648")
                        : naive_is_within(word, "2147483647");
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

/*
 * What the arguments say
 */

/* What is expected of a reply's decoding. */
typedef struct Naive {
    const char *time; /* in microseconds; NULL if there is none */
    const char *responder;
    size_t n_labels; /* of four numbers each */
    unsigned long numbers[PACKET_MPLS_MAX][4];
    size_t n_details;
    size_t details[PACKET_ARGUMENTS_MAX]; /* which of the words is the name of each */
} Naive;

/* A list of labels: so many, or 0 if it is broken. */
static size_t read_labels(const char *text, unsigned long numbers[static PACKET_MPLS_MAX][4])
{
    static const char *const most[] = {"1048575", "7", "1", "255"};
    char *copy = fuzz_copy(text, strlen(text)), *next;
    size_t n = 0;

    for (char *field = copy; field; field = next, n++) {
        next = strchr(field, ',');
        if (next)
            *next++ = '\0';
        if (n == 4 * (size_t)PACKET_MPLS_MAX || !naive_is_within(field, most[n % 4])) {
            n = 0;
            break;
        }
        numbers[n / 4][n % 4] = strtoul(field, NULL, 10);
    }
    free(copy);
    return n % 4 == 0 ? n / 4 : 0;
}

/* Reads one argument; false if it is no more than a detail. */
static bool take_argument(Naive *naive, const char *name, const char *value)
{
    NaiveAddress address;

    if (strcmp(name, "round-trip-time") == 0) {
        if (!naive_is_within(value, "9223372036854775807"))
            return false;
        naive->time = value;
        return true;
    }
    if (strcmp(name, "mpls") == 0) {
        naive->n_labels = read_labels(value, naive->numbers);
        return naive->n_labels > 0;
    }
    if (strcmp(name, "ip-4") != 0 && strcmp(name, "ip-6") != 0)
        return false;
    if (!naive_address(&address, name[3] - '0', value))
        return false;
    naive->responder = value;
    return true;
}

static bool is_first(char *const words[], size_t i)
{
    for (size_t j = 2; j < i; j += 2)
        if (strcmp(words[j], words[i]) == 0)
            return false;
    return true;
}

static void take_words(Naive *naive, char *const words[], size_t n)
{
    *naive = (Naive){.responder = ""};
    for (size_t i = 2; i < n; i += 2)
        if (is_first(words, i) && !take_argument(naive, words[i], words[i + 1]))
            naive->details[naive->n_details++] = i;
}

/* What is decoded is what the words say, all of it, and nothing else. */
static void check_decoded(const PacketReply *reply, char *const words[], size_t n)
{
    ProbeResult result;
    Naive naive;

    memset(&result, 0xa5, sizeof(result));
    packet_reply_decode(&result, reply);
    take_words(&naive, words, n);

    CHECK(strcmp(result.word, words[1]) == 0);
    CHECK(result.success == (strcmp(words[1], "reply") == 0));
    CHECK(naive.time ? result.time_ms == strtod(naive.time, NULL) / 1000 : isnan(result.time_ms));
    CHECK(strcmp(result.responder, naive.responder) == 0);
    CHECK(result.n_mpls == naive.n_labels);
    for (size_t i = 0; i < result.n_mpls; i++) {
        CHECK(result.mpls[i].label == naive.numbers[i][0]);
        CHECK(result.mpls[i].traffic_class == naive.numbers[i][1]);
        CHECK(result.mpls[i].bottom_of_stack == naive.numbers[i][2]);
        CHECK(result.mpls[i].ttl == naive.numbers[i][3]);
    }
    CHECK(result.n_details == naive.n_details);
    for (size_t i = 0; i < result.n_details; i++) {
        CHECK(strcmp(result.details[i].name, words[naive.details[i]]) == 0);
        CHECK(strcmp(result.details[i].value, words[naive.details[i] + 1]) == 0);
    }
}

/*
 * What else is made of a reply
 */

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

    /* It was asked by way of a probe: whatever else it is, the mark could be set. */
    strcpy(question.feature, "mark");
    packet_reply_format(7, &question, reply, line);
    if (strcmp(reply->word, "permission-denied") == 0 ||
        strcmp(reply->word, "invalid-argument") == 0)
        CHECK(strcmp(line, "7 feature-support support no\n") == 0);
    else if (strcmp(reply->word, "feature-support") != 0)
        CHECK(strcmp(line, "7 feature-support support ok\n") == 0);
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
    n = naive_split(naive, " ", words, WORDS_MAX);
    CHECK(r == 0 || r == -EBADMSG);
    CHECK((r == 0) ==
          (is_printable(line, size) && n >= 2 && n % 2 == 0 && n <= WORDS_MAX && is_int(words[0])));
    if (r == 0) {
        CHECK(reply.token == (int)strtol(words[0], NULL, 10));
        check_same(&reply, words, n);
        check_decoded(&reply, words, n);
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
