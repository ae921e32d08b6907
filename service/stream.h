/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The service's end of a socket that speaks mtr-packet's language (packet-command.h), with all of
 * the service behind it. Its commands are read in order; each is charged to the caller's user as a
 * call is, also one that is refused, and each send-probe and check-support becomes a request
 * (request.h), whose answer is the reply. What it waits for before it reads on:
 *
 *     READING   for bytes
 *     ROOM      until its user may have another command
 *     TOKEN     until its user has not sent too many a second
 *     WRITING   until whoever has the other end takes replies
 *     TURN      for others to have theirs: there are commands still
 *     ENDED     for nothing more: the other end has been closed for writing
 *
 * Once ENDED, with all replies given, it closes; so it does at once when nobody can read replies
 * any more, when too many are owed, and when its caller leaves the bus. A stream belongs to its
 * caller, and is one from the call of OpenStream on, without a socket until that is granted.
 */

#include <stdbool.h>

#include "authority.h"
#include "caller.h"
#include "grants.h"
#include "outcome.h"
#include "scheduler.h"

/* Probes of one stream in flight: beyond it says that they are exhausted, as mtr-packet does. */
#define STREAM_PROBES_MAX 1024

/**
 * stream_new() - a stream that is to be opened
 * @ret: the stream, which registers with @caller; only on success
 * @caller, @scheduler: borrowed
 *
 * Return: 0 or -ENOMEM.
 */
int stream_new(Stream **ret, Caller *caller, Scheduler *scheduler);

/**
 * stream_open() - open it, of a caller that has been granted it
 * @ret_fd: the other end, a blocking socket; only on success
 * @failure: filled in on a positive return
 *
 * Return: 0, OUTCOME_LIMITS_EXCEEDED, or a negative errno; where it is not 0, only stream_free()
 * may follow.
 */
int stream_open(Stream *stream, int *ret_fd, Failure *failure);

/** stream_end() - answer what is in flight with @failure, as far as that can be written at once,
 * and free; commands that have only been read are forgotten */
void stream_end(Stream *stream, const Failure *failure);

/** stream_free() - close it, and forget what is in flight; takes NULL, returns NULL */
Stream *stream_free(Stream *stream);

/**
 * stream_note_grant() - its caller has been granted an action
 *
 * Only what it had before it was opened, and by its user's authentication, is kept.
 */
void stream_note_grant(Stream *stream, AuthorityAction action, const GrantByUser *by_user);

/** stream_may() - whether one of its commands needs not be asked about, since the user has
 * authenticated for the action when the stream was opened, and there was no news since */
bool stream_may(const Stream *stream, AuthorityAction action);
