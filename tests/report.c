/* SPDX-License-Identifier: MIT */

#include "report.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* What is measured of a load, and its median shown. */
typedef enum Figure {
    FIGURE_RATE,
    FIGURE_MEDIAN,
    FIGURE_P99,
    FIGURE_COST, /* the first of LOAD_COSTS */
    FIGURES = FIGURE_COST + LOAD_COSTS,
} Figure;

static const char *const figure_keys[FIGURES] = {
    [FIGURE_RATE] = "probes_per_second",
    [FIGURE_MEDIAN] = "median_us",
    [FIGURE_P99] = "p99_us",
    [FIGURE_COST + LOAD_COST_SERVICE] = "service_cpu_us",
    [FIGURE_COST + LOAD_COST_PACKET] = "mtr_packet_cpu_us",
    [FIGURE_COST + LOAD_COST_BUS] = "bus_cpu_us",
    [FIGURE_COST + LOAD_COST_BRIDGE] = "bridge_cpu_us",
    [FIGURE_COST + LOAD_COST_CLIENT] = "client_cpu_us",
};

typedef struct Row {
    const char *name;
    unsigned in_flight;
    unsigned n_lost;
    GArray *figures[FIGURES];
} Row;

typedef struct Number {
    const char *name, *unit;
    double value;
    bool checked;
    ReportLimit kind;
    double limit;
} Number;

struct Report {
    const char *title;
    GPtrArray *rows;
    GArray *numbers;
};

static void row_free(void *data)
{
    Row *row = data;

    for (unsigned i = 0; i < FIGURES; i++)
        g_array_unref(row->figures[i]);
    g_free(row);
}

Report *report_new(const char *title)
{
    Report *report = g_new0(Report, 1);

    report->title = title;
    report->rows = g_ptr_array_new_with_free_func(row_free);
    report->numbers = g_array_new(FALSE, TRUE, sizeof(Number));
    return report;
}

void report_free(Report *report)
{
    g_ptr_array_unref(report->rows);
    g_array_unref(report->numbers);
    g_free(report);
}

/*
 * Rows
 */

static Row *find(const Report *report, const char *name, unsigned in_flight)
{
    for (unsigned i = 0; i < report->rows->len; i++) {
        Row *row = report->rows->pdata[i];

        if (strcmp(row->name, name) == 0 && row->in_flight == in_flight)
            return row;
    }
    return NULL;
}

static Row *get(Report *report, const char *name, unsigned in_flight)
{
    Row *row = find(report, name, in_flight);

    if (row)
        return row;
    row = g_new0(Row, 1);
    row->name = name;
    row->in_flight = in_flight;
    for (unsigned i = 0; i < FIGURES; i++)
        row->figures[i] = g_array_new(FALSE, FALSE, sizeof(double));
    g_ptr_array_add(report->rows, row);
    return row;
}

void report_add(Report *report, const char *name, unsigned in_flight, const Load *load)
{
    Row *row = get(report, name, in_flight);
    double figures[FIGURES] = {
        [FIGURE_RATE] = load_rate(load),
        [FIGURE_MEDIAN] = load_quantile(load, 0.5),
        [FIGURE_P99] = load_quantile(load, 0.99),
    };

    memcpy(&figures[FIGURE_COST], load->cost, sizeof(load->cost));
    for (unsigned i = 0; i < FIGURES; i++)
        g_array_append_val(row->figures[i], figures[i]);
    row->n_lost += load->n_lost;
}

static double row_figure(const Row *row, Figure figure)
{
    return median((double *)(void *)row->figures[figure]->data, row->figures[figure]->len);
}

static double report_figure(const Report *report, const char *name, unsigned in_flight,
                            Figure figure)
{
    const Row *row = find(report, name, in_flight);

    g_assert_nonnull(row);
    return row_figure(row, figure);
}

double report_rate(const Report *report, const char *name, unsigned in_flight)
{
    return report_figure(report, name, in_flight, FIGURE_RATE);
}

double report_median(const Report *report, const char *name, unsigned in_flight)
{
    return report_figure(report, name, in_flight, FIGURE_MEDIAN);
}

double report_cost(const Report *report, const char *name, unsigned in_flight, LoadCost cost)
{
    return report_figure(report, name, in_flight, FIGURE_COST + cost);
}

unsigned report_lost(const Report *report, const char *name, unsigned in_flight)
{
    const Row *row = find(report, name, in_flight);

    g_assert_nonnull(row);
    return row->n_lost;
}

/*
 * Numbers
 */

void report_number(Report *report, const char *name, const char *unit, double value)
{
    Number number = {.name = name, .unit = unit, .value = value};

    g_array_append_val(report->numbers, number);
}

void report_check(Report *report, const char *name, const char *unit, double value,
                  ReportLimit kind, double limit)
{
    Number number = {name, unit, value, true, kind, limit};

    g_array_append_val(report->numbers, number);
}

/* What is not a number is within no limit. */
static bool is_met(const Number *number)
{
    if (!number->checked)
        return true;
    return number->kind == REPORT_AT_LEAST ? number->value >= number->limit
                                           : number->value <= number->limit;
}

/*
 * Print
 */

static void print_figure(double value, int width, int decimals)
{
    if (isnan(value))
        printf(" %*s", width, "-");
    else
        printf(" %*.*f", width, decimals, value);
}

static void print_rows(const Report *report)
{
    printf("%-30s %9s %9s %9s %9s   %s\n", "", "in flight", "per s", "median us", "p99 us",
           "CPU us for each: service mtr-packet   bus bridge client   false losses");
    for (unsigned i = 0; i < report->rows->len; i++) {
        const Row *row = report->rows->pdata[i];

        printf("%-30s %9u", row->name, row->in_flight);
        print_figure(row_figure(row, FIGURE_RATE), 9, 0);
        print_figure(row_figure(row, FIGURE_MEDIAN), 9, 0);
        print_figure(row_figure(row, FIGURE_P99), 9, 0);
        printf("%18s", "");
        print_figure(row_figure(row, FIGURE_COST + LOAD_COST_SERVICE), 8, 1);
        print_figure(row_figure(row, FIGURE_COST + LOAD_COST_PACKET), 10, 1);
        print_figure(row_figure(row, FIGURE_COST + LOAD_COST_BUS), 5, 1);
        print_figure(row_figure(row, FIGURE_COST + LOAD_COST_BRIDGE), 6, 1);
        print_figure(row_figure(row, FIGURE_COST + LOAD_COST_CLIENT), 6, 1);
        printf(" %14u\n", row->n_lost);
    }
}

static void print_numbers(const Report *report)
{
    for (unsigned i = 0; i < report->numbers->len; i++) {
        const Number *number = &g_array_index(report->numbers, Number, i);

        printf("%-76s %10.2f %-3s", number->name, number->value, number->unit);
        if (number->checked)
            printf(" %s %g: %s", number->kind == REPORT_AT_LEAST ? "at least" : "at most",
                   number->limit, is_met(number) ? "met" : "MISSED");
        putchar('\n');
    }
}

static json_t *real(double value)
{
    return isnan(value) ? json_null() : json_real(value);
}

static void print_json(const Report *report)
{
    json_t *rows = json_array(), *numbers = json_array();
    json_t *whole =
        json_pack("{s:s, s:o, s:o}", "title", report->title, "rows", rows, "numbers", numbers);

    for (unsigned i = 0; i < report->rows->len; i++) {
        const Row *row = report->rows->pdata[i];
        json_t *entry = json_pack("{s:s, s:i, s:i}", "name", row->name, "in_flight",
                                  (int)row->in_flight, "false_losses", (int)row->n_lost);

        for (unsigned k = 0; k < FIGURES; k++)
            json_object_set_new(entry, figure_keys[k], real(row_figure(row, k)));
        json_array_append_new(rows, entry);
    }
    for (unsigned i = 0; i < report->numbers->len; i++) {
        const Number *number = &g_array_index(report->numbers, Number, i);
        json_t *entry = json_pack("{s:s, s:s, s:o}", "name", number->name, "unit", number->unit,
                                  "value", real(number->value));

        if (number->checked) {
            json_object_set_new(entry, number->kind == REPORT_AT_LEAST ? "at_least" : "at_most",
                                json_real(number->limit));
            json_object_set_new(entry, "met", json_boolean(is_met(number)));
        }
        json_array_append_new(numbers, entry);
    }
    json_dumpf(whole, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
    putchar('\n');
    json_decref(whole);
}

bool report_print(const Report *report, bool json)
{
    bool met = true;

    if (json) {
        print_json(report);
    } else {
        printf("\n%s\n\n", report->title);
        if (report->rows->len > 0) {
            print_rows(report);
            putchar('\n');
        }
        print_numbers(report);
    }
    for (unsigned i = 0; i < report->numbers->len; i++)
        met = met && is_met(&g_array_index(report->numbers, Number, i));
    return met;
}
