/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The few helpers that every file needs: ownership that ends with its scope, and steps from a
 * member to the object around it. Nothing here knows what the service does.
 */

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Runs FUNC on the variable's address when its scope ends, on whichever way out. */
/* NOLINTNEXTLINE(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): as systemd has it */
#define _cleanup_(func) __attribute__((cleanup(func)))

/* Defines FUNC##p, the cleanup for a pointer that FUNC frees; FUNC is never called with NULL. */
#define DEFINE_CLEANUP(type, func)                                                                 \
    static inline void func##p(type *p) /* NOLINT(bugprone-macro-parentheses): a type has none */  \
    {                                                                                              \
        if (*p)                                                                                    \
            (void)func(*p);                                                                        \
    }

/* Hands the pointer in PTR to whoever takes the value, and leaves NULL behind. */
#define TAKE_PTR(ptr)                                                                              \
    ({                                                                                             \
        __typeof__(ptr) *take_ptr_ = &(ptr);                                                       \
        __typeof__(ptr) taken_ = *take_ptr_;                                                       \
        *take_ptr_ = NULL;                                                                         \
        taken_;                                                                                    \
    })

/* The object of TYPE whose MEMBER PTR points at. */
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#define ELEMENTS(array) (sizeof(array) / sizeof((array)[0]))

static inline void freep(void *p)
{
    free(*(void **)p);
}

/* Closes FD unless it is negative; returns -1, so that `fd = close_fd(fd)` leaves nothing to close
 * twice. */
static inline int close_fd(int fd)
{
    if (fd >= 0)
        (void)close(fd);
    return -1;
}

static inline void close_fdp(int *fd)
{
    *fd = close_fd(*fd);
}
