/* SPDX-License-Identifier: MIT */
#pragma once

/* Text from outside, on its way to a terminal. */

#include <stdio.h>

/**
 * plain_text_print() - write text of which nothing acts on a terminal
 * @text: UTF-8
 *
 * Control characters, line ends too, and those that turn the direction of writing are written as
 * \xNN, byte by byte, as libsmartcols does in tables.
 */
void plain_text_print(const char *text, FILE *file);
