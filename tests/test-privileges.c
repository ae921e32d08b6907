/* SPDX-License-Identifier: MIT */

/* What the service and mtr-packet may do, and as whom: started as in the unit, as root, and
 * wrongly. */

#include <glib/gstdio.h>
#include <string.h>
#include <sys/wait.h>

#include "fixture.h"
#include "sandbox.h"

#define NET_RAW_ONLY "0000000000002000"
#define NONE "0000000000000000"

/* What may be traced, by a process of the same user, is that user's; what may not is root's. */
static void assert_not_traceable(GPid pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/mem", pid);
    GStatBuf status;

    g_assert_cmpint(g_stat(path, &status), ==, 0);
    g_assert_cmpuint(status.st_uid, ==, 0);
}

/* The service: nobody, nothing in effect. mtr-packet: nobody, CAP_NET_RAW. */
static void assert_privileges(Fixture *fixture, const char *bounding_set)
{
    GPid packet;
    Answer answer;

    probe_wait(&answer, fixture->root, "127.0.0.1", NULL);
    assert_result(&answer, "reply");
    answer_clear(&answer);
    packet = process_child(fixture->service_pid);

    assert_status(fixture->service_pid, "Uid", "65534\t65534\t65534\t65534");
    assert_status(fixture->service_pid, "Gid", "65534\t65534\t65534\t65534");
    assert_status(fixture->service_pid, "Groups", "");
    assert_status(fixture->service_pid, "CapEff", NONE);
    assert_status(fixture->service_pid, "CapPrm", NET_RAW_ONLY);
    assert_status(fixture->service_pid, "CapInh", NONE);
    assert_status(fixture->service_pid, "CapAmb", NONE);
    assert_status(fixture->service_pid, "CapBnd", bounding_set);

    assert_not_traceable(fixture->service_pid);

    assert_status(packet, "Name", "mtr-packet");
    assert_status(packet, "Uid", "65534\t65534\t65534\t65534");
    assert_status(packet, "Gid", "65534\t65534\t65534\t65534");
    assert_status(packet, "Groups", "");
    assert_status(packet, "CapEff", NET_RAW_ONLY);
    assert_status(packet, "CapPrm", NET_RAW_ONLY);
    assert_status(packet, "NoNewPrivs", "1");
}

static void test_unit(void)
{
    Fixture fixture;

    fixture_start(&fixture, NULL);
    assert_privileges(&fixture, NET_RAW_ONLY);
    fixture_stop(&fixture);
}

static void test_root(void)
{
    const char *const argv[] = {fixture_program("TEST_MTRPACKETD", "mtrpacketd"), "--user=nobody",
                                NULL};
    Fixture fixture;

    fixture_bus(&fixture);
    fixture_launch(&fixture, argv);
    assert_privileges(&fixture, NET_RAW_ONLY);
    fixture_stop(&fixture);
}

/* It does not matter whether the program's file has capabilities, or is root's setuid: no more
 * comes of it. */
static void test_other_files(void)
{
    static const char *const scripts[] = {"cp /usr/bin/mtr-packet /run/programs/mtr-packet",
                                          "chmod 4755 /run/programs/mtr-packet"};
    Fixture fixture;

    for (unsigned i = 0; i < G_N_ELEMENTS(scripts); i++) {
        const char *const sh[] = {"sh", "-c", scripts[i], NULL};

        fixture_program("TEST_MTRPACKETD", "mtrpacketd"); /* makes the directory */
        g_assert_cmpint(fixture_command(sh, NULL, NULL), ==, 0);
        fixture_start(&fixture, "/run/programs/mtr-packet");
        assert_privileges(&fixture, NET_RAW_ONLY);
        fixture_stop(&fixture);
    }
}

/* Which mtr-packet: the option before MTR_PACKET before PATH, or where programs are without one. */
static void test_which_packet(void)
{
    const char *fake = fixture_program("TEST_FAKE_PACKET", "fake");
    g_autofree char *variable = g_strdup_printf("MTR_PACKET=%s", fake);
    const char *const by_variable[] = {
        "env", variable, fixture_program("TEST_MTRPACKETD", "mtrpacketd"), "--user=nobody", NULL};
    const char *const by_option[] = {"env",
                                     "MTR_PACKET=/nowhere",
                                     fixture_program("TEST_MTRPACKETD", "mtrpacketd"),
                                     "--user=nobody",
                                     "--packet-command=mtr-packet",
                                     NULL};
    const char *const empty[] = {"env",
                                 "MTR_PACKET=", fixture_program("TEST_MTRPACKETD", "mtrpacketd"),
                                 "--user=nobody", NULL};
    const char *const no_path[] = {
        "env",           "-u", "PATH", fixture_program("TEST_MTRPACKETD", "mtrpacketd"),
        "--user=nobody", NULL};
    const struct {
        const char *const *argv;
        const char *name;
    } cases[] = {{by_variable, "fake"},
                 {by_option, "mtr-packet"},
                 {empty, "mtr-packet"},
                 {no_path, "mtr-packet"}};

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        Fixture fixture;
        Answer answer;

        fixture_bus(&fixture);
        fixture_launch(&fixture, cases[i].argv);
        probe_wait(&answer, fixture.root, "127.0.0.1", NULL);
        assert_result(&answer, "reply");
        answer_clear(&answer);
        assert_status(process_child(fixture.service_pid), "Name", cases[i].name);
        fixture_stop(&fixture);
    }
}

static void assert_refuses(const char *const argv[], const char *part)
{
    g_autofree char *out = NULL, *err = NULL;

    g_assert_cmpint(fixture_command(argv, &out, &err), ==, 1);
    g_assert_cmpstr(out, ==, "");
    if (!strstr(err, part))
        g_error("\"%s\" has no \"%s\"", err, part);
    g_assert_true(strchr(err, '\n') == err + strlen(err) - 1); /* one line */
}

static void test_refusals(void)
{
    const char *const program = fixture_program("TEST_MTRPACKETD", "mtrpacketd");
    const char *const no_user[] = {program, "--user=no-such-user", NULL};
    const char *const no_default_user[] = {program, NULL};
    const char *const root[] = {program, "--user=root", NULL};
    const char *const no_capability[] = {"setpriv", "--reuid=65534", program, NULL};
    const char *const no_setuid[] = {"setpriv", "--bounding-set=-setuid", program, "--user=nobody",
                                     NULL};
    const char *const root_without[] = {"setpriv", "--bounding-set=-net_raw", program,
                                        "--user=nobody", NULL};
    static const char *const idle_timeouts[] = {"--idle-timeout=",      "--idle-timeout=-1",
                                                "--idle-timeout=1s",    "--idle-timeout=86401",
                                                "--idle-timeout=1.2.3", "--idle-timeout=."};
    const char *const nasty[] = {program, "--user=a\nb\x1b", NULL};
    const char *const second[] = {program, "--user=nobody", NULL};
    const char *const no_name[] = {program, "--user=daemon", NULL};
    const char *const log_level[] = {program, "--log-level=loud", NULL};
    const char *const option[] = {program, "--frobnicate", NULL};
    const char *const argument[] = {program, "frobnicate", NULL};
    Fixture fixture;

    fixture_start(&fixture, NULL);
    assert_refuses(no_user, "there is no user \"no-such-user\"");
    assert_refuses(root, "--user=\"root\" is root");
    assert_refuses(no_capability, "CAP_NET_RAW is missing");
    assert_refuses(root_without, "CAP_NET_RAW is missing");
    assert_refuses(no_setuid, "cannot become user \"nobody\" with CAP_NET_RAW only");
    assert_refuses(nasty, "\"a\\x0ab\\x1b\"");
    assert_refuses(second, "somebody else does");
    assert_refuses(no_name, "cannot own " SERVICE_NAME);
    for (unsigned i = 0; i < G_N_ELEMENTS(idle_timeouts); i++) {
        const char *const idle[] = {program, idle_timeouts[i], NULL};

        assert_refuses(idle, "a number of seconds from 0 to 86400 is expected");
    }
    assert_refuses(log_level, "--log-level=loud: err, warning, notice, info or debug is expected");
    assert_refuses(option, "unrecognized option '--frobnicate'");
    assert_refuses(argument, "unexpected argument 'frobnicate'");
    /* not installed here: its user is not there either */
    if (!g_file_test("/usr/lib/sysusers.d/mtrpacketd.conf", G_FILE_TEST_EXISTS))
        assert_refuses(no_default_user, "there is no user \"mtrpacketd\"");
    fixture_stop(&fixture);

    /* no bus */
    assert_refuses(second, "cannot connect to the system bus");
}

static void test_help(void)
{
    const char *const program = fixture_program("TEST_MTRPACKETD", "mtrpacketd");
    const char *const help[] = {program, "--help", NULL};
    const char *const version[] = {program, "--version", NULL};
    g_autofree char *help_out = NULL, *help_err = NULL, *version_out = NULL;
    g_autofree char *expected = g_strdup_printf("mtrpacketd %s\n", g_getenv("TEST_VERSION"));
    g_auto(GStrv) lines = NULL;

    g_assert_cmpint(fixture_command(help, &help_out, &help_err), ==, 0);
    g_assert_cmpstr(help_err, ==, "");
    lines = g_strsplit(help_out, "\n", -1);
    for (char **line = lines; *line; line++)
        g_assert_cmpuint(strlen(*line), <, 80);

    g_assert_cmpint(fixture_command(version, &version_out, NULL), ==, 0);
    g_assert_cmpstr(version_out, ==, expected);
}

/* Resident memory: idle, and after mtr-packet was started and a hundred probes were answered. */
static void test_memory(void)
{
    g_autofree char *idle = NULL, *used = NULL;
    Answer answers[100];
    Fixture fixture;

    fixture_start(&fixture, NULL);
    idle = process_status(fixture.service_pid, "VmRSS");
    for (unsigned i = 0; i < G_N_ELEMENTS(answers); i++)
        call_start(&answers[i], fixture.root, "Probe", probe_arguments("127.0.0.1", NULL));
    for (unsigned i = 0; i < G_N_ELEMENTS(answers); i++) {
        call_wait(&answers[i]);
        answer_clear(&answers[i]);
    }
    used = process_status(fixture.service_pid, "VmRSS");

    g_test_message("VmRSS idle %s, after 100 probes %s", idle, used);
    g_assert_cmpint(g_ascii_strtoll(idle, NULL, 10), <=, 5 * 1024);
    g_assert_cmpint(g_ascii_strtoll(used, NULL, 10), <=, 5 * 1024);
    fixture_stop(&fixture);
}

static void add_tests(void)
{
    g_test_add_func("/privileges/unit", test_unit);
    g_test_add_func("/privileges/root", test_root);
    g_test_add_func("/privileges/other-files", test_other_files);
    g_test_add_func("/privileges/which-packet", test_which_packet);
    g_test_add_func("/privileges/refusals", test_refusals);
    g_test_add_func("/privileges/help", test_help);
    /* A sanitizer's own memory is not the service's. */
    if (!g_getenv("TEST_SANITIZED"))
        g_test_add_func("/privileges/memory", test_memory);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add_tests);
}
