/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the service itself may do: nothing but hand CAP_NET_RAW to mtr-packet. It is never root, and
 * has no capability in effect; that limits mistakes, though not somebody who runs code in it and
 * could raise the one that is permitted.
 */

/**
 * privileges_drop() - become the service's user, with CAP_NET_RAW permitted and nothing else, and
 * not to be traced by that user's other processes
 * @user: the user to become if started as root; as any other user the service stays who it is
 *
 * Call it before anything else: no thread, no child, no connection.
 *
 * Return: 0, or a negative errno, which was logged: no such user, @user is root too, or CAP_NET_RAW
 * is missing.
 */
int privileges_drop(const char *user);
