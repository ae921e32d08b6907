/* SPDX-License-Identifier: MIT */

#include "expected.h"

#include <glib.h>
#include <string.h>

/* What stands for what varies. A time has three digits behind its point, as no address and no
 * percentage has. */
static const struct {
    const char *pattern, *replacement;
} masks[] = {
    {"(?<![0-9.])[0-9]+\\.[0-9]{3}(?![0-9.])", "N.NNN"},
    {"\033", "\\\\e"},
};

static char *mask(const char *text)
{
    char *masked = g_strdup(text);

    for (unsigned i = 0; i < G_N_ELEMENTS(masks); i++) {
        g_autoptr(GRegex) regex = g_regex_new(masks[i].pattern, 0, 0, NULL);
        g_autoptr(GError) error = NULL;
        g_autofree char *before = masked;

        masked = g_regex_replace(regex, before, -1, 0, masks[i].replacement, 0, &error);
        g_assert_no_error(error);
    }
    return masked;
}

void assert_expected(const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(g_getenv("TEST_EXPECTED"), name, NULL);
    g_autofree char *seen = mask(text), *expected = NULL;
    g_autoptr(GError) error = NULL;

    g_file_get_contents(path, &expected, NULL, &error);
    g_assert_no_error(error);
    if (strcmp(expected, seen) != 0)
        g_error("%s is\n%s\nbut this was seen:\n%s", name, expected, seen);
}
