/* SPDX-License-Identifier: MIT */

/*
 * mtrpacketctl at a terminal, where a user who must authenticate is asked for a password. All is as
 * on a machine: polkitd with our policy as it is installed, polkit's own text agent, which
 * mtrpacketctl starts, its setuid helper, PAM with the distribution's configuration, and a password
 * in /etc/shadow. Only that the user is the administrator whose password is wanted is said by a
 * rule of the test's, and the terminal is tmux's. Nobody has a session, since there is no
 * systemd-logind.
 */

#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "polkit.h"
#include "terminal.h"

#define PASSWORD "open sesame"
#define WRONG_PASSWORD "open barley"

/* By crypt(5), method 6. */
#define PASSWORD_HASH                                                                              \
    "$6$mtrpacketd$"                                                                               \
    "BM5971BEfrrjCwDBXeAL.4hwyVaYIwutxv0FBQfhQRFf18hA.O2W7.WmM0QKMK8c1p2km5JXuMCmb8kR.l/w51"

/* Runs a command, and tells what is so at once when it has ended: its exit status, whether the
 * terminal echoes, and how many agents there are. Ctrl-C does not end it. */
#define TELL "/run/programs/tell"
static const char tell[] = "#!/bin/sh\n"
                           "trap : INT\n"
                           "\"$@\"\n"
                           "status=$?\n"
                           "case $(stty -a </dev/tty) in\n"
                           "*' -echo '*) echo=off;;\n"
                           "*' echo '*) echo=on;;\n"
                           "esac\n"
                           "agents=$(cat /proc/[0-9]*/comm 2>/dev/null | grep -c pkttyagent)\n"
                           "echo \"status $status, echo $echo, agents $agents\"\n";

typedef struct Scene {
    Polkit polkit;
    Terminal terminal;
} Scene;

static void scene_start(Scene *scene)
{
    polkit_start(&scene->polkit, NULL, NULL);
    (void)fixture_program("TEST_MTRPACKETCTL", "mtrpacketctl");
    g_assert_true(g_file_set_contents(TELL, tell, -1, NULL));
    g_assert_cmpint(chmod(TELL, 0755), ==, 0);
    terminal_open(&scene->terminal, FIXTURE_OTHER_UID);
}

/* A process whose name begins so, or 0. */
static GPid find(const char *name)
{
    g_autoptr(GDir) proc = g_dir_open("/proc", 0, NULL);

    for (const char *pid; (pid = g_dir_read_name(proc));) {
        g_autofree char *path = g_build_filename("/proc", pid, "comm", NULL);
        g_autofree char *comm = NULL;

        if (g_ascii_isdigit(pid[0]) && g_file_get_contents(path, &comm, NULL, NULL) &&
            g_str_has_prefix(comm, name))
            return (GPid)g_ascii_strtoll(pid, NULL, 10);
    }
    return 0;
}

/* Waits until there is none. */
static void wait_for_end(const char *name)
{
    gint64 end = g_get_monotonic_time() + 60 * G_USEC_PER_SEC;

    while (find(name)) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_usleep(10000); /* it tells nobody */
    }
}

/* The agent's helper is root's, and nobody's child when the agent has ended: it notices that, and
 * ends. */
static void scene_stop(Scene *scene)
{
    wait_for_end("polkit-agent-h");
    terminal_close(&scene->terminal);
    polkit_stop(&scene->polkit);
}

static void write_password(void)
{
    FILE *shadow = fopen("/etc/shadow", "a");

    g_assert_nonnull(shadow);
    fprintf(shadow, "%s:%s:19000:0:99999:7:::\n", FIXTURE_OTHER_USER, PASSWORD_HASH);
    g_assert_cmpint(fclose(shadow), ==, 0);
}

/* Before that of the distribution. */
static void write_administrator(void)
{
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(g_mkdir_with_parents("/etc/polkit-1/rules.d", 0755), ==, 0);
    g_file_set_contents("/etc/polkit-1/rules.d/05-administrator.rules",
                        "polkit.addAdminRule(function(action, subject) {\n"
                        "    return ['unix-user:" FIXTURE_OTHER_USER "'];\n"
                        "});\n",
                        -1, &error);
    g_assert_no_error(error);
    g_assert_cmpint(chmod("/etc/polkit-1/rules.d/05-administrator.rules", 0644), ==, 0);
}

#define PROMPT                                                                                     \
    "==== AUTHENTICATING FOR org\\.mtrpacket\\.MtrPacket1\\.probe ===+\n"                          \
    "Authentication is required to send network probes\n"                                          \
    "Authenticating as: " FIXTURE_OTHER_USER "\n"                                                  \
    "Password:"

/* Starts LINE, and waits for the prompt, and until the agent is ready to read: what was typed
 * before it throws away. */
static void start(Scene *scene, const char *line)
{
    terminal_start(&scene->terminal, line);
    g_free(terminal_wait(&scene->terminal, "\n" PROMPT " *$"));
    terminal_wait_echo(&scene->terminal, false);
}

static unsigned count_prompts(const char *screen)
{
    unsigned n = 0;

    for (const char *at = screen; (at = strstr(at, "Password:")); at++)
        n++;
    return n;
}

/* Waits until what was started has ended, and checks that the last lines match. Then no agent is
 * there, the terminal echoes again, and there was no more than one prompt. */
static void assert_end(Scene *scene, const char *lines, int status)
{
    g_autofree char *screen = terminal_wait(&scene->terminal, "\n\\$$");
    g_autofree char *pattern =
        g_strdup_printf("(^|\n)%sstatus %d, echo on, agents 0\n\\$\n$", lines, status);

    if (!g_regex_match_simple(pattern, screen, 0, 0))
        g_error("no \"%s\" at the end of \"%s\"", pattern, screen);
    g_assert_cmpuint(count_prompts(screen), <=, 1);
    g_assert_null(strstr(screen, "open")); /* of the passwords */
}

#define REFUSAL                                                                                    \
    "user 4242 may not send probes: polkit says no \\(polkit action org\\.mtrpacket\\.MtrPa\n"     \
    "cket1\\.probe\\)\n"

static void test_right(void)
{
    static const char *const lines[] = {
        "tell mtrpacketctl probe 127.0.0.1",
        "tell mtrpacketctl probe 127.0.0.1 | cat", /* the terminal is asked nevertheless */
    };
    Scene scene;

    scene_start(&scene);
    for (unsigned i = 0; i < G_N_ELEMENTS(lines); i++) {
        start(&scene, lines[i]);
        terminal_type(&scene.terminal, PASSWORD);
        assert_end(&scene,
                   "==== AUTHENTICATION COMPLETE ===+\nreply from 127\\.0\\.0\\.1 in .* ms\n", 0);
    }
    scene_stop(&scene);
}

static void test_wrong(void)
{
    Scene scene;

    scene_start(&scene);
    start(&scene, "tell mtrpacketctl probe 127.0.0.1");
    terminal_type(&scene.terminal, WRONG_PASSWORD);
    assert_end(&scene, "==== AUTHENTICATION FAILED ===+\n" REFUSAL, 3);
    scene_stop(&scene);
}

/* Many calls wait for the one answer, or come later. */
static void test_many(void)
{
    Scene scene;

    scene_start(&scene);
    start(&scene, "tell mtrpacketctl ping -c 4 -i 0.3 127.0.0.1");
    terminal_type(&scene.terminal, PASSWORD);
    assert_end(&scene,
               "==== AUTHENTICATION COMPLETE ===+\n"
               "1: reply .*\n2: reply .*\n3: reply .*\n4: reply .*\n\n"
               "127\\.0\\.0\\.1: 4 probes, 4 replies, 0% loss\nround trip .*\n",
               0);

    start(&scene, "tell mtrpacketctl trace 127.0.0.1");
    terminal_type(&scene.terminal, PASSWORD);
    assert_end(&scene,
               "==== AUTHENTICATION COMPLETE ===+\n"
               "trace to 127\\.0\\.0\\.1, up to 30 hops\n 1  localhost \\(127\\.0\\.0\\.1\\)  .*\n",
               0);

    start(&scene, "tell mtrpacketctl ping -c 4 -i 0.3 127.0.0.1");
    terminal_type(&scene.terminal, WRONG_PASSWORD);
    assert_end(&scene, "==== AUTHENTICATION FAILED ===+\n" REFUSAL, 3);

    start(&scene, "tell mtrpacketctl trace 127.0.0.1");
    terminal_type(&scene.terminal, WRONG_PASSWORD);
    assert_end(&scene, "==== AUTHENTICATION FAILED ===+\n" REFUSAL, 3);
    scene_stop(&scene);
}

static void test_interrupted(void)
{
    Scene scene;

    scene_start(&scene);
    start(&scene, "tell mtrpacketctl probe 127.0.0.1");
    terminal_key(&scene.terminal, "C-c");
    assert_end(&scene, PROMPT " *\n*", 130);

    start(&scene, "tell mtrpacketctl ping -i 3600 127.0.0.1");
    terminal_key(&scene.terminal, "C-c");
    assert_end(&scene, PROMPT " *\n*127\\.0\\.0\\.1: 1 probe, 0 replies, 1 not answered yet\n", 1);

    start(&scene, "tell mtrpacketctl trace 127.0.0.1");
    terminal_key(&scene.terminal, "C-c");
    assert_end(&scene, PROMPT " *\n*", 1);
    scene_stop(&scene);
}

/* However it is ended, it ends the agent first, even one that cannot end by itself. */
static void test_killed(void)
{
    static const int signals[] = {SIGHUP, SIGINT, SIGTERM};
    Scene scene;

    scene_start(&scene);
    for (unsigned i = 0; i < G_N_ELEMENTS(signals); i++) {
        start(&scene, "tell mtrpacketctl probe 127.0.0.1");
        g_assert_cmpint(kill(find("pkttyagent"), SIGSTOP), ==, 0);
        g_assert_cmpint(kill(find("mtrpacketctl"), signals[i]), ==, 0);
        assert_end(&scene, PROMPT ".*\n*", 128 + signals[i]);
    }

    start(&scene, "tell mtrpacketctl ping 127.0.0.1");
    g_assert_cmpint(kill(find("pkttyagent"), SIGSTOP), ==, 0);
    g_assert_cmpint(kill(find("mtrpacketctl"), SIGTERM), ==, 0);
    assert_end(&scene, PROMPT " *\n*127\\.0\\.0\\.1: .*\n", 1);

    /* The kernel tells the agent. */
    start(&scene, "mtrpacketctl probe 127.0.0.1");
    g_assert_cmpint(kill(find("mtrpacketctl"), SIGKILL), ==, 0);
    wait_for_end("pkttyagent");
    terminal_wait_echo(&scene.terminal, true);
    scene_stop(&scene);
}

/* In place of the agent, something that leaves a trace; and back. */
#define AGENT "/usr/bin/pkttyagent"
#define AGENT_ASIDE "/usr/bin/pkttyagent-aside"
#define AGENT_TRACE "/run/pkttyagent/trace"

static void set_trap(void)
{
    g_assert_cmpint(g_mkdir("/run/pkttyagent", 0777), ==, 0);
    g_assert_cmpint(chmod("/run/pkttyagent", 0777), ==, 0);
    g_assert_cmpint(rename(AGENT, AGENT_ASIDE), ==, 0);
    g_assert_true(g_file_set_contents(AGENT, "#!/bin/sh\n: >" AGENT_TRACE "\n", -1, NULL));
    g_assert_cmpint(chmod(AGENT, 0755), ==, 0);
}

static void remove_trap(void)
{
    g_assert_cmpint(rename(AGENT_ASIDE, AGENT), ==, 0);
}

#define NO_AGENT                                                                                   \
    "\\$ tell .*\n"                                                                                \
    "user 4242 may not send probes: authentication is required, and there is no agent\n"           \
    " to ask the user for it \\(polkit action org\\.mtrpacket\\.MtrPacket1\\.probe\\); to be as\n" \
    "ked, run this on a terminal or a desktop, or see polkit in mtrpacketd\\(8\\)\n"

#define NO_ASKING                                                                                  \
    "\\$ tell .*\n"                                                                                \
    "user 4242 may not send probes: authentication is required, and the call does not\n"           \
    " allow to ask for it \\(polkit action org\\.mtrpacket\\.MtrPacket1\\.probe\\); without --n\n" \
    "o-ask-password it is asked for\n"

/* Who does not want to be asked, or cannot be, is told what to do, and there is no agent. */
static void test_not_asked(void)
{
    Scene scene;

    scene_start(&scene);
    set_trap();
    terminal_start(&scene.terminal, "tell mtrpacketctl probe --no-ask-password 127.0.0.1");
    assert_end(&scene, NO_ASKING, 3);
    terminal_start(&scene.terminal, "tell mtrpacketctl probe 127.0.0.1 </dev/null");
    assert_end(&scene, NO_AGENT, 3);
    g_assert_cmpint(access(AGENT_TRACE, F_OK), <, 0);

    /* That there would be a trace, and that an agent that cannot be started is none. */
    terminal_start(&scene.terminal, "tell mtrpacketctl probe 127.0.0.1");
    assert_end(&scene, NO_AGENT, 3);
    g_assert_cmpint(access(AGENT_TRACE, F_OK), ==, 0);
    remove_trap();
    scene_stop(&scene);
}

static void add_tests(void)
{
    write_password();
    write_administrator();
    g_test_add_func("/text-agent/right", test_right);
    g_test_add_func("/text-agent/wrong", test_wrong);
    g_test_add_func("/text-agent/many", test_many);
    g_test_add_func("/text-agent/interrupted", test_interrupted);
    g_test_add_func("/text-agent/killed", test_killed);
    g_test_add_func("/text-agent/not-asked", test_not_asked);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add_tests);
}
