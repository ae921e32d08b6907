/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * How a test speaks to preload-faults, which stands between the service and what the system gives
 * it: memory, processes, threads.
 */

#include <stdatomic.h>
#include <stdint.h>

/* A PreloadFaults, mapped by both, which the service's user may write. */
#define PRELOAD_FAULTS "/run/preload-faults"

#define PRELOAD_FAULTS_ALWAYS 1000000

typedef struct PreloadFaults {
    /* How many of a million fail. All are zero until the test says otherwise. */
    _Atomic uint32_t memory_ppm, fork_ppm, thread_ppm;
    _Atomic uint32_t countdown; /* the allocation that brings it to zero fails; 0 for none */
    _Atomic uint32_t seed;
    _Atomic uint32_t n_memory, n_fork, n_thread; /* that have failed */

    /* The test counts `asked` up, and the next allocation sets `told` to the same, once it has
     * given free memory back to the kernel and counted what is in use. */
    _Atomic uint32_t asked, told;
    _Atomic uint64_t bytes_in_use;
} PreloadFaults;

/** preload_faults_end() - nothing fails in this process any more: it ends */
void preload_faults_end(void);
