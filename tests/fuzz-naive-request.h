/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>

#include "packet-command.h"

/**
 * naive_check_request() - check that a request is just what a line says
 * @line: a command line, NUL behind it
 * @size: its bytes, of which some may be NUL
 * @request: what packet_request_parse() made of it; it is still there
 *
 * It is a second reading of the line, see fuzz-naive.h. A line with nothing wrong is not refused,
 * and each option has the value that stands there; any other is refused for something that is wrong
 * with it.
 */
void naive_check_request(const char *line, size_t size, const PacketRequest *request);
