/* SPDX-License-Identifier: MIT */
#pragma once

/* The entries of an a{sv}, one after the other: how the options of every method are read. Pure. */

#include <systemd/sd-bus.h>

#include "outcome.h"

/**
 * option_entry_t - read one entry
 * @message: whose next element is the variant
 * @name: the key
 * @failure: filled in on a positive return
 *
 * Return: 0, a positive outcome or a negative errno, which both end the reading.
 */
typedef int (*option_entry_t)(sd_bus_message *message, const char *name, void *userdata,
                              Failure *failure);

/**
 * option_entries_read() - read all of them
 * @message: a message whose next element is an a{sv}
 * @read, @userdata: called for each, in their order
 * @failure: filled in on a positive return
 *
 * Return: 0, or what @read returned, or a negative errno if the message cannot be read.
 */
int option_entries_read(sd_bus_message *message, option_entry_t read, void *userdata,
                        Failure *failure);
