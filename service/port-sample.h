/* SPDX-License-Identifier: MIT */
#pragma once

/* How many of some TCP ports are in use on this machine, by a sample. */

#include <stdint.h>

/**
 * port_sample() - the share of ports that somebody has
 * @first, @last: the ports
 *
 * Those that the kernel keeps for a while after a connection has ended count too. Takes about a
 * millisecond.
 *
 * Return: from 0 for none to 1 for all of those that were looked at.
 */
double port_sample(uint16_t first, uint16_t last);
