/* SPDX-License-Identifier: MIT */

#include "stream-replies.h"

#include <errno.h>
#include <stdio.h>

#include "packet-command.h"

static void lose(StreamReplies *replies)
{
    replies->is_lost = true;
    replies->events->lost(replies->userdata);
}

static void on_written(void *userdata)
{
    StreamReplies *replies = userdata;

    replies->events->written(replies->userdata);
}

static void on_broken(void *userdata)
{
    lose(userdata);
}

int stream_replies_init(StreamReplies *replies, sd_event *event, int fd, Statistics *statistics,
                        const StreamRepliesEvents *events, void *userdata)
{
    replies->statistics = statistics;
    replies->events = events;
    replies->userdata = userdata;
    return write_queue_init(&replies->queue, event, fd, on_written, on_broken, replies);
}

void stream_replies_deinit(StreamReplies *replies)
{
    write_queue_deinit(&replies->queue);
}

/* Room for a reply, or NULL, when there will be none any more. */
static char *reserve(StreamReplies *replies)
{
    char *place;

    if (replies->is_lost)
        return NULL;
    place = write_queue_reserve(&replies->queue, PACKET_REPLY_SIZE);
    if (!place || replies->queue.length > STREAM_OWED_MAX) {
        lose(replies);
        return NULL;
    }
    return place;
}

static void commit(StreamReplies *replies, size_t size)
{
    write_queue_commit(&replies->queue, size);
    replies->events->pending(replies->userdata);
}

static void say(StreamReplies *replies, int token, const char *text)
{
    char *place = reserve(replies);

    if (place)
        commit(replies, (size_t)sprintf(place, "%d %s\n", token, text));
}

static void say_errno(StreamReplies *replies, int token, int number)
{
    char text[48];

    snprintf(text, sizeof(text), "unexpected-error errno %d", number);
    say(replies, token, text);
}

void stream_replies_give(StreamReplies *replies, int token, const PacketCommand *command,
                         const PacketReply *reply)
{
    char *place = reserve(replies);

    if (place)
        commit(replies, packet_reply_format(token, command, reply, place));
}

void stream_replies_refuse(StreamReplies *replies, int token, const char *refusal)
{
    replies->statistics->errors[OUTCOME_INVALID_ARGS]++;
    say(replies, token, refusal);
}

/* Not `no-reply`: that is said of a probe that nobody has answered, and of no other. */
void stream_replies_fail(StreamReplies *replies, int token, const Failure *failure)
{
    replies->statistics->errors[failure->outcome]++;
    switch (failure->outcome) {
    case OUTCOME_ACCESS_DENIED:
    case OUTCOME_AUTHENTICATION:
    case OUTCOME_INVALID_ARGS: /* all else was checked: the source is not this machine's */
        say(replies, token, "permission-denied");
        break;
    case OUTCOME_NO_MEMORY:
        say_errno(replies, token, ENOMEM);
        break;
    case OUTCOME_CANCELLED:
        say_errno(replies, token, ECANCELED);
        break;
    case OUTCOME_OK:
    case OUTCOME_NOT_SUPPORTED:
    case OUTCOME_HOST_RESOLVE:
    case OUTCOME_STATE:
    case OUTCOME_LIMITS_EXCEEDED:
    case OUTCOME_PROCESS:
        say_errno(replies, token, EIO);
        break;
    }
}

void stream_replies_flush(StreamReplies *replies)
{
    write_queue_flush(&replies->queue);
}

bool stream_replies_full(const StreamReplies *replies)
{
    return replies->queue.is_full;
}

bool stream_replies_empty(const StreamReplies *replies)
{
    return replies->queue.length == 0;
}
