/* SPDX-License-Identifier: MIT */

/*
 * Streams are told everything: commands, broken ones, and bytes, in pieces of any size; they are
 * read from or not, and closed one way or another. Whatever it is, each whole command is answered
 * once as long as somebody listens, and in the end nothing is left of it. For FUZZ_SECONDS, or a
 * few; with G_TEST's seed.
 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "quota-scene.h"
#include "stream-client.h"

#define SECONDS_DEFAULT 3

/* Streams at a time. */
#define STREAMS 6

/* Tokens of commands that are as they should be; no other has one like that. */
#define TOKEN_FIRST 1000000

/* Of one stream, before it is closed. */
#define COMMANDS_MAX 3000

typedef struct Session {
    int fd; /* -1 if there is none */
    bool shut;
    bool reads;           /* what is answered; else it is left alone for a while */
    GString *unsent;      /* what the socket has not taken yet */
    GString *unread;      /* a reply that has not come to its end yet */
    GByteArray *answered; /* how often each command was; they are counted from TOKEN_FIRST */
} Session;

typedef struct Fuzz {
    GDBusConnection *user;
    Session sessions[STREAMS];
    guint64 n_sessions, n_commands, n_bytes, n_replies;
} Fuzz;

static unsigned below(unsigned n)
{
    return (unsigned)g_test_rand_int_range(0, (gint32)n);
}

static const char *one_of(const char *const words[], unsigned n)
{
    return words[below(n)];
}

#define ONE_OF(words) one_of((words), G_N_ELEMENTS(words))

/*
 * What is said
 */

/* A command without its token; most are as they should be. */
static void append_command(GString *text)
{
    static const char *const targets[] = {"ip-4 127.0.0.1",  "ip-6 ::1",       "ip-4 127.0.0.77",
                                          "ip-4 0.0.0.0",    "ip-6 127.0.0.1", "",
                                          "ip-6 2001:db8::9"};
    static const char *const protocols[] = {"icmp", "udp", "tcp", "sctp", "gre"};
    static const char *const names[] = {"ttl",  "port", "local-port", "size",       "tos",
                                        "mark", "what", "timeout",    "bit-pattern"};
    static const char *const values[] = {
        "1", "0", "255", "256", "-1", "70000", "x", "2147483648", "9223372036854775808"};
    static const char *const sources[] = {"127.0.0.1", "::1", "10.1.2.3", "127.0.0.9"};
    static const char *const features[] = {"ip-4", "version", "nonsense", "mark", "udp", "\x7f"};

    if (below(8) == 0) {
        g_string_append_printf(text, " check-support feature %s", ONE_OF(features));
        return;
    }
    if (below(20) == 0) {
        g_string_append(text, " nonsense");
        return;
    }
    g_string_append_printf(text, " send-probe %s protocol %s timeout 1",
                           below(50) ? ONE_OF(targets) : "ip-4 192.0.2.2", ONE_OF(protocols));
    for (unsigned n = below(3) ? 0 : below(8); n > 0; n--)
        g_string_append_printf(text, " %s %s", ONE_OF(names), ONE_OF(values));
    if (below(6) == 0)
        g_string_append_printf(text, " local-ip-%c %s", below(2) ? '4' : '6', ONE_OF(sources));
}

/* Breaks TEXT from BEGIN on, anywhere. */
static void mutate(GString *text, gsize begin)
{
    gsize at = begin + below((unsigned)(text->len - begin) + 1);

    switch (below(6)) {
    case 0:
        g_string_insert_c(text, (gssize)at, (char)below(256));
        break;
    case 1:
        if (at < text->len)
            text->str[at] = (char)below(256);
        break;
    case 2:
        g_string_erase(text, (gssize)at, (gssize)below((unsigned)MIN(20, text->len - at) + 1));
        break;
    case 3:
        g_string_insert_c(text, (gssize)at, '\n');
        break;
    case 4: {
        g_autofree char *run = g_strnfill(below(9000), (char)('!' + below(90)));

        g_string_insert(text, (gssize)at, run);
        break;
    }
    default:
        g_string_truncate(text, at);
    }
}

static void append_bytes(GString *text, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        g_string_append_c(text, (char)(below(4) ? below(256) : (unsigned)'\n'));
}

/* One more thing to say, with a newline at its end. */
static void add(Fuzz *fuzz, Session *session)
{
    GString *text = session->unsent;
    guint8 never = 0;
    gsize begin = text->len;

    if (below(10) < 7) {
        g_string_append_printf(text, "%u", TOKEN_FIRST + session->answered->len);
        append_command(text);
        g_byte_array_append(session->answered, &never, 1);
        fuzz->n_commands++;
    } else if (below(3) > 0) {
        g_string_append_printf(text, "%u", below(1000));
        append_command(text);
        mutate(text, begin);
    } else {
        append_bytes(text, below(300));
    }
    g_string_append_c(text, '\n');
}

/*
 * What is heard
 */

/* A reply is a token, a word, and pairs of words. */
static void hear(Fuzz *fuzz, Session *session, const char *line)
{
    char *end;
    gint64 token = g_ascii_strtoll(line, &end, 10);

    fuzz->n_replies++;
    if (!g_regex_match_simple("^-?[0-9]+ [a-z-]+( [!-~]+ [!-~]+)*$", line, 0, 0))
        g_error("\"%s\" is no reply", line);
    if (token < TOKEN_FIRST || token >= TOKEN_FIRST + (gint64)session->answered->len)
        return; /* of what was broken */
    if (session->answered->data[token - TOKEN_FIRST]++ > 0)
        g_error("\"%s\" is a second reply", line);
}

/* False at the end. */
static bool read_some(Fuzz *fuzz, Session *session)
{
    char buffer[8192];
    ssize_t n = read(session->fd, buffer, sizeof(buffer));
    char *newline;

    if (n < 0)
        g_assert_cmpint(errno, ==, EAGAIN);
    if (n <= 0)
        return n < 0;
    g_string_append_len(session->unread, buffer, n);
    while ((newline = memchr(session->unread->str, '\n', session->unread->len))) {
        *newline = '\0';
        hear(fuzz, session, session->unread->str);
        g_string_erase(session->unread, 0, newline + 1 - session->unread->str);
    }
    return true;
}

/*
 * Sessions
 */

/* Not if its user has all calls that it may have, or where polkit, which is asked thousands of
 * times a second, has given up its rules for once, as it does now and then after it has stood still
 * for 15 s: then it stays without one. */
static void begin_session(Fuzz *fuzz, Session *session)
{
    Answer answer;

    call_start(&answer, fuzz->user, "OpenStream", g_variant_new_parsed("(@a{sv} {},)"));
    call_wait(&answer);
    if (answer.error) {
        if (strcmp(answer.error, ERROR_AUTHENTICATION) != 0)
            assert_error(&answer, ERROR_LIMITS_EXCEEDED, "has 1024 calls waiting or in flight");
        answer_clear(&answer);
        return;
    }
    *session = (Session){.fd = stream_answer_take(&answer),
                         .reads = true,
                         .unsent = g_string_new(NULL),
                         .unread = g_string_new(NULL),
                         .answered = g_byte_array_new()};
    g_assert_cmpint(fcntl(session->fd, F_SETFL, O_NONBLOCK), ==, 0);
    fuzz->n_sessions++;
}

static void end_session(Session *session)
{
    close(session->fd);
    session->fd = -1;
    g_string_free(session->unsent, TRUE);
    g_string_free(session->unread, TRUE);
    g_byte_array_free(session->answered, TRUE);
}

static void send_some(Fuzz *fuzz, Session *session)
{
    gsize most = 1 + below(below(4) ? 5000 : 20), size = MIN(session->unsent->len, most);
    ssize_t n;

    if (size == 0)
        return;
    n = write(session->fd, session->unsent->str, size);
    if (n < 0)
        g_assert_cmpint(errno, ==, EAGAIN);
    if (n > 0) {
        g_string_erase(session->unsent, 0, n);
        fuzz->n_bytes += (guint64)n;
    }
}

static void shut(Session *session)
{
    StreamClient client = {.in = session->fd, .out = session->fd};

    stream_shut(&client);
    session->shut = true;
}

/* All that was said is answered, now that it has ended. */
static void check(const Session *session)
{
    g_assert_cmpuint(session->unread->len, ==, 0);
    for (unsigned i = 0; i < session->answered->len; i++)
        if (session->answered->data[i] != 1)
            g_error("command %u was answered %u times", TOKEN_FIRST + i,
                    session->answered->data[i]);
}

/* One step of one session. */
static void step(Fuzz *fuzz, Session *session)
{
    if (session->fd < 0)
        begin_session(fuzz, session);
    if (session->fd < 0)
        return;

    if (below(50) == 0)
        session->reads = !session->reads;
    if (!session->shut && session->answered->len < COMMANDS_MAX && session->unsent->len < 20000)
        for (unsigned n = below(30); n > 0; n--)
            add(fuzz, session);
    send_some(fuzz, session);
    if ((session->reads || session->shut) && !read_some(fuzz, session)) {
        g_assert_true(session->shut);
        check(session);
        end_session(session);
    } else if (below(400) == 0) {
        end_session(session); /* whatever is still to be said */
    } else if (session->unsent->len == 0 && !session->shut) {
        shut(session);
    }
}

static void run(Fuzz *fuzz, unsigned seconds)
{
    gint64 end = g_get_monotonic_time() + (gint64)seconds * G_USEC_PER_SEC;

    for (unsigned i = 0; i < STREAMS; i++)
        fuzz->sessions[i].fd = -1;
    while (g_get_monotonic_time() < end) {
        step(fuzz, &fuzz->sessions[below(STREAMS)]);
        while (g_main_context_iteration(NULL, FALSE))
            ;
    }
    for (unsigned i = 0; i < STREAMS; i++)
        if (fuzz->sessions[i].fd >= 0)
            end_session(&fuzz->sessions[i]);
}

/* What the service has, and its mtr-packets. */
typedef struct Census {
    unsigned descriptors, packets;
} Census;

static Census take_census(const Polkit *polkit)
{
    GPid pid = polkit->fixture.service_pid, children[32];

    connection_catch_up(polkit->fixture.root);
    return (Census){process_descriptors(pid),
                    process_children(pid, children, G_N_ELEMENTS(children))};
}

static void test_fuzz(void)
{
    /* What is made of a timeout may be longer than the service waits with nothing to do. */
    static const char *const options[] = {"--user-rate=1000000", "--user-burst=1000000",
                                          "--idle-timeout=0", NULL};
    const char *seconds = g_getenv("FUZZ_SECONDS");
    Census one, two, end;
    Fuzz fuzz = {0};
    Polkit polkit;

    dig_black_hole();
    quota_start(&polkit, NULL, options);
    fuzz.user = fixture_connect(FIRST);
    assert_probe(fuzz.user, "127.0.0.1", NULL);
    one = take_census(&polkit);
    assert_probe(fuzz.user, "127.0.0.1", "{'protocol': <'tcp'>}");
    two = take_census(&polkit);
    g_assert_cmpuint(two.packets, ==, one.packets + 1);

    run(&fuzz, seconds ? (unsigned)atoi(seconds) : SECONDS_DEFAULT);
    g_test_message("%" G_GUINT64_FORMAT " sessions, %" G_GUINT64_FORMAT
                   " commands, %" G_GUINT64_FORMAT " bytes, %" G_GUINT64_FORMAT " replies",
                   fuzz.n_sessions, fuzz.n_commands, fuzz.n_bytes, fuzz.n_replies);

    fixture_wait_probes(&polkit.fixture, 0, 0);
    end = take_census(&polkit);
    g_assert_cmpuint(end.descriptors, ==,
                     one.descriptors +
                         (end.packets - one.packets) * (two.descriptors - one.descriptors));
    fixture_disconnect(fuzz.user);
    quota_stop(&polkit);
    fill_black_hole();
}

static void add_tests(void)
{
    g_test_add_func("/stream-fuzz/mixed", test_fuzz);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add_tests);
}
