/* SPDX-License-Identifier: MIT */

/*
 * Linked into every program that tests/coverage builds, and into no other: what has been covered is
 * written at exit() and before an exec, but some ends are neither. The linker sends them through
 * here. What writes it needs memory and crashes without, so that preload-faults is told first.
 */

#define _GNU_SOURCE

#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

void __gcov_dump(void);

/* The linker's names of what programs mean, and of what they get. */
void __attribute__((noreturn)) __real__exit(int status);
void __attribute__((noreturn)) __wrap__exit(int status);
int __real_raise(int signal_number);
int __wrap_raise(int signal_number);

/* A destructor: they run before that of what writes. */
static void __attribute__((destructor)) end_faults(void)
{
    void (*end)(void);

    *(void **)&end = dlsym(RTLD_DEFAULT, "preload_faults_end");
    if (end)
        end();
}

static void dump(void)
{
    end_faults();
    __gcov_dump();
}

void __wrap__exit(int status)
{
    dump();
    __real__exit(status);
}

int __wrap_raise(int signal_number)
{
    dump();
    return __real_raise(signal_number);
}
