/* SPDX-License-Identifier: MIT */

#include "answers.h"

#include <stdio.h>
#include <string.h>

void answers_note(Answers *answers, const char *feature, bool supported)
{
    bool before;

    if (answers->n == ANSWERS_MAX || answers_know(answers, feature, &before))
        return;
    snprintf(answers->known[answers->n].feature, sizeof(answers->known[0].feature), "%s", feature);
    answers->known[answers->n].supported = supported;
    answers->n++;
}

bool answers_know(const Answers *answers, const char *feature, bool *ret_supported)
{
    for (unsigned i = 0; i < answers->n; i++) {
        if (strcmp(answers->known[i].feature, feature) == 0) {
            *ret_supported = answers->known[i].supported;
            return true;
        }
    }
    return false;
}
