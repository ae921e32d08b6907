/* SPDX-License-Identifier: MIT */

#include "soak-board.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BOARD "/run/soak-board"

/* Failures after these are only counted. */
#define SHOWN_MAX 100000

static const char *const names[FAULT_KINDS] = {
    [FAULT_KILL] = "kill",
    [FAULT_STOP] = "stop",
    [FAULT_CLIENT] = "client",
    [FAULT_POLKIT_GONE] = "polkit-gone",
    [FAULT_POLKIT_STOP] = "polkit-stop",
    [FAULT_ROUTE] = "route",
    [FAULT_REJECT] = "reject",
    [FAULT_LINK] = "link",
    [FAULT_LOSS] = "loss",
    [FAULT_RUSH] = "rush",
    [FAULT_CLOCK] = "clock",
    [FAULT_FORK] = "fork",
    [FAULT_MEMORY] = "memory",
    [FAULT_BUS] = "bus",
    [FAULT_SERVICE_GONE] = "service-gone",
};

const char *fault_name(FaultKind kind)
{
    return names[kind];
}

int64_t board_now(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static Board *map(int flags)
{
    int fd = open(BOARD, O_RDWR | O_CLOEXEC | flags, 0666);
    void *page = MAP_FAILED;

    if (fd >= 0 && (flags == 0 || (fchmod(fd, 0666) == 0 && ftruncate(fd, sizeof(Board)) == 0)))
        page = mmap(NULL, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED) {
        perror(BOARD);
        _exit(99);
    }
    (void)close(fd);
    return page;
}

Board *board_create(void)
{
    return map(O_CREAT | O_EXCL);
}

Board *board_map(void)
{
    return map(0);
}

/* Only one process announces faults. */
unsigned board_begin(Board *board, FaultKind kind)
{
    unsigned n = atomic_load(&board->n_faults);
    BoardFault *fault = &board->faults[n % BOARD_FAULTS];

    atomic_store(&fault->begin, board_now());
    atomic_store(&fault->end, INT64_MAX);
    atomic_store(&fault->kind, kind);
    atomic_store(&board->n_faults, n + 1);
    return n;
}

void board_end(Board *board, unsigned fault, int64_t margin)
{
    atomic_store(&board->faults[fault % BOARD_FAULTS].end, board_now() + margin);
}

static unsigned first_kept(unsigned n)
{
    return n > BOARD_FAULTS - 1 ? n - (BOARD_FAULTS - 1) : 0;
}

uint32_t board_faults(Board *board, int64_t since)
{
    return board_faults_between(board, since, INT64_MAX);
}

uint32_t board_faults_between(Board *board, int64_t since, int64_t until)
{
    unsigned n = atomic_load(&board->n_faults);
    uint32_t faults = 0;

    for (unsigned i = first_kept(n); i < n; i++) {
        BoardFault *fault = &board->faults[i % BOARD_FAULTS];

        if (atomic_load(&fault->end) >= since && atomic_load(&fault->begin) <= until)
            faults |= FAULT_BIT(atomic_load(&fault->kind));
    }
    return faults;
}

void board_describe(Board *board, int64_t since, char *text, size_t size)
{
    unsigned n = atomic_load(&board->n_faults);
    int64_t now = board_now();
    size_t used = 0;

    snprintf(text, size, "none");
    for (unsigned i = first_kept(n); i < n; i++) {
        BoardFault *fault = &board->faults[i % BOARD_FAULTS];
        int64_t begin = atomic_load(&fault->begin), end = atomic_load(&fault->end);

        if (end < since - 10000000 || used >= size)
            continue;
        used += (size_t)snprintf(text + used, size - used, "%s%s from %.3f", used > 0 ? ", " : "",
                                 names[atomic_load(&fault->kind)], (double)(begin - now) / 1e6);
        if (end != INT64_MAX && used < size)
            used +=
                (size_t)snprintf(text + used, size - used, " to %.3f", (double)(end - now) / 1e6);
    }
}

void board_fail(Board *board, const char *format, ...)
{
    char text[2048];
    va_list arguments;
    int n;

    if (atomic_fetch_add(&board->n_failures, 1) >= SHOWN_MAX)
        return;
    va_start(arguments, format);
    n = snprintf(text, sizeof(text), "FAILED at %.3f: ", (double)board_now() / 1e6);
    n += vsnprintf(text + n, sizeof(text) - (size_t)n - 1, format, arguments);
    va_end(arguments);
    if ((size_t)n > sizeof(text) - 2)
        n = sizeof(text) - 2;
    text[n++] = '\n';
    (void)!write(STDERR_FILENO, text, (size_t)n); /* in one piece */
}

uint64_t board_sum(const Board *board, Counter counter)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < BOARD_CLIENTS; i++)
        sum += atomic_load(&board->clients[i].counts[counter]);
    return sum;
}
