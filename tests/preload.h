/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * How a test speaks to preload-clock and preload-timerfd, which stand between a program and its
 * clock: the machine's own is never set.
 */

/* An int64_t: microseconds by which preload-clock shifts the time of day. Mapped, so that a step is
 * one for everybody at the same time. */
#define PRELOAD_CLOCK_OFFSET "/run/clock-offset"

/* A FIFO: a byte in it is to preload-timerfd what a step of the clock is to the kernel. */
#define PRELOAD_CLOCK_STEPS "/run/clock-steps"
