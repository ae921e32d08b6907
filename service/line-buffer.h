/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Bytes in, lines out, bounded. The mtr-packet protocol is one line per command or reply, but a
 * pipe delivers bytes in pieces of any size. Pure: whoever owns the descriptor reads into the space
 * that the buffer offers.
 */

#include <stddef.h>

/* No line may have more bytes than this before its newline; mtr-packet's own buffer is no larger.
 */
#define LINE_BUFFER_LINE_MAX 4096

/* Outcomes of line_buffer_next() */
enum {
    LINE_BUFFER_E_EMPTY = 1, /* no whole line yet: read more */
    LINE_BUFFER_E_TOO_LONG,  /* more bytes without a newline than a line may have */
};

typedef struct LineBuffer {
    size_t begin;   /* first byte not yet handed out */
    size_t scanned; /* bytes before this one were searched for a newline, so no byte is searched
                       twice */
    size_t end;     /* first free byte */
    size_t line_max;
    char data[4 * LINE_BUFFER_LINE_MAX];
} LineBuffer;

/** line_buffer_init() - empty the buffer; a line may have @line_max bytes, LINE_BUFFER_LINE_MAX at
 * most */
void line_buffer_init(LineBuffer *buffer, size_t line_max);

/**
 * line_buffer_space() - where the next bytes go
 * @buffer: whose lines were all taken with line_buffer_next(), until it said LINE_BUFFER_E_EMPTY
 * @ret_size: how many bytes fit; never 0
 *
 * Lines handed out before are gone with this call.
 *
 * Return: the place to write to; tell line_buffer_fill() how many came.
 */
char *line_buffer_space(LineBuffer *buffer, size_t *ret_size);

/** line_buffer_fill() - @size bytes were written to the space that line_buffer_space() gave */
void line_buffer_fill(LineBuffer *buffer, size_t size);

/**
 * line_buffer_next() - take the next line
 * @buffer: the buffer
 * @ret_line: the line, its newline replaced by NUL; the caller may change it, and it lives until
 * the next line_buffer_space()
 * @ret_length: its bytes without the NUL at its end. A NUL inside counts as any byte, so compare
 * with strlen().
 *
 * Return: 0, LINE_BUFFER_E_EMPTY or LINE_BUFFER_E_TOO_LONG, which stays until line_buffer_init() or
 * line_buffer_discard().
 */
int line_buffer_next(LineBuffer *buffer, char **ret_line, size_t *ret_length);

/** line_buffer_discard() - go on behind as many bytes as are too long for a line, after
 * LINE_BUFFER_E_TOO_LONG */
void line_buffer_discard(LineBuffer *buffer);
