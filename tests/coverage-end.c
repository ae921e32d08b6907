/* SPDX-License-Identifier: MIT */

/*
 * Linked into every program that tests/coverage builds, and into no other: what has been covered is
 * written at exit() and before an exec, but some ends are neither. The linker sends them through
 * here.
 */

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

void __gcov_dump(void);

/* The linker's names of what programs mean, and of what they get. */
void __attribute__((noreturn)) __real__exit(int status);
void __attribute__((noreturn)) __wrap__exit(int status);
int __real_raise(int signal_number);
int __wrap_raise(int signal_number);

void __wrap__exit(int status)
{
    __gcov_dump();
    __real__exit(status);
}

int __wrap_raise(int signal_number)
{
    __gcov_dump();
    return __real_raise(signal_number);
}
