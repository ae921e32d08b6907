/* SPDX-License-Identifier: MIT */
#pragma once

/* Programs that a test runs as a user: an unprivileged one without any capability, or root. */

#include <sys/types.h>

#include "stream-client.h"

/**
 * user_command() - run a program to its end as user @uid
 * @environment: "NAME=VALUE" to be set, or NULL
 * @ret_out, @ret_err: what it wrote, to be freed; or NULL
 *
 * Return: its exit status.
 */
int user_command(uid_t uid, const char *environment, const char *const argv[], char **ret_out,
                 char **ret_err);

/**
 * user_spawn() - start a program as user @uid, and talk to it
 * @client: over its stdin and stdout
 * @ret_err: a descriptor of what it writes to stderr, to be closed; or NULL, when that is the
 *   test's
 *
 * Return: the process, to be waited for.
 */
GPid user_spawn(uid_t uid, const char *const argv[], StreamClient *client, int *ret_err);

/** user_wait() - wait until it ends by itself, and return its wait status */
int user_wait(GPid pid);
