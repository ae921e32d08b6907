/* SPDX-License-Identifier: MIT */

/* How a stream ends, with commands in flight: by its client, its caller, the service, or what is
 * behind it. Nothing is left of it then. */

#include <signal.h>
#include <sys/wait.h>

#include "quota-scene.h"
#include "sandbox.h"
#include "stream-client.h"

/* Nobody answers there (dig_black_hole()). */
#define HOLE "192.0.2.2"

#define IN_FLIGHT 20

typedef struct Scene {
    Polkit polkit;
    GDBusConnection *user;
    unsigned n_descriptors; /* that the service has without a stream */
    StreamClient client;
} Scene;

/* A user with a stream, and probes in flight on it. */
static void scene_start(Scene *scene, const char *option)
{
    const char *const options[] = {"--user-streams=1", option, NULL};
    Answer answer;

    dig_black_hole();
    quota_start(&scene->polkit, NULL, options);
    scene->user = fixture_connect(FIRST);
    probe_wait(&answer, scene->user, "127.0.0.1", NULL);
    answer_clear(&answer);
    scene->n_descriptors = process_descriptors(scene->polkit.fixture.service_pid);

    stream_open(&scene->client, scene->user);
    for (unsigned i = 0; i < IN_FLIGHT; i++)
        stream_say(&scene->client, "%u send-probe ip-4 " HOLE " timeout 2\n", i);
    fixture_wait_probes(&scene->polkit.fixture, IN_FLIGHT, 0);
}

/* There is nothing left of it: its user may have as much as at first. */
static void scene_check(Scene *scene)
{
    GDBusConnection *user = fixture_connect(FIRST);
    StreamClient client;

    fixture_wait_probes(&scene->polkit.fixture, 0, 0);
    g_assert_cmpuint(process_descriptors(scene->polkit.fixture.service_pid), ==,
                     scene->n_descriptors);
    stream_open(&client, user);
    stream_say(&client, "1 send-probe ip-4 127.0.0.1\n");
    stream_expect_reply(&client, 1, "127.0.0.1");
    stream_shut(&client);
    stream_expect_end(&client);
    stream_client_clear(&client);
    fixture_disconnect(user);
}

static void scene_end(Scene *scene)
{
    if (scene->user)
        fixture_disconnect(scene->user);
    quota_stop(&scene->polkit);
    fill_black_hole();
}

/* Checks that all in flight are answered, each with @answer, and that it ends then. */
static void expect_all(StreamClient *client, const char *answer)
{
    bool answered[IN_FLIGHT] = {false};

    for (unsigned i = 0; i < IN_FLIGHT; i++) {
        g_autofree char *line = stream_line(client);
        g_auto(GStrv) words = line ? g_strsplit(line, " ", 2) : NULL;
        guint64 token;

        g_assert_nonnull(line);
        g_assert_true(g_ascii_string_to_unsigned(words[0], 10, 0, IN_FLIGHT - 1, &token, NULL));
        g_assert_false(answered[token]);
        answered[token] = true;
        g_assert_cmpstr(words[1], ==, answer);
    }
}

/* Closed for writing: all is answered first. */
static void test_shut(void)
{
    Scene scene;

    scene_start(&scene, NULL);
    stream_shut(&scene.client);
    expect_all(&scene.client, "no-reply");
    stream_expect_end(&scene.client);
    stream_client_clear(&scene.client);
    scene_check(&scene);
    scene_end(&scene);
}

/* Closed altogether: nobody reads the answers, and the stream is gone at once. What mtr-packet has
 * counts on. */
static void test_closed(void)
{
    Scene scene;

    scene_start(&scene, NULL);
    stream_client_clear(&scene.client);
    while (process_descriptors(scene.polkit.fixture.service_pid) > scene.n_descriptors)
        connection_catch_up(scene.polkit.fixture.root);
    g_assert_cmpuint(get_number(scene.polkit.fixture.root, "ProbesInFlight"), ==, IN_FLIGHT);
    scene_check(&scene);
    scene_end(&scene);
}

/* The caller leaves the bus, and its stream ends. */
static void test_left(void)
{
    Scene scene;

    scene_start(&scene, NULL);
    fixture_disconnect(scene.user);
    scene.user = NULL;
    stream_expect_end(&scene.client);
    stream_client_clear(&scene.client);
    g_assert_cmpuint(get_number(scene.polkit.fixture.root, "ProbesInFlight"), ==, IN_FLIGHT);
    scene_check(&scene);
    scene_end(&scene);
}

/* mtr-packet is lost: that is not no reply. The stream goes on with the next. */
static void test_packet_killed(void)
{
    Scene scene;
    GPid pid;

    scene_start(&scene, NULL);
    pid = process_child(scene.polkit.fixture.service_pid);
    g_assert_cmpint(kill(pid, SIGKILL), ==, 0);
    expect_all(&scene.client, "unexpected-error errno 5");
    stream_say(&scene.client, "7 send-probe ip-4 127.0.0.1\n");
    stream_expect_reply(&scene.client, 7, "127.0.0.1");
    process_wait(pid);
    stream_client_clear(&scene.client);
    while (process_descriptors(scene.polkit.fixture.service_pid) > scene.n_descriptors)
        connection_catch_up(scene.polkit.fixture.root);
    scene_check(&scene);
    scene_end(&scene);
}

/* The service is told to stop: what is in flight is answered, and the exit status is 0. */
static void test_stopped(void)
{
    Scene scene;

    scene_start(&scene, NULL);
    g_assert_cmpint(fixture_end_service(&scene.polkit.fixture, SIGTERM), ==, 0);
    expect_all(&scene.client, "unexpected-error errno 125");
    stream_expect_end(&scene.client);
    stream_client_clear(&scene.client);
    fixture_disconnect(scene.user);
    polkit_stop(&scene.polkit);
    fill_black_hole();
}

/* The service is killed: its client sees the end, and mtr-packet does not outlive its last probe.
 */
static void test_killed(void)
{
    Scene scene;
    GPid pid;

    scene_start(&scene, NULL);
    pid = process_child(scene.polkit.fixture.service_pid);
    g_assert_cmpint(fixture_end_service(&scene.polkit.fixture, SIGKILL), !=, 0);
    stream_expect_end(&scene.client);
    process_wait(pid);
    stream_client_clear(&scene.client);
    fixture_disconnect(scene.user);
    polkit_stop(&scene.polkit);
    fill_black_hole();
}

/* A stream that is open holds the service, however idle it is. */
static void test_idle(void)
{
    StreamClient client;
    Fixture fixture;

    fixture_start_with(&fixture, NULL, "--idle-timeout=0.1");
    stream_open(&client, fixture.root);
    /* Longer than the service would stay without: should it go after all, this ends early. */
    g_assert_cmpint(g_poll(&(GPollFD){.fd = client.in, .events = G_IO_IN}, 1, 500), ==, 0);
    stream_say(&client, "7 send-probe ip-4 127.0.0.1\n");
    stream_expect_reply(&client, 7, "127.0.0.1");

    stream_shut(&client);
    stream_expect_end(&client);
    stream_client_clear(&client);
    g_assert_cmpint(fixture_wait_service(&fixture), ==, 0);
    fixture_stop(&fixture);
}

/* Close ends a session, and not the streams of its caller; but one that is yet to be opened. */
static void test_session(void)
{
    StreamClient client;
    Fixture fixture;
    Answer answer, opening;

    fixture_start(&fixture, NULL);
    call_start(&answer, fixture.root, "Open", NULL);
    call_wait(&answer);
    g_assert_null(answer.error);
    answer_clear(&answer);
    stream_open(&client, fixture.root);
    call_start(&answer, fixture.root, "Close", NULL);
    call_wait(&answer);
    g_assert_null(answer.error);
    answer_clear(&answer);
    stream_say(&client, "7 send-probe ip-4 127.0.0.1\n");
    stream_expect_reply(&client, 7, "127.0.0.1");
    stream_client_clear(&client);
    fixture_stop(&fixture);

    fixture_start(&fixture, NULL);
    call_start(&answer, fixture.root, "Open", NULL);
    call_start(&opening, fixture.root, "OpenStream", g_variant_new_parsed("(@a{sv} {},)"));
    call_wait(&answer);
    answer_clear(&answer);
    call_start(&answer, fixture.root, "Close", NULL);
    call_wait(&answer);
    g_assert_null(answer.error);
    answer_clear(&answer);
    call_wait(&opening);
    if (opening.error)
        assert_error(&opening, ERROR_CANCELLED, "closed");
    answer_clear(&opening);
    fixture_stop(&fixture);
}

/* Without an mtr-packet there is no stream, and why is said at once. */
static void test_no_packet(void)
{
    Fixture fixture;
    Answer answer;

    fixture_start(&fixture, "/nowhere/mtr-packet");
    call_start(&answer, fixture.root, "OpenStream", g_variant_new_parsed("(@a{sv} {},)"));
    call_wait(&answer);
    assert_error(&answer, ERROR_PROCESS, "/nowhere/mtr-packet");
    answer_clear(&answer);
    fixture_stop(&fixture);
}

static void add_tests(void)
{
    g_test_add_func("/stream-ends/shut", test_shut);
    g_test_add_func("/stream-ends/closed", test_closed);
    g_test_add_func("/stream-ends/left", test_left);
    g_test_add_func("/stream-ends/packet-killed", test_packet_killed);
    g_test_add_func("/stream-ends/stopped", test_stopped);
    g_test_add_func("/stream-ends/killed", test_killed);
    g_test_add_func("/stream-ends/idle", test_idle);
    g_test_add_func("/stream-ends/session", test_session);
    g_test_add_func("/stream-ends/no-packet", test_no_packet);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add_tests);
}
