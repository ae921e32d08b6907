/* SPDX-License-Identifier: MIT */
#pragma once

/* What mtrpacketctl prints as JSON: objects that say which kind they are, and of which schema. */

#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

/* Goes up when a program that reads the documents would have to be changed; new keys do not. */
#define DOCUMENT_SCHEMA 1

typedef enum JsonMode {
    JSON_OFF,
    JSON_SHORT,  /* one line */
    JSON_PRETTY, /* indented */
} JsonMode;

/* A moment by both clocks: one can be shown to people, the other be subtracted. In microseconds. */
typedef struct Moment {
    uint64_t realtime;  /* since 1970 */
    uint64_t monotonic; /* CLOCK_MONOTONIC */
} Moment;

/** moment_now() - what time it is */
Moment moment_now(void);

/** moment_to_json() - it as an object. Return: a new reference, or NULL if memory is out. */
json_t *moment_to_json(const Moment *moment);

/**
 * document_new() - begin a document
 * @kind: what it is, a word
 * @started, @ended: when the service was asked, and when it answered
 *
 * Return: a new reference, or NULL if memory is out.
 */
json_t *document_new(const char *kind, const Moment *started, const Moment *ended);

/**
 * document_write() - write a document, and a newline
 * @document: its reference is taken over; NULL says that memory ran out
 * @mode: not JSON_OFF
 *
 * Return: 0 or a negative errno.
 */
int document_write(json_t *document, JsonMode mode, FILE *file);
