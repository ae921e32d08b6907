/* SPDX-License-Identifier: MIT */

/*
 * A stream from its opening to its end: what its client does, and how the service behind it
 * answers, an input decides. It is text that the client is to say, with, after two characters for
 * the user's limits, these orders in it:
 *
 *     \w  say what is there so far     \.  a turn of the event loop
 *     \i  turns until nothing happens  \r  read           \1  read one byte
 *     \s  close for writing            \c  close          \l  leave the bus    \e  the service ends
 *     \aX \zX  mtr-packet answers the first or the last that it has: see behind_reply()
 *     \y \n \Y \N  polkit says yes or no to the first, or the last, who waits
 *     \gX \pX \oX \uX  how polkit, mtr-packet, source address and route are from now on
 *     \xNC  C to be said, N (from '0' on) times 91 times
 *     \\  a backslash
 *
 * Each whole command is answered once, with its token and as it must be; nothing else is said; and
 * in the end nothing is left.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "caller.h"
#include "fuzz-stream-behind.h"
#include "fuzz.h"
#include "packet-command.h"
#include "stream.h"
#include "util.h"

#define INPUT_MAX 16000

/* What a client has to say at most. */
#define SAID_MAX 32000

/* Whatever a stream waits for by itself is over earlier. */
#define END_SECONDS 20

typedef struct Lines {
    char **line;
    size_t n;
} Lines;

typedef struct Session {
    Quota *quota;
    Statistics statistics;
    Callers callers;
    Caller caller;
    Stream *stream;
    int client;    /* -1 once closed */
    bool is_shut;  /* by the client */
    bool is_cut;   /* ended otherwise than by that: replies may be missing */
    size_t n_said; /* bytes: that are to be sent so far */
    size_t n_sent; /* and were */
    char *said;    /* room for SAID_MAX */
    char *heard;
    size_t n_heard, heard_size;
    Lines sure; /* replies that must come, word for word */
} Session;

static sd_event *event;
static sd_bus *bus;
static Session session;

/* A socket that is full soon. */
int __real_socketpair(int domain, int type, int protocol, int fds[2]);
int __wrap_socketpair(int domain, int type, int protocol, int fds[2]);
int __wrap_socketpair(int domain, int type, int protocol, int fds[2])
{
    int r = __real_socketpair(domain, type, protocol, fds);

    if (r == 0)
        (void)setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &(int){1}, sizeof(int));
    return r;
}

/*
 * Lines
 */

static void lines_add(Lines *lines, const char *text, size_t size)
{
    char **larger = realloc(lines->line, (lines->n + 1) * sizeof(*larger));

    CHECK(larger);
    lines->line = larger;
    lines->line[lines->n++] = fuzz_copy(text, size);
}

static void lines_free(Lines *lines)
{
    for (size_t i = 0; i < lines->n; i++)
        free(lines->line[i]);
    free(lines->line);
    *lines = (Lines){0};
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void lines_sort(Lines *lines)
{
    if (lines->n > 0)
        qsort(lines->line, lines->n, sizeof(*lines->line), compare);
}

/* Whether all of @few are among @many, each as often; @rest, if there is one, gets the others. */
static bool lines_hold(const Lines *many, const Lines *few, Lines *rest)
{
    size_t found = 0;

    for (size_t i = 0; i < many->n; i++) {
        if (found < few->n && strcmp(many->line[i], few->line[found]) == 0)
            found++;
        else if (rest)
            lines_add(rest, many->line[i], strlen(many->line[i]));
    }
    return found == few->n;
}

static void on_said_behind(const char *line)
{
    lines_add(&session.sure, line, strlen(line));
}

/*
 * The client
 */

static void client_send(void)
{
    ssize_t n;

    if (session.client < 0 || session.is_shut || session.n_sent == session.n_said)
        return;
    n = send(session.client, session.said + session.n_sent, session.n_said - session.n_sent,
             MSG_NOSIGNAL);
    CHECK(n > 0 || errno == EAGAIN || errno == EPIPE || errno == ECONNRESET);
    if (n > 0)
        session.n_sent += (size_t)n;
}

/* Reads @most bytes. False at the end. */
static bool client_read(size_t most)
{
    ssize_t n;

    if (session.client < 0)
        return false;
    if (session.n_heard + most > session.heard_size) {
        session.heard_size = 2 * (session.n_heard + most);
        session.heard = realloc(session.heard, session.heard_size);
        CHECK(session.heard);
    }
    n = read(session.client, session.heard + session.n_heard, most);
    if (n > 0)
        session.n_heard += (size_t)n;
    return n > 0 || (n < 0 && errno == EAGAIN);
}

static void client_shut(void)
{
    if (session.client < 0 || session.is_shut)
        return;
    (void)shutdown(session.client, SHUT_WR);
    session.is_shut = true;
}

static void client_close(void)
{
    session.client = close_fd(session.client);
    session.is_cut = true;
}

/*
 * The service
 */

static bool is_open(void)
{
    return session.caller.streams != NULL;
}

static void turns(void)
{
    for (unsigned n = 0; n < 10000; n++)
        if (sd_event_run(event, 0) <= 0)
            return;
    CHECK(!"it is never idle");
}

static void leave(void)
{
    if (is_open())
        stream_free(session.stream);
    session.is_cut = true;
}

static void end_service(void)
{
    Failure failure;

    failure_set(&failure, OUTCOME_CANCELLED, "the service is stopping");
    if (is_open())
        stream_end(session.stream, &failure);
    session.is_cut = true;
}

static void begin(uint8_t probes, uint8_t burst)
{
    Failure failure;
    Limits limits;

    if (!event) {
        (void)signal(SIGPIPE, SIG_IGN); /* as in main() */
        (void)setlogmask(LOG_MASK(LOG_EMERG));
        CHECK(sd_event_new(&event) >= 0 && sd_bus_new(&bus) >= 0);
        CHECK(sd_bus_attach_event(bus, event, 0) >= 0);
    }
    memset(&session, 0, sizeof(session));
    behind_modes = (BehindModes){.grant = 'y'};
    behind_says = on_said_behind;
    limits_init(&limits);
    limits.user_probes = (probes & 7) + 1;
    limits.user_rate = 1000000;
    limits.user_burst = (burst & 7) + 1;
    CHECK(quota_new(&session.quota, event, &limits, &session.statistics) == 0);
    session.callers =
        (Callers){.bus = bus, .quota = session.quota, .statistics = &session.statistics};
    session.caller = (Caller){.callers = &session.callers,
                              .name = (char[]){":1.1"},
                              .identified = true,
                              .uid = probes & 8 ? 0 : 1000};
    CHECK(quota_get_user(session.quota, &session.caller.user, session.caller.uid) == 0);
    CHECK(stream_new(&session.stream, &session.caller, NULL) == 0);
    CHECK(stream_open(session.stream, &session.client, &failure) == 0);
    CHECK(fcntl(session.client, F_SETFL, O_NONBLOCK) == 0);
    session.said = malloc(SAID_MAX);
    CHECK(session.said);
}

/*
 * What must have been said
 */

static void note_command(Lines *tokens, const char *line, size_t size)
{
    char *copy = fuzz_copy(line, size), text[128];
    PacketRequest request;

    packet_request_parse(&request, copy, size);
    snprintf(text, sizeof(text), "%d %s", request.token, request.refusal ? request.refusal : "");
    if (request.refusal)
        on_said_behind(text);
    lines_add(tokens, text, strcspn(text, " "));
    free(copy);
}

/* The tokens of all whole commands that the service has been sent; what is too long for one is
 * dropped as it is, see line_buffer_discard(). */
static void note_commands(Lines *tokens)
{
    const char *at = session.said, *end = session.said + session.n_sent;

    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t size = (size_t)((newline ? newline : end) - at);

        if (size > PACKET_COMMAND_LINE_MAX) {
            on_said_behind("0 " PACKET_REPLY_OVERFLOW);
            lines_add(tokens, "0", 1);
            at += PACKET_COMMAND_LINE_MAX + 1;
        } else if (newline) {
            note_command(tokens, at, size);
            at = newline + 1;
        } else {
            break;
        }
    }
}

/* Replies that only what is between stream and mtr-packet gives. */
static void check_other(const char *line)
{
    static const char *const words[] = {" permission-denied", " no-route",
                                        " unexpected-error errno 5", " unexpected-error errno 12",
                                        " unexpected-error errno 125"};
    const char *text = line + strcspn(line, " ");

    for (size_t i = 0; i < ELEMENTS(words); i++)
        if (strcmp(text, words[i]) == 0)
            return;
    fprintf(stderr, "\"%s\" was said\n", line);
    CHECK(!"nobody has said that");
}

static void check_replies(void)
{
    Lines asked = {0}, lines = {0}, answered = {0}, rest = {0};
    char *at = session.heard, *newline;

    note_commands(&asked);
    for (; (newline = session.n_heard ? memchr(at, '\n', session.heard + session.n_heard - at)
                                      : NULL);
         at = newline + 1) {
        lines_add(&lines, at, (size_t)(newline - at));
        lines_add(&answered, at, strcspn(at, " \n"));
    }
    lines_sort(&asked);
    lines_sort(&answered);
    lines_sort(&lines);
    lines_sort(&session.sure);
    CHECK(lines_hold(&asked, &answered, NULL));
    if (!session.is_cut) {
        CHECK(at == session.heard + session.n_heard);
        CHECK(asked.n == answered.n);
        CHECK(lines_hold(&lines, &session.sure, &rest));
        for (size_t i = 0; i < rest.n; i++)
            check_other(rest.line[i]);
    }
    lines_free(&asked);
    lines_free(&lines);
    lines_free(&answered);
    lines_free(&rest);
}

/* Everybody does now what the stream waits for; so it ends. */
static void finish(void)
{
    time_t until = time(NULL) + END_SECONDS;

    behind_modes = (BehindModes){.grant = 'y', .submit = 'y'};
    for (;;) {
        client_send();
        if (session.n_sent == session.n_said)
            client_shut();
        turns();
        while (behind_grant(true, true) || behind_reply(true, 'r'))
            turns();
        if (!client_read(65536) && !is_open())
            break;
        if (is_open())
            (void)sd_event_run(event, 100); /* tokens come by themselves */
        CHECK(time(NULL) < until);
    }
    check_replies();
    CHECK(behind_n_busy == 0 && session.callers.n_waiting == 0);
    CHECK(!session.caller.requests.first);
    session.client = close_fd(session.client);
    quota_user_unref(session.caller.user);
    turns();
    quota_free(session.quota);
    lines_free(&session.sure);
    free(session.said);
    free(session.heard);
}

/*
 * Orders
 */

static void say(char byte, unsigned n)
{
    for (; n > 0 && session.n_said < SAID_MAX; n--)
        session.said[session.n_said++] = byte;
}

static void set_mode(char order, char mode)
{
    *(order == 'g'   ? &behind_modes.grant
      : order == 'p' ? &behind_modes.submit
      : order == 'o' ? &behind_modes.source
                     : &behind_modes.route) = mode;
}

static void obey_client(char order)
{
    switch (order) {
    case 'r':
        (void)client_read(65536);
        break;
    case '1':
        (void)client_read(1);
        break;
    case 's':
        client_shut();
        break;
    case 'c':
        client_close();
        break;
    }
}

static void obey_service(char order)
{
    switch (order) {
    case '.':
        (void)sd_event_run(event, 0);
        break;
    case 'i':
        turns();
        break;
    case 'l':
        leave();
        break;
    case 'e':
        end_service();
        break;
    case 'y':
    case 'n':
    case 'Y':
    case 'N':
        (void)behind_grant(order == 'y' || order == 'n', order == 'y' || order == 'Y');
        break;
    }
}

/* Obeys the order at the beginning of @data, behind its backslash; returns how many bytes it has.
 */
static size_t obey(const uint8_t *data, size_t size)
{
    char order = (char)data[0];

    client_send(); /* in pieces: what is there before each order */
    if (size > 1 && (order == 'a' || order == 'z')) {
        (void)behind_reply(order == 'a', (char)data[1]);
        return 2;
    }
    if (size > 1 && strchr("gpou", order)) {
        set_mode(order, (char)data[1]);
        return 2;
    }
    if (size > 2 && order == 'x') {
        say((char)data[2], 91 * ((data[1] - '0') & 0x7f));
        return 3;
    }
    obey_client(order);
    obey_service(order);
    return 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > INPUT_MAX)
        return 0;
    begin(data[0], data[1]);
    for (size_t i = 2; i < size; i++) {
        bool is_order = data[i] == '\\' && i + 1 < size && data[i + 1] != '\0';

        if (is_order && data[i + 1] != '\\')
            i += obey(data + i + 1, size - i - 1);
        else
            say((char)data[is_order ? ++i : i], 1);
    }
    finish();
    return 0;
}
