/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What a fuzzer has: libFuzzer's entry point, and checks that end the program with what was wrong.
 * Each is built twice, for libFuzzer (-Dfuzzing=true), and with fuzz-replay.c for the tests.
 */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** LLVMFuzzerTestOneInput() - try one input; what is wrong ends the program. Return: 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Not assert(): it is there whatever the build. */
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s: wrong: %s\n", __FILE__, __LINE__, __func__, #condition);   \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/** fuzz_copy() - bytes on the heap with a NUL behind them and nothing else, so that a sanitizer
 * sees who reads further; to be freed */
static inline char *fuzz_copy(const void *data, size_t size)
{
    char *copy = malloc(size + 1);

    CHECK(copy);
    if (size > 0)
        memcpy(copy, data, size);
    copy[size] = '\0';
    return copy;
}

typedef void (*fuzz_line_t)(const char *line, size_t size);

/** fuzz_lines() - call @function for each line of an input, also for the last, which needs no
 * newline */
static inline void fuzz_lines(const uint8_t *data, size_t size, fuzz_line_t function)
{
    const char *line = (const char *)data, *end = line + size;

    while (line < end) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        const char *stop = newline ? newline : end;

        function(line, (size_t)(stop - line));
        line = stop + 1;
    }
}
