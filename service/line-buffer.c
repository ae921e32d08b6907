/* SPDX-License-Identifier: MIT */

#include "line-buffer.h"

#include <assert.h>
#include <string.h>

void line_buffer_init(LineBuffer *buffer, size_t line_max)
{
    assert(line_max <= LINE_BUFFER_LINE_MAX);
    buffer->line_max = line_max;
    buffer->begin = buffer->scanned = buffer->end = 0;
}

char *line_buffer_space(LineBuffer *buffer, size_t *ret_size)
{
    /* At most one unfinished line is left here, so moving it to the front makes room and costs
     * little. */
    memmove(buffer->data, buffer->data + buffer->begin, buffer->end - buffer->begin);
    buffer->end -= buffer->begin;
    buffer->scanned -= buffer->begin;
    buffer->begin = 0;

    assert(buffer->end < sizeof(buffer->data));
    *ret_size = sizeof(buffer->data) - buffer->end;
    return buffer->data + buffer->end;
}

void line_buffer_fill(LineBuffer *buffer, size_t size)
{
    assert(size <= sizeof(buffer->data) - buffer->end);
    buffer->end += size;
}

int line_buffer_next(LineBuffer *buffer, char **ret_line, size_t *ret_length)
{
    char *line = buffer->data + buffer->begin;
    char *newline = memchr(buffer->data + buffer->scanned, '\n', buffer->end - buffer->scanned);
    size_t length;

    length = (newline ? newline : buffer->data + buffer->end) - line;
    if (length > buffer->line_max)
        return LINE_BUFFER_E_TOO_LONG;

    if (!newline) {
        buffer->scanned = buffer->end;
        return LINE_BUFFER_E_EMPTY;
    }

    *newline = '\0';
    buffer->begin = buffer->scanned = (size_t)(newline + 1 - buffer->data);
    *ret_line = line;
    *ret_length = length;
    return 0;
}

void line_buffer_discard(LineBuffer *buffer)
{
    assert(buffer->end - buffer->begin > buffer->line_max);
    buffer->begin += buffer->line_max + 1;
    buffer->scanned = buffer->begin;
}
