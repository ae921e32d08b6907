/* SPDX-License-Identifier: MIT */

#include "style.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "util.h"

static const Style plain = {"", "", "", ""};
static const Style coloured = {
    .bold = "\033[1m",
    .faint = "\033[2m",
    .bad = "\033[31m",
    .end = "\033[0m",
};

/* Returns 1 or 0, or -1 if it is neither set nor a boolean, as systemd knows them. */
static int get_boolean(const char *name)
{
    static const char *const no[] = {"0", "no", "n", "false", "f", "off"};
    static const char *const yes[] = {"1", "yes", "y", "true", "t", "on", "16", "256", "24bit"};
    const char *value = getenv(name);

    for (size_t i = 0; value && i < ELEMENTS(no); i++)
        if (strcasecmp(value, no[i]) == 0)
            return 0;
    for (size_t i = 0; value && i < ELEMENTS(yes); i++)
        if (strcasecmp(value, yes[i]) == 0)
            return 1;
    return -1;
}

static bool is_wanted(void)
{
    const char *terminal = getenv("TERM"), *never = getenv("NO_COLOR");
    int wanted = get_boolean("SYSTEMD_COLORS");

    if (wanted >= 0)
        return wanted;
    if (never && *never)
        return false;
    return isatty(STDOUT_FILENO) && terminal && strcmp(terminal, "dumb") != 0;
}

Style style_get(void)
{
    return is_wanted() ? coloured : plain;
}
