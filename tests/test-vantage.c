/* SPDX-License-Identifier: MIT */

/*
 * mtrpacketctl with the service of another machine: of one over ssh, for which a script stands in,
 * and of a container. Both are router1 of the test network, with a bus and a service of its own.
 */

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client-run.h"
#include "fixture.h"
#include "network.h"
#include "user-program.h"

#define BIN "/run/vantage"
#define SSH_LOG BIN "/ssh.log"
#define AGENT_LOG BIN "/agent.log"

/* What is router1's /run/dbus. */
#define THERE "/run/router1"

/* Runs a command in router1. */
#define IN_ROUTER1                                                                                 \
    "ip", "netns", "exec", "router1", "sh", "-c",                                                  \
        "mount --bind " THERE " /run/dbus && exec \"$@\"", "sh"

/* Does as ssh: its options and the host, and what it runs there, by a shell and with nothing of the
 * environment here. The host is one of these. */
static const char ssh[] =
    "#!/bin/sh\n"
    "echo \"$@\" >>" SSH_LOG "\n"
    "while [ \"$1\" != -- ]; do shift; done\n"
    "host=$2\n"
    "shift 2\n"
    "case $host in\n"
    "*router1) set -- ip netns exec router1 sh -c \\\n"
    "  'mount --bind " THERE " /run/dbus && exec sh -c \"$1\"' sh \"exec $*\" ;;\n"
    "here) set -- sh -c \"exec $*\" ;;\n"
    "bare) echo 'sh: 1: systemd-stdio-bridge: not found' >&2; exit 127 ;;\n"
    "*) exit 255 ;;\n"
    "esac\n"
    "exec env -i PATH=/usr/bin:/bin:/usr/sbin:/sbin \"$@\"\n";

static const char agent[] = "#!/bin/sh\necho \"$@\" >>" AGENT_LOG "\n";

static void write_program(const char *path, const char *text)
{
    (void)unlink(path);
    g_assert_true(g_file_set_contents_full(path, text, -1, G_FILE_SET_CONTENTS_NONE, 0755, NULL));
    g_assert_cmpint(chmod(path, 0755), ==, 0);
}

static void add_host(const char *line)
{
    FILE *file = fopen("/etc/hosts", "a");

    g_assert_nonnull(file);
    g_assert_cmpint(fputs(line, file), >=, 0);
    g_assert_cmpint(fclose(file), ==, 0);
}

/* The other machine. */
typedef struct There {
    Fixture fixture; /* without a bus of its kind */
    GPid bus;
} There;

static void start_bus(There *there)
{
    const char *const argv[] = {
        IN_ROUTER1,    "dbus-daemon", "--config-file=/usr/share/dbus-1/system.conf",
        "--fork",      "--nopidfile", "--nosyslog",
        "--print-pid", NULL};
    g_autoptr(GError) error = NULL;
    g_autofree char *pid = NULL, *warnings = NULL;

    g_assert_cmpint(g_mkdir_with_parents(THERE, 0755), ==, 0);
    g_assert_cmpint(fixture_command(argv, &pid, &warnings), ==, 0);
    there->bus = atoi(pid);
    there->fixture.root =
        g_dbus_connection_new_for_address_sync("unix:path=" THERE "/system_bus_socket",
                                               G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                                                   G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                               NULL, NULL, &error);
    g_assert_no_error(error);
}

static void there_start(There *there)
{
    const char *const service[] = {IN_ROUTER1, fixture_program("TEST_MTRPACKETD", "mtrpacketd"),
                                   "--user=nobody", NULL};

    *there = (There){0};
    network_run("router1", "ip link set lo up");
    start_bus(there);
    fixture_launch(&there->fixture, service);
}

static void there_stop(There *there)
{
    g_assert_cmpint(fixture_end_service(&there->fixture, SIGTERM), ==, 0);
    fixture_disconnect(there->fixture.root);
    g_assert_cmpint(kill(there->bus, SIGTERM), ==, 0);
    process_wait(there->bus);
}

/* Runs TEST with a service here, and one there. */
static void with_both(void (*test)(There *there))
{
    Fixture here;
    There there;

    network_up();
    fixture_start(&here, NULL);
    there_start(&there);
    (void)unlink(SSH_LOG);
    test(&there);
    there_stop(&there);
    fixture_stop(&here);
    network_down();
}

static void assert_file(const char *path, const char *expected)
{
    g_autofree char *text = NULL;

    g_file_get_contents(path, &text, NULL, NULL);
    g_assert_cmpstr(text, ==, expected);
}

static void assert_hops(const char *arguments, const char *hops)
{
    json_t *document = client_document(arguments, 0);
    g_autofree char *found = document_hops(document);

    g_assert_cmpstr(found, ==, hops);
    json_decref(document);
}

#define EXPIRED " ttl-expired@"
#define REPLY " reply@"

static const char from_here_4[] =
    "1" EXPIRED NETWORK_ROUTER1_4 "\n2" EXPIRED NETWORK_ROUTER2_4 "\n3" REPLY NETWORK_TARGET_4 "\n";
static const char from_here_6[] =
    "1" EXPIRED NETWORK_ROUTER1_6 "\n2" EXPIRED NETWORK_ROUTER2_6 "\n3" REPLY NETWORK_TARGET_6 "\n";
static const char from_there_4[] = "1" EXPIRED NETWORK_ROUTER2_4 "\n2" REPLY NETWORK_TARGET_4 "\n";
static const char from_there_6[] = "1" EXPIRED NETWORK_ROUTER2_6 "\n2" REPLY NETWORK_TARGET_6 "\n";

/*
 * ssh
 */

/* The way to the same target is another from there. */
static void hops(There *there)
{
    assert_hops("trace -n --queries=1 " NETWORK_TARGET_4, from_here_4);
    assert_hops("trace -n --queries=1 " NETWORK_TARGET_6, from_here_6);
    assert_file(SSH_LOG, NULL);

    assert_hops("trace -n --queries=1 -H router1 " NETWORK_TARGET_4, from_there_4);
    assert_hops("--host=alice@router1 trace -n --queries=1 " NETWORK_TARGET_6, from_there_6);
    assert_file(SSH_LOG, "-xT -- router1 systemd-stdio-bridge\n"
                         "-xT -- alice@router1 systemd-stdio-bridge\n");
}

static void test_hops(void)
{
    with_both(hops);
}

/* The other commands do the same, and their exit statuses are as ever. */
static void commands(There *there)
{
    client_assert("-H router1 probe --ttl=1 " NETWORK_TARGET_4, 1,
                  "ttl-expired from 198\\.51\\.100\\.2 in [0-9.]+ ms\n", "");
    client_assert("-H router1 probe router2.test", 0,
                  "reply from 198\\.51\\.100\\.2 in [0-9.]+ ms\n", "");
    client_assert("-H router1 ping -c 2 -i 0.001 --ttl=1 " NETWORK_TARGET_4, 1,
                  "1: ttl-expired from 198\\.51\\.100\\.2 in .*\n"
                  "2: ttl-expired from 198\\.51\\.100\\.2 in .*\n\n198.*\n",
                  "");
    client_assert("-H router1 check-support icmp nonsense", 1, "icmp: yes\nnonsense: no\n", "");
    client_assert("-H router1 status", 0, "Service +mtrpacketd [^$]*", "");
    client_assert("-H router1 probe --ttl=0 ::1", 2, "", "option ttl is 0.*\n");
    client_assert("-H router1 probe nowhere.test", 4, "", ".*\"nowhere.test\" has no address.*\n");
    g_assert_cmpuint(get_statistic(there->fixture.root, "probes_sent"), ==, 4);
}

static void test_commands(void)
{
    with_both(commands);
}

/* Which bus there is here is of no matter there. */
static void bus_address(There *there)
{
    static const char nowhere[] = "DBUS_SYSTEM_BUS_ADDRESS=unix:path=/nowhere";
    g_auto(GStrv) remote = client_argv("probe --ttl=1 -H router1 " NETWORK_TARGET_4);
    g_auto(GStrv) local = client_argv("probe --ttl=1 " NETWORK_TARGET_4);
    g_autofree char *out = NULL, *err = NULL;

    g_assert_cmpint(user_command(0, nowhere, (const char *const *)remote, &out, &err), ==, 1);
    g_assert_true(g_str_has_prefix(out, "ttl-expired from " NETWORK_ROUTER2_4));
    g_assert_cmpstr(err, ==, "");

    g_free(g_steal_pointer(&out));
    g_free(g_steal_pointer(&err));
    g_assert_cmpint(user_command(0, nowhere, (const char *const *)local, &out, &err), ==, 5);
    g_assert_cmpstr(out, ==, "");
}

static void test_bus_address(void)
{
    with_both(bus_address);
}

#define CLOSED(host)                                                                               \
    "Failed to reach the system bus of " host " over ssh: the connection was closed; is "          \
    "systemd-stdio-bridge there\\?\n"

/* If ssh fails there is a line of ours behind what it says itself. */
static void test_failing_ssh(void)
{
    static const char *const arguments[] = {"probe ::1", "ping ::1", "trace ::1",
                                            "check-support icmp", "status"};
    g_auto(GStrv) argv = client_argv("-H router1 probe ::1");
    g_autofree char *err = NULL;

    for (unsigned i = 0; i < G_N_ELEMENTS(arguments); i++) {
        g_autofree char *broken = g_strdup_printf("-H broken %s", arguments[i]);
        g_autofree char *bare = g_strdup_printf("-H bob@bare %s", arguments[i]);

        client_assert(broken, 5, "", CLOSED("broken"));
        client_assert(bare, 5, "", CLOSED("bob@bare"));
    }

    /* no ssh at all */
    g_assert_cmpint(user_command(0, "PATH=/nowhere", (const char *const *)argv, NULL, &err), ==, 5);
    g_assert_true(g_regex_match_simple("\\A" CLOSED("router1") "\\z", err, 0, 0));
}

/* The connection that goes while a trace waits. */
static void lost(There *there)
{
    g_auto(GStrv) argv =
        client_argv("-H router1 trace -n --max-ttl=3 --timeout=60 " NETWORK_HOLE_4);
    g_autofree char *line = NULL;
    char text[512] = "";
    StreamClient client;
    int err, status;
    GPid pid;

    pid = user_spawn(0, (const char *const *)argv, &client, &err);
    stream_expect(&client, "trace to " NETWORK_HOLE_4 ", up to 3 hops");
    line = stream_line(&client);
    g_assert_true(g_str_has_prefix(line, " 1  " NETWORK_ROUTER2_4 "  "));
    g_assert_cmpint(kill(process_child(pid), SIGKILL), ==, 0);
    stream_expect_end(&client);
    status = user_wait(pid);
    g_assert_true(WIFEXITED(status));
    g_assert_cmpint(WEXITSTATUS(status), ==, 5);
    g_assert_cmpint(read(err, text, sizeof(text) - 1), >, 0);
    g_assert_true(g_regex_match_simple("\\A" CLOSED("router1") "\\z", text, 0, 0));
    close(err);
    stream_client_clear(&client);
}

static void test_lost(void)
{
    with_both(lost);
}

/* Runs it as a user on a terminal, and returns its exit status. */
static int run_on_terminal(const char *arguments)
{
    g_autofree char *command =
        g_strdup_printf("%s %s", fixture_program("TEST_MTRPACKETCTL", "mtrpacketctl"), arguments);
    const char *const argv[] = {"script", "--quiet",   "--return", "--command",
                                command,  "/dev/null", NULL};
    g_autofree char *out = NULL;

    return user_command(FIXTURE_OTHER_UID, NULL, argv, &out, NULL);
}

/* Nobody here is asked to authenticate for what is done there. */
static void test_agent(void)
{
    Fixture fixture;

    write_program("/usr/bin/pkttyagent", agent);
    fixture_start(&fixture, NULL);
    g_assert_cmpint(run_on_terminal("-H here probe ::1"), ==, 3);
    g_assert_cmpint(run_on_terminal("-M root@.host probe ::1"), ==, 5);
    assert_file(AGENT_LOG, NULL);
    g_assert_cmpint(run_on_terminal("probe ::1"), ==, 3);
    g_assert_cmpint(access(AGENT_LOG, F_OK), ==, 0);
    fixture_stop(&fixture);
}

/*
 * Containers
 */

/* The last of -H and -M counts. The host itself is a container of its own. */
static void machine(There *there)
{
    g_autofree char *text = g_strdup_printf("LEADER=%d\nCLASS=container\n", there->bus);

    g_assert_cmpint(g_mkdir_with_parents("/run/systemd/machines", 0755), ==, 0);
    g_assert_true(g_file_set_contents("/run/systemd/machines/router1", text, -1, NULL));
    assert_hops("-M router1 trace -n --queries=1 " NETWORK_TARGET_4, from_there_4);
    assert_hops("-H broken -M router1 trace -n --queries=1 " NETWORK_TARGET_6, from_there_6);
    assert_hops("-M nowhere -H router1 trace -n --queries=1 " NETWORK_TARGET_4, from_there_4);
    assert_hops("-M .host trace -n --queries=1 " NETWORK_TARGET_4, from_here_4);
    assert_hops("-M root@.host trace -n --queries=1 " NETWORK_TARGET_6, from_here_6);
    client_assert(
        "-M nowhere trace " NETWORK_TARGET_4, 5, "",
        "Failed to reach the system bus of container nowhere: no container of this name runs\n");
    client_assert("-M no/where probe " NETWORK_TARGET_4, 5, "",
                  "Failed to reach the system bus of container no/where: Invalid argument\n");
}

static void test_machine(void)
{
    with_both(machine);
}

static void add_tests(void)
{
    g_autofree char *path = g_strdup_printf(BIN ":%s", g_getenv("PATH"));

    g_assert_cmpint(g_mkdir_with_parents(BIN, 0777), ==, 0);
    g_assert_cmpint(chmod(BIN, 0777), ==, 0);
    write_program(BIN "/ssh", ssh);
    g_setenv("PATH", path, TRUE);
    add_host(NETWORK_ROUTER2_4 " router2.test\n");

    g_test_add_func("/vantage/hops", test_hops);
    g_test_add_func("/vantage/commands", test_commands);
    g_test_add_func("/vantage/bus-address", test_bus_address);
    g_test_add_func("/vantage/failing-ssh", test_failing_ssh);
    g_test_add_func("/vantage/lost", test_lost);
    g_test_add_func("/vantage/agent", test_agent);
    g_test_add_func("/vantage/machine", test_machine);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add_tests);
}
