/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What a call leaves to be answered later. The call itself may be large, in header fields that some
 * buses let through and nobody reads, and a caller has many that wait: so it is not kept.
 */

#include <systemd/sd-bus.h>

/**
 * call_stub_new() - make a message to which can be replied as to the call
 * @ret: the stub: sender, flags and cookie of the call, without its arguments
 * @call: as it came over the bus
 *
 * Return: 0 or a negative errno.
 */
int call_stub_new(sd_bus_message **ret, sd_bus_message *call);
