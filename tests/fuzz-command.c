/* SPDX-License-Identifier: MIT */

/*
 * Command lines of a stream, and what mtr-packet is given of them. What a line says, and what is
 * wrong with it, is found out a second time, the naive way; what is written says the same, and read
 * again it is the same command.
 */

#include <limits.h>

#include "fuzz-naive-request.h"
#include "fuzz-naive.h"
#include "fuzz.h"
#include "packet-command.h"

#define TOKEN INT_MAX

/* Writes the command for mtr-packet. */
static size_t encode(const PacketCommand *command, char line[static PACKET_COMMAND_SIZE])
{
    size_t length = packet_command_format(command, TOKEN, line);

    CHECK(length < PACKET_COMMAND_SIZE && strlen(line) == length);
    CHECK(strspn(line, "abcdefghijklmnopqrstuvwxyz0123456789 .:-") == length - 1);
    CHECK(line[length - 1] == '\n');
    naive_check_written(command, TOKEN, line);
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
    line[length - 1] = '\0';
    naive_check_request(line, length - 1, &second);
    line[length - 1] = '\n';
    CHECK(encode(&second.command, again) == length && memcmp(line, again, length) == 0);
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
    char *copy, *given;

    if (size > PACKET_COMMAND_LINE_MAX)
        size = PACKET_COMMAND_LINE_MAX; /* a longer one is none, see stream.c */
    copy = fuzz_copy(line, size);
    packet_request_parse(&request, copy, size);
    if (request.refusal)
        check_refusal(&request);
    else if (request.command.kind == PACKET_SEND_PROBE)
        CHECK(request.host >= copy && request.host + strlen(request.host) <= copy + size);
    given = fuzz_copy(line, size);
    naive_check_request(given, size, &request);
    if (!request.refusal)
        check_encoded(&request);
    free(given);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_lines(data, size, try_line);
    return 0;
}
