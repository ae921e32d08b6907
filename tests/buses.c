/* SPDX-License-Identifier: MIT */

#include "buses.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "call.h"
#include "process.h"

#define BUS_LOG "/run/bus.log"
#define POLICY_DIR "/usr/share/dbus-1/system.d"
#define SYSTEM_CONF "/usr/share/dbus-1/system.conf"
#define ALLOW_ALL_CONF "/run/allow-all.conf"
#define JOURNAL "/run/systemd/journal"

static const char allow_all[] =
    "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN\"\n"
    "  \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n"
    "<busconfig>\n"
    "  <type>system</type>\n"
    "  <listen>" CALL_BUS_ADDRESS "</listen>\n"
    "  <auth>EXTERNAL</auth>\n"
    "  <policy context=\"default\">\n"
    "    <allow user=\"*\"/>\n"
    "    <allow own=\"*\"/>\n"
    "    <allow send_destination=\"*\"/>\n"
    "    <allow receive_sender=\"*\"/>\n"
    "  </policy>\n"
    "</busconfig>\n";

static int open_log(void)
{
    int log = open(BUS_LOG, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    g_assert_cmpint(log, >=, 0);
    return log;
}

/* Starts the daemon, and returns when it has printed its address: it listens from then on. */
static void start_daemon(Bus *bus, const char *conf)
{
    g_autofree char *option = g_strdup_printf("--config-file=%s", conf);
    const char *const argv[] = {"dbus-daemon",     option, "--nofork", "--nopidfile", "--nosyslog",
                                "--print-address", NULL};
    g_autoptr(GError) error = NULL;
    int out, log = open_log();
    char c;

    g_spawn_async_with_pipes_and_fds(
        NULL, argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, -1, -1, log,
        NULL, NULL, 0, &bus->pid, NULL, &out, NULL, &error);
    g_assert_no_error(error);
    close(log);

    do
        g_assert_cmpint(read(out, &c, 1), ==, 1);
    while (c != '\n');
    close(out);
    bus->broker_pid = bus->pid;
}

static int listen_unix(const char *path, int type)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

    g_assert_cmpint(fd, >=, 0);
    g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
    (void)unlink(path);
    g_assert_cmpint(bind(fd, (struct sockaddr *)&address, sizeof(address)), ==, 0);
    g_assert_cmpint(chmod(path, 0666), ==, 0);
    return fd;
}

/* Has the launcher find its socket as systemd would leave it. */
static void start_broker(Bus *bus)
{
    const char *const argv[] = {
        "sh", "-c", "LISTEN_FDS=1 LISTEN_PID=$$ exec dbus-broker-launch --scope system", NULL};
    g_autoptr(GError) error = NULL;
    const int target = 3; /* the first that is passed on */
    int fd, log = open_log();
    GPid children[1];

    /* It must have somewhere to say so. Nobody reads it: it says little. */
    g_assert_cmpint(g_mkdir_with_parents(JOURNAL, 0755), ==, 0);
    bus->journal = listen_unix(JOURNAL "/socket", SOCK_DGRAM);
    fd = listen_unix(CALL_BUS_SOCKET, SOCK_STREAM);
    g_assert_cmpint(listen(fd, 128), ==, 0);

    g_spawn_async_with_pipes_and_fds(
        NULL, argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, -1, -1, log,
        &fd, &target, 1, &bus->pid, NULL, NULL, NULL, &error);
    g_assert_no_error(error);
    close(log);
    close(fd);

    /* Whoever connects waits until it is there. */
    fixture_disconnect(fixture_connect(0));
    g_assert_cmpuint(process_children(bus->pid, children, 1), ==, 1);
    bus->broker_pid = children[0];
}

void bus_start(Bus *bus, BusKind kind)
{
    const char *const cp[] = {"cp", "--", g_getenv("TEST_POLICY"), POLICY_DIR, NULL};

    *bus = (Bus){.journal = -1};
    g_assert_cmpint(fixture_command(cp, NULL, NULL), ==, 0);
    switch (kind) {
    case BUS_DAEMON:
        start_daemon(bus, SYSTEM_CONF);
        break;
    case BUS_DAEMON_ALLOW_ALL:
        g_assert_true(g_file_set_contents(ALLOW_ALL_CONF, allow_all, -1, NULL));
        start_daemon(bus, ALLOW_ALL_CONF);
        break;
    case BUS_BROKER:
        start_broker(bus);
        break;
    }
}

void bus_end(Bus *bus, int signal)
{
    if (!bus->pid)
        return;
    g_assert_cmpint(kill(bus->pid, signal), ==, 0);
    g_assert_cmpint(waitpid(bus->pid, NULL, 0), ==, bus->pid);
    if (bus->broker_pid != bus->pid)
        process_wait(bus->broker_pid); /* it ends with its launcher */
    if (bus->journal >= 0)
        close(bus->journal);
    bus->pid = bus->broker_pid = 0;
    unlink(CALL_BUS_SOCKET);
}
