/* SPDX-License-Identifier: MIT */
#pragma once

/* Who may do what. */

#include <sys/types.h>

#include "outcome.h"

/* What a caller may be allowed. */
typedef enum AuthorityAction {
    AUTHORITY_NOTHING, /* everybody may: mtr-packet is asked what it supports */
    AUTHORITY_PROBE,   /* to send probes */
} AuthorityAction;

/**
 * authority_check() - may this user do this?
 * @uid: the caller's user
 * @action: what a request needs, whose arguments were validated already
 * @failure: filled in on a positive return
 *
 * For now only root may probe; what mtr-packet supports is told to everybody.
 *
 * Return: 0 if so, or OUTCOME_ACCESS_DENIED.
 */
int authority_check(uid_t uid, AuthorityAction action, Failure *failure);
