/* SPDX-License-Identifier: MIT */

#include "load.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "process.h"

/* How long a process has been on a processor, in microseconds. */
static double process_usec(GPid pid)
{
    struct timespec time;
    clockid_t clock;

    g_assert_cmpint(clock_getcpuclockid(pid, &clock), ==, 0);
    g_assert_cmpint(clock_gettime(clock, &time), ==, 0);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

/* The same for its children, those that have ended too, which are counted in ticks. */
static double children_usec(GPid pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/stat", pid);
    g_autofree char *stat = NULL;
    unsigned long user, system;
    GPid children[8];
    double usec;

    g_assert_true(g_file_get_contents(path, &stat, NULL, NULL));
    g_assert_cmpint(sscanf(strrchr(stat, ')'),
                           ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %lu %lu", &user,
                           &system),
                    ==, 2);
    usec = (double)(user + system) * 1e6 / (double)sysconf(_SC_CLK_TCK);
    for (unsigned i = process_children(pid, children, G_N_ELEMENTS(children)); i > 0; i--)
        usec += process_usec(children[i - 1]);
    return usec;
}

/* How long those that take part have been on a processor. */
static void measure_cost(const Load *load, double ret[LOAD_COSTS])
{
    for (unsigned i = 0; i < LOAD_COSTS; i++)
        ret[i] = load->processes[i] ? process_usec(load->processes[i]) : 0;
    if (load->processes[LOAD_COST_SERVICE])
        ret[LOAD_COST_PACKET] = children_usec(load->processes[LOAD_COST_SERVICE]);
}

void load_begin(Load *load, unsigned n, const GPid processes[LOAD_COSTS])
{
    *load = (Load){.n = n, .times = g_array_new(FALSE, FALSE, sizeof(double))};
    memcpy(load->processes, processes, sizeof(load->processes));
    load->processes[LOAD_COST_CLIENT] = getpid();
    measure_cost(load, load->cost_before);
    load->began = g_get_monotonic_time();
}

void load_answer(Load *load, double usec)
{
    load->n_answered++;
    if (usec < 0)
        load->n_lost++;
    else if (!isnan(usec))
        g_array_append_val(load->times, usec);
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;

    return (left > right) - (left < right);
}

double median(double *numbers, unsigned n)
{
    if (n == 0)
        return NAN;
    qsort(numbers, n, sizeof(*numbers), compare);
    return n % 2 ? numbers[n / 2] : (numbers[n / 2 - 1] + numbers[n / 2]) / 2;
}

void load_end(Load *load)
{
    g_assert_cmpuint(load->n_answered, ==, load->n);
    load->seconds = (double)(g_get_monotonic_time() - load->began) / G_USEC_PER_SEC;
    measure_cost(load, load->cost);
    for (unsigned i = 0; i < LOAD_COSTS; i++)
        load->cost[i] = (load->cost[i] - load->cost_before[i]) / load->n;
    g_array_sort(load->times, compare);
}

double load_rate(const Load *load)
{
    return load->n / load->seconds;
}

double load_quantile(const Load *load, double part)
{
    if (load->times->len == 0)
        return NAN;
    return g_array_index(load->times, double, (guint)lround(part * (load->times->len - 1)));
}

void load_clear(Load *load)
{
    g_clear_pointer(&load->times, g_array_unref);
}
