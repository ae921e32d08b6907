/* SPDX-License-Identifier: MIT */
#pragma once

/* Commands and replies, line by line, between a pair of pipes and a socket: passed on as they come.
 */

/* How it ended, if nothing failed. */
enum {
    PUMP_E_CLOSED = 1, /* the socket's other end closed it with commands to come, or unanswered */
};

/**
 * pump_run() - pass on what comes from @in to @socket, and what comes from there to @out
 * @in, @out: of any kind; they may block
 * @socket: a stream socket
 *
 * At the end of @in the socket is closed for writing, and what still comes from it is passed on to
 * its end, which is early if there are fewer lines than of commands. While @out takes nothing,
 * nothing is read; while the socket takes nothing, replies are passed on all the same.
 *
 * Return: 0 when both have ended in this order, PUMP_E_CLOSED, or a negative errno.
 */
int pump_run(int in, int out, int socket);
