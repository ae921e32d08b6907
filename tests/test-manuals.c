/* SPDX-License-Identifier: MIT */

/*
 * Every example of the manuals, run on a machine of its own (tests/machine) as it is shown.
 *
 * The manuals are read as scdoc reads them, from the directory that TEST_MANUALS names. In a
 * literal block of their section EXAMPLES
 *
 * - a line that begins with "$ " is a command of a user's, who may probe; one that begins with "# "
 *   is one of root's. It goes on in the next line after a "\" at its end, and with "<<END" to the
 *   line END.
 * - the lines behind it, if there are any, are what it prints. Where they have a number it may
 * print any, for spaces any number of them, for "..." any text, and any lines where that is all
 * there is in the line.
 * - it succeeds, and prints nothing on stderr; or, if the comment "; exit status N" is before the
 *   block, that is the status of each command in it, and the lines are on stdout or stderr.
 *
 * Examples may count on those before them in the same manual.
 *
 * The network is that of network.h: example.com is its target, and its routers have names, too.
 * gateway.example.net is reached by an ssh that goes nowhere.
 */

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "call.h"
#include "network.h"
#include "polkit.h"
#include "process.h"
#include "systemd-unit.h"

#define USER "alice"
#define HOST_NAME "laptop"

static GDBusConnection *root;

/*
 * What is in a manual
 */

typedef struct Example {
    unsigned line;
    bool of_root;
    int status;
    GString *command;
    GString *output; /* as it is shown; empty where nothing is */
} Example;

typedef struct Reader {
    GPtrArray *examples;
    unsigned line;
    bool in_section, in_block, in_command, in_text; /* in_text: up to END */
    int status;                                     /* of the commands in the next block, or this */
} Reader;

static void example_free(void *data)
{
    Example *example = data;

    g_string_free(example->command, TRUE);
    g_string_free(example->output, TRUE);
    g_free(example);
}

/* A backslash takes the next character as it is, in literal blocks too. */
static char *unescape(const char *line)
{
    GString *text = g_string_new(NULL);

    for (; *line; line++) {
        if (*line == '\\' && line[1])
            line++;
        g_string_append_c(text, *line);
    }
    return g_string_free(text, FALSE);
}

static void go_on(Reader *reader, const char *line)
{
    if (reader->in_text)
        reader->in_text = strcmp(line, "END") != 0;
    else
        reader->in_text = strstr(line, "<<END") != NULL;
    reader->in_command = reader->in_text || g_str_has_suffix(line, "\\");
}

static void read_literal(Reader *reader, const char *line)
{
    Example *example;

    if (!reader->in_command && (g_str_has_prefix(line, "$ ") || g_str_has_prefix(line, "# "))) {
        example = g_new0(Example, 1);
        example->line = reader->line;
        example->of_root = line[0] == '#';
        example->status = reader->status;
        example->command = g_string_new(line + 2);
        example->output = g_string_new(NULL);
        g_ptr_array_add(reader->examples, example);
        go_on(reader, line);
        return;
    }

    if (reader->examples->len == 0)
        g_error("line %u is the output of no command", reader->line);
    example = reader->examples->pdata[reader->examples->len - 1];
    if (reader->in_command) {
        g_string_append_printf(example->command, "\n%s", line);
        go_on(reader, line);
    } else {
        g_string_append_printf(example->output, "%s\n", line);
    }
}

static void read_line(Reader *reader, const char *line)
{
    reader->line++;
    if (strcmp(line, "```") == 0) {
        reader->in_block = !reader->in_block;
        if (!reader->in_block)
            reader->status = 0;
    } else if (reader->in_block && reader->in_section) {
        g_autofree char *text = unescape(line);

        read_literal(reader, text);
    } else if (!reader->in_block && g_str_has_prefix(line, "# ")) {
        reader->in_section = strcmp(line, "# EXAMPLES") == 0;
    } else if (g_str_has_prefix(line, "; exit status ")) {
        reader->status = (int)g_ascii_strtoll(strrchr(line, ' '), NULL, 10);
    }
}

static GPtrArray *read_manual(const char *path)
{
    Reader reader = {.examples = g_ptr_array_new_with_free_func(example_free)};
    g_autofree char *contents = NULL;
    g_auto(GStrv) lines = NULL;
    g_autoptr(GError) error = NULL;

    g_file_get_contents(path, &contents, NULL, &error);
    g_assert_no_error(error);
    lines = g_strsplit(contents, "\n", -1);
    for (char **line = lines; *line; line++)
        read_line(&reader, *line);
    g_assert_false(reader.in_block);
    return reader.examples;
}

/*
 * What a command prints
 */

/* Appends what matches the text at SHOWN; returns how much of that it was. */
static size_t append_pattern(GString *pattern, const char *shown, bool line_begins)
{
    size_t n = strspn(shown, "0123456789");

    if (n > 0) {
        g_string_append(pattern, "[0-9]+");
        return n;
    }
    n = strspn(shown, " ");
    if (n > 0) {
        g_string_append(pattern, " +");
        return n;
    }
    if (line_begins && g_str_has_prefix(shown, "...\n")) {
        g_string_append(pattern, "(.*\n)*");
        return 4;
    }
    if (g_str_has_prefix(shown, "...")) {
        g_string_append(pattern, ".*");
        return 3;
    }
    if (!g_ascii_isalnum(*shown) && *shown != '\n')
        g_string_append_c(pattern, '\\');
    g_string_append_c(pattern, *shown);
    return 1;
}

/* Numbers may have a fraction and an exponent, or none. */
static char *join_fractions(GString *pattern)
{
    g_autofree char *text = g_string_free(pattern, FALSE);
    g_auto(GStrv) parts = g_strsplit(text, "[0-9]+\\.[0-9]+", -1);

    return g_strjoinv("[0-9]+\\.?[0-9]*(e[-+][0-9]+)?", parts);
}

static bool is_as_shown(const char *shown, const char *printed)
{
    GString *pattern = g_string_new("^");
    g_autofree char *joined = NULL;

    for (const char *at = shown; *at;)
        at += append_pattern(pattern, at, at == shown || at[-1] == '\n');
    g_string_append(pattern, "$");
    joined = join_fractions(pattern);
    return g_regex_match_simple(joined, printed, G_REGEX_DOLLAR_ENDONLY, 0);
}

/*
 * Commands
 */

static int run_shell(const char *command, bool of_root, char **ret_out, char **ret_err)
{
    static const char *const as_user[] = {
        "setpriv",          "--reuid=" USER, "--regid=" USER,
        "--init-groups",    "env",           "--ignore-environment",
        "HOME=/home/" USER, "USER=" USER,    "PATH=/usr/local/bin:/usr/bin:/bin"};
    static const char *const as_root[] = {"env", "--unset=MTR_PACKET"};
    g_autoptr(GPtrArray) argv = g_ptr_array_new();

    for (size_t i = 0; of_root && i < G_N_ELEMENTS(as_root); i++)
        g_ptr_array_add(argv, (char *)as_root[i]);
    for (size_t i = 0; !of_root && i < G_N_ELEMENTS(as_user); i++)
        g_ptr_array_add(argv, (char *)as_user[i]);
    g_ptr_array_add(argv, (char *)"timeout");
    g_ptr_array_add(argv, (char *)"60");
    g_ptr_array_add(argv, (char *)"bash");
    g_ptr_array_add(argv, (char *)"-c");
    g_ptr_array_add(argv, (char *)command);
    g_ptr_array_add(argv, NULL);
    return fixture_command((const char *const *)argv->pdata, ret_out, ret_err);
}

/* Checks that a command of the test's own succeeds. */
static void run(const char *command)
{
    if (run_shell(command, true, NULL, NULL) != 0)
        g_error("%s: failed", command);
}

/* Says a text that may have several lines, each for itself, since TAP has a "#" before each. */
static void say(const char *title, const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    g_test_message("%s", title);
    for (char **line = lines; *line; line++)
        if (**line || line[1])
            g_test_message("    %s", *line);
}

static void check(const char *manual, const Example *example)
{
    g_autofree char *out = NULL, *err = NULL, *printed = NULL, *title = NULL;
    const char *problem = NULL;
    int status;

    if (strstr(example->command->str, "journalctl"))
        run("journalctl --sync"); /* the journal takes entries as it comes to them */
    status = run_shell(example->command->str, example->of_root, &out, &err);

    printed = example->status == 0 ? g_strdup(out) : g_strconcat(out, err, NULL);
    if (status != example->status)
        problem = "another exit status than shown";
    else if (example->status == 0 && *err)
        problem = "something on stderr";
    else if (example->output->len > 0 && !is_as_shown(example->output->str, printed))
        problem = "another output than shown";
    if (!problem)
        return;

    title =
        g_strdup_printf("%s, line %u: %s, exit status %d", manual, example->line, problem, status);
    say(title, example->command->str);
    say("stdout:", out);
    say("stderr:", err);
    if (example->output->len > 0)
        say("shown:", example->output->str);
    g_test_fail();
}

static void test_manual(const void *data)
{
    const char *path = data;
    g_autoptr(GPtrArray) examples = read_manual(path);
    g_autofree char *manual = g_path_get_basename(path);

    g_assert_cmpuint(examples->len, >, 0);
    g_test_message("%u examples", examples->len);
    for (unsigned i = 0; i < examples->len; i++)
        check(manual, examples->pdata[i]);
}

/* The check itself. */
static void test_shown(void)
{
    g_assert_true(is_as_shown("reply in 0.1 ms\n", "reply in 12.345 ms\n"));
    g_assert_true(is_as_shown("[0.25,null]\n", "[1.24000e-01,null]\n"));
    g_assert_true(is_as_shown("from 192.0.2.1  1\n", "from 198.51.100.66 22\n"));
    g_assert_true(is_as_shown("{\"a\":1,...\n", "{\"a\":1,\"b\":2}\n"));
    g_assert_true(is_as_shown("a\n...\n", "a\nb\nc\n"));
    g_assert_true(is_as_shown("a\n...\n", "a\n"));
    g_assert_false(is_as_shown("a\n", "a\nb\n"));
    g_assert_false(is_as_shown("a\nb\n", "a\n"));
    g_assert_false(is_as_shown("...\nb\n", "a\nc\n"));
    g_assert_false(is_as_shown("reply in 0.1 ms\n", "reply in nan ms\n"));
    g_assert_false(is_as_shown("a.c\n", "abc\n"));
}

/*
 * The machine
 */

static void write_file(const char *path, const char *contents)
{
    g_autoptr(GError) error = NULL;

    g_file_set_contents(path, contents, -1, &error);
    g_assert_no_error(error);
}

static void furnish(Polkit *polkit)
{
    static const char ssh[] = "/usr/local/bin/ssh";

    g_assert_cmpint(sethostname(HOST_NAME, strlen(HOST_NAME)), ==, 0);
    write_file("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n");
    write_file("/etc/hosts",
               "127.0.0.1 localhost " HOST_NAME "\n"
               "::1 localhost " HOST_NAME "\n" NETWORK_TARGET_4 " example.com\n" NETWORK_TARGET_6
               " example.com\n" NETWORK_ROUTER1_4 " router1.example.net\n" NETWORK_ROUTER1_6
               " router1.example.net\n" NETWORK_ROUTER2_4 " router2.example.net\n" NETWORK_ROUTER2_6
               " router2.example.net\n");
    write_file(ssh, "#!/bin/sh\n"
                    "while [ $# -gt 0 ] && [ \"$1\" != systemd-stdio-bridge ]; do shift; done\n"
                    "exec \"$@\"\n");
    g_assert_cmpint(chmod(ssh, 0755), ==, 0);
    network_up();

    run("setcap cap_net_raw=ep \"$(command -v mtr-packet)\""); /* or it is setuid, as installed */
    run("useradd --create-home " USER);
    polkit_adopt(polkit, root);
    polkit_set_rules(polkit, "if (probe && subject.user == '" USER "') return YES;");
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void add_manuals(GPtrArray *paths)
{
    const char *directory = g_getenv("TEST_MANUALS");
    g_autoptr(GDir) dir = g_dir_open(directory, 0, NULL);

    g_assert_nonnull(dir);
    for (const char *name; (name = g_dir_read_name(dir));)
        if (g_str_has_suffix(name, ".scd"))
            g_ptr_array_add(paths, g_build_filename(directory, name, NULL));
    g_assert_cmpuint(paths->len, >, 0);
    g_ptr_array_sort(paths, compare_paths);
}

int main(int argc, char *argv[])
{
    g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
    Polkit polkit;
    int status;

    g_test_init(&argc, &argv, NULL);
    root = fixture_connect(0);
    unit_init(root);
    unit_configure(NULL, NULL);
    furnish(&polkit);
    add_manuals(paths);

    g_test_add_func("/manuals/shown", test_shown);
    for (unsigned i = 0; i < paths->len; i++) {
        g_autofree char *name = g_path_get_basename(paths->pdata[i]);
        g_autofree char *test = NULL;

        name[strlen(name) - strlen(".scd")] = '\0';
        test = g_strconcat("/manuals/", name, NULL);
        g_test_add_data_func(test, paths->pdata[i], test_manual);
    }

    status = g_test_run();
    polkit_release(&polkit);
    fixture_disconnect(root);
    return status;
}
