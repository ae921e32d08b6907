/* SPDX-License-Identifier: MIT */

#include "plain-text.h"

#include <stddef.h>

/* How many bytes the character at TEXT has if it is one that acts on a terminal, else 0. */
static size_t acting(const unsigned char *text)
{
    if (text[0] < ' ' || text[0] == 0x7f)
        return 1;
    if (text[0] == 0xc2 && text[1] >= 0x80 && text[1] <= 0x9f) /* C1 */
        return 2;
    if (text[0] != 0xe2)
        return 0;
    /* U+200E, U+200F, and U+2028 to U+202E; U+2066 to U+2069 */
    if (text[1] == 0x80 &&
        (text[2] == 0x8e || text[2] == 0x8f || (text[2] >= 0xa8 && text[2] <= 0xae)))
        return 3;
    return text[1] == 0x81 && text[2] >= 0xa6 && text[2] <= 0xa9 ? 3 : 0;
}

void plain_text_print(const char *text, FILE *file)
{
    const unsigned char *c = (const unsigned char *)text;

    while (*c) {
        size_t n = acting(c);

        if (n == 0)
            putc(*c++, file);
        for (; n > 0; n--)
            fprintf(file, "\\x%02x", *c++);
    }
}
