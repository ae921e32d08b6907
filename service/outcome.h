/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Why something that was asked for will not be done, in the service's own terms: an outcome, which
 * callers can tell apart, and a message for the person who asked. bus-error.h turns it into a D-Bus
 * error.
 *
 * Functions return 0 for success, a positive outcome that they filled a Failure with, or a negative
 * errno, which is fatal to the operation and says nothing about the request.
 */

typedef enum Outcome {
    OUTCOME_OK = 0,
    OUTCOME_INVALID_ARGS, /* an argument is wrong; the message says which, its value, and what would
                             be right */
    OUTCOME_NOT_SUPPORTED,  /* a right argument for something that this service cannot do */
    OUTCOME_ACCESS_DENIED,  /* the caller may not */
    OUTCOME_AUTHENTICATION, /* the caller might, if its user authenticated, for which the call did
                               not let anybody ask, or there was nobody to ask */
    OUTCOME_HOST_RESOLVE,   /* the host has no address of the wanted IP version */
    OUTCOME_PROCESS, /* mtr-packet cannot be started, cannot send, or was lost with this request in
                        flight */
    OUTCOME_STATE,   /* not now: the service is stopping */
    OUTCOME_CANCELLED,       /* ended before there was an answer */
    OUTCOME_LIMITS_EXCEEDED, /* more than one user may have of something */
    OUTCOME_NO_MEMORY,
} Outcome;

#define OUTCOME_LAST OUTCOME_NO_MEMORY

/*
 * A message is printable ASCII, whatever it quotes: it goes to terminals and logs, and D-Bus
 * refuses strings that are not UTF-8. One too long for its place ends in "...".
 */
#define FAILURE_MESSAGE_MAX 384

typedef struct Failure {
    Outcome outcome;
    char message[FAILURE_MESSAGE_MAX];
} Failure;

/**
 * failure_set() - fill in a failure
 * @failure: filled in
 * @outcome: what happened, not OUTCOME_OK
 * @format: printf format of the message. Strings that came from outside go through QUOTE().
 *
 * Return: @outcome, so that a function can end with `return failure_set(...)`.
 */
int failure_set(Failure *failure, Outcome outcome, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Enough for 64 shown bytes of four characters each, two quotes, dots and the end. */
#define QUOTE_SHOWN 64 /* bytes, of what is longer */
#define QUOTE_SIZE (QUOTE_SHOWN * 4 + 6)

/**
 * quote() - make a string from outside fit to be shown
 * @buffer: QUOTE_SIZE bytes, filled in
 * @value: any bytes up to a NUL
 *
 * Everything but printable ASCII becomes \xNN, and more than QUOTE_SHOWN bytes are cut with dots,
 * so that no caller can put lines or terminal sequences into messages and logs.
 *
 * Return: @buffer.
 */
const char *quote(char buffer[static QUOTE_SIZE], const char *value);

/* quote() with a buffer that lives as long as the enclosing block. */
#define QUOTE(value) quote((char[QUOTE_SIZE]){0}, (value))
