/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Starting mtr-packet: the one place where the service uses its capability, and only in the child.
 */

#include <sys/types.h>

#include "outcome.h"

/* mtr-packet watches its descriptors with select(), which ends at FD_SETSIZE. */
#define PACKET_SPAWN_NOFILE 1024

typedef struct PacketChild {
    pid_t pid;
    int stdin_fd;  /* commands; does not block */
    int stdout_fd; /* replies; does not block */
    int status_fd; /* see packet_spawn_status(); does not block */
} PacketChild;

/**
 * packet_spawn() - start a program as the service's mtr-packet
 * @ret: the child, only on success; its process and descriptors are the caller's
 * @command: a path, or a name without "/" that is searched in PATH; never a shell line
 * @failure: filled in on a positive return
 *
 * The child has pipes as its stdin and stdout, our stderr, no other descriptor, no blocked or
 * ignored signal, PATH as its whole environment, CAP_NET_RAW as its only capability (ambient, so
 * that it does not matter whether the file has capabilities of its own), and no way to gain others.
 * SIGPIPE must be ignored here.
 *
 * Success means that there is a process; whether it could become @command shows later.
 *
 * Return: 0, or OUTCOME_PROCESS.
 */
int packet_spawn(PacketChild *ret, const char *command, Failure *failure);

/**
 * packet_spawn_status() - why a child ended before it could become its program
 * @child: a child that has ended
 * @ret_step: what it could not do, static; only on success
 * @ret_error: the positive errno of that; only on success
 *
 * Return: 0 if it failed so, -ENODATA if it did become its program.
 */
int packet_spawn_status(const PacketChild *child, const char **ret_step, int *ret_error);
