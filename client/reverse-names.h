/* SPDX-License-Identifier: MIT */
#pragma once

/* The names that addresses have, as the system's resolver says. None is waited for longer than two
 * seconds. */

#include <stdbool.h>

#include <systemd/sd-event.h>

#define REVERSE_NAME_WAIT_USEC (2 * 1000 * 1000ULL)

typedef struct ReverseNames ReverseNames;

/**
 * reverse_names_new() - make one that knows none
 * @changed: called from the event loop when one that was asked for is known, or is not waited for
 * any more
 *
 * Return: 0 or a negative errno.
 */
int reverse_names_new(ReverseNames **ret, sd_event *event, void (*changed)(void *userdata),
                      void *userdata);

/** reverse_names_is_running() - whether there are look-ups that run, waited for or not */
bool reverse_names_is_running(const ReverseNames *names);

/** reverse_names_free() - forget them; look-ups that still run go with the process. Return: NULL.
 */
ReverseNames *reverse_names_free(ReverseNames *names);

/** reverse_names_ask() - have an address's name looked up, unless it has been. What cannot be
 * looked up has no name. */
void reverse_names_ask(ReverseNames *names, const char *address);

/** reverse_names_is_awaited() - whether an address that was asked for may still get a name */
bool reverse_names_is_awaited(const ReverseNames *names, const char *address);

/** reverse_names_get() - an address's name, or NULL where none is known */
const char *reverse_names_get(const ReverseNames *names, const char *address);
