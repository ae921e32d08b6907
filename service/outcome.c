/* SPDX-License-Identifier: MIT */

#include "outcome.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int failure_set(Failure *failure, Outcome outcome, const char *format, ...)
{
    va_list arguments;
    int length;

    assert(outcome != OUTCOME_OK);

    failure->outcome = outcome;
    va_start(arguments, format);
    length = vsnprintf(failure->message, sizeof(failure->message), format, arguments);
    va_end(arguments);

    if (length < 0)
        failure->message[0] = '\0';
    else if ((size_t)length >= sizeof(failure->message))
        memcpy(failure->message + sizeof(failure->message) - 4, "...", 4);

    return outcome;
}

const char *quote(char buffer[static QUOTE_SIZE], const char *value)
{
    static const char hex[] = "0123456789abcdef";
    char *out = buffer;
    size_t shown = 0;

    *out++ = '"';
    for (const unsigned char *in = (const unsigned char *)value; *in; in++) {
        if (shown++ == QUOTE_SHOWN) {
            memcpy(out, "...", 3);
            out += 3;
            break;
        }
        if (*in >= 0x20 && *in < 0x7f && *in != '"' && *in != '\\') {
            *out++ = (char)*in;
        } else {
            *out++ = '\\';
            *out++ = 'x';
            *out++ = hex[*in >> 4];
            *out++ = hex[*in & 15];
        }
    }
    *out++ = '"';
    *out = '\0';

    return buffer;
}
