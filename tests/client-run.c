/* SPDX-License-Identifier: MIT */

#include "client-run.h"

#include <string.h>

#include "network.h"

char **client_argv(const char *arguments)
{
    g_autofree char *line =
        g_strdup_printf("%s %s", fixture_program("TEST_MTRPACKETCTL", "mtrpacketctl"), arguments);
    g_autoptr(GError) error = NULL;
    char **argv;

    g_shell_parse_argv(line, NULL, &argv, &error);
    g_assert_no_error(error);
    return argv;
}

void client_in_network(void (*test)(Fixture *fixture))
{
    Fixture fixture;

    network_up();
    fixture_start(&fixture, NULL);
    test(&fixture);
    fixture_stop(&fixture);
    network_down();
}

ClientRun client_run(const char *arguments)
{
    g_auto(GStrv) argv = client_argv(arguments);
    ClientRun run;

    run.status = fixture_command((const char *const *)argv, &run.out, &run.err);
    return run;
}

void client_run_clear(ClientRun *run)
{
    g_clear_pointer(&run->out, g_free);
    g_clear_pointer(&run->err, g_free);
}

static bool matches(const char *pattern, const char *text)
{
    g_autofree char *whole = g_strdup_printf("\\A(?:%s)\\z", pattern);

    return g_regex_match_simple(whole, text, 0, 0);
}

void client_assert(const char *arguments, int status, const char *out_pattern,
                   const char *err_pattern)
{
    ClientRun run = client_run(arguments);

    if (run.status != status || !matches(out_pattern, run.out) || !matches(err_pattern, run.err))
        g_error("mtrpacketctl %s: status %d, stdout \"%s\", stderr \"%s\"", arguments, run.status,
                run.out, run.err);
    client_run_clear(&run);
}

json_t *client_document(const char *arguments, int status)
{
    g_autofree char *with_json = g_strdup_printf("%s --json=short", arguments);
    ClientRun run = client_run(with_json);
    json_error_t error;
    json_t *document;

    if (run.status != status || *run.err || strchr(run.out, '\n') != run.out + strlen(run.out) - 1)
        g_error("mtrpacketctl %s: status %d, stdout \"%s\", stderr \"%s\"", arguments, run.status,
                run.out, run.err);
    document = json_loads(run.out, JSON_REJECT_DUPLICATES, &error);
    if (!document)
        g_error("%s in \"%s\"", error.text, run.out);
    client_run_clear(&run);
    return document;
}

gint64 document_moment(const json_t *object, const char *which)
{
    const json_t *moment = json_object_get(object, which);
    gint64 usec = json_integer_value(json_object_get(moment, "monotonic_usec"));

    g_assert_cmpint(usec, >, 0);
    return usec;
}

gint64 document_usec(const json_t *object)
{
    return document_moment(object, "ended") - document_moment(object, "started");
}

const json_t *document_probe(const json_t *trace, size_t hop, size_t query)
{
    const json_t *probes =
        json_object_get(json_array_get(json_object_get(trace, "hops"), hop), "probes");
    const json_t *probe = json_array_get(probes, query);

    g_assert_nonnull(probe);
    return probe;
}

static const char *text(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));

    g_assert_nonnull(value);
    return value;
}

char *document_hops(const json_t *trace)
{
    GString *hops = g_string_new(NULL);
    json_t *hop, *probe;
    size_t i, j;

    g_assert_cmpstr(text(trace, "kind"), ==, "trace");
    json_array_foreach(json_object_get(trace, "hops"), i, hop)
    {
        g_string_append_printf(hops, "%d", (int)json_integer_value(json_object_get(hop, "ttl")));
        json_array_foreach(json_object_get(hop, "probes"), j, probe)
            g_string_append_printf(hops, " %s@%s", text(probe, "result"), text(probe, "responder"));
        g_string_append_c(hops, '\n');
    }
    return g_string_free(hops, FALSE);
}
