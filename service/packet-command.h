/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The language of packet-protocol.h from its other end: commands are read and replies written as
 * mtr-packet does both, to the word. It reads loosely: a token is the number that a word begins
 * with, or else 0; an argument that it does not know counts for nothing; of two with the same name
 * the last holds, but of two features the first. But numbers and targets that it would take, and
 * that no probe of this service may have, are refused, with a `reason` that says which. Pure.
 */

#include <stdbool.h>
#include <stddef.h>

#include "line-buffer.h"
#include "packet-protocol.h"

/* A command may have this many bytes before its newline: what mtr-packet's buffer holds. */
#define PACKET_COMMAND_LINE_MAX 4094

/* What is said of a longer one, and of one that is none; with token 0. */
#define PACKET_REPLY_OVERFLOW "command-buffer-overflow"
#define PACKET_REPLY_PARSE_ERROR "command-parse-error"

/* Room for any reply that packet_reply_format() writes: a line of mtr-packet's, with a longer
 * token. */
#define PACKET_REPLY_SIZE (LINE_BUFFER_LINE_MAX + 16)

/* A command line, read. */
typedef struct PacketRequest {
    int token;
    const char *refusal; /* what is replied at once, behind the token, static; NULL if there is
                            something to do */
    const char *host;    /* then, of a probe: its target as it was written; lives as long as the
                            line */
    PacketCommand command;
} PacketRequest;

/**
 * packet_request_parse() - read a command line
 * @ret: filled in
 * @line: the line without its newline; changed
 * @length: its bytes
 *
 * Never fails: what is wrong with the line is the reply to it. Whether the source address is one of
 * this machine's is not known here, see local_address_check().
 */
void packet_request_parse(PacketRequest *ret, char *line, size_t length);

/**
 * packet_reply_format() - write a reply line
 * @token: the command's, as whoever sent it calls it
 * @command: the command
 * @reply: what was replied to it
 * @line: filled in, newline and NUL at its end
 *
 * It is the reply word for word; but to the question for marks, which was asked by way of a probe,
 * it is whether they are supported.
 *
 * Return: the line's length without the NUL.
 */
size_t packet_reply_format(int token, const PacketCommand *command, const PacketReply *reply,
                           char line[static PACKET_REPLY_SIZE]);
