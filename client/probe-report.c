/* SPDX-License-Identifier: MIT */

#include "probe-report.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "plain-text.h"
#include "util.h"

static int read_labels(ProbeReport *report, sd_bus_message *reply)
{
    ReportLabel label;
    int r;

    r = sd_bus_message_enter_container(reply, 'a', "(uyby)");
    if (r < 0)
        return r;

    while ((r = sd_bus_message_read(reply, "(uyby)", &label.label, &label.traffic_class,
                                    &label.bottom_of_stack, &label.ttl)) > 0)
        if (report->n_labels < REPORT_LABELS_MAX)
            report->labels[report->n_labels++] = label;

    return r < 0 ? r : sd_bus_message_exit_container(reply);
}

/* Reads the value of one detail; one that is no string is of a newer service, and left out. */
static int read_detail(ProbeReport *report, sd_bus_message *reply, const char *name)
{
    const char *contents, *value;
    int r;

    r = sd_bus_message_peek_type(reply, NULL, &contents);
    if (r < 0)
        return r;
    if (strcmp(contents, "s") != 0)
        return sd_bus_message_skip(reply, "v");

    r = sd_bus_message_read(reply, "v", "s", &value);
    if (r < 0)
        return r;

    if (strcmp(name, "address") == 0)
        report->address = value;
    else if (report->n_details < REPORT_DETAILS_MAX)
        report->details[report->n_details++] = (ReportDetail){name, value};
    return 0;
}

static int read_details(ProbeReport *report, sd_bus_message *reply)
{
    const char *name;
    int r;

    r = sd_bus_message_enter_container(reply, 'a', "{sv}");
    if (r < 0)
        return r;

    while ((r = sd_bus_message_enter_container(reply, 'e', "sv")) > 0) {
        r = sd_bus_message_read(reply, "s", &name);
        if (r >= 0)
            r = read_detail(report, reply, name);
        if (r >= 0)
            r = sd_bus_message_exit_container(reply);
        if (r < 0)
            return r;
    }
    return r < 0 ? r : sd_bus_message_exit_container(reply);
}

int probe_report_read(ProbeReport *report, sd_bus_message *reply)
{
    ProbeReport read = {.address = "", .started = report->started, .ended = report->ended};
    int r, success;

    r = sd_bus_message_read(reply, "bsds", &success, &read.result, &read.time_ms, &read.responder);
    if (r >= 0)
        r = read_labels(&read, reply);
    if (r >= 0)
        r = read_details(&read, reply);
    if (r < 0)
        return r;

    /* As NaN: no time that anything took, and JSON and means have no use for it. */
    if (!isfinite(read.time_ms) || read.time_ms < 0)
        read.time_ms = NAN;
    read.success = success;
    read.message = sd_bus_message_ref(reply);
    *report = read;
    return 0;
}

void probe_report_clear(ProbeReport *report)
{
    report->message = sd_bus_message_unref(report->message);
}

bool probe_report_is_sent(const ProbeReport *report)
{
    return report->success || report->responder[0] || strcmp(report->result, "no-reply") == 0;
}

/* Writes text in which @ stands for an address. */
static void print_of_address(const char *text, const char *address, FILE *file)
{
    for (; *text; text++)
        if (*text == '@')
            plain_text_print(address, file);
        else
            putc(*text, file);
}

void probe_report_print_hint(const ProbeReport *report, FILE *file)
{
    const char *address = report->address;

    if (probe_report_is_sent(report))
        return;
    /* Where there is no route at all mtr-packet finds no source address, and says that it is an
     * argument that is wrong; those the service has checked. */
    if (strcmp(report->result, "no-route") == 0 || strcmp(report->result, "invalid-argument") == 0)
        print_of_address("There is no route to @, as it seems: see 'ip route get @'\n", address,
                         file);
    else if (strcmp(report->result, "network-down") == 0)
        print_of_address("The network towards @ is down: see 'ip route get @' and 'ip link'\n",
                         address, file);
    else if (strcmp(report->result, "permission-denied") == 0)
        print_of_address("A firewall or the kernel keeps probes to @ in: see 'nft list ruleset'\n",
                         address, file);
}

void probe_report_print_labels(const ProbeReport *report, FILE *file)
{
    for (size_t i = 0; i < report->n_labels; i++) {
        const ReportLabel *label = &report->labels[i];

        fprintf(file, "%s label %u tc %u s %d ttl %u", i == 0 ? "mpls" : ",", label->label,
                label->traffic_class, label->bottom_of_stack, label->ttl);
    }
}

void probe_report_print(const ProbeReport *report, FILE *file)
{
    plain_text_print(report->result, file);

    if (report->responder[0]) {
        fputs(" from ", file);
        plain_text_print(report->responder, file);
    } else if (report->address[0]) {
        fputs(" to ", file);
        plain_text_print(report->address, file);
    }
    if (!isnan(report->time_ms))
        fprintf(file, " in %.3f ms", report->time_ms);

    if (report->n_labels > 0) {
        putc(' ', file);
        probe_report_print_labels(report, file);
    }
    for (size_t i = 0; i < report->n_details; i++) {
        fputs(i == 0 ? " (" : ", ", file);
        plain_text_print(report->details[i].name, file);
        putc(' ', file);
        plain_text_print(report->details[i].value, file);
    }
    fputs(report->n_details > 0 ? ")\n" : "\n", file);
}

static json_t *labels_to_json(const ProbeReport *report)
{
    json_t *labels = json_array();

    for (size_t i = 0; labels && i < report->n_labels; i++) {
        const ReportLabel *label = &report->labels[i];

        /* appending takes the reference, and refuses NULL */
        if (json_array_append_new(
                labels, json_pack("{s:I, s:i, s:b, s:i}", "label", (json_int_t)label->label,
                                  "traffic_class", label->traffic_class, "bottom_of_stack",
                                  label->bottom_of_stack, "ttl", label->ttl)) < 0) {
            json_decref(labels);
            return NULL;
        }
    }
    return labels;
}

static json_t *details_to_json(const ProbeReport *report)
{
    json_t *details = json_object();
    int r = 0;

    if (report->address[0])
        r = json_object_set_new(details, "address", json_string(report->address));
    for (size_t i = 0; r >= 0 && i < report->n_details; i++)
        r = json_object_set_new(details, report->details[i].name,
                                json_string(report->details[i].value));

    if (r < 0) {
        json_decref(details);
        return NULL;
    }
    return details;
}

int probe_report_add_json(const ProbeReport *report, json_t *object)
{
    /* "o" takes the reference, and makes the whole fail on NULL; JSON has no NaN. */
    json_t *values = json_pack(
        "{s:b, s:s, s:o, s:s, s:o, s:o}", "success", (int)report->success, "result", report->result,
        "time_ms", isnan(report->time_ms) ? json_null() : json_real(report->time_ms), "responder",
        report->responder, "mpls", labels_to_json(report), "details", details_to_json(report));
    int r;

    if (!values)
        return -ENOMEM;
    r = json_object_update(object, values);
    json_decref(values);
    return r < 0 ? -ENOMEM : 0;
}
