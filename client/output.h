/* SPDX-License-Identifier: MIT */
#pragma once

/* stdout, written only as far as somebody reads it: the signals of ending.h are blocked, and could
 * not end a write. */

#include "ending.h"

/**
 * output_watch() - have stdout so from now on
 * @ending: where one of them comes while a reader is waited for, it is noted there, and writing
 *   fails; borrowed
 *
 * Return: 0 or a negative errno.
 */
int output_watch(Ending *ending);
