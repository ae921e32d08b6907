/* SPDX-License-Identifier: MIT */
#pragma once

/* How a stream is opened: the a{sv} of OpenStream, read and checked. Pure: it reads a message, and
 * knows no bus. */

#include <stdbool.h>

#include <systemd/sd-bus.h>

#include "outcome.h"

typedef struct StreamOptions {
    bool mark; /* ask for the authorisation to set marks now */
} StreamOptions;

/**
 * stream_options_read() - read the options argument of OpenStream
 * @ret: the options, only on success
 * @message: a message whose next element is an a{sv}
 * @failure: filled in on a positive return; its message names the key, the value and what would be
 * right
 *
 * Return: 0; OUTCOME_INVALID_ARGS for an unknown key, a key given twice, or a wrong type; negative
 * errno if the message cannot be read.
 */
int stream_options_read(StreamOptions *ret, sd_bus_message *message, Failure *failure);
