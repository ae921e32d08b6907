/* SPDX-License-Identifier: MIT */

#include "write-queue.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* Nobody reads any more, and nobody will. */
static void give_up(WriteQueue *queue)
{
    queue->length = 0;
    if (queue->is_broken)
        return;

    queue->is_broken = true;
    (void)sd_event_source_set_enabled(queue->source, SD_EVENT_OFF);
    queue->broken(queue->userdata);
}

static void write_some(WriteQueue *queue)
{
    ssize_t n;

    do
        n = write(queue->fd, queue->data, queue->length);
    while (n < 0 && errno == EINTR);

    if (n < 0 && errno != EAGAIN) {
        give_up(queue);
        return;
    }
    if (n > 0) {
        queue->length -= (size_t)n;
        memmove(queue->data, queue->data + n, queue->length);
    }
    if (queue->is_full == (queue->length > 0))
        return;
    queue->is_full = queue->length > 0;
    (void)sd_event_source_set_io_events(queue->source, queue->is_full ? EPOLLOUT : 0);
}

static int on_event(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    WriteQueue *queue = userdata;

    if (revents & (EPOLLERR | EPOLLHUP)) {
        give_up(queue);
        return 0;
    }

    write_some(queue);
    if (!queue->is_full && !queue->is_broken)
        queue->written(queue->userdata);
    return 0;
}

int write_queue_init(WriteQueue *queue, sd_event *event, int fd, write_queue_written_t written,
                     write_queue_broken_t broken, void *userdata)
{
    int r;

    *queue = (WriteQueue){.fd = fd, .written = written, .broken = broken, .userdata = userdata};

    /* For no event but those that always come: a reader that is gone is seen without writing to it.
     */
    r = sd_event_add_io(event, &queue->source, fd, 0, on_event, queue);
    return r < 0 ? r : 0;
}

void write_queue_deinit(WriteQueue *queue)
{
    queue->source = sd_event_source_disable_unref(queue->source);
    free(queue->data);
    queue->data = NULL;
    queue->length = queue->size = 0;
}

char *write_queue_reserve(WriteQueue *queue, size_t size)
{
    size_t needed = queue->length + size;

    if (needed > queue->size) {
        char *larger = realloc(queue->data, 2 * needed);

        if (!larger)
            return NULL;
        queue->data = larger;
        queue->size = 2 * needed;
    }
    return queue->data + queue->length;
}

void write_queue_commit(WriteQueue *queue, size_t size)
{
    queue->length += size;
}

void write_queue_flush(WriteQueue *queue)
{
    if (queue->is_broken)
        queue->length = 0;
    else if (queue->length > 0 && !queue->is_full)
        write_some(queue);
}
