/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Bytes on their way to a descriptor that may be full. What it does not take at once waits here,
 * and goes out when the event loop says that there is room: a full pipe is a state, not a place to
 * block.
 */

#include <stddef.h>

#include <systemd/sd-event.h>

typedef struct WriteQueue {
    int fd;                  /* borrowed; does not block */
    sd_event_source *source; /* on only while something waits */
    char *data;
    size_t length, size; /* bytes that wait, and that `data` has room for */
} WriteQueue;

/**
 * write_queue_init() - begin to write to @fd
 *
 * Return: 0 or a negative errno; either way write_queue_deinit() cleans up.
 */
int write_queue_init(WriteQueue *queue, sd_event *event, int fd);

/** write_queue_deinit() - forget what waits; copes with a queue of zeros */
void write_queue_deinit(WriteQueue *queue);

/**
 * write_queue_reserve() - room for @size further bytes
 *
 * Return: where to write them, then call write_queue_commit(); or NULL if memory is out.
 */
char *write_queue_reserve(WriteQueue *queue, size_t size);

/**
 * write_queue_commit() - @size bytes stand in the room reserved: send them
 *
 * They follow what waits. If nobody reads any more they are dropped; the reader's end is seen
 * elsewhere.
 */
void write_queue_commit(WriteQueue *queue, size_t size);
