/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What one process has used of its numbers, see numbers.h: each probe takes one, and now and then
 * it is looked whether it is where it should be among them.
 */

#include <stdbool.h>
#include <sys/types.h>

#include <systemd/sd-event.h>

#include "number-sight.h"
#include "numbers.h"
#include "packet-protocol.h"

typedef struct NumberUse {
    Numbers numbers;
    pid_t pid;            /* the process's, for messages */
    unsigned n_used;      /* over its whole life */
    unsigned n_used_then; /* when it was last looked where it is */
    unsigned n_looks;     /* these take a number too, of the spare ones */
    NumberSight sight;
} NumberUse;

/** number_use_init() - begin; @numbers is copied */
void number_use_init(NumberUse *use, const Numbers *numbers);

/** number_use_deinit() - look no more */
void number_use_deinit(NumberUse *use);

/** number_use_count() - the process was given a command that takes a number */
void number_use_count(NumberUse *use);

/** number_use_end() - it has none left, however many it was given */
void number_use_end(NumberUse *use);

/** number_use_is_up() - whether it must not be given another probe */
bool number_use_is_up(const NumberUse *use);

/** number_use_has_spare() - whether it may be given a probe again that it had */
bool number_use_has_spare(const NumberUse *use);

/** number_use_total() - how many numbers it has used, those of looks too */
unsigned number_use_total(const NumberUse *use);

/**
 * number_use_look() - look where the process is, if it is time to
 * @priority: see number_sight_begin()
 *
 * It is if its numbers are its own: at first, whether it has skipped those that are not, and then
 * now and then. One that is out of its range has none left.
 *
 * Return: a command to be given to it, which lives as long as @use; number_use_looked() when it is
 * answered. NULL if there is nothing to do.
 */
const PacketCommand *number_use_look(NumberUse *use, sd_event *event, int64_t priority);

/** number_use_looked() - the command has been answered */
void number_use_looked(NumberUse *use);
