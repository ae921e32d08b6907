/* SPDX-License-Identifier: MIT */

#include "stream.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <syslog.h>

#include "hash.h"
#include "line-buffer.h"
#include "log.h"
#include "packet-command.h"
#include "request.h"
#include "stream-replies.h"
#include "stream-socket.h"
#include "util.h"

/* Commands that are read before others have their turn. */
#define COMMANDS_A_TURN 32

typedef enum StreamState {
    STREAM_OPENING, /* no socket yet */
    STREAM_READING,
    STREAM_ROOM,
    STREAM_TOKEN,
    STREAM_WRITING,
    STREAM_TURN,
    STREAM_ENDED,
} StreamState;

struct Stream {
    Caller *caller;       /* borrowed: it frees its streams before it goes */
    Stream *prev, *next;  /* in caller->streams */
    Scheduler *scheduler; /* borrowed */
    GrantByUser granted[AUTHORITY_ACTIONS];
    RequestList requests; /* its commands that are not answered yet */
    unsigned n_probes;    /* of those */

    StreamState state;
    /* unless OPENING: */
    StreamSocket socket;
    int writing_fd; /* the same socket: an event source needs one of its own */
    sd_event_source *readable;
    sd_event_source *turn; /* for what is done at the end of a turn of the loop */
    StreamReplies replies;
    LineBuffer *commands;
    bool in_hand; /* a command has been read that is not paid for yet */
    char *line;   /* that is it; NULL if it is too long, and so none */
    size_t length;
    Charge *charge;  /* for it */
    bool is_paid;    /* the charge has its token */
    RoomWaiter room; /* while ROOM */
    bool is_next;    /* it has waited for room, and there is some for one command */
    bool is_done;    /* it closes with this turn */
};

static void proceed(Stream *stream);

/* Has the rest done when all that is going on in this turn is over. */
static void need_turn(Stream *stream)
{
    (void)sd_event_source_set_enabled(stream->turn, SD_EVENT_ONESHOT);
}

/* Not from here: whoever has called is still at work on its requests. */
static void close_soon(Stream *stream)
{
    stream->is_done = true;
    need_turn(stream);
}

/* Nothing else is in flight: who probes one by one need not wait for the end of the turn, and has
 * no further turn then. */
static void flush_now(Stream *stream)
{
    stream_replies_flush(&stream->replies);
    if (stream->state == STREAM_READING && !stream->is_done)
        (void)sd_event_source_set_enabled(stream->turn, SD_EVENT_OFF);
}

static void on_answer(Request *request, const PacketReply *reply, const Failure *failure)
{
    Stream *stream = request->stream;

    stream->n_probes -= request->command.kind == PACKET_SEND_PROBE;
    if (failure)
        stream_replies_fail(&stream->replies, request->token, failure);
    else
        stream_replies_give(&stream->replies, request->token, &request->command, reply);
    if (stream->requests.n == 1)
        flush_now(stream);
}

/*
 * Commands
 */

/* Carries a command out that is paid for. */
static void carry_out(Stream *stream, char *line, size_t length, Charge *charge)
{
    PacketRequest asked;
    RequestSpec spec;
    bool is_probe;

    packet_request_parse(&asked, line, length);
    is_probe = !asked.refusal && asked.command.kind == PACKET_SEND_PROBE;
    if (is_probe && stream->n_probes == STREAM_PROBES_MAX)
        asked.refusal = "probes-exhausted";
    if (asked.refusal) {
        charge_free(charge);
        stream_replies_refuse(&stream->replies, asked.token, asked.refusal);
        return;
    }

    spec = (RequestSpec){
        .action = is_probe ? AUTHORITY_PROBE : AUTHORITY_NOTHING,
        .with_mark = is_probe && asked.command.options.mark != 0,
        .command = asked.command,
        .host = asked.host,
        .answer = on_answer,
        .stream = stream,
    };
    stream->n_probes += is_probe;
    if (request_start_command(&stream->requests, stream->caller, stream->scheduler, &spec,
                              asked.token, charge) < 0)
        close_soon(stream);
}

/* Carries out what is in hand, and paid for. */
static void carry_out_next(Stream *stream)
{
    Charge *charge = TAKE_PTR(stream->charge);

    stream->in_hand = stream->is_paid = false;
    if (stream->line) {
        carry_out(stream, stream->line, stream->length, charge);
    } else {
        line_buffer_discard(stream->commands);
        charge_free(charge);
        stream_replies_refuse(&stream->replies, 0, PACKET_REPLY_OVERFLOW);
    }
}

static void set_state(Stream *stream, StreamState state)
{
    stream->state = state;
    (void)sd_event_source_set_enabled(stream->readable,
                                      state == STREAM_READING ? SD_EVENT_ON : SD_EVENT_OFF);
    if (state == STREAM_TURN || state == STREAM_ENDED)
        need_turn(stream);
}

static void on_room(RoomWaiter *waiter)
{
    Stream *stream = CONTAINER_OF(waiter, Stream, room);

    stream->is_next = true;
    proceed(stream);
}

static void on_token(void *userdata)
{
    Stream *stream = userdata;

    stream->is_paid = true;
    proceed(stream);
}

/* Takes the next command in hand. False if there is none. */
static bool take_line(Stream *stream)
{
    int r;

    if (stream->in_hand)
        return true;
    r = line_buffer_next(stream->commands, &stream->line, &stream->length);
    if (r == LINE_BUFFER_E_TOO_LONG)
        stream->line = NULL;
    stream->in_hand = r != LINE_BUFFER_E_EMPTY;
    return stream->in_hand;
}

/* Charges the user for what is in hand, unless others of its streams are before this one. Returns
 * 0, a positive outcome if it must wait for room, or a negative errno. */
static int charge_command(Stream *stream)
{
    QuotaUser *user = stream->caller->user;
    bool is_next = stream->is_next;
    Failure failure;

    stream->is_next = false;
    if (!is_next && room_is_awaited(user))
        return OUTCOME_LIMITS_EXCEEDED;
    return charge_new(&stream->charge, user, &failure);
}

/* Has the user pay for what is in hand. False if that must wait, which is a state then. */
static bool pay(Stream *stream)
{
    int r;

    if (!stream->charge) {
        r = charge_command(stream);
        if (r > 0) {
            set_state(stream, STREAM_ROOM);
            room_wait(&stream->room, stream->caller->user, on_room);
            return false;
        }
        if (r == 0)
            r = charge_pace(stream->charge, on_token, stream);
        if (r < 0) {
            close_soon(stream);
            return false;
        }
        stream->is_paid = r > 0;
    }
    if (!stream->is_paid)
        set_state(stream, STREAM_TOKEN);
    return stream->is_paid;
}

/* Carries out commands that have been read, as many as it may. */
static void proceed(Stream *stream)
{
    for (unsigned n = 0; n < COMMANDS_A_TURN && !stream->is_done; n++) {
        if (!take_line(stream)) {
            set_state(stream, STREAM_READING);
            return;
        }
        if (stream_replies_full(&stream->replies)) {
            set_state(stream, STREAM_WRITING);
            return;
        }
        if (!pay(stream))
            return;
        carry_out_next(stream);
    }
    set_state(stream, STREAM_TURN);
}

/*
 * The socket
 */

static int on_readable(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    Stream *stream = userdata;
    size_t space;
    char *place = line_buffer_space(stream->commands, &space);
    ssize_t n = stream_socket_read(&stream->socket, place, space);

    if (n > 0) {
        line_buffer_fill(stream->commands, (size_t)n);
        proceed(stream);
    } else if (n == 0) {
        set_state(stream, STREAM_ENDED);
    } else if (n != -EAGAIN) {
        close_soon(stream);
    }
    return 0;
}

/* What waited for the reader has been written. */
static void on_written(void *userdata)
{
    Stream *stream = userdata;

    if (stream->state == STREAM_WRITING)
        proceed(stream);
    need_turn(stream);
}

static void on_pending(void *userdata)
{
    need_turn(userdata);
}

static void on_lost(void *userdata)
{
    close_soon(userdata);
}

static const StreamRepliesEvents replies_events = {
    .pending = on_pending,
    .written = on_written,
    .lost = on_lost,
};

static bool is_over(const Stream *stream)
{
    return stream->state == STREAM_ENDED && !stream->requests.first &&
           stream_replies_empty(&stream->replies);
}

/* The end of a turn: one write for all replies there are. */
static int on_turn(sd_event_source *source, void *userdata)
{
    Stream *stream = userdata;

    stream_replies_flush(&stream->replies);
    if (stream->is_done || is_over(stream))
        stream_free(stream);
    else if (stream->state == STREAM_TURN)
        proceed(stream);
    return 0;
}

static int set_up(Stream *stream)
{
    sd_event *event = sd_bus_get_event(stream->caller->callers->bus);
    int r;

    r = sd_event_add_io(event, &stream->readable, stream->socket.fd, EPOLLIN, on_readable, stream);
    if (r >= 0)
        r = sd_event_add_defer(event, &stream->turn, on_turn, stream);
    if (r >= 0)
        r = sd_event_source_set_enabled(stream->turn, SD_EVENT_OFF);
    if (r >= 0)
        r = stream_replies_init(&stream->replies, event, stream->writing_fd,
                                stream->caller->callers->statistics, &replies_events, stream);
    return r < 0 ? r : 0;
}

/*
 * The whole
 */

int stream_new(Stream **ret, Caller *caller, Scheduler *scheduler)
{
    Stream *stream = calloc(1, sizeof(*stream));

    if (!stream)
        return -ENOMEM;
    stream->caller = caller;
    stream->scheduler = scheduler;
    stream->socket = STREAM_SOCKET_NONE;
    stream->writing_fd = -1;
    DL_APPEND(caller->streams, stream);
    callers_hold(caller->callers);
    *ret = stream;
    return 0;
}

int stream_open(Stream *stream, int *ret_fd, Failure *failure)
{
    _cleanup_(close_fdp) int other = -1;
    int r;

    assert(stream->state == STREAM_OPENING);

    r = quota_check_stream(stream->caller->user, failure);
    if (r != 0)
        return r;
    quota_take_stream(stream->caller->user);
    stream->state = STREAM_READING;

    stream->commands = malloc(sizeof(*stream->commands));
    if (!stream->commands)
        return -ENOMEM;
    line_buffer_init(stream->commands, PACKET_COMMAND_LINE_MAX);
    r = stream_socket_open(&stream->socket, &other);
    if (r < 0)
        return r;
    stream->writing_fd = fcntl(stream->socket.fd, F_DUPFD_CLOEXEC, 0);
    if (stream->writing_fd < 0)
        return -errno;
    r = set_up(stream);
    if (r < 0)
        return r;

    *ret_fd = other;
    other = -1;
    return 0;
}

void stream_end(Stream *stream, const Failure *failure)
{
    while (stream->requests.first)
        request_fail(stream->requests.first, failure);
    if (stream->state != STREAM_OPENING)
        stream_replies_flush(&stream->replies);
    stream_free(stream);
}

/* A socket that cannot be closed keeps its place among all streams. */
static void close_socket(Stream *stream)
{
    const Caller *caller = stream->caller;
    bool is_closed = stream_socket_close(&stream->socket);

    if (stream->state != STREAM_OPENING)
        quota_give_stream(caller->user, is_closed);
    if (!is_closed)
        log_message(LOG_WARNING, "user %u has passed descriptors over a stream, which stays open",
                    (unsigned)caller->uid);
}

Stream *stream_free(Stream *stream)
{
    Callers *callers;

    if (!stream)
        return NULL;

    callers = stream->caller->callers;
    while (stream->requests.first)
        request_free(stream->requests.first);
    room_leave(&stream->room);
    charge_free(stream->charge);
    stream_replies_deinit(&stream->replies);
    sd_event_source_disable_unref(stream->readable);
    sd_event_source_disable_unref(stream->turn);
    close_fd(stream->writing_fd);
    close_socket(stream);
    free(stream->commands);
    DL_DELETE(stream->caller->streams, stream);
    free(stream);
    callers_release(callers);
    return NULL;
}

void stream_note_grant(Stream *stream, AuthorityAction action, const GrantByUser *by_user)
{
    if (stream->state != STREAM_OPENING)
        return;
    for (unsigned i = 0; i < AUTHORITY_ACTIONS; i++)
        grants_renew(&stream->granted[i], by_user);
    stream->granted[action] = *by_user;
}

bool stream_may(const Stream *stream, AuthorityAction action)
{
    return grants_holds(&stream->caller->grants, &stream->granted[action]);
}
