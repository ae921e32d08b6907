/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * How much one user may have of the service, and all together, and how much of it goes to
 * mtr-packet at once: the administrator's to say, by options of the service. One table has the
 * names, ranges, defaults and the text of --help.
 */

#include "outcome.h"

typedef struct Limits {
    unsigned user_probes;          /* that a user has waiting or in flight; root is free of it */
    unsigned user_rate;            /* probes a second; root is free of it */
    unsigned user_burst;           /* probes at once, after a rest */
    unsigned user_lookups;         /* names of a user that are looked up at a time; root's too */
    unsigned user_lookups_waiting; /* names that wait for that; root's too */
    unsigned lookups;              /* names of all users that are looked up at a time */
    unsigned user_streams;         /* that a user has open; root is free of it */
    unsigned streams;              /* and all users, with root */
    unsigned probes_waiting;       /* of root, and of all others together */
    unsigned burst;                /* probes given to an mtr-packet at once, see pace.h */
    unsigned answer_timeout; /* seconds in which polkit must answer: it stands still for 15 now
                                and then, which is how long it lets a rule run */
    unsigned prompt_timeout; /* and the user whom it asks to authenticate */
} Limits;

/** limits_init() - the defaults */
void limits_init(Limits *limits);

/**
 * limits_name() - the name of a limit's option, without dashes
 * @number: from 0
 *
 * Return: static, or NULL behind the last.
 */
const char *limits_name(unsigned number);

/**
 * limits_set() - set a limit as its option says
 * @number: which one, as limits_name() counts
 * @text: a decimal number
 * @failure: filled in on a positive return
 *
 * Return: 0, or OUTCOME_INVALID_ARGS if it is no number or out of the limit's range.
 */
int limits_set(Limits *limits, unsigned number, const char *text, Failure *failure);

/** limits_help() - print the part of --help that describes them */
void limits_help(void);
