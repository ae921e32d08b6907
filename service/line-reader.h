/* SPDX-License-Identifier: MIT */
#pragma once

/* Lines from a descriptor, as they come. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#include "line-buffer.h"

typedef struct LineReaderEvents {
    /* A line, which may be changed, and lives until this returns. False: read no further; the
     * reader may be gone. */
    bool (*line)(void *userdata, char *line, size_t length);
    /* All lines that there were have been told. */
    void (*drained)(void *userdata);
    /* A line was longer than LINE_BUFFER_LINE_MAX: what follows makes no sense. */
    void (*too_long)(void *userdata);
    /* There will be no more lines. Told once. */
    void (*ended)(void *userdata);
} LineReaderEvents;

typedef struct LineReader {
    int fd; /* borrowed; does not block */
    const LineReaderEvents *events;
    void *userdata;
    uint64_t *n_read; /* bytes read are added up here */
    sd_event_source *source;
    LineBuffer buffer;
} LineReader;

/**
 * line_reader_init() - begin to read from @fd
 * @priority: see sd_event_source_set_priority()
 * @n_read: where the bytes read are added up; borrowed
 * @events, @userdata: who is told, from the event loop; borrowed
 *
 * Return: 0 or a negative errno; either way line_reader_deinit() cleans up.
 */
int line_reader_init(LineReader *reader, sd_event *event, int64_t priority, int fd,
                     uint64_t *n_read, const LineReaderEvents *events, void *userdata);

/** line_reader_deinit() - read no more; copes with a reader of zeros, and with being called by an
 * event */
void line_reader_deinit(LineReader *reader);
