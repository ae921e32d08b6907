/* SPDX-License-Identifier: MIT */

#include <glib.h>
#include <string.h>

#include "line-buffer.h"

/* Puts SIZE bytes in, which must fit. */
static void fill(LineBuffer *buffer, const char *bytes, size_t size)
{
    size_t space;
    char *place = line_buffer_space(buffer, &space);

    g_assert_cmpuint(size, <=, space);
    memcpy(place, bytes, size);
    line_buffer_fill(buffer, size);
}

static void assert_line(LineBuffer *buffer, const char *expected)
{
    size_t length;
    char *line;

    g_assert_cmpint(line_buffer_next(buffer, &line, &length), ==, 0);
    g_assert_cmpstr(line, ==, expected);
    g_assert_cmpuint(length, ==, strlen(expected));
}

static void assert_empty(LineBuffer *buffer)
{
    size_t length;
    char *line;

    g_assert_cmpint(line_buffer_next(buffer, &line, &length), ==, LINE_BUFFER_E_EMPTY);
}

static void assert_too_long(LineBuffer *buffer)
{
    size_t length;
    char *line;

    g_assert_cmpint(line_buffer_next(buffer, &line, &length), ==, LINE_BUFFER_E_TOO_LONG);
}

/* Three lines, one of them empty, cut at every byte, and byte by byte: always the same lines. */
static void test_splits(void)
{
    static const char text[] = "1 reply ip-4 127.0.0.1\n\n22 no-reply\n";
    static const char *const lines[] = {"1 reply ip-4 127.0.0.1", "", "22 no-reply"};
    size_t size = strlen(text);
    g_autofree LineBuffer *buffer = g_new(LineBuffer, 1);

    for (size_t cut = 0; cut <= size; cut++) {
        unsigned n = 0;
        size_t length;
        char *line;

        line_buffer_init(buffer, LINE_BUFFER_LINE_MAX);
        fill(buffer, text, cut);
        while (line_buffer_next(buffer, &line, &length) == 0)
            g_assert_cmpstr(line, ==, lines[n++]);
        fill(buffer, text + cut, size - cut);
        while (line_buffer_next(buffer, &line, &length) == 0)
            g_assert_cmpstr(line, ==, lines[n++]);
        g_assert_cmpuint(n, ==, 3);
    }

    line_buffer_init(buffer, LINE_BUFFER_LINE_MAX);
    for (size_t i = 0, n = 0; i < size; i++) {
        fill(buffer, text + i, 1);
        if (text[i] == '\n')
            assert_line(buffer, lines[n++]);
        assert_empty(buffer);
    }
}

static void test_nul(void)
{
    g_autofree LineBuffer *buffer = g_new(LineBuffer, 1);
    size_t length;
    char *line;

    line_buffer_init(buffer, LINE_BUFFER_LINE_MAX);
    fill(buffer, "a\0b\n", 4);
    g_assert_cmpint(line_buffer_next(buffer, &line, &length), ==, 0);
    g_assert_cmpuint(length, ==, 3);
    g_assert_cmpmem(line, 4, "a\0b", 4);
}

/* The longest line passes, one byte more does not, whether its newline is there or not. */
static void test_limit(void)
{
    g_autofree LineBuffer *buffer = g_new(LineBuffer, 1);
    g_autofree char *longest = g_strnfill(LINE_BUFFER_LINE_MAX, 'x');

    line_buffer_init(buffer, LINE_BUFFER_LINE_MAX);
    fill(buffer, longest, LINE_BUFFER_LINE_MAX);
    assert_empty(buffer);
    fill(buffer, "\n", 1);
    assert_line(buffer, longest);
    assert_empty(buffer);

    fill(buffer, longest, LINE_BUFFER_LINE_MAX);
    assert_empty(buffer);
    fill(buffer, "x", 1);
    assert_too_long(buffer);
    assert_too_long(buffer);

    line_buffer_init(buffer, LINE_BUFFER_LINE_MAX);
    fill(buffer, "good\n", 5);
    fill(buffer, longest, LINE_BUFFER_LINE_MAX);
    fill(buffer, "x\n", 2);
    assert_line(buffer, "good");
    assert_too_long(buffer);
}

/* There is always space, however the lines fall: a buffer that stopped taking bytes would hang its
 * process. */
static void test_space(void)
{
    g_autofree LineBuffer *buffer = g_new(LineBuffer, 1);
    unsigned sent = 0, got = 0;

    line_buffer_init(buffer, LINE_BUFFER_LINE_MAX);
    for (unsigned round = 0; round < 1000; round++) {
        size_t space, length;
        char *place = line_buffer_space(buffer, &space), *line;

        g_assert_cmpuint(space, >, 0);
        for (size_t i = 0; i < space; i++)
            place[i] = sent++ % 4001 == 4000 ? '\n' : 'y';
        line_buffer_fill(buffer, space);

        while (line_buffer_next(buffer, &line, &length) == 0) {
            g_assert_cmpuint(length, ==, 4000);
            got++;
        }
    }
    g_assert_cmpuint(got, ==, sent / 4001);
}

/* What is too long for a line is dropped as it is; the next begins right behind it. */
static void test_discard(void)
{
    g_autofree LineBuffer *buffer = g_new(LineBuffer, 1);

    line_buffer_init(buffer, 4);
    fill(buffer, "1234\n12345678\n", 14);
    assert_line(buffer, "1234");
    assert_too_long(buffer);
    line_buffer_discard(buffer);
    assert_line(buffer, "678");
    assert_empty(buffer);

    /* whether its newline is there yet or not */
    fill(buffer, "1234", 4);
    assert_empty(buffer);
    fill(buffer, "5", 1);
    assert_too_long(buffer);
    line_buffer_discard(buffer);
    assert_empty(buffer);
    fill(buffer, "\nabc\n", 5);
    assert_line(buffer, "");
    assert_line(buffer, "abc");
    assert_empty(buffer);

    /* and however often */
    fill(buffer, "abcdefghijk\n", 12);
    assert_too_long(buffer);
    line_buffer_discard(buffer);
    assert_too_long(buffer);
    line_buffer_discard(buffer);
    assert_line(buffer, "k");
    assert_empty(buffer);
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/line-buffer/splits", test_splits);
    g_test_add_func("/line-buffer/nul", test_nul);
    g_test_add_func("/line-buffer/limit", test_limit);
    g_test_add_func("/line-buffer/space", test_space);
    g_test_add_func("/line-buffer/discard", test_discard);
    return g_test_run();
}
