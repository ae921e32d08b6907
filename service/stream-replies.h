/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What a stream says, and to how much of it nobody has listened yet: replies in mtr-packet's words,
 * those that are its own and those for what it has no words for.
 */

#include <stdbool.h>

#include <systemd/sd-event.h>

#include "outcome.h"
#include "packet-protocol.h"
#include "statistics.h"
#include "write-queue.h"

/* Bytes of replies that are owed to whoever does not read them; who is owed more is dropped. */
#define STREAM_OWED_MAX (1024 * 1024)

typedef struct StreamRepliesEvents {
    /* There is something to be written: stream_replies_flush() it, but not from here. */
    void (*pending)(void *userdata);
    /* What waited has been written; from the event loop. */
    void (*written)(void *userdata);
    /* There will be no more: nobody reads, too much is owed, or memory is out. Perhaps told again.
     */
    void (*lost)(void *userdata);
} StreamRepliesEvents;

typedef struct StreamReplies {
    WriteQueue queue;
    Statistics *statistics; /* borrowed */
    const StreamRepliesEvents *events;
    void *userdata;
    bool is_lost;
} StreamReplies;

/**
 * stream_replies_init() - begin to write to @fd
 * @statistics: where refusals are counted; borrowed
 * @events, @userdata: who is told; borrowed
 *
 * Return: 0 or a negative errno; either way stream_replies_deinit() cleans up.
 */
int stream_replies_init(StreamReplies *replies, sd_event *event, int fd, Statistics *statistics,
                        const StreamRepliesEvents *events, void *userdata);

/** stream_replies_deinit() - forget what waits; copes with zeros */
void stream_replies_deinit(StreamReplies *replies);

/** stream_replies_give() - what mtr-packet replied to @command, to be said with @token */
void stream_replies_give(StreamReplies *replies, int token, const PacketCommand *command,
                         const PacketReply *reply);

/** stream_replies_refuse() - @refusal, which packet_request_parse() or a limit of the stream says
 */
void stream_replies_refuse(StreamReplies *replies, int token, const char *refusal);

/** stream_replies_fail() - that a command could not be carried out */
void stream_replies_fail(StreamReplies *replies, int token, const Failure *failure);

/** stream_replies_flush() - write what waits, as far as it is taken */
void stream_replies_flush(StreamReplies *replies);

/** stream_replies_full() - whether whoever has the other end takes no more now */
bool stream_replies_full(const StreamReplies *replies);

/** stream_replies_empty() - whether nothing waits */
bool stream_replies_empty(const StreamReplies *replies);
