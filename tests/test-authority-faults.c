/* SPDX-License-Identifier: MIT */

/* A polkit that fails: nobody may what it does not allow, and no call is left unanswered. */

#include <signal.h>
#include <unistd.h>

#include "crowd.h"
#include "polkit.h"

/*
 * A polkit that does not answer
 */

#define CROWD 200
#define CROWD_PER_CONNECTION 100 /* the bus lets each have no more than 128 calls waiting */

/* A user's probes, each to a host of its own, so that each is a question. */
typedef struct Askers {
    GDBusConnection *connections[CROWD / CROWD_PER_CONNECTION];
    Answer answers[CROWD];
} Askers;

static void askers_start(Askers *askers)
{
    for (unsigned i = 0; i < CROWD; i++) {
        GDBusConnection **connection = &askers->connections[i / CROWD_PER_CONNECTION];
        g_autofree char *host = g_strdup_printf("127.0.1.%u", i + 1);

        if (i % CROWD_PER_CONNECTION == 0)
            *connection = fixture_connect(FIXTURE_OTHER_UID);
        probe_start(&askers->answers[i], *connection, CALL_QUIET, host, NULL);
    }
}

/* Waits until all are answered with AccessDenied and PART in the message. */
static void askers_end(Askers *askers, const char *part)
{
    for (unsigned i = 0; i < CROWD; i++) {
        call_wait(&askers->answers[i]);
        assert_error(&askers->answers[i], ERROR_ACCESS_DENIED, part);
        answer_clear(&askers->answers[i]);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(askers->connections); i++)
        fixture_disconnect(askers->connections[i]);
}

/* Probes until it is granted: what was asked before keeps polkit busy for a while. */
static void probe_until_granted(GDBusConnection *connection)
{
    bool granted = false;

    for (unsigned i = 0; !granted; i++) {
        Answer answer;

        g_assert_cmpuint(i, <, 30);
        probe_wait(&answer, connection, "127.0.0.1", NULL);
        granted = !answer.error;
        if (!granted)
            assert_error(&answer, ERROR_ACCESS_DENIED, "has not answered within");
        answer_clear(&answer);
    }
}

static void test_stopped(void)
{
    GDBusConnection *root;
    Askers askers;
    Polkit polkit;

    polkit_start(&polkit, "return YES;", "--answer-timeout=1");

    /* Again: what nobody waits for any more gives its place back once polkit has answered. */
    for (unsigned i = 0; i < 3; i++) {
        GDBusConnection *other = fixture_connect(FIXTURE_OTHER_UID);

        polkit_pause_daemon(&polkit);
        askers_start(&askers);
        askers_end(&askers,
                   "user 4242 may not send probes: polkit has not answered within 1 s (polkit "
                   "action " ACTION_PROBE ")");

        /* The service has not used up what the bus lets it ask: it learns who this is. */
        root = fixture_connect(0);
        assert_granted(root, CALL_QUIET, "127.0.0.1", NULL);
        fixture_disconnect(root);

        g_assert_cmpint(kill(polkit.pid, SIGCONT), ==, 0);
        probe_until_granted(other);
        fixture_disconnect(other);
    }
    polkit_stop(&polkit);
}

/* A polkit that is lost with questions in flight, and more of them waiting. */
static void test_killed(void)
{
    GDBusConnection *other;
    Askers askers;
    Polkit polkit;
    Tally tally;

    polkit_start(&polkit, "return YES;", "--answer-timeout=60");
    tally_start(&tally);
    polkit_pause_daemon(&polkit);
    askers_start(&askers);
    fixture_wait_probes(&polkit.fixture, 0, CROWD);
    polkit_end_daemon(&polkit, SIGKILL);
    askers_end(&askers, "user 4242 may not send probes: ");

    polkit_start_daemon(&polkit);
    other = fixture_connect(FIXTURE_OTHER_UID);
    assert_granted(other, CALL_QUIET, "127.0.0.1", NULL);
    tally_end(&tally, &polkit.fixture, CROWD + 1);

    fixture_disconnect(other);
    polkit_stop(&polkit);
}

/*
 * A polkit that talks nonsense: no real one does
 */

typedef struct Nonsense {
    const char *body;  /* of its answer, or NULL if that has none */
    const char *error; /* its name, if it is one */
    const char *part;  /* of what the caller hears; NULL if it is granted */
    const char *news;  /* a signal that it sends before it answers, or NULL */
} Nonsense;

/* In a thread of GDBus's. */
static GDBusMessage *talk_nonsense(GDBusConnection *connection, GDBusMessage *message,
                                   gboolean incoming, void *userdata)
{
    const Nonsense *nonsense = g_atomic_pointer_get((const Nonsense **)userdata);
    g_autoptr(GDBusMessage) reply = NULL;
    g_autoptr(GError) error = NULL;
    GVariant *body = NULL;

    if (!incoming || g_strcmp0(g_dbus_message_get_member(message), "CheckAuthorization") != 0)
        return message;

    if (nonsense->body)
        body = g_variant_parse(NULL, nonsense->body, NULL, NULL, &error);
    g_assert_no_error(error);
    if (nonsense->news)
        g_dbus_connection_emit_signal(connection, NULL, POLKIT_PATH, POLKIT_INTERFACE,
                                      nonsense->news, NULL, NULL);
    reply = nonsense->error ? g_dbus_message_new_method_error_literal(message, nonsense->error, "")
                            : g_dbus_message_new_method_reply(message);
    if (body || !nonsense->error)
        g_dbus_message_set_body(reply, body ? body : g_variant_new("()"));
    g_dbus_connection_send_message(connection, reply, G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL, &error);
    g_assert_no_error(error);
    g_object_unref(message);
    return NULL;
}

static GDBusConnection *become_polkit(const Nonsense **nonsense)
{
    GDBusConnection *connection = fixture_connect(polkit_uid());
    g_autoptr(GVariant) reply = NULL;
    g_autoptr(GError) error = NULL;

    g_dbus_connection_add_filter(connection, talk_nonsense, nonsense, NULL);
    reply = g_dbus_connection_call_sync(
        connection, "org.freedesktop.DBus", "/", "org.freedesktop.DBus", "RequestName",
        g_variant_new("(su)", POLKIT_NAME, 0), NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, &error);
    g_assert_no_error(error);
    return connection;
}

static void test_nonsense(void)
{
    static const char not_understood[] = "polkit's answer is not understood";
    static const Nonsense rows[] = {
        {NULL, NULL, not_understood},
        {"(true,)", NULL, not_understood},
        {"('yes',)", NULL, not_understood},
        {"(true, false, @a{ss} {})", NULL, not_understood},
        {"((true, false),)", NULL, not_understood},
        {"((true, false, @a{sv} {}),)", NULL, not_understood},
        {"((true, false, @as []),)", NULL, not_understood},
        {"((true, true, true),)", NULL, not_understood},
        {"((1, 0, @a{ss} {}),)", NULL, not_understood},
        {"([(true, false, @a{ss} {})],)", NULL, not_understood},
        {"(<(true, false, @a{ss} {})>,)", NULL, not_understood},
        {"((true, false, @a{ss} {}), 'and more')", NULL, not_understood},
        {NULL, POLKIT_NAME ".Error.Failed", "polkit failed: \"\""},
        {"()", POLKIT_NAME ".Error.Failed", "polkit failed: \"" POLKIT_NAME ".Error.Failed\""},
        {"(true,)", POLKIT_NAME ".Error.Failed", "polkit failed: "},
        {"((true, false, @a{ss} {}),)", POLKIT_NAME ".Error.Failed", "polkit failed: "},
        {"('a\\nb\\u202e\\u001b[31m',)", "com.example.Error",
         "polkit failed: \"a\\x0ab\\xe2\\x80\\xae\\x1b[31m\" (polkit action"},
        {"((false, false, @a{ss} {}),)", NULL, "polkit says no"},
        {"((false, false, {'polkit.dismissed': '', 'polkit.temporary_authorization_id': ''}),)",
         NULL, "the authentication was dismissed"},
        {"((true, false, @a{ss} {}),)", NULL, NULL},
        {"((true, false, {'unknown': 'detail'}),)", NULL, NULL},
    };
    const Nonsense *nonsense = NULL;
    GDBusConnection *other, *polkitd;
    Polkit polkit;

    polkit_start_bus(&polkit, NULL);
    polkit_start_service(&polkit, NULL);
    other = fixture_connect(FIXTURE_OTHER_UID);
    polkitd = become_polkit(&nonsense);

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *host = g_strdup_printf("127.0.0.%zu", i + 1);

        g_atomic_pointer_set(&nonsense, &rows[i]);
        if (rows[i].part) {
            assert_refused(other, CALL_QUIET, host, NULL, ERROR_ACCESS_DENIED, rows[i].part);
            assert_refused(other, CALL_INTERACTIVE, host, NULL, ERROR_ACCESS_DENIED, rows[i].part);
        } else {
            assert_granted(other, CALL_QUIET, host, NULL);
        }
    }

    /* Nothing of it outlives who has said it. */
    fixture_disconnect(polkitd);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *host = g_strdup_printf("127.0.0.%zu", i + 1);

        assert_refused(other, CALL_QUIET, host, NULL, ERROR_ACCESS_DENIED, "only root may");
    }

    fixture_disconnect(other);
    polkit_stop(&polkit);
}

/* What polkit says between a question and its answer counts, also when it has not answered before:
 * the answer may be of before the news. */
static void test_news_before_answer(const void *signal)
{
    const Nonsense with_news = {"((true, false, @a{ss} {}),)", .news = signal};
    static const Nonsense without = {"((true, false, @a{ss} {}),)"};
    const Nonsense *nonsense = &with_news;
    GDBusConnection *other, *polkitd;
    Polkit polkit;

    polkit_start_bus(&polkit, NULL);
    polkit_start_service(&polkit, NULL);
    other = fixture_connect(FIXTURE_OTHER_UID);
    polkitd = become_polkit(&nonsense);
    for (unsigned i = 1; i <= 3; i++) {
        assert_granted(other, CALL_QUIET, "127.0.0.1", NULL);
        g_assert_cmpuint(get_statistic(polkit.fixture.root, "authorisation_questions"), ==, i);
    }
    g_atomic_pointer_set(&nonsense, &without);
    for (unsigned i = 0; i < 3; i++)
        assert_granted(other, CALL_QUIET, "127.0.0.1", NULL);
    g_assert_cmpuint(get_statistic(polkit.fixture.root, "authorisation_questions"), ==, 4);

    fixture_disconnect(polkitd);
    fixture_disconnect(other);
    polkit_stop(&polkit);
}

/* A polkit that is slow, but answers: whoever waits for its turn is not refused for that. */
static void test_slow(void)
{
    enum {
        CONNECTIONS = 2,
        CALLS = 120, /* of each: a bus lets no more than 128 wait */
    };
    Answer answers[CONNECTIONS * CALLS];
    GDBusConnection *others[CONNECTIONS];
    Polkit polkit;

    /* all together take longer than one may; those 32 that are asked at a time by far do not */
    polkit_start(&polkit, "var end = Date.now() + 25; while (Date.now() < end); return YES;",
                 "--answer-timeout=5");
    for (unsigned i = 0; i < CONNECTIONS; i++)
        others[i] = fixture_connect(FIXTURE_OTHER_UID);
    for (unsigned i = 0; i < CONNECTIONS * CALLS; i++) {
        g_autofree char *host = g_strdup_printf("127.0.0.%u", i + 1);

        probe_start(&answers[i], others[i / CALLS], CALL_QUIET, host, NULL);
    }
    for (unsigned i = 0; i < CONNECTIONS * CALLS; i++) {
        call_wait(&answers[i]);
        assert_result(&answers[i], "reply");
        answer_clear(&answers[i]);
    }
    for (unsigned i = 0; i < CONNECTIONS; i++)
        fixture_disconnect(others[i]);
    polkit_stop(&polkit);
}

/* A polkit that has no such action, or does not answer the user that the service is. */
static void test_misinstalled(void)
{
    const char *const argv[] = {fixture_program("TEST_MTRPACKETD", "mtrpacketd"), NULL};
    GDBusConnection *other;
    Polkit polkit;

    polkit_start_bus(&polkit, "return YES;");
    polkit_start_daemon(&polkit);
    fixture_launch_unprivileged(&polkit.fixture, argv);
    other = fixture_connect(FIXTURE_OTHER_UID);
    assert_refused(other, CALL_QUIET, "127.0.0.1", NULL, ERROR_ACCESS_DENIED,
                   "polkit failed: \"Only trusted callers");
    assert_granted(polkit.fixture.root, CALL_QUIET, "127.0.0.1", NULL);
    fixture_disconnect(other);
    polkit_stop(&polkit);

    polkit_start_bus(&polkit, "return YES;");
    g_assert_cmpint(unlink(POLKIT_POLICY), ==, 0);
    polkit_start_daemon(&polkit);
    polkit_start_service(&polkit, NULL);
    other = fixture_connect(FIXTURE_OTHER_UID);
    assert_refused(other, CALL_QUIET, "127.0.0.1", NULL, ERROR_ACCESS_DENIED, "polkit failed: ");
    assert_granted(polkit.fixture.root, CALL_QUIET, "127.0.0.1", NULL);
    fixture_disconnect(other);
    polkit_stop(&polkit);
}

static void add_tests(void)
{
    g_test_add_func("/authority/faults/stopped", test_stopped);
    g_test_add_func("/authority/faults/killed", test_killed);
    g_test_add_func("/authority/faults/nonsense", test_nonsense);
    g_test_add_data_func("/authority/faults/news-before-answer", "Changed",
                         test_news_before_answer);
    /* what newer polkits say of sessions */
    g_test_add_data_func("/authority/faults/news-of-sessions", "SessionsChanged",
                         test_news_before_answer);
    g_test_add_func("/authority/faults/slow", test_slow);
    g_test_add_func("/authority/faults/misinstalled", test_misinstalled);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add_tests);
}
