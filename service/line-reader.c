/* SPDX-License-Identifier: MIT */

#include "line-reader.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

static ssize_t read_some(LineReader *reader)
{
    size_t space;
    char *place = line_buffer_space(&reader->buffer, &space);
    ssize_t n;

    do
        n = read(reader->fd, place, space);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

static int on_readable(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    LineReader *reader = userdata;
    const LineReaderEvents *events = reader->events;
    size_t length;
    char *line;
    ssize_t n;
    int r;

    n = read_some(reader);
    if (n == -EAGAIN)
        return 0;
    if (n <= 0) {
        (void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
        events->ended(reader->userdata);
        return 0;
    }

    *reader->n_read += (uint64_t)n;
    line_buffer_fill(&reader->buffer, (size_t)n);
    while ((r = line_buffer_next(&reader->buffer, &line, &length)) == 0)
        if (!events->line(reader->userdata, line, length))
            return 0;

    if (r == LINE_BUFFER_E_TOO_LONG)
        events->too_long(reader->userdata);
    else
        events->drained(reader->userdata);
    return 0;
}

int line_reader_init(LineReader *reader, sd_event *event, int64_t priority, int fd,
                     uint64_t *n_read, const LineReaderEvents *events, void *userdata)
{
    int r;

    reader->fd = fd;
    reader->events = events;
    reader->userdata = userdata;
    reader->n_read = n_read;
    line_buffer_init(&reader->buffer, LINE_BUFFER_LINE_MAX);

    r = sd_event_add_io(event, &reader->source, fd, EPOLLIN, on_readable, reader);
    if (r >= 0)
        r = sd_event_source_set_priority(reader->source, priority);
    return r < 0 ? r : 0;
}

void line_reader_deinit(LineReader *reader)
{
    reader->source = sd_event_source_disable_unref(reader->source);
}
