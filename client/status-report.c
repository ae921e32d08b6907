/* SPDX-License-Identifier: MIT */

#include "status-report.h"

#include <errno.h>
#include <inttypes.h>
#include <libsmartcols.h>
#include <string.h>

#include "util.h"

static int read_features(StatusReport *report, sd_bus_message *reply)
{
    const char *feature;
    int r;

    r = sd_bus_message_enter_container(reply, 'v', "as");
    if (r >= 0)
        r = sd_bus_message_enter_container(reply, 'a', "s");
    if (r < 0)
        return r;
    while ((r = sd_bus_message_read(reply, "s", &feature)) > 0)
        if (report->n_features < STATUS_FEATURES_MAX)
            report->features[report->n_features++] = feature;
    if (r >= 0)
        r = sd_bus_message_exit_container(reply);
    return r < 0 ? r : sd_bus_message_exit_container(reply);
}

static int read_counters(StatusReport *report, sd_bus_message *reply)
{
    StatusCounter counter;
    int r;

    r = sd_bus_message_enter_container(reply, 'v', "a{st}");
    if (r >= 0)
        r = sd_bus_message_enter_container(reply, 'a', "{st}");
    if (r < 0)
        return r;
    while ((r = sd_bus_message_read(reply, "{st}", &counter.name, &counter.value)) > 0)
        if (report->n_counters < STATUS_COUNTERS_MAX)
            report->counters[report->n_counters++] = counter;
    if (r >= 0)
        r = sd_bus_message_exit_container(reply);
    return r < 0 ? r : sd_bus_message_exit_container(reply);
}

static int read_property(StatusReport *report, sd_bus_message *reply, const char *name)
{
    if (strcmp(name, "Version") == 0)
        return sd_bus_message_read(reply, "v", "s", &report->version);
    if (strcmp(name, "PacketVersion") == 0)
        return sd_bus_message_read(reply, "v", "s", &report->packet_version);
    if (strcmp(name, "ProbesInFlight") == 0)
        return sd_bus_message_read(reply, "v", "u", &report->in_flight);
    if (strcmp(name, "ProbesQueued") == 0)
        return sd_bus_message_read(reply, "v", "u", &report->queued);
    if (strcmp(name, "Features") == 0)
        return read_features(report, reply);
    if (strcmp(name, "Statistics") == 0)
        return read_counters(report, reply);
    return sd_bus_message_skip(reply, "v");
}

int status_report_read(StatusReport *report, sd_bus_message *reply)
{
    StatusReport read = {
        .started = report->started,
        .ended = report->ended,
        .version = "",
        .packet_version = "",
    };
    int r;

    r = sd_bus_message_enter_container(reply, 'a', "{sv}");
    if (r < 0)
        return r;
    while ((r = sd_bus_message_enter_container(reply, 'e', "sv")) > 0) {
        const char *name;

        r = sd_bus_message_read(reply, "s", &name);
        if (r >= 0)
            r = read_property(&read, reply, name);
        if (r >= 0)
            r = sd_bus_message_exit_container(reply);
        if (r < 0)
            return r;
    }
    if (r < 0)
        return r;

    read.message = sd_bus_message_ref(reply);
    *report = read;
    return 0;
}

void status_report_clear(StatusReport *report)
{
    report->message = sd_bus_message_unref(report->message);
}

/* A row of two cells. */
static int add_row(struct libscols_table *table, const char *name, const char *value)
{
    struct libscols_line *line = scols_table_new_line(table, NULL);
    int r;

    if (!line)
        return -ENOMEM;
    r = scols_line_set_data(line, 0, name);
    return r < 0 ? r : scols_line_set_data(line, 1, value);
}

static int add_number(struct libscols_table *table, const char *name, uint64_t number,
                      const char *unit)
{
    char text[64];

    snprintf(text, sizeof(text), "%" PRIu64 "%s", number, unit);
    return add_row(table, name, text);
}

static int add_features(struct libscols_table *table, const StatusReport *report)
{
    char text[STATUS_FEATURES_MAX * 40] = "unknown";
    size_t n = 0;

    for (size_t i = 0; i < report->n_features && n < sizeof(text); i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", i > 0 ? " " : "",
                              report->features[i]);
    return add_row(table, "Features", text);
}

static void table_unrefp(struct libscols_table **table)
{
    scols_unref_table(*table);
}

/* A table of two columns; without names it has no head. */
static int new_table(struct libscols_table **ret, FILE *file, const char *left, const char *right,
                     int right_flags, const Style *style)
{
    _cleanup_(table_unrefp) struct libscols_table *table = scols_new_table();
    struct libscols_column *columns[2];
    int r;

    if (!table)
        return -ENOMEM;
    columns[0] = scols_table_new_column(table, left ? left : "", 0, 0);
    columns[1] = scols_table_new_column(table, right ? right : "", 0, right_flags);
    if (!columns[0] || !columns[1])
        return -ENOMEM;
    r = scols_table_enable_noheadings(table, !left);
    if (r >= 0)
        r = scols_table_set_column_separator(table, "  ");
    if (r >= 0)
        r = scols_table_set_stream(table, file);
    /* Whether there is colour is decided here, not by the library. */
    if (r >= 0 && style->bold[0])
        r = scols_table_enable_colors(table, 1);
    for (size_t i = 0; r >= 0 && style->bold[0] && i < ELEMENTS(columns); i++)
        r = scols_cell_set_color(scols_column_get_header(columns[i]), style->bold);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(table);
    return 0;
}

static int print_summary(const StatusReport *report, const Style *style, FILE *file)
{
    _cleanup_(table_unrefp) struct libscols_table *table = NULL;
    char version[64];
    int r;

    r = new_table(&table, file, NULL, NULL, 0, style);
    if (r < 0)
        return r;
    snprintf(version, sizeof(version), "mtrpacketd %s", report->version);
    r = add_row(table, "Service", version);
    if (r >= 0)
        r = add_row(table, "mtr-packet",
                    report->packet_version[0] ? report->packet_version : "not started yet");
    if (r >= 0)
        r = add_features(table, report);
    if (r >= 0)
        r = add_number(table, "In flight", report->in_flight,
                       report->in_flight == 1 ? " probe" : " probes");
    if (r >= 0)
        r = add_number(table, "Queued", report->queued, report->queued == 1 ? " probe" : " probes");
    return r < 0 ? r : scols_print_table(table);
}

static int print_counters(const StatusReport *report, const Style *style, FILE *file)
{
    _cleanup_(table_unrefp) struct libscols_table *table = NULL;
    int r;

    r = new_table(&table, file, "STATISTIC", "VALUE", SCOLS_FL_RIGHT, style);
    for (size_t i = 0; r >= 0 && i < report->n_counters; i++)
        r = add_number(table, report->counters[i].name, report->counters[i].value, "");
    return r < 0 ? r : scols_print_table(table);
}

int status_report_print(const StatusReport *report, const Style *style, FILE *file)
{
    int r;

    r = print_summary(report, style, file);
    if (r < 0)
        return r;
    putc('\n', file);
    return print_counters(report, style, file);
}

json_t *status_report_to_json(const StatusReport *report)
{
    json_t *document = document_new("status", &report->started, &report->ended);
    json_t *features = json_array(), *counters = json_object(), *values;
    int r = document ? 0 : -ENOMEM;

    for (size_t i = 0; r >= 0 && i < report->n_features; i++)
        r = json_array_append_new(features, json_string(report->features[i]));
    for (size_t i = 0; r >= 0 && i < report->n_counters; i++)
        r = json_object_set_new(counters, report->counters[i].name,
                                json_integer((json_int_t)report->counters[i].value));

    values = json_pack("{s:s, s:s, s:o, s:I, s:I, s:o}", "version", report->version,
                       "packet_version", report->packet_version, "features", features,
                       "probes_in_flight", (json_int_t)report->in_flight, "probes_queued",
                       (json_int_t)report->queued, "statistics", counters);
    if (r < 0 || !values || json_object_update(document, values) < 0) {
        json_decref(document);
        document = NULL;
    }
    json_decref(values);
    return document;
}
