/* SPDX-License-Identifier: MIT */

#include "terminal.h"

#include <fcntl.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "process.h"
#include "user-program.h"

#define DIR "/run/terminal"
#define CONFIGURATION DIR "/tmux.conf"

/* Has the shell empty the screen. */
#define CLEAR "printf '\\033[H\\033[2J'"

#define COMMAND_MAX 24

/* How often the screen is looked at, and for how long. */
#define LOOK_USEC 50000
#define LOOKS_USEC (60 * G_USEC_PER_SEC)

/* Runs a command of tmux's, NULL-terminated. Returns what it says, to be freed. */
static char *tmux(const Terminal *terminal, const char *const command[])
{
    const char *argv[COMMAND_MAX] = {"tmux", "-u", "-f", CONFIGURATION, "-S", DIR "/socket"};
    unsigned n = 6;
    char *out, *err;

    for (; *command; command++) {
        g_assert_cmpuint(n, <, COMMAND_MAX - 1);
        argv[n++] = *command;
    }
    if (user_command(terminal->uid, NULL, argv, &out, &err) != 0)
        g_error("tmux %s: %s", argv[6], err);
    g_free(err);
    return out;
}

#define TMUX(terminal, ...) g_free(tmux((terminal), (const char *const[]){__VA_ARGS__, NULL}))

/* All 24 lines are the window's: none is for what tmux has to say. */
static void make_dir(uid_t uid)
{
    g_autofree char *owner = g_strdup_printf("%u", (unsigned)uid);
    const char *const install[] = {"install", "-d", "-m", "0700", "-o", owner, DIR, NULL};
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(fixture_command(install, NULL, NULL), ==, 0);
    g_file_set_contents(CONFIGURATION, "set -g status off\n", -1, &error);
    g_assert_no_error(error);
    g_assert_cmpint(chown(CONFIGURATION, uid, (gid_t)-1), ==, 0);
}

/* It is the last line, and nothing is typed there yet. */
static void wait_for_prompt(const Terminal *terminal)
{
    g_free(terminal_wait(terminal, "(^|\n)\\$$"));
}

/* What tmux knows of the window; to be freed. */
static char *get(const Terminal *terminal, const char *format)
{
    const char *const command[] = {"display-message", "-p", format, NULL};

    return g_strchomp(tmux(terminal, command));
}

static GPid get_pid(const Terminal *terminal, const char *format)
{
    g_autofree char *text = get(terminal, format);
    GPid pid = (GPid)g_ascii_strtoll(text, NULL, 10);

    g_assert_cmpint(pid, >, 1);
    return pid;
}

void terminal_open(Terminal *terminal, uid_t uid)
{
    *terminal = (Terminal){.uid = uid};
    make_dir(uid);
    TMUX(terminal, "new-session", "-d", "-x", "80", "-y", "24", "-c", "/", "env",
         "PATH=/run/programs:/usr/bin:/bin", "PS1=$ ", "ENV=", "LC_ALL=C", "sh", "-i");
    terminal->server = get_pid(terminal, "#{pid}");
    terminal->shell = get_pid(terminal, "#{pane_pid}");
    terminal->device = get(terminal, "#{pane_tty}");
    wait_for_prompt(terminal);
}

static void type(const Terminal *terminal, const char *text)
{
    TMUX(terminal, "send-keys", "-l", "--", text);
}

void terminal_type(const Terminal *terminal, const char *line)
{
    type(terminal, line);
    terminal_key(terminal, "Enter");
}

void terminal_key(const Terminal *terminal, const char *key)
{
    TMUX(terminal, "send-keys", key);
}

static char *capture(const Terminal *terminal, const char *option)
{
    const char *const command[] = {"capture-pane", "-p", option, NULL};
    g_autofree char *screen = tmux(terminal, command);

    return g_strconcat(g_strchomp(screen), "\n", NULL);
}

char *terminal_colours(const Terminal *terminal)
{
    return capture(terminal, "-e");
}

char *terminal_wait(const Terminal *terminal, const char *pattern)
{
    gint64 end = g_get_monotonic_time() + LOOKS_USEC;

    for (;;) {
        char *screen = capture(terminal, NULL);

        if (g_regex_match_simple(pattern, screen, 0, 0))
            return screen;
        if (g_get_monotonic_time() > end)
            g_error("no \"%s\" on the screen \"%s\"", pattern, screen);
        g_free(screen);
        g_usleep(LOOK_USEC);
    }
}

void terminal_wait_echo(const Terminal *terminal, bool echo)
{
    int fd = open(terminal->device, O_RDWR | O_NOCTTY | O_CLOEXEC);
    gint64 end = g_get_monotonic_time() + LOOKS_USEC;
    struct termios settings;

    g_assert_cmpint(fd, >=, 0);
    while (tcgetattr(fd, &settings) == 0 && !(settings.c_lflag & ECHO) == echo) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_usleep(LOOK_USEC / 10);
    }
    close(fd);
}

void terminal_start(const Terminal *terminal, const char *line)
{
    /* A prompt of before is not to be taken for the next one: there are always other words between
     * the two. */
    type(terminal, CLEAR);
    g_free(terminal_wait(terminal, "2J'$"));
    terminal_key(terminal, "Enter");
    g_free(terminal_wait(terminal, "^\\$$"));
    terminal_type(terminal, line);
    g_free(terminal_wait(terminal, "^\\$ ."));
}

char *terminal_finish(const Terminal *terminal)
{
    wait_for_prompt(terminal);
    terminal_type(terminal, "echo $?");
    return terminal_wait(terminal, "\n\\$ echo \\$\\?\n[0-9]+\n\\$$");
}

char *terminal_run(const Terminal *terminal, const char *line)
{
    terminal_start(terminal, line);
    return terminal_finish(terminal);
}

void terminal_close(Terminal *terminal)
{
    TMUX(terminal, "kill-server");
    process_wait(terminal->server);
    process_wait(terminal->shell);
    g_free(terminal->device);
}
