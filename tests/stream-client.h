/* SPDX-License-Identifier: MIT */
#pragma once

/* A client of a stream: a socket, or pipes, that speak mtr-packet's language. */

#include <stdbool.h>

#include "call.h"

typedef struct StreamClient {
    int in, out; /* descriptors: what is read, and what is written; perhaps the same */
    GString *read;
    bool ended; /* there is no more to be read */
} StreamClient;

/** stream_take() - OpenStream without options, which must be granted; the descriptor */
int stream_take(GDBusConnection *connection);

/** stream_open() - the same, and begin to talk over it */
void stream_open(StreamClient *client, GDBusConnection *connection);

/** stream_answer_take() - the descriptor of an answer that is to be one */
int stream_answer_take(Answer *answer);

/** stream_client_init() - begin to talk over @in and @out, which are taken over */
void stream_client_init(StreamClient *client, int in, int out);

/** stream_client_clear() - close what is open of it */
void stream_client_clear(StreamClient *client);

/** stream_say() - write text, which must fit in; it has its newlines itself */
void stream_say(StreamClient *client, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** stream_shut() - there will be no more commands */
void stream_shut(StreamClient *client);

/** stream_line() - the next line, without its newline, to be freed; NULL at the end. Runs the main
 * context while it waits */
char *stream_line(StreamClient *client);

/** stream_lines_now() - how many lines there are to be had without waiting */
unsigned stream_lines_now(StreamClient *client);

/** stream_expect() - check that the next line is this one */
void stream_expect(StreamClient *client, const char *line);

/** stream_expect_reply() - check that it is a reply to a probe that reached @address */
void stream_expect_reply(StreamClient *client, int token, const char *address);

/** stream_expect_end() - check that there are no more */
void stream_expect_end(StreamClient *client);
