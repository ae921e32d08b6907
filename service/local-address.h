/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Whether a source address is this machine's own: mtr-packet sends with whatever source it is told.
 * And whether it is in use: if not, mtr-packet (0.95) tries to bind a TCP probe to each of its
 * ports in turn, and does nothing else for a quarter of a second.
 */

#include "outcome.h"
#include "probe-target.h"

/**
 * local_address_check() - may probes be sent from this address?
 * @address: an IPv4 or IPv6 address
 * @failure: filled in on a positive return
 *
 * It may if it is loopback, if the kernel itself would send from it to itself, or if it is on an
 * interface; and if a socket can be bound to it, which it cannot to an IPv6 address that may be a
 * duplicate. (That it can alone says nothing: it can to multicast and broadcast addresses, and
 * under ip_nonlocal_bind to any.) No packet is sent for this.
 *
 * Return: 0, OUTCOME_INVALID_ARGS, or a negative errno if that cannot be found out.
 */
int local_address_check(const ProbeTarget *address, Failure *failure);

/**
 * local_address_check_target() - may probes be sent from this address to that one?
 * @address: as local_address_check() let it pass, of the target's IP version
 * @target: where the probe goes
 * @failure: filled in on a positive return
 *
 * From a loopback address only to this machine's own: the kernel does not look at what mtr-packet
 * sends, and would put it on the wire.
 *
 * Return: 0, OUTCOME_INVALID_ARGS, or a negative errno if that cannot be found out.
 */
int local_address_check_target(const ProbeTarget *address, const ProbeTarget *target,
                               Failure *failure);
