/* SPDX-License-Identifier: MIT */

/* mtrpacketctl, as a person or a script uses it. */

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"
#include "client-run.h"
#include "fake-packet.h"
#include "fixture.h"
#include "polkit.h"
#include "stream-client.h"
#include "user-program.h"

/* How a JSON document of a kind begins. */
#define TIMES "\\{\"realtime_usec\":[0-9]+,\"monotonic_usec\":[0-9]+\\}"
#define HEAD(kind) "\\{\"schema\":1,\"kind\":\"" kind "\",\"started\":" TIMES ",\"ended\":" TIMES

/* Runs it and checks its exit status, its whole stdout against a pattern, and a part of its stderr.
 */
static void assert_run(const char *arguments, int status, const char *out_pattern,
                       const char *err_part)
{
    ClientRun result = client_run(arguments);
    g_autofree char *whole = g_strdup_printf("^%s$", out_pattern);

    if (result.status != status || !g_regex_match_simple(whole, result.out, 0, 0) ||
        (*err_part ? !strstr(result.err, err_part) : *result.err))
        g_error("mtrpacketctl %s: status %d, stdout \"%s\", stderr \"%s\"", arguments,
                result.status, result.out, result.err);
    if (*result.err)
        g_assert_true(strchr(result.err, '\n') == result.err + strlen(result.err) - 1);
    client_run_clear(&result);
}

static void test_probe(void)
{
    Fixture fixture;

    fixture_start(&fixture, NULL);
    assert_run("probe 127.0.0.1", 0, "reply from 127\\.0\\.0\\.1 in [0-9]+\\.[0-9]{3} ms\n", "");
    assert_run("probe -6 both.test", 0, "reply from ::1 in [0-9.]+ ms\n", "");
    assert_run("probe ::1", 0, "reply from ::1 in [0-9.]+ ms\n", "");
    assert_run("probe --ip-version=4 --protocol=udp --ttl=1 --port=0x35 --local-port=5353 "
               "--timeout=2.5 --size=100 "
               "--bit-pattern=0xff --tos=8 127.0.0.1",
               0, "reply from .*\n", "");
    assert_run("probe 127.0.0.1 --protocol tcp -4 --local-ip=127.0.0.9", 0, "reply from .*\n", "");
    assert_run("probe -- ::1", 0, "reply from .*\n", "");

    /* no route here: whatever mtr-packet says, it is a result */
    assert_run("probe 192.0.2.1 --timeout=1", 1, "[a-z-]+ to 192\\.0\\.2\\.1\n",
               "There is no route to 192.0.2.1, as it seems: see 'ip route get 192.0.2.1'\n");
    /* of many it is said once */
    assert_run("ping -c 2 -i 0.01 192.0.2.1", 1, "(.*\n)*.*: 2 probes, 0 replies.*\n(.*\n)*",
               "There is no route to 192.0.2.1, as it seems: see 'ip route get 192.0.2.1'\n");
    fixture_stop(&fixture);
}

static void test_check_support(void)
{
    Fixture fixture;

    fixture_start(&fixture, NULL);
    assert_run("check-support icmp udp", 0, "icmp: yes\nudp: yes\n", "");
    assert_run("check-support icmp nonsense tcp", 1, "icmp: yes\nnonsense: no\ntcp: yes\n", "");
    assert_run("check-support -j icmp nonsense", 1,
               HEAD("support") ",\"features\":\\{\"icmp\":true,\"nonsense\":false\\}\\}\n", "");
    assert_run("check-support --json=pretty icmp", 0,
               "\\{\n        \"schema\": 1,\n(.*\n)*"
               "        \"features\": \\{\n                \"icmp\": true\n        \\}\n\\}\n",
               "");
    assert_run("check-support NONSENSE", 2, "", "\"NONSENSE\" is not a feature's name");
    fixture_stop(&fixture);
}

static void test_errors(void)
{
    Fixture fixture;

    fixture_start(&fixture, NULL);
    assert_run("", 2, "", "A command is missing");
    assert_run("frobnicate", 2, "", "Unknown command 'frobnicate'");
    assert_run("--frobnicate", 2, "", "unrecognized option '--frobnicate'");
    assert_run("probe", 2, "", "A host is missing");
    assert_run("probe ::1 ::1", 2, "", "More than one host");
    assert_run("status ::1", 2, "", "No argument is expected");
    assert_run("probe --frobnicate ::1", 2, "", "unrecognized option '--frobnicate'");
    assert_run("probe --json=yaml ::1", 2, "", "--json=yaml is not known: short, pretty or off");
    assert_run("probe --ttl=many ::1", 2, "", "option ttl is 'many', a whole number is expected");
    assert_run("probe --ttl= ::1", 2, "", "option ttl is ''");
    assert_run("probe --ttl=1x ::1", 2, "", "option ttl is '1x'");
    assert_run("probe --ttl=0x ::1", 2, "", "option ttl is '0x'");
    assert_run("probe --ttl=1.5 ::1", 2, "", "option ttl is '1.5'");
    assert_run("probe --ttl=99999999999999999999 ::1", 2, "", "option ttl is");
    assert_run("probe --timeout=nan ::1", 2, "",
               "option timeout is 'nan', a number of seconds is expected");
    assert_run("probe --ttl=010 --tos=256 ::1", 2, "",
               "option tos is 256, an integer from 0 to 255 is expected");
    assert_run("probe --ttl=-1 ::1", 2, "", "option ttl is -1");
    assert_run("probe --timeout=60.5 ::1", 2, "",
               "option timeout is 60.5, a number of seconds from 0 to 60");
    assert_run("probe --mark=4294967296 ::1", 2, "",
               "option mark is 4294967296, an integer from 0 to 4294967295 is expected");
    assert_run("probe --local-ip=2001:db8::9 ::1", 2, "",
               "option local_ip is 2001:db8::9, an address of this machine");
    assert_run("probe -4 ::1", 4, "", "\"::1\" is an IPv6 address");
    assert_run("probe \xff", 2, "", "host is not UTF-8 text");
    assert_run("ping \xff", 2, "", "host is not UTF-8 text");
    assert_run("trace \xff", 2, "", "host is not UTF-8 text");
    assert_run("probe --protocol=\xff ::1", 2, "", "option protocol is not UTF-8 text");
    assert_run("check-support \xff", 2, "", "feature is not UTF-8 text");
    assert_run("probe nowhere.test", 4, "", "\"nowhere.test\" has no address");
    assert_run("probe 'no where'", 2, "", "\"no where\" is neither an address nor a name");
    fixture_stop(&fixture);

    assert_run("probe 127.0.0.1", 5, "", "connect to the system bus");
    assert_run("ping 127.0.0.1", 5, "", "connect to the system bus");
    /* what is wrong here is said before anybody is asked or reached */
    assert_run("probe --ttl=many ::1", 2, "", "option ttl is 'many', a whole number is expected");

    fixture_bus(&fixture);
    assert_run("probe 127.0.0.1", 5, "", "No mtrpacketd is on the bus");
    fixture_stop(&fixture);
}

static void test_denied(void)
{
    const char *const argv[] = {
        "setpriv", "--reuid=65534", fixture_program("TEST_MTRPACKETCTL", "mtrpacketctl"),
        "probe",   "127.0.0.1",     NULL};
    g_autofree char *out = NULL, *err = NULL;
    Fixture fixture;

    fixture_start(&fixture, NULL);
    g_assert_cmpint(fixture_command(argv, &out, &err), ==, 3);
    g_assert_cmpstr(out, ==, "");
    g_assert_cmpstr(err, ==,
                    "user 65534 may not send probes: there is no polkit to say who may, so only "
                    "root may (polkit action org.mtrpacket.MtrPacket1.probe)\n");
    fixture_stop(&fixture);
}

/* Where a program is at that the main context watches. */
typedef struct Watched {
    bool ended;
    int status;
} Watched;

static void on_end(GPid pid, int status, void *userdata)
{
    Watched *watched = userdata;

    watched->status = status;
    watched->ended = true;
}

/* Runs mtrpacketctl as a user with an agent, and checks its exit status and what it says. */
static void assert_run_as_user(Polkit *polkit, AgentManner manner, const char *option, int status,
                               const char *out_part, const char *err_part, unsigned n_prompts)
{
    /* It waits before it becomes mtrpacketctl, until the agent knows it. */
    const char *const argv[] = {"setpriv",
                                "--reuid=4242",
                                "--regid=4242",
                                "--clear-groups",
                                "sh",
                                "-c",
                                "echo; read go; exec \"$@\"",
                                "sh",
                                fixture_program("TEST_MTRPACKETCTL", "mtrpacketctl"),
                                "probe",
                                "127.0.0.1",
                                option,
                                NULL};
    g_autoptr(GError) error = NULL;
    char out_text[256] = "", err_text[512] = "", c;
    int in, out, err;
    Agent agent;
    Watched watched = {0};
    GPid pid;

    g_spawn_async_with_pipes(NULL, (char **)argv, NULL,
                             G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &pid, &in,
                             &out, &err, &error);
    g_assert_no_error(error);
    g_assert_cmpint(read(out, &c, 1), ==, 1);
    agent_start(&agent, &polkit->fixture, pid, FIXTURE_OTHER_UID, manner);
    g_child_watch_add(pid, on_end, &watched);
    g_assert_cmpint(write(in, "\n", 1), ==, 1);
    wait_until(&watched.ended);

    g_assert_cmpint(read(out, out_text, sizeof(out_text) - 1), >=, 0);
    g_assert_cmpint(read(err, err_text, sizeof(err_text) - 1), >=, 0);
    if (!WIFEXITED(watched.status) || WEXITSTATUS(watched.status) != status ||
        !strstr(out_text, out_part) || !strstr(err_text, err_part))
        g_error("wait status %d, stdout \"%s\", stderr \"%s\"", watched.status, out_text, err_text);
    g_assert_cmpuint(agent.n_prompts, ==, n_prompts);

    close(in);
    close(out);
    close(err);
    agent_end(&agent);
}

/* It has the user asked to authenticate, unless it is told not to. */
static void test_authentication(void)
{
    Polkit polkit;

    polkit_start(&polkit, NULL, NULL);
    assert_run_as_user(&polkit, AGENT_YES, NULL, 0, "reply from 127.0.0.1", "", 1);
    assert_run_as_user(&polkit, AGENT_DISMISS, NULL, 3, "", "the authentication was dismissed", 1);
    assert_run_as_user(
        &polkit, AGENT_YES, "--no-ask-password", 3, "",
        "user 4242 may not send probes: authentication is required, and the call does not "
        "allow to ask for it",
        0);
    polkit_stop(&polkit);
}

/* Everything that a result can have, as a line and as JSON. */
static void test_shapes(void)
{
    g_autofree char *mpls = g_strdup_printf("probe 127.0.0.1 --bit-pattern=%d", FAKE_MPLS);
    g_autofree char *mpls_json = g_strdup_printf("-j probe 127.0.0.1 --bit-pattern=%d", FAKE_MPLS);
    g_autofree char *unknown = g_strdup_printf("probe 127.0.0.1 --bit-pattern=%d", FAKE_UNKNOWN);
    g_autofree char *unknown_json =
        g_strdup_printf("probe --json=short 127.0.0.1 --bit-pattern=%d", FAKE_UNKNOWN);
    g_autofree char *die = g_strdup_printf("probe 127.0.0.1 --bit-pattern=%d", FAKE_DIE);
    Fixture fixture;

    fixture_start(&fixture, fixture_program("TEST_FAKE_PACKET", "fake"));
    assert_run(mpls, 1,
               "ttl-expired from 10\\.1\\.2\\.3 in 1\\.234 ms mpls label 16004 tc 5 s 0 ttl 254, "
               "label 3 tc 0 s 1 ttl 1\n",
               "");
    assert_run(mpls_json, 1,
               HEAD("probe") ",\"host\":\"127.0.0.1\",\"success\":false,\"result\":\"ttl-expired\","
                             "\"time_ms\":1.234,"
                             "\"responder\":\"10.1.2.3\",\"mpls\":\\[{\"label\":16004,\"traffic_"
                             "class\":5,\"bottom_of_"
                             "stack\":false,"
                             "\"ttl\":254},{\"label\":3,\"traffic_class\":0,\"bottom_of_stack\":"
                             "true,\"ttl\":1}\\],"
                             "\"details\":{\"address\":\"127.0.0.1\"}}\n",
               "");
    assert_run(unknown, 1,
               "wait-tcp-respone-timeout to 127\\.0\\.0\\.1 \\(errno 110, address-of nobody\\)\n",
               "");
    assert_run(
        unknown_json, 1,
        HEAD("probe") ",\"host\":\"127.0.0.1\",\"success\":false,\"result\":\"wait-tcp-respone-"
                      "timeout\","
                      "\"time_ms\":null,"
                      "\"responder\":\"\",\"mpls\":\\[\\],\"details\":{\"address\":\"127.0.0.1\","
                      "\"errno\":\"110\","
                      "\"address-of\":\"nobody\"}}\n",
        "");
    assert_run(die, 5, "", "was killed by signal 9 (Killed)");
    fixture_stop(&fixture);
}

/* --help goes to stdout, under 80 columns, and needs no bus. */
static void test_help(void)
{
    static const char *const commands[] = {"--help",           "-h",          "probe --help",
                                           "check-support -h", "ping --help", "trace -h",
                                           "status --help"};

    for (unsigned i = 0; i < G_N_ELEMENTS(commands); i++) {
        ClientRun result = client_run(commands[i]);
        g_auto(GStrv) lines = g_strsplit(result.out, "\n", -1);

        g_assert_cmpint(result.status, ==, 0);
        g_assert_cmpstr(result.err, ==, "");
        g_assert_true(g_str_has_prefix(result.out, "mtrpacketctl "));
        for (char **line = lines; *line; line++)
            g_assert_cmpuint(strlen(*line), <, 80);
        client_run_clear(&result);
    }
    assert_run("--version", 0, "mtrpacketctl [0-9.]+\n", "");
}

/* Runs a command with its stdout redirected to where it cannot be written. */
static void assert_unwritten(const char *command, const char *message)
{
    g_autofree char *script =
        g_strdup_printf("%s %s", fixture_program("TEST_MTRPACKETCTL", "mtrpacketctl"), command);
    const char *const argv[] = {"sh", "-c", script, NULL};
    g_autofree char *err = NULL;
    Fixture fixture;

    fixture_start(&fixture, NULL);
    g_assert_cmpint(fixture_command(argv, NULL, &err), ==, 5);
    g_assert_cmpstr(err, ==, message);
    fixture_stop(&fixture);
}

/* A result that cannot be written is no success. */
static void test_full_disk(void)
{
    static const char *const commands[] = {
        "probe 127.0.0.1 >/dev/full",
        "ping -c 2 127.0.0.1 >/dev/full",
        "--help >/dev/full",
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(commands); i++)
        assert_unwritten(commands[i], "Failed to write the result: No space left on device\n");
}

/* Nothing that is opened takes the place of a descriptor that was closed. */
static void test_closed(void)
{
    assert_unwritten("trace 127.0.0.1 <&- >&-",
                     "Failed to write the result: Bad file descriptor\n");
}

/* A signal ends it also while the bus is not reached, of which its child is the way. */
static void test_stop_while_connecting(void)
{
    static const char *const commands[] = {"ping ::1", "trace -n ::1", "status"};
    static const int statuses[] = {1, 1, 128 + SIGTERM};

    for (unsigned i = 0; i < G_N_ELEMENTS(commands); i++) {
        g_autofree char *script =
            g_strdup_printf("export DBUS_SYSTEM_BUS_ADDRESS=unixexec:path=sleep,argv1=100\n"
                            "%s %s & pid=$!\n"
                            "until [ \"$(cat /proc/$pid/task/$pid/children)\" ]; do :; done\n"
                            "kill $pid; wait $pid",
                            fixture_program("TEST_MTRPACKETCTL", "mtrpacketctl"), commands[i]);
        const char *const argv[] = {"timeout", "60", "bash", "-c", script, NULL};
        g_autofree char *out = NULL, *err = NULL;

        g_assert_cmpint(fixture_command(argv, &out, &err), ==, statuses[i]);
    }
}

/* What whoever starts it has had ignored does not end it. */
static void test_nohup(void)
{
    g_autofree char *script =
        g_strdup_printf("trap '' HUP INT\n"
                        "%s ping -c 2 -i 0.5 ::1 >/run/ping.out & pid=$!\n"
                        "until grep -q ^1: /run/ping.out; do sleep 0.01; done\n"
                        "kill -HUP $pid; kill -INT $pid; wait $pid; status=$?; grep -c ^2: "
                        "/run/ping.out; rm /run/ping.out\n"
                        "exit $status",
                        fixture_program("TEST_MTRPACKETCTL", "mtrpacketctl"));
    const char *const argv[] = {"timeout", "60", "sh", "-c", script, NULL};
    g_autofree char *out = NULL;
    Fixture fixture;

    fixture_start(&fixture, NULL);
    g_assert_cmpint(fixture_command(argv, &out, NULL), ==, 0);
    g_assert_cmpstr(out, ==, "1\n");
    fixture_stop(&fixture);
}

/* A signal ends it also in the middle of what nobody reads. */
static void test_stalled_reader(void)
{
    static const int signals[] = {SIGHUP, SIGINT, SIGTERM};
    static const char *const modes[] = {"--json=pretty", "--json=short"};
    const char *argv[] = {"timeout", "-k5",           "60",  NULL, NULL, "trace",
                          "-n",      "--queries=100", "::1", NULL};
    Fixture fixture;

    argv[3] = fixture_program("TEST_MTRPACKETCTL", "mtrpacketctl");
    fixture_start(&fixture, NULL);
    for (unsigned i = 0; i < G_N_ELEMENTS(signals) * G_N_ELEMENTS(modes); i++) {
        int signal = signals[i / G_N_ELEMENTS(modes)];
        g_autoptr(GError) error = NULL;
        int fds[2], size, n, status;
        GPid pid;

        argv[4] = modes[i % G_N_ELEMENTS(modes)];
        g_assert_cmpint(pipe2(fds, O_CLOEXEC), ==, 0);
        size = fcntl(fds[1], F_SETPIPE_SZ, 4096);
        g_spawn_async_with_fds(NULL, (char **)argv, NULL,
                               G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &pid,
                               -1, fds[1], -1, &error);
        g_assert_no_error(error);
        close(fds[1]);
        do {
            g_usleep(1000); /* nothing tells of a pipe that is full */
            g_assert_cmpint(ioctl(fds[0], FIONREAD, &n), ==, 0);
        } while (n < size);

        g_assert_cmpint(kill(pid, signal), ==, 0);
        g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
        g_assert_true(WIFSIGNALED(status));
        g_assert_cmpint(WTERMSIG(status), ==, signal);
        close(fds[0]);
    }
    fixture_stop(&fixture);
}

/* Its exit status is the same for people and for programs: it was stopped, so 1. That hop 1 is the
 * target it knows when its later rounds are of one probe. */
static void test_stopped_trace(void)
{
    static const char *const modes[] = {"off", "short"};

    for (unsigned i = 0; i < G_N_ELEMENTS(modes); i++) {
        g_autofree char *json = g_strdup_printf("--json=%s", modes[i]);
        const char *const argv[] = {fixture_program("TEST_MTRPACKETCTL", "mtrpacketctl"),
                                    json,
                                    "trace",
                                    "-n",
                                    "-i",
                                    "0.1",
                                    "--queries=100",
                                    "::1",
                                    NULL};
        g_autofree char *out = NULL;
        StreamClient client;
        Fixture fixture;
        int status;
        GPid pid;

        fixture_start(&fixture, NULL);
        pid = user_spawn(0, argv, &client, NULL);
        while (get_statistic(fixture.root, "probes_sent") < 30 + 2)
            g_usleep(10000); /* nothing tells of a probe that was sent */
        g_assert_cmpint(kill(pid, SIGTERM), ==, 0);
        status = user_wait(pid);
        g_assert_true(WIFEXITED(status));
        g_assert_cmpint(WEXITSTATUS(status), ==, 1);
        do {
            g_free(out);
            out = stream_line(&client);
            g_assert_nonnull(out);
        } while (!g_regex_match_simple(i == 0 ? " ms  [?]" : "\"reached\":true,\"complete\":false",
                                       out, 0, 0));
        stream_client_clear(&client);
        fixture_stop(&fixture);
    }
}

static void add_tests(void)
{
    g_test_add_func("/client/probe", test_probe);
    g_test_add_func("/client/check-support", test_check_support);
    g_test_add_func("/client/errors", test_errors);
    g_test_add_func("/client/denied", test_denied);
    g_test_add_func("/client/authentication", test_authentication);
    g_test_add_func("/client/shapes", test_shapes);
    g_test_add_func("/client/help", test_help);
    g_test_add_func("/client/full-disk", test_full_disk);
    g_test_add_func("/client/closed", test_closed);
    g_test_add_func("/client/stopped-trace", test_stopped_trace);
    g_test_add_func("/client/nohup", test_nohup);
    g_test_add_func("/client/stalled-reader", test_stalled_reader);
    g_test_add_func("/client/stop-while-connecting", test_stop_while_connecting);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add_tests);
}
