/* SPDX-License-Identifier: MIT */

/*
 * mtr itself, run by a user without any privilege on a machine where mtr-packet's file has none
 * either: through the bridge it shows the same hops as root's own.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include <jansson.h>

#include "network.h"
#include "process.h"
#include "quota-scene.h"
#include "user-program.h"

/* How often the terminal is looked at, and for how long, in microseconds. */
#define LOOK_USEC 100000
#define LOOKS_USEC (30 * G_USEC_PER_SEC)

static const char *environment(void)
{
    g_autofree char *setting =
        g_strdup_printf("MTR_PACKET=%s", fixture_program("TEST_BRIDGE", "mtrpacket-bridge"));

    return g_intern_string(setting);
}

/* What distributions give mtr-packet so that users can run mtr. */
static void take_capability(void)
{
    g_autofree char *path = g_find_program_in_path("mtr-packet");

    g_assert_nonnull(path);
    g_assert_true(removexattr(path, "security.capability") == 0 || errno == ENODATA);
}

/* The hosts of a report, in order, "???" for one that does not answer; to be freed. */
static char *read_hops(const char *text)
{
    GString *hops = g_string_new(NULL);
    json_error_t error;
    json_t *report = json_loads(text, 0, &error), *hub;
    size_t i;

    if (!report)
        g_error("%s in \"%s\"", error.text, text);
    json_array_foreach(json_object_get(json_object_get(report, "report"), "hubs"), i, hub)
    {
        g_string_append_printf(hops, "%s ", json_string_value(json_object_get(hub, "host")));
        g_assert_cmpfloat(json_number_value(json_object_get(hub, "Loss%")), ==, 0);
        g_assert_cmpfloat(json_number_value(json_object_get(hub, "Best")), >, 0);
    }
    json_decref(report);
    return g_string_free(hops, FALSE);
}

/* A report of two rounds; to be freed. */
static char *report(uid_t uid, const char *setting, const char *options)
{
    g_autofree char *command = g_strdup_printf(
        "mtr --report --json --no-dns --report-cycles 2 --gracetime 1 --interval %s %s",
        uid == 0 ? "0.1" : "1", options); /* users may have no less than a second */
    g_auto(GStrv) argv = g_strsplit(command, " ", -1);
    g_autofree char *out = NULL, *err = NULL;
    int status;

    status = user_command(uid, setting, (const char *const *)argv, &out, &err);
    if (status != 0)
        g_error("%s: %s", command, err);
    return read_hops(out);
}

static void scene_start(Polkit *polkit, const char *rules)
{
    network_up();
    take_capability();
    quota_start(polkit, NULL, NULL);
    polkit_set_rules(polkit, rules);
}

static void scene_stop(Polkit *polkit)
{
    quota_stop(polkit);
    network_down();
}

static void test_hops(void)
{
    static const struct {
        const char *options, *hops;
    } cases[] = {
        {"--tcp --port 80 " NETWORK_TARGET_4,
         NETWORK_ROUTER1_4 " " NETWORK_ROUTER2_4 " " NETWORK_TARGET_4 " "},
        {"--udp " NETWORK_TARGET_4,
         NETWORK_ROUTER1_4 " " NETWORK_ROUTER2_4 " " NETWORK_TARGET_4 " "},
        {"--psize 1000 --bitpattern 300 --tos 16 " NETWORK_TARGET_4,
         NETWORK_ROUTER1_4 " " NETWORK_ROUTER2_4 " " NETWORK_TARGET_4 " "},
        {"-6 " NETWORK_TARGET_6, NETWORK_ROUTER1_6 " " NETWORK_ROUTER2_6 " " NETWORK_TARGET_6 " "},
        {"-6 --tcp --port 80 " NETWORK_TARGET_6,
         NETWORK_ROUTER1_6 " " NETWORK_ROUTER2_6 " " NETWORK_TARGET_6 " "},
        {"-6 --udp " NETWORK_TARGET_6,
         NETWORK_ROUTER1_6 " " NETWORK_ROUTER2_6 " " NETWORK_TARGET_6 " "},
    };
    Polkit polkit;

    scene_start(&polkit, "return YES;");
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *users = report(FIRST, environment(), cases[i].options);
        g_autofree char *roots = report(0, NULL, cases[i].options);

        g_assert_cmpstr(users, ==, cases[i].hops);
        g_assert_cmpstr(users, ==, roots);
    }
    scene_stop(&polkit);
}

/* What mtr says where it cannot: to be freed. */
static char *failure(const char *setting, const char *options)
{
    g_autofree char *command = g_strdup_printf("mtr --report --no-dns %s", options);
    g_auto(GStrv) argv = g_strsplit(command, " ", -1);
    g_autofree char *out = NULL;
    char *err = NULL;

    g_assert_cmpint(user_command(FIRST, setting, (const char *const *)argv, &out, &err), ==, 1);
    return err;
}

/* What is refused is said, and is no loss. */
static void test_refused(void)
{
    g_autofree char *bare = NULL, *mark = NULL, *denied = NULL;
    Polkit polkit;

    scene_start(&polkit, "return action.id == '" ACTION_PROBE "' ? YES : NO;");
    /* Without the bridge this user can do nothing. mtr may write to an mtr-packet that has ended
     * already, and would be ended by that. */
    bare = failure("--ignore-signal=PIPE", NETWORK_TARGET_4);
    g_assert_nonnull(strstr(bare, "Failure to open IPv4 sockets"));

    mark = failure(environment(), "--mark 7 " NETWORK_TARGET_4);
    g_assert_cmpstr(mark, ==, "mtr: Permission denied\n");
    polkit_set_rules(&polkit, "return NO;");
    denied = failure(environment(), NETWORK_TARGET_4);
    g_assert_nonnull(
        strstr(denied, "mtrpacket-bridge: user 4242 may not send probes: polkit says no"));

    polkit_set_rules(&polkit, "return YES;");
    g_free(mark);
    mark = report(FIRST, environment(), "--mark 3 " NETWORK_TARGET_4);
    g_assert_cmpstr(mark, ==, NETWORK_ROUTER1_4 " " NETWORK_ROUTER2_4 " " NETWORK_TARGET_4 " ");
    scene_stop(&polkit);
}

/* What is on the terminal now; to be freed. */
static char *screen(void)
{
    const char *const capture[] = {"tmux", "-S", "/run/tmux/socket", "capture-pane", "-p", NULL};
    char *text;

    g_assert_cmpint(user_command(FIRST, NULL, capture, &text, NULL), ==, 0);
    return text;
}

/* A number that tmux knows. */
static GPid ask_tmux(const char *format)
{
    const char *const display[] = {"tmux", "-S", "/run/tmux/socket", "display-message", "-p",
                                   format, NULL};
    g_autofree char *text = NULL;

    g_assert_cmpint(user_command(FIRST, NULL, display, &text, NULL), ==, 0);
    return atoi(text);
}

/* tmux says so before they have ended: itself, mtr and the bridge. */
static void stop_tmux(void)
{
    const char *const stop[] = {"tmux", "-S", "/run/tmux/socket", "kill-server", NULL};
    GPid server = ask_tmux("#{pid}"), mtr = ask_tmux("#{pane_pid}"), bridge;

    g_assert_cmpuint(process_children(mtr, &bridge, 1), ==, 1);
    g_assert_cmpint(user_command(FIRST, NULL, stop, NULL, NULL), ==, 0);
    process_wait(server);
    process_wait(mtr);
    process_wait(bridge);
}

/* Looks until all hops are shown, each with a time and without losses. */
static void wait_for_hops(void)
{
    static const char pattern[] = "1\\. 192\\.0\\.2\\.2 +0\\.0%.*\n"
                                  ".*2\\. 198\\.51\\.100\\.2 +0\\.0%.*\n"
                                  ".*3\\. 198\\.51\\.100\\.66 +0\\.0%";
    gint64 end = g_get_monotonic_time() + LOOKS_USEC;

    for (;;) {
        g_autofree char *shown = screen();

        if (g_regex_match_simple(pattern, shown, 0, 0))
            return;
        if (g_get_monotonic_time() > end)
            g_error("no hops in \"%s\"", shown);
        g_usleep(LOOK_USEC); /* nothing tells that a terminal has changed */
    }
}

/* mtr's own window, on a terminal of 80 by 24. */
static void test_window(void)
{
    const char *const start[] = {"tmux", "-f",          "/dev/null", "-S",       "/run/tmux/socket",
                                 "-u",   "new-session", "-d",        "-x",       "80",
                                 "-y",   "24",          "mtr",       "--no-dns", NETWORK_TARGET_4,
                                 NULL};
    Polkit polkit;

    g_assert_cmpint(
        fixture_command((const char *const[]){"install", "-d", "-o", "4242", "/run/tmux", NULL},
                        NULL, NULL),
        ==, 0);
    scene_start(&polkit, "return YES;");
    g_assert_cmpint(user_command(FIRST, environment(), start, NULL, NULL), ==, 0);
    wait_for_hops();
    stop_tmux();
    scene_stop(&polkit);
}

static void add_tests(void)
{
    g_test_add_func("/mtr/hops", test_hops);
    g_test_add_func("/mtr/refused", test_refused);
    g_test_add_func("/mtr/window", test_window);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add_tests);
}
