/* SPDX-License-Identifier: MIT */

#include "sandbox.h"

#include <errno.h>
#include <glib.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECONDS_MAX 300

static void __attribute__((noreturn)) die(const char *what)
{
    fprintf(stderr, "sandbox: %s: %s\n", what, strerror(errno));
    _exit(99); /* an error, as meson knows it: neither failed nor skipped */
}

static void check(int r, const char *what)
{
    if (r < 0)
        die(what);
}

/* Lays a writable layer over DIR that goes with the mount namespace. */
static void overlay(const char *dir)
{
    g_autofree char *upper = g_strdup_printf("/run/sandbox%s", dir);
    g_autofree char *work = g_strdup_printf("/run/sandbox%s.work", dir);
    g_autofree char *data = g_strdup_printf("lowerdir=%s,upperdir=%s,workdir=%s", dir, upper, work);

    check(g_mkdir_with_parents(upper, 0755), upper);
    check(g_mkdir_with_parents(work, 0755), work);
    check(mount("sandbox", dir, "overlay", 0, data), dir);
}

static void copy_tree(const char *tree, const char *dir)
{
    g_autofree char *source = g_strdup_printf("%s%s/.", tree, dir);
    const char *const cp[] = {"cp", "-rT", source, dir, NULL};
    g_autoptr(GError) error = NULL;
    int status;

    if (access(source, F_OK) < 0)
        return;
    if (!g_spawn_sync(NULL, (char **)cp, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, &status,
                      &error) ||
        !g_spawn_check_wait_status(status, &error)) {
        fprintf(stderr, "sandbox: cannot copy %s: %s\n", source, error->message);
        _exit(99);
    }
}

static void set_up_files(const char *const trees[])
{
    check(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "/ private");
    check(mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL), "/proc");
    check(mount("sandbox", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755"), "/run");
    check(g_mkdir_with_parents("/run/dbus", 0755), "/run/dbus");
    overlay("/etc");
    overlay("/usr");

    for (; *trees; trees++) {
        copy_tree(*trees, "/etc");
        copy_tree(*trees, "/usr");
    }
}

static void set_up_loopback(void)
{
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    int fd;

    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    check(fd, "socket");
    check(ioctl(fd, SIOCSIFFLAGS, &request), "loopback up");
    close(fd);
}

/* Waits for CHILD, and reaps whatever else ends meanwhile. Returns its exit status as a shell does.
 */
static int wait_for(pid_t child)
{
    int status;
    pid_t pid;

    do
        pid = waitpid(-1, &status, 0);
    while ((pid < 0 && errno == EINTR) || (pid >= 0 && pid != child));
    if (pid < 0)
        die("waitpid");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static pid_t fork_tied(void)
{
    pid_t pid = fork();

    check(pid, "fork");
    if (pid == 0)
        check(prctl(PR_SET_PDEATHSIG, SIGKILL), "prctl");
    return pid;
}

int sandbox_run(int argc, char *argv[], const char *const trees[],
                int (*run)(int argc, char *argv[]))
{
    pid_t init, test;

    if (geteuid() != 0) {
        puts("1..0 # SKIP only root can make namespaces");
        return 77;
    }

    check(unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWIPC), "unshare");

    /* The first process of a PID namespace: the kernel ends all others with it. It does nothing but
     * wait. */
    init = fork_tied();
    if (init > 0)
        _exit(wait_for(
            init)); /* no exit(): a sanitizer's would fork, into the namespace that has ended */
    set_up_files(trees);
    set_up_loopback();

    test = fork_tied();
    if (test > 0)
        _exit(wait_for(test));

    alarm(SECONDS_MAX);
    return run(argc, argv);
}

unsigned sandbox_processes(void)
{
    g_autoptr(GDir) proc = g_dir_open("/proc", 0, NULL);
    unsigned n = 0;

    for (const char *name; (name = g_dir_read_name(proc));)
        if (g_ascii_isdigit(name[0]))
            n++;
    return n - 2;
}
