/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A machine of a test's own: mount, network, process and IPC namespaces over the real root, in
 * which the test may lay files over /etc and /usr, own /run, and add interfaces. Whatever it starts
 * there ends with it.
 */

/**
 * sandbox_run() - run a test program in namespaces of its own
 * @argc, @argv: main()'s
 * @trees: NULL-terminated directories that are laid over / in this order; only their etc and usr
 * count
 * @run: the test program proper: it gets its arguments, and what it returns is returned
 *
 * In there, /etc, /usr and /run may be written without effect outside, the loopback interface is up
 * and there is no other, and the process has no more than five minutes, unless it sets another alarm(). Call it first in main(),
 * before there are threads.
 *
 * Return: the exit status for main(). Without root it is 77, and TAP output says that all is
 * skipped.
 */
int sandbox_run(int argc, char *argv[], const char *const trees[],
                int (*run)(int argc, char *argv[]));

/**
 * sandbox_processes() - how many processes there are in the sandbox, besides its own two
 *
 * Dead ones count until they are reaped.
 */
unsigned sandbox_processes(void);
