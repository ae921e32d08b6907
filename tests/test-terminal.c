/* SPDX-License-Identifier: MIT */

/*
 * mtrpacketctl's trace and ping as a person sees them on a terminal, and as a program reads them
 * through a pipe: by a user without any privilege whom polkit lets probe. What is to be seen is in
 * tests/expected.
 */

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "expected.h"
#include "network.h"
#include "quota-scene.h"
#include "terminal.h"
#include "user-program.h"

typedef struct Scene {
    Polkit polkit;
    Terminal terminal;
} Scene;

static void scene_start(Scene *scene)
{
    network_up();
    (void)fixture_program("TEST_MTRPACKETCTL", "mtrpacketctl");
    quota_start(&scene->polkit, NULL, NULL);
    terminal_open(&scene->terminal, FIRST);
}

static void scene_stop(Scene *scene)
{
    terminal_close(&scene->terminal);
    polkit_stop(&scene->polkit); /* probes may be in flight whose sender is gone */
    network_down();
}

/* Router 1 and the target have names, router 2 has none. */
static void write_names(void)
{
    FILE *hosts = fopen("/etc/hosts", "a");

    g_assert_nonnull(hosts);
    fprintf(hosts, "%s router1.test\n%s target.test\n", NETWORK_ROUTER1_4, NETWORK_TARGET_4);
    g_assert_cmpint(fclose(hosts), ==, 0);
}

/*
 * On a terminal
 */

/* Runs LINE to its end, and checks what is on the screen then. */
static void assert_shown(Scene *scene, const char *line, const char *expected)
{
    g_autofree char *screen = terminal_run(&scene->terminal, line);

    assert_expected(expected, screen);
}

/* The same, but when PATTERN is seen, Ctrl-C is pressed. */
static void assert_interrupted(Scene *scene, const char *line, const char *pattern,
                               const char *expected)
{
    g_autofree char *screen = NULL;

    terminal_start(&scene->terminal, line);
    g_free(terminal_wait(&scene->terminal, pattern));
    terminal_key(&scene->terminal, "C-c");
    screen = terminal_finish(&scene->terminal);
    assert_expected(expected, screen);
}

static void test_trace(void)
{
    Scene scene;

    scene_start(&scene);
    assert_shown(&scene, "mtrpacketctl trace target.test", "trace.txt");
    assert_shown(&scene, "mtrpacketctl trace -n --first-ttl=2 " NETWORK_TARGET_4,
                 "trace-numeric.txt");
    assert_shown(&scene, "mtrpacketctl trace --timeout=0.5 --max-ttl=4 --queries=5 " NETWORK_HOLE_4,
                 "trace-silent.txt");
    scene_stop(&scene);
}

/* What the trace waits for is told on a line that is gone at the end. */
static void test_trace_interrupted(void)
{
    Scene scene;

    scene_start(&scene);
    assert_interrupted(&scene, "mtrpacketctl trace --timeout=60 " NETWORK_HOLE_4,
                       "\n 2  198.*\n 3  waiting, 0 of 3 answered$", "trace-interrupted.txt");
    assert_interrupted(&scene, "mtrpacketctl trace --max-ttl=1 -i 3600 " NETWORK_HOLE_4,
                       "\n 1  waiting, 1 of 3 answered$", "trace-interrupted-hop.txt");
    assert_interrupted(&scene, "mtrpacketctl trace --first-ttl=3 -i 3600 target.test",
                       "\n 3  waiting, 1 of 3 answered; the target is hop 3$",
                       "trace-interrupted-target.txt");
    scene_stop(&scene);
}

static void test_ping(void)
{
    Scene scene;

    scene_start(&scene);
    assert_shown(&scene, "mtrpacketctl ping -c 3 -i 0.05 target.test", "ping.txt");
    assert_shown(&scene, "mtrpacketctl ping -c 2 -i 0.05 --timeout=0.2 " NETWORK_HOLE_4,
                 "ping-lost.txt");
    scene_stop(&scene);
}

/* One that goes on: as many replies as were shown are counted. One more probe may be open. */
static void assert_counted(Scene *scene)
{
    g_autofree char *screen = NULL;
    g_autoptr(GMatchInfo) match = NULL;
    g_autoptr(GRegex) regex = NULL;

    terminal_start(&scene->terminal, "mtrpacketctl ping -i 0.2 " NETWORK_TARGET_4);
    g_free(terminal_wait(&scene->terminal, "\n3: reply"));
    terminal_key(&scene->terminal, "C-c");
    screen = terminal_finish(&scene->terminal);

    regex = g_regex_new("\n([0-9]+): reply from [^\n]*\n\\^C\n" NETWORK_TARGET_4
                        ": ([0-9]+) probes, \\1 replies(, 1 not answered yet)?, 0% loss\n"
                        "round trip [^\n]* ms\n\\$ echo \\$\\?\n0\n\\$\n$",
                        0, 0, NULL);
    if (!g_regex_match(regex, screen, 0, &match))
        g_error("ping that was ended: %s", screen);
}

static void test_ping_interrupted(void)
{
    g_autofree char *screen = NULL;
    Scene scene;

    scene_start(&scene);
    assert_counted(&scene);
    assert_interrupted(&scene, "mtrpacketctl ping -i 3600 target.test", "\n1: reply",
                       "ping-interrupted.txt");
    /* Nobody has answered yet: it is not lost either. */
    terminal_start(&scene.terminal, "mtrpacketctl ping -i 3600 --timeout=60 " NETWORK_HOLE_4);
    fixture_wait_probes(&scene.polkit.fixture, 1, 0);
    terminal_key(&scene.terminal, "C-c");
    screen = terminal_finish(&scene.terminal);
    assert_expected("ping-interrupted-open.txt", screen);
    scene_stop(&scene);
}

static void assert_plain(Scene *scene, const char *line)
{
    g_autofree char *screen = terminal_run(&scene->terminal, line);
    g_autofree char *colours = terminal_colours(&scene->terminal);

    g_assert_cmpstr(colours, ==, screen);
}

#define SILENT "mtrpacketctl trace --timeout=0.5 --max-ttl=3 --queries=2 " NETWORK_HOLE_4

static void test_colours(void)
{
    g_autofree char *colours = NULL;
    Scene scene;

    scene_start(&scene);
    g_free(terminal_run(&scene.terminal, SILENT));
    colours = terminal_colours(&scene.terminal);
    /* What stands for the end of a colour is up to tmux. */
    if (!g_regex_match_simple("\n 1  \033\\[1mrouter1\\.test\033.*\n 2  \033\\[1m198[.0-9]+\033.*\n"
                              " 3  \033\\[31m\\*",
                              colours, 0, 0))
        g_error("no colours in %s", colours);
    assert_plain(&scene, "NO_COLOR=1 " SILENT);
    assert_plain(&scene, "SYSTEMD_COLORS=0 " SILENT);
    assert_plain(&scene, "TERM=dumb " SILENT);
    scene_stop(&scene);
}

/*
 * Into a pipe
 */

/* Runs it to its end with these words, and checks its exit status and what it wrote. */
static void assert_written(const char *environment, const char *arguments, int status,
                           const char *expected)
{
    g_autofree char *line = g_strdup_printf("/run/programs/mtrpacketctl %s", arguments);
    g_auto(GStrv) argv = g_strsplit(line, " ", -1);
    g_autofree char *out = NULL, *err = NULL;
    int seen;

    seen = user_command(FIRST, environment, (const char *const *)argv, &out, &err);
    if (seen != status || *err)
        g_error("mtrpacketctl %s: status %d, stdout \"%s\", stderr \"%s\"", arguments, seen, out,
                err);
    assert_expected(expected, out);
}

static void test_pipe(void)
{
    Scene scene;

    scene_start(&scene);
    assert_written(NULL, "trace target.test", 0, "pipe-trace.txt");
    assert_written(NULL, "trace --timeout=0.5 --max-ttl=3 --queries=2 " NETWORK_HOLE_4, 1,
                   "pipe-silent.txt");
    assert_written("SYSTEMD_COLORS=1",
                   "trace --timeout=0.5 --max-ttl=3 --queries=2 " NETWORK_HOLE_4, 1,
                   "pipe-colours.txt");
    assert_written(NULL, "ping -c 3 -i 0.05 target.test", 0, "pipe-ping.txt");
    assert_written(NULL, "ping -c 2 -i 0.05 --timeout=0.2 " NETWORK_HOLE_4, 1,
                   "pipe-ping-lost.txt");
    scene_stop(&scene);
}

/* Starts it with these words, and lets it write until a line has this beginning; what it wrote. */
static GPid start_piped(const char *arguments, const char *until, StreamClient *client,
                        GString *written)
{
    g_autofree char *line = g_strdup_printf("/run/programs/mtrpacketctl %s", arguments);
    g_auto(GStrv) argv = g_strsplit(line, " ", -1);
    GPid pid = user_spawn(FIRST, (const char *const *)argv, client, NULL);

    for (;;) {
        g_autofree char *read = stream_line(client);

        g_assert_nonnull(read);
        g_string_append_printf(written, "%s\n", read);
        if (g_str_has_prefix(read, until))
            return pid;
    }
}

/* When a line with this beginning is there it gets a signal. */
static void assert_ended(const char *arguments, const char *until, int signal, int status,
                         const char *expected)
{
    g_autoptr(GString) written = g_string_new(NULL);
    StreamClient client;
    GPid pid = start_piped(arguments, until, &client, written);
    int wait_status;

    g_assert_cmpint(kill(pid, signal), ==, 0);
    for (char *line; (line = stream_line(&client)); g_free(line))
        g_string_append_printf(written, "%s\n", line);
    wait_status = user_wait(pid);
    g_assert_true(WIFEXITED(wait_status));
    g_assert_cmpint(WEXITSTATUS(wait_status), ==, status);
    assert_expected(expected, written->str);
    stream_client_clear(&client);
}

static void test_pipe_interrupted(void)
{
    Scene scene;

    scene_start(&scene);
    assert_ended("trace --timeout=60 " NETWORK_HOLE_4, " 2  ", SIGINT, 1,
                 "pipe-trace-interrupted.txt");
    assert_ended("trace --timeout=60 " NETWORK_HOLE_4, " 2  ", SIGTERM, 1,
                 "pipe-trace-interrupted.txt");
    assert_ended("ping -i 3600 target.test", "1: reply", SIGINT, 0, "pipe-ping-interrupted.txt");
    assert_ended("ping -i 3600 target.test", "1: reply", SIGTERM, 0, "pipe-ping-interrupted.txt");
    scene_stop(&scene);
}

/* Checks that LINE is a whole document of a kind. */
static void assert_document(const char *line, const char *kind)
{
    json_error_t error;
    json_t *document = json_loads(line, 0, &error);

    if (!document)
        g_error("%s in \"%s\"", error.text, line);
    g_assert_cmpint(json_integer_value(json_object_get(document, "schema")), ==, 1);
    g_assert_cmpstr(json_string_value(json_object_get(document, "kind")), ==, kind);
    json_decref(document);
}

static void test_pipe_json(void)
{
    const char *const argv[] = {
        "/run/programs/mtrpacketctl", "ping", "-j", "-c", "3", "-i", "0.05", "target.test", NULL};
    g_autofree char *out = NULL, *err = NULL;
    g_auto(GStrv) lines = NULL;
    Scene scene;

    scene_start(&scene);
    g_assert_cmpint(user_command(FIRST, NULL, argv, &out, &err), ==, 0);
    g_assert_cmpstr(err, ==, "");
    lines = g_strsplit(out, "\n", -1);
    g_assert_cmpuint(g_strv_length(lines), ==, 5);
    for (unsigned i = 0; i < 3; i++)
        assert_document(lines[i], "probe");
    assert_document(lines[3], "summary");
    g_assert_cmpstr(lines[4], ==, "");
    scene_stop(&scene);
}

/* In a thread of GDBus's: when a trace has the first answer, it has its target's address kept. */
static void look_for_open(GDBusMessage *message, void *userdata)
{
    if (g_strcmp0(g_dbus_message_get_member(message), "Open") == 0)
        g_atomic_int_set((int *)userdata, 1);
}

/* The target was reached, though not all is known of its hop: that is no success, as in text. */
static void test_pipe_json_interrupted(void)
{
    const char *const argv[] = {"/run/programs/mtrpacketctl",
                                "trace",
                                "-j",
                                "-i",
                                "3600",
                                "--first-ttl=3",
                                "--max-ttl=3",
                                "target.test",
                                NULL};
    int is_open = 0, wait_status;
    g_autofree char *line = NULL;
    StreamClient client;
    Monitor monitor;
    Scene scene;
    GPid pid;

    scene_start(&scene);
    monitor_start(&monitor, look_for_open, &is_open);
    pid = user_spawn(FIRST, argv, &client, NULL);
    while (!g_atomic_int_get(&is_open))
        monitor_catch_up(&monitor, &scene.polkit.fixture);
    g_assert_cmpint(kill(pid, SIGINT), ==, 0);
    line = stream_line(&client);
    g_assert_nonnull(line);
    assert_document(line, "trace");
    g_assert_nonnull(strstr(line, "\"reached\":true,\"complete\":false"));
    stream_expect_end(&client);
    wait_status = user_wait(pid);
    g_assert_true(WIFEXITED(wait_status));
    g_assert_cmpint(WEXITSTATUS(wait_status), ==, 1);
    stream_client_clear(&client);
    monitor_stop(&monitor);
    scene_stop(&scene);
}

static void add_tests(void)
{
    write_names();
    g_test_add_func("/terminal/trace", test_trace);
    g_test_add_func("/terminal/trace-interrupted", test_trace_interrupted);
    g_test_add_func("/terminal/ping", test_ping);
    g_test_add_func("/terminal/ping-interrupted", test_ping_interrupted);
    g_test_add_func("/terminal/colours", test_colours);
    g_test_add_func("/terminal/pipe", test_pipe);
    g_test_add_func("/terminal/pipe-interrupted", test_pipe_interrupted);
    g_test_add_func("/terminal/pipe-json", test_pipe_json);
    g_test_add_func("/terminal/pipe-json-interrupted", test_pipe_json_interrupted);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add_tests);
}
