/* SPDX-License-Identifier: MIT */

/* What an administrator finds in the journal, as the real systemd-journald keeps it and journalctl
 * shows it. */

#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"

#define JOURNALD "/lib/systemd/systemd-journald"
#define JOURNAL_DIR "/run/log/journal"
#define NOTIFY_SOCKET "/run/journald-notify"

/* By these programs find the entries: they never change. */
#define ID_STARTED "0c0f6e93b1594a5fa6e1e32c6e0ab0d8"
#define ID_LOST "6d4fcb2c1c5d4ae99bde4d6e9c36a5f1"
#define ID_DENIED "221b17dbb1094376a42f4b640a4b5dba"

/* Denials of one user that have an entry each, at once, and in how many seconds one more has. */
#define DENIED_BURST 10
#define DENIED_INTERVAL 10

/* A user besides FIXTURE_OTHER_UID. */
#define THIRD_UID 4405

/* LOG_ERR and so on, as the journal has them. */
#define PRIORITY_ERR "3"
#define PRIORITY_NOTICE "5"
#define PRIORITY_DEBUG "7"

static void write_file(const char *path, const char *contents)
{
    g_autofree char *dir = g_path_get_dirname(path);

    g_assert_cmpint(g_mkdir_with_parents(dir, 0755), ==, 0);
    g_assert_true(g_file_set_contents(path, contents, -1, NULL));
}

/* Starts a journal of the sandbox's own, and returns when it takes entries. */
static GPid journal_start(void)
{
    const char *const argv[] = {"env", "NOTIFY_SOCKET=" NOTIFY_SOCKET, JOURNALD, NULL};
    const struct sockaddr_un address = {AF_UNIX, NOTIFY_SOCKET};
    struct pollfd poll_fd = {.events = POLLIN};
    char news[512] = "";
    GPid pid;

    write_file("/etc/machine-id", "6d7472706163ab65740000000000da01\n");
    write_file("/etc/systemd/journald.conf.d/99-test.conf",
               "[Journal]\nStorage=volatile\nRuntimeMaxUse=16M\nRateLimitIntervalSec=0\n"
               "ForwardToSyslog=no\nForwardToWall=no\nReadKMsg=no\nAudit=\n");
    /* What it has to say of itself is not for the machine's own kernel log. */
    if (access("/dev/kmsg", F_OK) == 0)
        g_assert_cmpint(mount("/dev/null", "/dev/kmsg", NULL, MS_BIND, NULL), ==, 0);

    /* It looks up whose a message is; a machine without an init may not have this. */
    if (access("/sys/fs/cgroup/cgroup.procs", F_OK) < 0 &&
        access("/sys/fs/cgroup/systemd", F_OK) < 0)
        g_assert_cmpint(mount("cgroup", "/sys/fs/cgroup", "cgroup2", 0, NULL), ==, 0);

    poll_fd.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(poll_fd.fd, >=, 0);
    unlink(NOTIFY_SOCKET);
    g_assert_cmpint(bind(poll_fd.fd, (const struct sockaddr *)&address, sizeof(address)), ==, 0);
    pid = fixture_spawn(argv);
    while (!strstr(news, "READY=1")) {
        ssize_t n;

        g_assert_cmpint(poll(&poll_fd, 1, 30000), ==, 1);
        n = read(poll_fd.fd, news, sizeof(news) - 1);
        g_assert_cmpint(n, >, 0);
        news[n] = '\0';
    }
    close(poll_fd.fd);
    return pid;
}

static void journal_stop(GPid pid)
{
    const char *const rm[] = {"rm", "-r", JOURNAL_DIR, NULL};

    g_assert_cmpint(kill(pid, SIGTERM), ==, 0);
    g_assert_cmpint(waitpid(pid, NULL, 0), ==, pid);
    g_assert_cmpint(fixture_command(rm, NULL, NULL), ==, 0);
    (void)umount("/dev/kmsg");
}

/* The service's entries up to now, as journalctl shows them: all, or those with FIELD=value. */
static json_t *journal_entries(GPid service, const char *match)
{
    const char *const sync[] = {"journalctl", "--sync", NULL};
    g_autofree char *pid = g_strdup_printf("_PID=%d", service);
    const char *const argv[] = {
        "journalctl", "--directory=" JOURNAL_DIR, "--output=json", pid, match, NULL};
    g_autofree char *out = NULL;
    g_auto(GStrv) lines = NULL;
    json_t *entries = json_array();

    g_assert_cmpint(fixture_command(sync, NULL, NULL), ==, 0);
    g_assert_cmpint(fixture_command(argv, &out, NULL), ==, 0);
    lines = g_strsplit(out, "\n", -1);
    for (char **line = lines; *line && **line; line++) {
        json_error_t error;
        json_t *entry = json_loads(*line, 0, &error);

        if (!entry)
            g_error("%s: %s", *line, error.text);
        json_array_append_new(entries, entry);
    }
    return entries;
}

/* A field of the Nth entry, or NULL. */
static const char *field(const json_t *entries, size_t n, const char *name)
{
    return json_string_value(json_object_get(json_array_get(entries, n), name));
}

static void assert_field(const json_t *entries, size_t n, const char *name, const char *expected)
{
    const char *value = field(entries, n, name);

    if (g_strcmp0(value, expected) != 0)
        g_error("entry %zu has %s=%s, where %s was expected", n, name, value ? value : "(none)",
                expected ? expected : "(none)");
}

/* What every entry of the service's has. */
static void assert_common(const json_t *entries, size_t n, const char *priority)
{
    assert_field(entries, n, "PRIORITY", priority);
    assert_field(entries, n, "SYSLOG_IDENTIFIER", "mtrpacketd");
    assert_field(entries, n, "_UID", "65534");
    assert_field(entries, n, "_TRANSPORT", "journal"); /* not a line of its stderr */
}

static void assert_part(const json_t *entries, size_t n, const char *name, const char *part)
{
    const char *value = field(entries, n, name);

    g_assert_nonnull(value);
    if (!strstr(value, part))
        g_error("%s=%s has no \"%s\"", name, value, part);
}

/*
 * Starts the service with its stderr in the journal, as a unit has it. systemd-cat does that;
 * systemd itself says in JOURNAL_STREAM which stream it is, too.
 */
static void service_start(Fixture *fixture, const char *redirection, const char *packet_command,
                          const char *log_level)
{
    g_autofree char *script = g_strdup_printf(
        "export JOURNAL_STREAM=$(stat -L -c %%d:%%i /dev/stderr); exec \"$@\" %s", redirection);
    g_autofree char *option = g_strdup_printf("--packet-command=%s", packet_command);
    const char *const argv[] = {
        "systemd-cat", "sh",      "-c",
        script,        "sh",      fixture_program("TEST_MTRPACKETD", "mtrpacketd"),
        option,        log_level, NULL};

    fixture_bus(fixture);
    fixture_launch_unprivileged(fixture, argv);
}

static void service_stop(Fixture *fixture, GPid journal)
{
    g_assert_cmpint(fixture_end_service(fixture, SIGTERM), ==, 0);
    journal_stop(journal);
    fixture_stop(fixture);
}

static void probe_replies(Fixture *fixture)
{
    Answer answer;

    probe_wait(&answer, fixture->root, "127.0.0.1", NULL);
    assert_result(&answer, "reply");
    answer_clear(&answer);
}

/* An mtr-packet that is started, lost and started again: an entry each, with what a program would
 * look for in fields. Nothing else: probes have none. */
static void test_process(void)
{
    g_autofree char *packet_command = g_find_program_in_path("mtr-packet");
    g_autofree char *first = NULL, *second = NULL;
    g_autoptr(GVariant) version = NULL;
    GPid journal = journal_start();
    Fixture fixture;
    json_t *entries;
    Answer answer;

    dig_black_hole();
    service_start(&fixture, "", packet_command, NULL);
    for (unsigned i = 0; i < 3; i++)
        probe_replies(&fixture);
    first = g_strdup_printf("%d", process_child(fixture.service_pid));
    call_start(&answer, fixture.root, "Probe", probe_arguments("192.0.2.2", NULL));
    fixture_wait_probes(&fixture, 1, 0);
    g_assert_cmpint(kill(process_child(fixture.service_pid), SIGKILL), ==, 0);
    call_wait(&answer);
    assert_error(&answer, ERROR_PROCESS, "was killed by signal 9 (Killed)");
    answer_clear(&answer);
    probe_replies(&fixture);
    second = g_strdup_printf("%d", process_child(fixture.service_pid));
    version = get_property(fixture.root, "PacketVersion");
    g_assert_cmpstr(g_variant_get_string(version, NULL), !=, "");

    entries = journal_entries(fixture.service_pid, NULL);
    g_assert_cmpuint(json_array_size(entries), ==, 3);
    json_decref(entries);

    entries = journal_entries(fixture.service_pid, "MESSAGE_ID=" ID_STARTED);
    g_assert_cmpuint(json_array_size(entries), ==, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_common(entries, i, PRIORITY_NOTICE);
        assert_part(entries, i, "MESSAGE", packet_command);
        assert_part(entries, i, "MESSAGE", "started");
        assert_field(entries, i, "MTR_PACKET_PID", i == 0 ? first : second);
        assert_field(entries, i, "MTR_PACKET_COMMAND", packet_command);
        assert_field(entries, i, "MTR_PACKET_VERSION", g_variant_get_string(version, NULL));
        assert_field(entries, i, "REASON", NULL);
    }
    json_decref(entries);

    entries = journal_entries(fixture.service_pid, "MESSAGE_ID=" ID_LOST);
    g_assert_cmpuint(json_array_size(entries), ==, 1);
    assert_common(entries, 0, PRIORITY_NOTICE);
    assert_part(entries, 0, "MESSAGE", packet_command);
    assert_part(entries, 0, "MESSAGE", "was killed by signal 9 (Killed)");
    assert_field(entries, 0, "MTR_PACKET_PID", first);
    assert_field(entries, 0, "MTR_PACKET_COMMAND", packet_command);
    assert_field(entries, 0, "MTR_PACKET_VERSION", NULL);
    assert_field(entries, 0, "REASON", "was killed by signal 9 (Killed)");
    json_decref(entries);

    service_stop(&fixture, journal);
    fill_black_hole();
}

/* An orderly stop is no loss: nobody who looks for losses finds one. */
static void test_stop(void)
{
    GPid journal = journal_start(), service;
    Fixture fixture;
    json_t *entries;
    Answer answer;

    dig_black_hole();
    service_start(&fixture, "", "mtr-packet", "--log-level=info");
    service = fixture.service_pid;
    probe_replies(&fixture);
    call_start(&answer, fixture.root, "Probe", probe_arguments("192.0.2.2", NULL));
    fixture_wait_probes(&fixture, 1, 0);
    g_assert_cmpint(fixture_end_service(&fixture, SIGTERM), ==, 0);
    call_wait(&answer);
    assert_error(&answer, ERROR_CANCELLED, "stopped");
    answer_clear(&answer);

    entries = journal_entries(service, NULL);
    g_assert_cmpuint(json_array_size(entries), ==, 2);
    assert_part(entries, 0, "MESSAGE", "started");
    assert_part(entries, 1, "MESSAGE", "is ended");
    assert_field(entries, 1, "MESSAGE_ID", NULL);
    json_decref(entries);

    journal_stop(journal);
    fixture_stop(&fixture);
    fill_black_hole();
}

/* With --log-level=debug each probe has an entry: where it went, and what came of it. */
static void test_debug(void)
{
    GPid journal = journal_start();
    Fixture fixture;
    json_t *entries;
    Answer answer;

    dig_black_hole();
    service_start(&fixture, "", "mtr-packet", "--log-level=debug");
    probe_replies(&fixture);
    probe_wait(&answer, fixture.root, "2001:db8::2", "{'timeout': <0.1>, 'protocol': <'tcp'>}");
    assert_result(&answer, "no-reply");
    answer_clear(&answer);

    entries = journal_entries(fixture.service_pid, "PRIORITY=" PRIORITY_DEBUG);
    g_assert_cmpuint(json_array_size(entries), ==, 2);
    for (size_t i = 0; i < 2; i++)
        assert_common(entries, i, PRIORITY_DEBUG);
    assert_part(entries, 0, "MESSAGE", "127.0.0.1");
    assert_part(entries, 0, "MESSAGE", " reply");
    assert_part(entries, 1, "MESSAGE", "2001:db8::2");
    assert_part(entries, 1, "MESSAGE", " no-reply");
    json_decref(entries);

    service_stop(&fixture, journal);
    fill_black_hole();
}

/* An mtr-packet that cannot be started is an error. */
static void test_error(void)
{
    GPid journal = journal_start();
    Fixture fixture;
    json_t *entries;
    Answer answer;

    service_start(&fixture, "", "no-such-packet", NULL);
    probe_wait(&answer, fixture.root, "127.0.0.1", NULL);
    assert_error(&answer, ERROR_PROCESS, "there is no such program");
    answer_clear(&answer);

    entries = journal_entries(fixture.service_pid, NULL);
    g_assert_cmpuint(json_array_size(entries), ==, 1);
    assert_common(entries, 0, PRIORITY_ERR);
    assert_part(entries, 0, "MESSAGE", "no-such-packet");
    assert_part(entries, 0, "MESSAGE", "there is no such program");
    json_decref(entries);
    service_stop(&fixture, journal);
}

/* Where stderr is not the journal's any more, it is where the administrator wanted it. */
static void test_redirected(void)
{
    GPid journal = journal_start();
    g_autofree char *text = NULL;
    Fixture fixture;
    json_t *entries;

    write_file("/run/redirected", "");
    g_assert_cmpint(chmod("/run/redirected", 0666), ==, 0);
    service_start(&fixture, "2>>/run/redirected", "mtr-packet", NULL);
    probe_replies(&fixture);

    entries = journal_entries(fixture.service_pid, NULL);
    g_assert_cmpuint(json_array_size(entries), ==, 0);
    json_decref(entries);
    g_assert_true(g_file_get_contents("/run/redirected", &text, NULL, NULL));
    g_assert_true(g_str_has_prefix(text, "mtrpacketd: mtr-packet "));
    g_assert_true(strchr(text, '\n') == text + strlen(text) - 1); /* one line */
    service_stop(&fixture, journal);
}

static void denied(GDBusConnection *connection, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        Answer answer;

        probe_wait(&answer, connection, "four.test", NULL);
        assert_error(&answer, ERROR_ACCESS_DENIED, "only root may");
        answer_clear(&answer);
    }
}

static size_t count_entries(GPid service, const char *match)
{
    json_t *entries = journal_entries(service, match);
    size_t n = json_array_size(entries);

    json_decref(entries);
    return n;
}

/* Who may not probe is told of: who it was, what for, and where to. */
static void test_denied(void)
{
    GPid journal = journal_start();
    GDBusConnection *other;
    Fixture fixture;
    json_t *entries;
    Answer answer;

    service_start(&fixture, "", "mtr-packet", NULL);
    other = fixture_connect(FIXTURE_OTHER_UID);
    denied(other, 1);
    call_start(&answer, other, "Open", NULL);
    call_wait(&answer);
    assert_error(&answer, ERROR_ACCESS_DENIED, "only root may");
    answer_clear(&answer);
    /* neither a denial */
    probe_wait(&answer, other, "four.test", "{'ttl': <0>}");
    assert_error(&answer, ERROR_INVALID_ARGS, "ttl");
    answer_clear(&answer);
    probe_wait(&answer, fixture.root, "nowhere.test", NULL);
    assert_error(&answer, ERROR_HOST_RESOLVE, "nowhere.test");
    answer_clear(&answer);

    g_assert_cmpuint(count_entries(fixture.service_pid, NULL), ==, 2);
    entries = journal_entries(fixture.service_pid, "MESSAGE_ID=" ID_DENIED);
    g_assert_cmpuint(json_array_size(entries), ==, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_common(entries, i, PRIORITY_NOTICE);
        assert_part(entries, i, "MESSAGE", "user 4242 may not send probes: there is no polkit");
        assert_field(entries, i, "CALLER_UID", "4242");
        assert_field(entries, i, "CALLER_NAME", g_dbus_connection_get_unique_name(other));
        assert_field(entries, i, "POLKIT_ACTION", "org.mtrpacket.MtrPacket1.probe");
        assert_field(entries, i, "PROBE_HOST", i == 0 ? "four.test" : "");
    }
    json_decref(entries);

    fixture_disconnect(other);
    service_stop(&fixture, journal);
}

/* Nobody fills the journal with that: a user has a few entries at once, and then one now and then
 * which tells how many there would have been. */
static void test_denied_often(void)
{
    GPid journal = journal_start();
    GDBusConnection *other, *third;
    unsigned n_denied = 5 * DENIED_BURST;
    gint64 start = g_get_monotonic_time();
    unsigned n_told = 0;
    Fixture fixture;
    size_t n;
    json_t *entries;

    fixture_add_user("mtrpacketd-third", THIRD_UID);
    service_start(&fixture, "", "mtr-packet", NULL);
    other = fixture_connect(FIXTURE_OTHER_UID);
    third = fixture_connect(THIRD_UID);

    /* Each user is counted apart, whatever its connections are. */
    denied(other, n_denied / 2);
    fixture_disconnect(other);
    other = fixture_connect(FIXTURE_OTHER_UID);
    denied(other, n_denied / 2);
    denied(third, 1);
    n = count_entries(fixture.service_pid, "CALLER_UID=4242");
    g_assert_cmpuint(n, >=, DENIED_BURST);
    g_assert_cmpuint(n, <=,
                     DENIED_BURST + (size_t)(g_get_monotonic_time() - start) /
                                        (DENIED_INTERVAL * G_USEC_PER_SEC));
    g_assert_cmpuint(count_entries(fixture.service_pid, "CALLER_UID=4405"), ==, 1);

    while (count_entries(fixture.service_pid, "CALLER_UID=4242") == n) {
        denied(other, 1);
        n_denied++;
    }
    g_assert_cmpint(g_get_monotonic_time() - start, >=, DENIED_INTERVAL * G_USEC_PER_SEC);
    entries = journal_entries(fixture.service_pid, "CALLER_UID=4242");
    for (n = 0; n < json_array_size(entries); n++) {
        const char *missed = strstr(field(entries, n, "MESSAGE"), "; ");

        n_told += 1 + (missed ? (unsigned)g_ascii_strtoull(missed + 2, NULL, 10) : 0);
    }
    g_assert_cmpuint(n_told, ==, n_denied);
    assert_part(entries, n - 1, "MESSAGE", " more denials of this user before it");
    json_decref(entries);

    fixture_disconnect(other);
    fixture_disconnect(third);
    service_stop(&fixture, journal);
}

static void add_tests(void)
{
    g_test_add_func("/journal/process", test_process);
    g_test_add_func("/journal/stop", test_stop);
    g_test_add_func("/journal/debug", test_debug);
    g_test_add_func("/journal/error", test_error);
    g_test_add_func("/journal/redirected", test_redirected);
    g_test_add_func("/journal/denied", test_denied);
    g_test_add_func("/journal/denied-often", test_denied_often);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add_tests);
}
