/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Bytes on their way to a descriptor that may be full. What it does not take at once waits here,
 * and goes out when the event loop says that there is room: a full pipe is a state, not a place to
 * block.
 */

#include <stdbool.h>
#include <stddef.h>

#include <systemd/sd-event.h>

/** write_queue_broken_t - nobody reads any more: all that waits, and all that follows, is dropped;
 * told once */
typedef void (*write_queue_broken_t)(void *userdata);

/** write_queue_written_t - what waited has been written; not called for what never had to wait */
typedef void (*write_queue_written_t)(void *userdata);

typedef struct WriteQueue {
    int fd; /* borrowed; does not block */
    write_queue_written_t written;
    write_queue_broken_t broken;
    void *userdata;
    bool is_broken;
    bool is_full;            /* the descriptor takes no more now */
    sd_event_source *source; /* for room while something waits, and for the end always */
    char *data;
    size_t length, size; /* bytes that wait, and that `data` has room for */
} WriteQueue;

/**
 * write_queue_init() - begin to write to @fd
 * @written: called from the loop
 * @broken: called when the other end is closed, perhaps from within write_queue_flush()
 *
 * Return: 0 or a negative errno; either way write_queue_deinit() cleans up.
 */
int write_queue_init(WriteQueue *queue, sd_event *event, int fd, write_queue_written_t written,
                     write_queue_broken_t broken, void *userdata);

/** write_queue_deinit() - forget what waits; copes with a queue of zeros */
void write_queue_deinit(WriteQueue *queue);

/**
 * write_queue_reserve() - room for @size further bytes
 *
 * Return: where to write them, then call write_queue_commit(); or NULL if memory is out.
 */
char *write_queue_reserve(WriteQueue *queue, size_t size);

/** write_queue_commit() - @size bytes stand in the room reserved: they follow what waits, and go
 * out with the next write_queue_flush() */
void write_queue_commit(WriteQueue *queue, size_t size);

/** write_queue_flush() - write what waits: one write for many commits */
void write_queue_flush(WriteQueue *queue);
