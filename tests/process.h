/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Programs that a test runs, and processes that it looks at.
 */

#include <glib.h>

/** fixture_spawn() - start a program; its stderr is the test's */
GPid fixture_spawn(const char *const argv[]);

/**
 * fixture_command() - run a program to its end
 * @ret_out, @ret_err: what it wrote, to be freed; or NULL
 *
 * Return: its exit status.
 */
int fixture_command(const char *const argv[], char **ret_out, char **ret_err);

/** process_wait() - wait until a process that is not our child has ended and was reaped, twenty
 * seconds at most */
void process_wait(GPid pid);

/** process_status() - the value of @key in /proc/PID/status, to be freed, or NULL */
char *process_status(GPid pid, const char *key);

/** assert_status() - check that the value of @key in /proc/PID/status is this one */
void assert_status(GPid pid, const char *key, const char *expected);

/** process_children() - the children of a process, in the order they were started; returns how
 * many, @max at most */
unsigned process_children(GPid pid, GPid *ret, unsigned max);

/** process_child() - the only child of a process */
GPid process_child(GPid pid);

/** process_descriptors() - how many descriptors a process has */
unsigned process_descriptors(GPid pid);

/** process_ticks() - how long a process has been running on a processor, in hundredths of a second
 */
guint64 process_ticks(GPid pid);
