/* SPDX-License-Identifier: MIT */

#include "service-limits.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "pace.h"
#include "util.h"

static const struct {
    const char *name;
    const char *value; /* what it is called in --help */
    const char *help[2];
    size_t offset;
    unsigned initial, min, max;
} table[] = {
    {"user-probes",
     "N",
     {"Calls that one user may have waiting or in flight"},
     offsetof(Limits, user_probes),
     1024,
     1,
     65536},
    {"user-rate",
     "N",
     {"Calls of one user per second; more wait"},
     offsetof(Limits, user_rate),
     1000,
     1,
     1000000},
    {"user-burst",
     "N",
     {"Calls of one user at once, after a rest"},
     offsetof(Limits, user_burst),
     1000,
     1,
     1000000},
    {"user-lookups",
     "N",
     {"Names of one user, or of root, looked up at a time"},
     offsetof(Limits, user_lookups),
     2,
     1,
     64},
    {"user-lookups-waiting",
     "N",
     {"Names of one user, or of root, waiting for that"},
     offsetof(Limits, user_lookups_waiting),
     16,
     1,
     1024},
    {"lookups",
     "N",
     {"Names of all users looked up at a time, each in a",
      "thread, which the unit's TasksMax= must allow"},
     offsetof(Limits, lookups),
     8,
     1,
     64},
    {"user-streams",
     "N",
     {"Streams that one user may have open"},
     offsetof(Limits, user_streams),
     8,
     1,
     64},
    {"streams",
     "N",
     {"Streams that all users may have open, root too"},
     offsetof(Limits, streams),
     32,
     1,
     64},
    {"probes-waiting",
     "N",
     {"Calls waiting, of root, and of all others together"},
     offsetof(Limits, probes_waiting),
     8192,
     1,
     65536},
    {"burst",
     "N",
     {"Commands given to an mtr-packet at once, before it", "says that it has done them"},
     offsetof(Limits, burst),
     PACE_BURST_DEFAULT,
     1,
     PACE_BURST_MAX},
    {"answer-timeout",
     "SECONDS",
     {"How long polkit may take to answer"},
     offsetof(Limits, answer_timeout),
     20,
     1,
     60},
    {"prompt-timeout",
     "SECONDS",
     {"How long a user may take to authenticate"},
     offsetof(Limits, prompt_timeout),
     120,
     1,
     3600},
};

static unsigned *limit(Limits *limits, unsigned number)
{
    assert(number < ELEMENTS(table));
    return (unsigned *)(void *)((char *)limits + table[number].offset);
}

void limits_init(Limits *limits)
{
    for (unsigned i = 0; i < ELEMENTS(table); i++)
        *limit(limits, i) = table[i].initial;
}

const char *limits_name(unsigned number)
{
    return number < ELEMENTS(table) ? table[number].name : NULL;
}

int limits_set(Limits *limits, unsigned number, const char *text, Failure *failure)
{
    unsigned min = table[number].min, max = table[number].max;
    unsigned long value;
    char *end;

    value = strtoul(text, &end, 10); /* of what is too large for it, ULONG_MAX: out of any range */
    if (!isdigit((unsigned char)text[0]) || *end != '\0' || value < min || value > max)
        return failure_set(failure, OUTCOME_INVALID_ARGS,
                           "--%s=%s: a whole number from %u to %u is expected", table[number].name,
                           QUOTE(text), min, max);
    *limit(limits, number) = (unsigned)value;
    return 0;
}

#define HELP_COLUMN 28

void limits_help(void)
{
    for (size_t i = 0; i < ELEMENTS(table); i++) {
        int n = printf("     --%s=%s", table[i].name, table[i].value);

        if (n >= HELP_COLUMN) {
            putchar('\n');
            n = 0;
        }
        printf("%*s%s", HELP_COLUMN - n, "", table[i].help[0]);
        if (table[i].help[1])
            printf("\n%*s%s", HELP_COLUMN, "", table[i].help[1]);
        printf("\n%*s(%u to %u; default: %u)\n", HELP_COLUMN, "", table[i].min, table[i].max,
               table[i].initial);
    }
}
