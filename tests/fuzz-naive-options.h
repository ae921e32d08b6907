/* SPDX-License-Identifier: MIT */
#pragma once

#include <systemd/sd-bus.h>

#include "probe-options.h"
#include "stream-options.h"

/**
 * naive_check_probe_options() - check that options are just what a message says
 * @message: whose next element is the a{sv} that they were read from
 * @outcome: what probe_options_read() returned
 * @options: what it filled in if that was 0
 *
 * It is a second reading of the message, see fuzz-naive.h. What is right is not refused, each
 * option has the value that the message says, and those that it does not mention have their
 * default.
 */
void naive_check_probe_options(sd_bus_message *message, int outcome, const ProbeOptions *options);

/** naive_check_stream_options() - the same of stream_options_read() */
void naive_check_stream_options(sd_bus_message *message, int outcome, const StreamOptions *options);
