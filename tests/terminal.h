/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A terminal of 80 by 24, which is tmux's, and a user at it: an interactive shell with job control,
 * into which lines are typed, and a screen that can be looked at. Its prompt is "$ ". Programs that
 * the test has copied with fixture_program() are found by their names.
 */

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

typedef struct Terminal {
    uid_t uid;
    GPid server, shell; /* tmux's, and what runs in its window */
    char *device;       /* that of the terminal */
} Terminal;

/** terminal_open() - open one, and wait for the prompt */
void terminal_open(Terminal *terminal, uid_t uid);

/** terminal_type() - type a line, and Enter */
void terminal_type(const Terminal *terminal, const char *line);

/** terminal_start() - the same at the prompt, on an empty screen, and wait until it is seen there
 */
void terminal_start(const Terminal *terminal, const char *line);

/** terminal_key() - press a key, by tmux's name for it: "C-c" */
void terminal_key(const Terminal *terminal, const char *key);

/** terminal_colours() - what is on the screen now, up to its last line that has something, with the
 * escape sequences that tmux would draw it with; to be freed */
char *terminal_colours(const Terminal *terminal);

/**
 * terminal_wait() - look until the screen has a match of a pattern, of g_regex_new()
 *
 * Nothing tells that a screen has changed: it looks again and again. After a minute the test has
 * failed.
 *
 * Return: the screen, up to its last line that has something; to be freed.
 */
char *terminal_wait(const Terminal *terminal, const char *pattern);

/** terminal_wait_echo() - look until what is typed is shown, or no longer; a minute at most */
void terminal_wait_echo(const Terminal *terminal, bool echo);

/** terminal_finish() - wait until what was started has ended, and have the shell say its exit
 * status; the screen then, to be freed */
char *terminal_finish(const Terminal *terminal);

/** terminal_run() - terminal_start() and terminal_finish() */
char *terminal_run(const Terminal *terminal, const char *line);

/** terminal_close() - close it, and wait until its processes are gone */
void terminal_close(Terminal *terminal);
