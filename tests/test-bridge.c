/* SPDX-License-Identifier: MIT */

/* mtrpacket-bridge, as programs run it that know mtr-packet. */

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "quota-scene.h"
#include "user-program.h"

/* Nobody answers there (dig_black_hole()). */
#define HOLE "192.0.2.2"

static const char *bridge(void)
{
    return fixture_program("TEST_BRIDGE", "mtrpacket-bridge");
}

static GPid bridge_start(StreamClient *client, int *ret_err)
{
    const char *const argv[] = {bridge(), NULL};

    return user_spawn(FIRST, argv, client, ret_err);
}

/* All that was written to stderr, once that is closed; to be freed. */
static char *read_error(int fd)
{
    GString *text = g_string_new(NULL);
    char buffer[256];
    ssize_t n;

    while ((n = read(fd, buffer, sizeof(buffer))) > 0)
        g_string_append_len(text, buffer, n);
    close(fd);
    return g_string_free(text, FALSE);
}

/* Checks that a bridge with @option fails at once with this one line, and says nothing else. */
static void assert_fails(const char *environment, const char *option, const char *line)
{
    const char *const argv[] = {bridge(), option, NULL};
    g_autofree char *out = NULL, *err = NULL;

    g_assert_cmpint(user_command(FIRST, environment, argv, &out, &err), ==, 1);
    g_assert_cmpstr(out, ==, "");
    g_assert_true(g_str_has_suffix(err, "\n"));
    g_assert_true(strchr(err, '\n') == err + strlen(err) - 1);
    if (!strstr(err, line))
        g_error("\"%s\" is not in \"%s\"", line, err);
}

/* It ends when stdin has ended and all is answered. */
static void test_talk(void)
{
    g_autofree char *error = NULL;
    StreamClient client;
    Polkit polkit;
    GPid pid;
    int fd;

    dig_black_hole();
    quota_start(&polkit, NULL, NULL);
    pid = bridge_start(&client, &fd);
    stream_say(&client, "1 check-support feature send-probe\n");
    stream_expect(&client, "1 feature-support support ok");
    stream_say(&client, "2 send-probe ip-4 " HOLE " timeout 1\n3 send-probe ip-4 127.0.0.1\n4 x");
    stream_shut(&client);
    stream_expect_reply(&client, 3, "127.0.0.1");
    stream_expect(&client, "2 no-reply");
    stream_expect_end(&client);
    g_assert_cmpint(user_wait(pid), ==, 0);
    error = read_error(fd);
    g_assert_cmpstr(error, ==, "");
    stream_client_clear(&client);
    quota_stop(&polkit);
    fill_black_hole();
}

/* More than any pipe or socket holds, written before anything is read, and more than a user may
 * have: it waits, and all are answered. */
static void test_much(void)
{
    enum { MANY = 20000 };
    static const char *const options[] = {"--user-rate=1000000", "--user-burst=1000000", NULL};
    GString *text = g_string_new(NULL);
    g_autofree char *script = NULL, *out = NULL;
    Polkit polkit;

    for (unsigned i = 0; i < MANY; i++)
        g_string_append_printf(text, "%u send-probe ip-4 127.0.0.1\n", i);
    g_assert_true(g_file_set_contents("/run/commands", text->str, -1, NULL));
    g_string_free(text, TRUE);

    quota_start(&polkit, NULL, options);
    script = g_strdup_printf("%s </run/commands | grep -c ' reply ip-4 127.0.0.1 '", bridge());
    g_assert_cmpint(
        user_command(FIRST, NULL, (const char *const[]){"sh", "-c", script, NULL}, &out, NULL), ==,
        0);
    g_assert_cmpstr(out, ==, "20000\n");
    quota_stop(&polkit);
}

static void assert_narrow(const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (char **line = lines; *line; line++)
        g_assert_cmpuint(strlen(*line), <, 80);
}

static void test_options(void)
{
    const char *const help[] = {bridge(), "--help", NULL}, *const version[] = {bridge(),
                                                                               "--version", NULL};
    g_autofree char *out = NULL, *err = NULL, *expected = NULL;
    Fixture fixture;

    g_assert_cmpint(user_command(FIRST, NULL, help, &out, &err), ==, 0);
    g_assert_cmpstr(err, ==, "");
    g_assert_true(g_str_has_prefix(out, "mtrpacket-bridge [OPTIONS...]\n"));
    assert_narrow(out);
    g_free(out);
    g_free(err);
    g_assert_cmpint(user_command(FIRST, NULL, version, &out, &err), ==, 0);
    expected = g_strdup_printf("mtrpacket-bridge %s\n", g_getenv("TEST_VERSION"));
    g_assert_cmpstr(out, ==, expected);

    assert_fails(NULL, "--nonsense", "mtrpacket-bridge: unrecognized option '--nonsense'");
    assert_fails(NULL, "example.com", "mtrpacket-bridge: unexpected argument 'example.com'");

    /* The address counts, whatever the environment says. */
    fixture_start(&fixture, NULL);
    assert_fails("DBUS_SYSTEM_BUS_ADDRESS=unix:path=/nowhere", NULL,
                 "mtrpacket-bridge: Failed to connect to the bus: No such file or directory");
    assert_fails("DBUS_SYSTEM_BUS_ADDRESS=unix:path=/nowhere",
                 "--address=unix:path=" CALL_BUS_SOCKET,
                 "mtrpacket-bridge: user 4242 may not send probes: there is no polkit");
    assert_fails(NULL, "--address=nonsense", "mtrpacket-bridge: Failed to connect to the bus: ");
    fixture_stop(&fixture);
}

/* With --mark the user is asked for marks, too, before there is a stream. */
static void test_mark(void)
{
    Polkit polkit;
    StreamClient client;
    GPid pid;

    polkit_start(&polkit, "return action.id == '" ACTION_PROBE "' ? YES : NO;", NULL);
    assert_fails(NULL, "--mark", "mtrpacket-bridge: user 4242 may not set a routing mark");
    pid = bridge_start(&client, NULL);
    stream_say(&client, "1 send-probe ip-4 127.0.0.1\n");
    stream_expect_reply(&client, 1, "127.0.0.1");
    stream_shut(&client);
    stream_expect_end(&client);
    g_assert_cmpint(user_wait(pid), ==, 0);
    stream_client_clear(&client);
    polkit_stop(&polkit);
}

/* What keeps it from the service is one line. */
static void test_refused(void)
{
    Fixture fixture;

    fixture_bus(&fixture);
    assert_fails(NULL, NULL, "mtrpacket-bridge: No mtrpacketd is on the bus: is it installed? (");
    fixture_disconnect(fixture.root);
    fixture.root = fixture_connect(0);
    fixture_stop(&fixture);

    fixture_start(&fixture, "/nowhere/mtr-packet");
    assert_fails(NULL, NULL, "mtrpacket-bridge: user 4242 may not send probes");
    fixture_stop(&fixture);
}

typedef struct Scene {
    Polkit polkit;
    unsigned n_descriptors; /* of the service, without a stream */
    StreamClient client;
    GPid pid;
    int error;
} Scene;

/* A bridge with probes in flight. */
static void scene_start(Scene *scene)
{
    static const char *const options[] = {"--user-streams=1", NULL};

    dig_black_hole();
    quota_start(&scene->polkit, NULL, options);
    assert_probe(scene->polkit.fixture.root, "127.0.0.1", NULL);
    scene->n_descriptors = process_descriptors(scene->polkit.fixture.service_pid);
    scene->pid = bridge_start(&scene->client, &scene->error);
    for (unsigned i = 0; i < 20; i++)
        stream_say(&scene->client, "%u send-probe ip-4 " HOLE " timeout 2\n", i);
    fixture_wait_probes(&scene->polkit.fixture, 20, 0);
}

static void scene_end(Scene *scene)
{
    stream_client_clear(&scene->client);
    quota_stop(&scene->polkit);
    fill_black_hole();
}

/* Killed, it leaves nothing behind, and its user has all that it had. */
static void test_killed(void)
{
    StreamClient client;
    Scene scene;
    GPid pid;

    scene_start(&scene);
    g_assert_cmpint(kill(scene.pid, SIGKILL), ==, 0);
    g_assert_cmpint(user_wait(scene.pid), ==, SIGKILL);
    close(scene.error);
    while (process_descriptors(scene.polkit.fixture.service_pid) > scene.n_descriptors)
        connection_catch_up(scene.polkit.fixture.root);
    fixture_wait_probes(&scene.polkit.fixture, 0, 0);
    g_assert_cmpuint(get_statistic(scene.polkit.fixture.root, "no_reply"), ==, 20);

    pid = bridge_start(&client, NULL);
    stream_say(&client, "7 send-probe ip-4 127.0.0.1\n");
    stream_expect_reply(&client, 7, "127.0.0.1");
    stream_shut(&client);
    stream_expect_end(&client);
    g_assert_cmpint(user_wait(pid), ==, 0);
    stream_client_clear(&client);
    scene_end(&scene);
}

/* Whoever started it sees its end, as of an mtr-packet that is lost. */
static void test_service_killed(void)
{
    g_autofree char *error = NULL;
    Scene scene;
    GPid packet;

    scene_start(&scene);
    packet = process_child(scene.polkit.fixture.service_pid);
    g_assert_cmpint(fixture_end_service(&scene.polkit.fixture, SIGKILL), !=, 0);
    stream_expect_end(&scene.client);
    g_assert_cmpint(WEXITSTATUS(user_wait(scene.pid)), ==, 1);
    error = read_error(scene.error);
    g_assert_cmpstr(error, ==, "mtrpacket-bridge: The service has closed the stream\n");
    process_wait(packet); /* which has no longer than its last probe */
    stream_client_clear(&scene.client);
    polkit_stop(&scene.polkit);
    fill_black_hole();
}

/* The same when nothing more is asked: it is no good end if not all was answered. */
static void test_unanswered(void)
{
    g_autofree char *error = NULL;
    Scene scene;
    GPid packet;

    scene_start(&scene);
    packet = process_child(scene.polkit.fixture.service_pid);
    stream_say(&scene.client, "x check-support feature ip-4\n");
    stream_shut(&scene.client);
    stream_expect(&scene.client, "0 feature-support support ok");
    g_assert_cmpint(fixture_end_service(&scene.polkit.fixture, SIGKILL), !=, 0);
    stream_expect_end(&scene.client);
    g_assert_cmpint(WEXITSTATUS(user_wait(scene.pid)), ==, 1);
    error = read_error(scene.error);
    g_assert_cmpstr(error, ==, "mtrpacket-bridge: The service has closed the stream\n");
    process_wait(packet);
    stream_client_clear(&scene.client);
    polkit_stop(&scene.polkit);
    fill_black_hole();
}

/* mtr-packet killed under it is no end of it, and no reply that did not come. */
static void test_packet_killed(void)
{
    Scene scene;

    scene_start(&scene);
    g_assert_cmpint(kill(process_child(scene.polkit.fixture.service_pid), SIGKILL), ==, 0);
    for (unsigned i = 0; i < 20; i++) {
        g_autofree char *line = stream_line(&scene.client);

        g_assert_nonnull(line);
        g_assert_true(g_str_has_suffix(line, " unexpected-error errno 5"));
    }
    stream_say(&scene.client, "7 send-probe ip-4 127.0.0.1\n");
    stream_expect_reply(&scene.client, 7, "127.0.0.1");
    stream_shut(&scene.client);
    stream_expect_end(&scene.client);
    g_assert_cmpint(user_wait(scene.pid), ==, 0);
    close(scene.error);
    scene_end(&scene);
}

/* Whoever reads its replies goes: so does it. */
static void test_unread(void)
{
    Scene scene;

    scene_start(&scene);
    close(scene.client.in);
    scene.client.in = -1;
    stream_say(&scene.client, "7 nonsense\n");
    g_assert_cmpint(WTERMSIG(user_wait(scene.pid)), ==, SIGPIPE);
    close(scene.error);
    scene_end(&scene);
}

static void add_tests(void)
{
    g_test_add_func("/bridge/talk", test_talk);
    g_test_add_func("/bridge/much", test_much);
    g_test_add_func("/bridge/options", test_options);
    g_test_add_func("/bridge/mark", test_mark);
    g_test_add_func("/bridge/refused", test_refused);
    g_test_add_func("/bridge/killed", test_killed);
    g_test_add_func("/bridge/service-killed", test_service_killed);
    g_test_add_func("/bridge/unanswered", test_unanswered);
    g_test_add_func("/bridge/packet-killed", test_packet_killed);
    g_test_add_func("/bridge/unread", test_unread);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add_tests);
}
