/* SPDX-License-Identifier: MIT */

#include "process.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

GPid fixture_spawn(const char *const argv[])
{
    g_autoptr(GError) error = NULL;
    GPid pid;

    g_spawn_async(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD, NULL,
                  NULL, &pid, &error);
    g_assert_no_error(error);
    return pid;
}

int fixture_command(const char *const argv[], char **ret_out, char **ret_err)
{
    g_autoptr(GError) error = NULL;
    int status;

    g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, ret_out, ret_err,
                 &status, &error);
    g_assert_no_error(error);
    if (!WIFEXITED(status)) {
        g_autofree char *command = g_strjoinv(" ", (char **)argv);

        g_error("%s: ended by signal %d: %s", command, WTERMSIG(status), ret_err ? *ret_err : "");
    }
    return WEXITSTATUS(status);
}

void process_wait(GPid pid)
{
    struct pollfd poll_fd = {.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN};
    gint64 end = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;

    if (poll_fd.fd < 0) {
        g_assert_cmpint(errno, ==, ESRCH);
        return;
    }
    g_assert_cmpint(poll(&poll_fd, 1, 10000), ==, 1);
    close(poll_fd.fd);

    /* Whoever reaps it does so in a moment, and tells nobody. */
    while (kill(pid, 0) == 0) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_thread_yield();
    }
}

char *process_status(GPid pid, const char *key)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/status", pid);
    g_autofree char *prefix = g_strdup_printf("%s:", key);
    g_autofree char *contents = NULL;
    g_auto(GStrv) lines = NULL;

    g_assert_true(g_file_get_contents(path, &contents, NULL, NULL));
    lines = g_strsplit(contents, "\n", -1);
    for (char **line = lines; *line; line++)
        if (g_str_has_prefix(*line, prefix))
            return g_strdup(g_strstrip(*line + strlen(prefix)));
    return NULL;
}

void assert_status(GPid pid, const char *key, const char *expected)
{
    g_autofree char *value = process_status(pid, key);

    if (g_strcmp0(value, expected) != 0)
        g_error("process %d has %s %s, where %s was expected", pid, key, value, expected);
}

unsigned process_children(GPid pid, GPid *ret, unsigned max)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/task/%d/children", pid, pid);
    g_autofree char *contents = NULL;
    g_auto(GStrv) children = NULL;
    unsigned n = 0;

    g_assert_true(g_file_get_contents(path, &contents, NULL, NULL));
    children = g_strsplit(g_strstrip(contents), " ", -1);
    for (char **child = children; *child && **child && n < max; child++)
        ret[n++] = (GPid)g_ascii_strtoll(*child, NULL, 10);
    return n;
}

GPid process_child(GPid pid)
{
    GPid children[2];

    g_assert_cmpuint(process_children(pid, children, 2), ==, 1);
    return children[0];
}

unsigned process_descriptors(GPid pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/fd", pid);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    unsigned n = 0;

    g_assert_nonnull(dir);
    while (g_dir_read_name(dir))
        n++;
    return n;
}

guint64 process_ticks(GPid pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/stat", pid);
    g_autofree char *stat = NULL;
    g_auto(GStrv) words = NULL;

    g_assert_true(g_file_get_contents(path, &stat, NULL, NULL));
    words = g_strsplit(strrchr(stat, ')') + 2, " ", 15); /* from the third field on */
    return g_ascii_strtoull(words[11], NULL, 10) + g_ascii_strtoull(words[12], NULL, 10);
}
