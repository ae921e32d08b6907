/* SPDX-License-Identifier: MIT */
#pragma once

/* Who may do what. */

#include <sys/types.h>

#include "outcome.h"
#include "packet-protocol.h"

/**
 * authority_check() - may this user have this command carried out?
 * @uid: the caller's user
 * @command: what it asks for, already validated
 * @failure: filled in on a positive return
 *
 * For now only root may probe; what mtr-packet supports is told to everybody.
 *
 * Return: 0 if so, or OUTCOME_ACCESS_DENIED.
 */
int authority_check(uid_t uid, const PacketCommand *command, Failure *failure);
