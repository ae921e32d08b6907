/* SPDX-License-Identifier: MIT */

/* What is said over a stream, how much of it there may be, and what it waits for. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "fake-packet.h"
#include "quota-scene.h"
#include "stream-client.h"

/* Nobody answers there (dig_black_hole()). */
#define HOLE "192.0.2.2"

/* Replies come when they are there, with the token of their command, however often that is used. */
static void test_talk(void)
{
    g_autoptr(GVariant) version = NULL;
    g_autofree char *support = NULL;
    StreamClient client;
    Fixture fixture;

    dig_black_hole();
    fixture_start(&fixture, NULL);
    stream_open(&client, fixture.root);

    /* It has been started for this. */
    version = get_property(fixture.root, "PacketVersion");
    support = g_strdup_printf("-7 feature-support support %s", g_variant_get_string(version, NULL));
    for (unsigned i = 0; i < 2; i++) {
        stream_say(&client, "-7 check-support feature version\n");
        stream_expect(&client, support);
    }
    stream_say(&client, "7 check-support feature mark\n");
    stream_expect(&client, "7 feature-support support ok");
    stream_say(&client, "7 check-support feature nonsense\n");
    stream_expect(&client, "7 feature-support support no");

    stream_say(&client, "1 send-probe ip-4 " HOLE " timeout 1\n1 send-probe ip-4 127.0.0.1\n");
    stream_expect_reply(&client, 1, "127.0.0.1");
    stream_say(&client, "1 send-probe ip-6 ::1 protocol udp local-ip-6 ::1 port 9 size 100 "
                        "bit-pattern -3 tos 16 ttl 9\n");
    stream_expect_reply(&client, 1, "::1");
    stream_say(&client, "2147483647 send-probe ip-4 127.0.0.2 protocol tcp mark 3 size 5\n");
    stream_expect_reply(&client, G_MAXINT, "127.0.0.2");
    stream_expect(&client, "1 no-reply");

    stream_say(&client, "9 send-probe ip-4 127.0.0.1 local-ip-4 10.1.2.3\n");
    stream_expect(&client, "9 permission-denied");
    stream_say(&client, "9 send-probe ip-4 " HOLE " local-ip-4 127.0.0.1\n");
    stream_expect(&client, "9 permission-denied");
    stream_say(&client, "9 send-probe ip-4 127.0.0.1 ttl 0\n");
    stream_expect(&client, "9 invalid-argument reason ttl-out-of-range");
    g_assert_cmpuint(get_statistic(fixture.root, "errors_InvalidArgs"), ==, 3);
    g_assert_cmpuint(get_statistic(fixture.root, "streams_opened"), ==, 1);

    /* What is in flight at the end is answered; what has no end is no command. */
    stream_say(&client, "3 send-probe ip-4 " HOLE " timeout 1\nnonsense\n4 send-probe ip-4 127");
    stream_shut(&client);
    stream_expect(&client, "0 command-parse-error");
    stream_expect(&client, "3 no-reply");
    stream_expect_end(&client);

    stream_client_clear(&client);
    fixture_stop(&fixture);
    fill_black_hole();
}

/* However commands are cut, each is read once: byte by byte, or many in one write. */
static void test_cuts(void)
{
    enum { MANY = 300 };
    static const char command[] = "5 send-probe ip-4 127.0.0.1\n";
    g_autoptr(GString) all = g_string_new(NULL);
    bool answered[MANY] = {false};
    StreamClient client;
    Fixture fixture;

    fixture_start(&fixture, NULL);
    stream_open(&client, fixture.root);

    for (const char *p = command; *p; p++) {
        stream_say(&client, "%c", *p);
        connection_catch_up(fixture.root);
    }
    stream_expect_reply(&client, 5, "127.0.0.1");

    for (unsigned i = 0; i < MANY; i++)
        g_string_append_printf(all, "%u send-probe ip-4 127.0.0.1\n", i);
    stream_say(&client, "%s", all->str);
    stream_shut(&client);
    for (unsigned i = 0; i < MANY; i++) {
        g_autofree char *line = stream_line(&client);
        int token;

        g_assert_nonnull(line);
        token = atoi(line);
        g_assert_cmpint(token, >=, 0);
        g_assert_cmpint(token, <, MANY);
        g_assert_false(answered[token]);
        answered[token] = true;
    }
    stream_expect_end(&client);

    stream_client_clear(&client);
    fixture_stop(&fixture);
}

/* What is too long is dropped as mtr-packet drops it, and what follows is read. */
static void test_overflow(void)
{
    g_autofree char *longest = g_strnfill(4094, 'x'), *longer = g_strnfill(4095, 'x'),
                    *twice = g_strnfill(2 * 4095, 'x');
    StreamClient client;
    Fixture fixture;

    fixture_start(&fixture, NULL);
    stream_open(&client, fixture.root);

    stream_say(&client, "%s\n", longest);
    stream_expect(&client, "0 command-parse-error");
    stream_say(&client, "%s", longer);
    stream_expect(&client, "0 command-buffer-overflow");
    stream_say(&client, "\n");
    stream_expect(&client, "0 command-parse-error");
    stream_say(&client, "%s8 check-support feature ip-4\n", twice);
    stream_expect(&client, "0 command-buffer-overflow");
    stream_expect(&client, "0 command-buffer-overflow");
    stream_expect(&client, "8 feature-support support ok");

    stream_client_clear(&client);
    fixture_stop(&fixture);
}

static void assert_options_refused(GDBusConnection *connection, const char *options,
                                   const char *message)
{
    Answer answer;

    call_start(&answer, connection, "OpenStream",
               g_variant_new("(@a{sv})", g_variant_new_parsed(options)));
    call_wait(&answer);
    assert_error(&answer, ERROR_INVALID_ARGS, message);
    answer_clear(&answer);
}

static void test_options(void)
{
    Fixture fixture;
    Answer answer;

    fixture_start(&fixture, NULL);
    assert_options_refused(fixture.root, "{'marks': <true>}",
                           "option \"marks\" is unknown; mark is expected");
    assert_options_refused(fixture.root, "{'mark': <1>}",
                           "option mark has a value of D-Bus type \"i\", a boolean is expected");
    assert_options_refused(fixture.root, "{'mark': <('a',)>}", "of D-Bus type \"(s)\"");
    assert_options_refused(fixture.root, "{'mark': <true>, 'mark': <true>}",
                           "option mark is given twice, once is expected");
    g_assert_cmpuint(get_statistic(fixture.root, "streams_opened"), ==, 0);

    call_start(&answer, fixture.root, "OpenStream", g_variant_new_parsed("({'mark': <true>},)"));
    close(stream_answer_take(&answer));
    fixture_stop(&fixture);
}

/* Who asks for no answer gets no stream, and none is left open. */
static void test_unanswered(void)
{
    Fixture fixture;
    unsigned before;
    Answer answer;

    fixture_start(&fixture, NULL);
    probe_wait(&answer, fixture.root, "127.0.0.1", NULL);
    answer_clear(&answer);
    before = process_descriptors(fixture.service_pid);

    for (unsigned i = 0; i < 100; i++)
        send_unanswered(fixture.root, "OpenStream", g_variant_new_parsed("(@a{sv} {},)"));
    while (get_statistic(fixture.root, "streams_opened") < 32)
        ;
    connection_catch_up(fixture.root);
    while (process_descriptors(fixture.service_pid) > before)
        connection_catch_up(fixture.root);
    fixture_stop(&fixture);
}

static void assert_no_stream(GDBusConnection *connection, const char *error, const char *message)
{
    Answer answer;

    call_start(&answer, connection, "OpenStream", g_variant_new_parsed("(@a{sv} {},)"));
    call_wait(&answer);
    assert_error(&answer, error, message);
    answer_clear(&answer);
}

/* So many streams a user, and so many in all; one that is closed makes room. */
static void test_limits(void)
{
    static const char *const options[] = {"--user-streams=2", "--streams=4", NULL};
    GDBusConnection *first, *again, *second;
    StreamClient clients[4];
    Polkit polkit;

    quota_start(&polkit, NULL, options);
    first = fixture_connect(FIRST);
    again = fixture_connect(FIRST);
    second = fixture_connect(polkit_uid());

    stream_open(&clients[0], first);
    stream_open(&clients[1], again);
    assert_no_stream(first, ERROR_LIMITS_EXCEEDED,
                     "user 4242 has 2 streams open, the limit (--user-streams=2)");
    stream_open(&clients[2], second);
    stream_open(&clients[3], polkit.fixture.root);
    assert_no_stream(polkit.fixture.root, ERROR_LIMITS_EXCEEDED,
                     "all users have 4 streams open, the limit (--streams=4)");
    assert_no_stream(second, ERROR_LIMITS_EXCEEDED, "all users have 4 streams open");

    stream_shut(&clients[1]);
    stream_expect_end(&clients[1]);
    stream_client_clear(&clients[1]);
    stream_open(&clients[1], first);

    for (unsigned i = 0; i < G_N_ELEMENTS(clients); i++)
        stream_client_clear(&clients[i]);
    fixture_disconnect(first);
    fixture_disconnect(again);
    fixture_disconnect(second);
    quota_stop(&polkit);
}

static void say_probes(StreamClient *client, unsigned n, const char *arguments)
{
    for (unsigned i = 0; i < n; i++)
        stream_say(client, "%u send-probe %s\n", i + 1, arguments);
}

/* At its user's quota it reads no further, and goes on as soon as there is room. */
static void test_quota(void)
{
    static const char *const options[] = {"--user-probes=10", NULL};
    StreamClient client, neighbour;
    GDBusConnection *user;
    Polkit polkit;

    dig_black_hole();
    quota_start(&polkit, NULL, options);
    user = fixture_connect(FIRST);
    stream_open(&client, user);
    stream_open(&neighbour, user);

    say_probes(&client, 35, "ip-4 " HOLE " timeout 1");
    fixture_wait_probes(&polkit.fixture, 10, 0);
    stream_say(&neighbour, "1 check-support feature udp\n");
    assert_probe_refused(user, "user 4242 has 10 calls waiting or in flight");
    for (unsigned i = 0; i < 35; i++) {
        g_autofree char *line = stream_line(&client);

        g_assert_true(g_str_has_suffix(line, " no-reply"));
        g_assert_cmpuint(get_number(polkit.fixture.root, "ProbesInFlight"), <=, 10);
        g_assert_cmpuint(get_number(polkit.fixture.root, "ProbesQueued"), <=, 10);
    }
    stream_expect(&neighbour, "1 feature-support support ok");
    assert_probe(user, "127.0.0.1", NULL);

    stream_client_clear(&client);
    stream_client_clear(&neighbour);
    fixture_disconnect(user);
    quota_stop(&polkit);
    fill_black_hole();
}

/* Streams of one user have what it may have in turn. */
static void test_turns(void)
{
    enum { STREAMS = 3, PROBES = 12 };
    static const char *const options[] = {"--user-probes=6", NULL};
    StreamClient clients[STREAMS];
    GDBusConnection *user;
    Polkit polkit;

    dig_black_hole();
    quota_start(&polkit, NULL, options);
    user = fixture_connect(FIRST);
    for (unsigned i = 0; i < STREAMS; i++)
        stream_open(&clients[i], user);
    for (unsigned i = 0; i < STREAMS; i++)
        say_probes(&clients[i], PROBES, "ip-4 " HOLE " timeout 1");

    /* The first has six, or seven where the machine is slow, before the others come; then each has
     * two at a time. At its last answer the others have had those of two such rounds at least, but
     * for the one that may be on its way still; without turns one of them would have none. */
    for (unsigned i = 0; i < PROBES; i++)
        g_free(stream_line(&clients[0]));
    for (unsigned i = 1; i < STREAMS; i++)
        g_assert_cmpuint(stream_lines_now(&clients[i]), >=, 2);

    for (unsigned i = 0; i < STREAMS; i++)
        stream_client_clear(&clients[i]);
    fixture_disconnect(user);
    quota_stop(&polkit);
    fill_black_hole();
}

/* Every command counts, refused or not; who has sent too many a second waits. */
static void test_rate(void)
{
    static const char *const options[] = {"--user-rate=4", "--user-burst=4", NULL};
    GDBusConnection *user;
    StreamClient client;
    Polkit polkit;

    quota_start(&polkit, NULL, options);
    user = fixture_connect(FIRST);
    stream_open(&client, user);
    stream_say(&client, "\n1 nonsense\n2 send-probe\n3 check-support\n4 nonsense\n%05000d\n", 5);
    stream_expect(&client, "0 command-parse-error");
    stream_expect(&client, "1 unknown-command");
    stream_expect(&client, "2 invalid-argument reason ip-version-not-supported");
    stream_expect(&client, "3 invalid-argument");
    stream_expect(&client, "4 unknown-command");
    stream_expect(&client, "0 command-buffer-overflow");
    stream_expect(&client, "0 command-parse-error");
    /* Of the seven and the call before them four are free, if the machine is fast. */
    g_assert_cmpuint(get_statistic(polkit.fixture.root, "calls_delayed"), >, 0);

    stream_client_clear(&client);
    fixture_disconnect(user);
    quota_stop(&polkit);
}

/* Root has no quota but this, which is mtr-packet's own. */
static void test_exhausted(void)
{
    StreamClient client;
    Fixture fixture;

    dig_black_hole();
    fixture_start(&fixture, NULL);
    stream_open(&client, fixture.root);

    say_probes(&client, 1024, "ip-4 " HOLE " timeout 5");
    fixture_wait_probes(&fixture, 500, 524);
    stream_say(&client, "-1 send-probe ip-4 127.0.0.1\n-2 check-support feature udp\n");
    stream_expect(&client, "-1 probes-exhausted");
    stream_expect(&client, "-2 feature-support support ok");

    stream_client_clear(&client);
    fixture_stop(&fixture);
    fill_black_hole();
}

/* Writes LINE again and again until the socket takes no more; returns how many it has taken. */
static unsigned say_until_full(StreamClient *client, const char *line)
{
    GString *text = g_string_new(NULL);
    gsize written = 0;
    unsigned n;

    for (unsigned i = 0; i < 100; i++)
        g_string_append(text, line);
    g_assert_cmpint(fcntl(client->out, F_SETFL, O_NONBLOCK), ==, 0);
    for (;;) {
        gsize begin = written % text->len;
        ssize_t size = write(client->out, text->str + begin, text->len - begin);

        if (size < 0)
            break;
        written += (gsize)size;
    }
    g_assert_cmpint(errno, ==, EAGAIN);
    n = (unsigned)(written / strlen(line));
    g_string_free(text, TRUE);
    return n;
}

/* Who reads no replies is not read from, and costs the service neither memory nor others time; who
 * then reads on has all of them. */
static void test_unread(void)
{
    g_autofree char *before = NULL, *after = NULL;
    StreamClient client;
    unsigned n, more;
    Fixture fixture;
    Answer answer;

    fixture_start(&fixture, NULL);
    stream_open(&client, fixture.root);
    before = process_status(fixture.service_pid, "VmRSS");

    n = say_until_full(&client, "7 nonsense\n");
    do {
        connection_catch_up(fixture.root);
        more = say_until_full(&client, "7 nonsense\n");
        n += more;
    } while (more > 0);
    probe_wait(&answer, fixture.root, "127.0.0.1", NULL);
    assert_result(&answer, "reply");
    answer_clear(&answer);
    after = process_status(fixture.service_pid, "VmRSS");
    g_assert_cmpuint(g_ascii_strtoull(after, NULL, 10), <,
                     g_ascii_strtoull(before, NULL, 10) +
                         2000 * (g_getenv("TEST_SANITIZED") ? 20 : 1));

    for (unsigned i = 0; i < n; i++)
        stream_expect(&client, "7 unknown-command");

    stream_client_clear(&client);
    fixture_stop(&fixture);
}

/* Who is owed more than there is room for is dropped, and nobody else. */
static void test_owed(void)
{
    StreamClient client, other;
    Polkit polkit;
    gsize owed = 0;

    quota_start(&polkit, quota_fake("fake-packet"), NULL);
    stream_open(&client, polkit.fixture.root);
    stream_open(&other, polkit.fixture.root);
    for (unsigned i = 0; i < FAKE_HELD_MAX; i++)
        stream_say(&client, "%u send-probe ip-4 127.0.0.1 bit-pattern %d timeout 60\n", i,
                   FAKE_KEEP_LONG);
    fixture_wait_probes(&polkit.fixture, FAKE_HELD_MAX, 0);
    fake_release(&polkit);
    fixture_wait_probes(&polkit.fixture, 0, 0);

    for (char *line; (line = stream_line(&client)); g_free(line))
        owed += strlen(line);
    g_assert_cmpuint(owed, <, 1024 * 1024);
    stream_say(&other, "1 check-support feature udp\n");
    stream_expect(&other, "1 feature-support support ok");

    stream_client_clear(&client);
    stream_client_clear(&other);
    quota_stop(&polkit);
}

static void add_tests(void)
{
    g_test_add_func("/stream/talk", test_talk);
    g_test_add_func("/stream/cuts", test_cuts);
    g_test_add_func("/stream/overflow", test_overflow);
    g_test_add_func("/stream/options", test_options);
    g_test_add_func("/stream/unanswered", test_unanswered);
    g_test_add_func("/stream/limits", test_limits);
    g_test_add_func("/stream/quota", test_quota);
    g_test_add_func("/stream/turns", test_turns);
    g_test_add_func("/stream/rate", test_rate);
    g_test_add_func("/stream/exhausted", test_exhausted);
    g_test_add_func("/stream/unread", test_unread);
    g_test_add_func("/stream/owed", test_owed);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add_tests);
}
