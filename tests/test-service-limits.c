/* SPDX-License-Identifier: MIT */

#include <glib.h>
#include <string.h>

#include "service-limits.h"

/* What the manual says of each, apart from the table in the service. */
static const struct {
    const char *name;
    size_t offset;
    unsigned initial, min, max;
} rows[] = {
    {"user-probes", offsetof(Limits, user_probes), 1024, 1, 65536},
    {"user-rate", offsetof(Limits, user_rate), 1000, 1, 1000000},
    {"user-burst", offsetof(Limits, user_burst), 1000, 1, 1000000},
    {"user-lookups", offsetof(Limits, user_lookups), 2, 1, 64},
    {"user-lookups-waiting", offsetof(Limits, user_lookups_waiting), 16, 1, 1024},
    {"lookups", offsetof(Limits, lookups), 8, 1, 64},
    {"user-streams", offsetof(Limits, user_streams), 8, 1, 64},
    {"streams", offsetof(Limits, streams), 32, 1, 64},
    {"probes-waiting", offsetof(Limits, probes_waiting), 8192, 1, 65536},
    {"burst", offsetof(Limits, burst), 5, 1, 8},
    {"answer-timeout", offsetof(Limits, answer_timeout), 20, 1, 60},
    {"prompt-timeout", offsetof(Limits, prompt_timeout), 120, 1, 3600},
};

static unsigned value_of(const Limits *limits, size_t row)
{
    unsigned value;

    memcpy(&value, (const char *)limits + rows[row].offset, sizeof(value));
    return value;
}

/* The number by which an option is set. */
static unsigned number_of(size_t row)
{
    for (unsigned number = 0; limits_name(number); number++)
        if (strcmp(limits_name(number), rows[row].name) == 0)
            return number;
    g_error("there is no --%s=", rows[row].name);
}

/* These are all there are, and each has its default. */
static void test_defaults(void)
{
    unsigned n = 0;
    Limits limits;

    memset(&limits, 0xff, sizeof(limits));
    limits_init(&limits);
    while (limits_name(n))
        n++;
    g_assert_cmpuint(n, ==, G_N_ELEMENTS(rows));
    g_assert_cmpuint(n, ==, sizeof(limits) / sizeof(unsigned));
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        g_assert_cmpuint(value_of(&limits, i), ==, rows[i].initial);
}

/* Sets one, and nothing else changes. */
static void assert_taken(size_t row, const char *text, unsigned value)
{
    Failure failure;
    Limits limits;

    limits_init(&limits);
    g_assert_cmpint(limits_set(&limits, number_of(row), text, &failure), ==, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        g_assert_cmpuint(value_of(&limits, i), ==, i == row ? value : rows[i].initial);
}

/* Refuses with a message that says which, what and what would be right; nothing changes. */
static void assert_refused(size_t row, const char *text)
{
    g_autofree char *start = g_strdup_printf("--%s=%s: ", rows[row].name, QUOTE(text));
    g_autofree char *range = g_strdup_printf(" from %u to %u ", rows[row].min, rows[row].max);
    Failure failure = {0};
    Limits limits;

    limits_init(&limits);
    if (limits_set(&limits, number_of(row), text, &failure) != OUTCOME_INVALID_ARGS)
        g_error("--%s=%s is taken", rows[row].name, text);
    g_assert_cmpint(failure.outcome, ==, OUTCOME_INVALID_ARGS);
    if (!g_str_has_prefix(failure.message, start) || !strstr(failure.message, range))
        g_error("\"%s\" does not say all", failure.message);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        g_assert_cmpuint(value_of(&limits, i), ==, rows[i].initial);
}

static void test_range(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *min = g_strdup_printf("%u", rows[i].min);
        g_autofree char *max = g_strdup_printf("%u", rows[i].max);
        g_autofree char *below = g_strdup_printf("%u", rows[i].min - 1);
        g_autofree char *above = g_strdup_printf("%u", rows[i].max + 1);
        g_autofree char *padded = g_strdup_printf("00%u", rows[i].max);

        assert_taken(i, min, rows[i].min);
        assert_taken(i, max, rows[i].max);
        assert_taken(i, padded, rows[i].max); /* decimal, not octal */
        assert_refused(i, below);
        assert_refused(i, above);
    }
}

static void test_garbage(void)
{
    static const char *const texts[] = {
        "",
        " ",
        "many",
        "-",
        "-1",
        "+5",
        " 5",
        "5 ",
        "5\n",
        "0x10",
        "1e1",
        "5.0",
        "5s",
        "5,5",
        "0",
        "4294967297",            /* 1 in 32 bits */
        "18446744073709551617",  /* and in 64 */
        "-18446744073709551615", /* which strtoul() makes a 1 */
        "99999999999999999999999",
        "\xd9\xa5", /* a five, but not of ASCII */
        "\x1b[31m5",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        for (size_t j = 0; j < G_N_ELEMENTS(texts); j++)
            assert_refused(i, texts[j]);
}

/* The last word counts. */
static void test_twice(void)
{
    Failure failure;
    Limits limits;

    limits_init(&limits);
    g_assert_cmpint(limits_set(&limits, number_of(0), "7", &failure), ==, 0);
    g_assert_cmpint(limits_set(&limits, number_of(0), "5", &failure), ==, 0);
    g_assert_cmpuint(limits.user_probes, ==, 5);
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/service-limits/defaults", test_defaults);
    g_test_add_func("/service-limits/range", test_range);
    g_test_add_func("/service-limits/garbage", test_garbage);
    g_test_add_func("/service-limits/twice", test_twice);
    return g_test_run();
}
