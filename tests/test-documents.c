/* SPDX-License-Identifier: MIT */

/* What mtrpacketctl prints with --json is of the form that mtrpacketctl.schema.json says, as an
 * implementation of JSON schemas sees it that knows nothing of the client. */

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "client-run.h"
#include "fake-packet.h"
#include "fixture.h"
#include "network.h"
#include "user-program.h"

#define DIRECTORY "/run/documents"

/* Files with a document in each. */
static GPtrArray *files;

static void begin(void)
{
    files = g_ptr_array_new_with_free_func(g_free);
    g_assert_cmpint(g_mkdir_with_parents(DIRECTORY, 0755), ==, 0);
}

static void add_text(const char *text)
{
    char *path = g_strdup_printf(DIRECTORY "/%u.json", files->len);

    g_assert_true(g_file_set_contents(path, text, -1, NULL));
    g_ptr_array_add(files, path);
}

static void add_document(const json_t *document)
{
    char *text = json_dumps(document, JSON_COMPACT);

    g_assert_nonnull(text);
    add_text(text);
    free(text);
}

/* Checks the files, and has it said which are refused. Returns the exit status. */
static int validate(char **ret_err)
{
    static const char *const command[] = {"/usr/bin/python3", "-m", "jsonschema", "--output",
                                          "pretty"};
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_autofree char *out = NULL;
    int status;

    for (size_t i = 0; i < G_N_ELEMENTS(command); i++)
        g_ptr_array_add(argv, (char *)command[i]);
    for (unsigned i = 0; i < files->len; i++) {
        g_ptr_array_add(argv, (char *)"-i");
        g_ptr_array_add(argv, g_ptr_array_index(files, i));
    }
    g_ptr_array_add(argv, (char *)g_getenv("TEST_SCHEMA"));
    g_ptr_array_add(argv, NULL);
    status = fixture_command((const char *const *)argv->pdata, &out, ret_err);
    if (strstr(*ret_err, "No module named"))
        g_error("python3-jsonschema is missing");
    return status;
}

/* Checks that there are N files, and that each is a document as the schema has it. */
static void end(unsigned n)
{
    g_autofree char *err = NULL;

    g_assert_cmpuint(files->len, ==, n);
    if (validate(&err) != 0)
        g_error("%s", err);
    g_ptr_array_unref(files);
}

/* Adds each line that a process writes. */
static void add_lines(StreamClient *client)
{
    char *line;

    while ((line = stream_line(client))) {
        add_text(line);
        g_free(line);
    }
}

/* Runs mtrpacketctl to its end. Each line that it writes is a document, and is added. */
static void add(const char *arguments, int status)
{
    ClientRun run = client_run(arguments);
    g_auto(GStrv) lines = g_strsplit(run.out, "\n", -1);

    if (run.status != status)
        g_error("mtrpacketctl %s: status %d, stdout \"%s\", stderr \"%s\"", arguments, run.status,
                run.out, run.err);
    for (char **line = lines; **line; line++)
        add_text(*line);
    client_run_clear(&run);
}

/* The same, but it is interrupted when so many probes wait. */
static void add_interrupted(Fixture *fixture, const char *arguments, unsigned n_waiting)
{
    g_auto(GStrv) argv = client_argv(arguments);
    StreamClient client;
    GPid pid = user_spawn(0, (const char *const *)argv, &client, NULL);

    fixture_wait_probes(fixture, n_waiting, 0);
    g_assert_cmpint(kill(pid, SIGINT), ==, 0);
    add_lines(&client);
    g_assert_cmpint(WEXITSTATUS(user_wait(pid)), ==, 1);
    stream_client_clear(&client);
}

/* All commands, and what a network has to say. */
static void test_network(void)
{
    Fixture fixture;

    network_up();
    fixture_start(&fixture, NULL);
    begin();
    add("status --json=short", 0);
    add("check-support --json=short icmp nonsense", 1);
    add("probe --json=short " NETWORK_TARGET_4, 0);
    add("probe -j " NETWORK_TARGET_6, 0);
    add("probe --json=short --ttl=1 --protocol=tcp " NETWORK_TARGET_6, 1);
    add("probe --json=short --timeout=0.1 " NETWORK_HOLE_4, 1);
    add("ping --json=short -c 3 -i 0.001 " NETWORK_TARGET_4, 0); /* and a summary */
    add("ping --json=short -c 1 --timeout=0.1 " NETWORK_HOLE_4, 1);
    add("trace --json=short localhost", 0);
    add("trace --json=short " NETWORK_TARGET_6, 0);
    add("trace --json=short --max-ttl=4 --timeout=0.1 " NETWORK_HOLE_4, 1);
    add_interrupted(&fixture, "trace -n -j --max-ttl=4 --timeout=60 " NETWORK_HOLE_4, 6);
    /* nothing takes a probe back that was sent */
    add_interrupted(&fixture, "ping -i 60 -j --timeout=60 " NETWORK_HOLE_4, 6 + 1);
    add("status --json=short", 0);
    fixture_stop(&fixture);
    network_down();
    end(6 + 4 + 2 + 3 + 2 + 1);
}

/* What is rare. */
static void test_fake(void)
{
    static const int patterns[] = {FAKE_MPLS, FAKE_MPLS_BROKEN, FAKE_UNKNOWN, FAKE_NO_ROUTE};
    g_autofree char *trace =
        g_strdup_printf("trace -j --timeout=1 --bit-pattern=%d 127.0.0.1", FAKE_ROUTE);
    Fixture fixture;

    fixture_start(&fixture, fixture_program("TEST_FAKE_PACKET", "fake"));
    begin();
    for (size_t i = 0; i < G_N_ELEMENTS(patterns); i++) {
        g_autofree char *probe =
            g_strdup_printf("probe -j --bit-pattern=%d 127.0.0.1", patterns[i]);

        add(probe, 1);
    }
    add(trace, 0);
    fixture_stop(&fixture);
    end(G_N_ELEMENTS(patterns) + 1);
}

/* All of it in one, as a person reads it. */
static void test_pretty(void)
{
    Fixture fixture;
    ClientRun run;

    fixture_start(&fixture, NULL);
    begin();
    run = client_run("trace --json=pretty 127.0.0.1");
    g_assert_nonnull(strstr(run.out, "\n        \"kind\": \"trace\",\n"));
    add_text(run.out);
    client_run_clear(&run);
    fixture_stop(&fixture);
    end(1);
}

/*
 * That the schema refuses anything
 */

/* These take whatever there may be. */
static bool is_open(const char *key)
{
    static const char *const open_keys[] = {"details", "names", "features", "statistics", NULL};

    return g_strv_contains(open_keys, key);
}

static void break_object(const json_t *whole, json_t *object);

/* What is in an object or a list: of a list the first. */
static void break_within(const json_t *whole, const char *key, json_t *value)
{
    if (json_is_array(value) && json_array_size(value) > 0)
        value = json_array_get(value, 0);
    if (json_is_object(value) && !is_open(key))
        break_object(whole, value);
}

/* Adds WHOLE with one thing in OBJECT, a part of it, that is not right: with a key more, and for
 * each key without it, or with a value that is good for none. */
static void break_object(const json_t *whole, json_t *object)
{
    g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func(g_free);
    const char *name;
    json_t *value;

    json_object_foreach(object, name, value) g_ptr_array_add(keys, g_strdup(name));
    json_object_set_new(object, "surprise", json_true());
    add_document(whole);
    json_object_del(object, "surprise");

    for (unsigned i = 0; i < keys->len; i++) {
        const char *key = g_ptr_array_index(keys, i);

        value = json_incref(json_object_get(object, key));
        json_object_set_new(object, key, json_pack("{s:[]}", "surprise"));
        add_document(whole);
        json_object_del(object, key);
        if (strcmp(key, "seq") != 0) /* only ping has it */
            add_document(whole);
        json_object_set_new(object, key, value);
        break_within(whole, key, value);
    }
}

static void break_run(const char *arguments)
{
    json_t *document = client_document(arguments, 0);

    break_object(document, document);
    json_decref(document);
}

static void break_summary(void)
{
    ClientRun run = client_run("ping -j -c 1 127.0.0.1");
    json_t *summary = json_loads(strchr(run.out, '\n'), 0, NULL);

    g_assert_nonnull(summary);
    break_object(summary, summary);
    json_decref(summary);
    client_run_clear(&run);
}

/* Each of the broken ones is refused. */
static void assert_refused(void)
{
    g_autofree char *err = NULL;

    g_assert_cmpuint(files->len, >, 100);
    g_assert_cmpint(validate(&err), ==, 1);
    for (unsigned i = 0; i < files->len; i++) {
        const char *path = g_ptr_array_index(files, i);
        g_autofree char *said = g_strdup_printf("ValidationError]===(%s)", path);

        if (!strstr(err, said)) {
            g_autofree char *text = NULL;

            g_file_get_contents(path, &text, NULL, NULL);
            g_error("this is no document: %s", text);
        }
    }
    g_ptr_array_unref(files);
}

static void test_broken(void)
{
    Fixture fixture;

    fixture_start(&fixture, NULL);
    begin();
    break_run("probe 127.0.0.1");
    break_run("trace --queries=1 127.0.0.1");
    break_run("check-support icmp");
    break_run("status");
    break_summary();
    fixture_stop(&fixture);
    assert_refused();
}

static void add_tests(void)
{
    g_test_add_func("/documents/network", test_network);
    g_test_add_func("/documents/fake", test_fake);
    g_test_add_func("/documents/pretty", test_pretty);
    g_test_add_func("/documents/broken", test_broken);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add_tests);
}
