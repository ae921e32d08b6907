/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What a benchmark has measured: rows of a table, each the medians of loads of one kind; single
 * numbers; and those that must be within a limit. Printed for people or for machines.
 */

#include <stdbool.h>

#include "load.h"

typedef struct Report Report;

typedef enum ReportLimit {
    REPORT_AT_LEAST,
    REPORT_AT_MOST,
} ReportLimit;

/** report_new() - an empty one; @title is static */
Report *report_new(const char *title);

/** report_free() - free it */
void report_free(Report *report);

/** report_add() - one more load of the kind @name (static), so many of which are in flight */
void report_add(Report *report, const char *name, unsigned in_flight, const Load *load);

/* Medians over the loads of a kind; there must have been one. */
double report_rate(const Report *report, const char *name, unsigned in_flight);
double report_median(const Report *report, const char *name, unsigned in_flight);
double report_cost(const Report *report, const char *name, unsigned in_flight, LoadCost cost);

/** report_lost() - false losses in all loads of a kind */
unsigned report_lost(const Report *report, const char *name, unsigned in_flight);

/** report_number() - a number with its unit; both texts static */
void report_number(Report *report, const char *name, const char *unit, double value);

/** report_check() - a number that must be at least, or at most, @limit */
void report_check(Report *report, const char *name, const char *unit, double value,
                  ReportLimit kind, double limit);

/** report_print() - print it, as a table or as one line of JSON; returns whether all that was
 * checked is within its limit */
bool report_print(const Report *report, bool json);
