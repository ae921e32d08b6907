/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What is behind a stream's requests, for its fuzzer: stand-ins, at link time, for the scheduler
 * and its mtr-packets, polkit, and the machine's addresses and routes. They answer as they are
 * told: at once or later, yes or no, in any order.
 */

#include <stdbool.h>
#include <stddef.h>

#include "caller.h"

/* How the next ones are answered. */
typedef struct BehindModes {
    char grant;  /* y: yes; n: denied; e: cannot be asked; else later */
    char submit; /* y: with a reply; n: with a failure; e: out of memory; else later */
    char source; /* n: not this machine's; e: cannot be found out; else yes */
    char route;  /* n: there is none; else there is one */
} BehindModes;

extern BehindModes behind_modes;

/* Called with each reply line, without its newline, that must come. */
extern void (*behind_says)(const char *line);

/** behind_grant() - say yes or no to one who waits for polkit, the first or the last; false if
 * nobody does */
bool behind_grant(bool first, bool yes);

/** behind_reply() - answer a command that waits for mtr-packet, the first or the last, as the
 * letter says; also one that nobody wants to know of any more. False if there is none */
bool behind_reply(bool first, char letter);

/** callers_hold() and callers_release() of this one count here */
extern unsigned behind_n_busy;
