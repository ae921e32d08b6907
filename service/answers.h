/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What one mtr-packet has answered to callers' questions: it would say the same again. Callers
 * think the questions up, so there is a bound. Pure.
 */

#include <stdbool.h>

#include "packet-protocol.h"

#define ANSWERS_MAX 64

/* Begins as zeros. */
typedef struct Answers {
    struct {
        char feature[PACKET_FEATURE_MAX + 1];
        bool supported;
    } known[ANSWERS_MAX];
    unsigned n;
} Answers;

/** answers_note() - keep an answer, if it is new and there is room for it */
void answers_note(Answers *answers, const char *feature, bool supported);

/** answers_know() - whether there is an answer; then @ret_supported is what it was */
bool answers_know(const Answers *answers, const char *feature, bool *ret_supported);
