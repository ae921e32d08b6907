/* SPDX-License-Identifier: MIT */
#pragma once

/* stdin, stdout and stderr, which whoever starts a program may have closed. */

#include <stdbool.h>

/**
 * descriptors_fill() - have all three, first thing in main()
 *
 * One that is closed would be the next descriptor that is opened, and what is printed would go into
 * a pipe or a socket of ours. It is opened the wrong way round, so reading and writing fail as
 * before.
 *
 * Return: whether they are there.
 */
bool descriptors_fill(void);
