/* SPDX-License-Identifier: MIT */

/* key-file FILE GROUP KEY: print a value of a key file, which must be one in all of its lines. */

#include <glib.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char *argv[])
{
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *value = NULL;

    if (argc != 4) {
        fprintf(stderr, "usage: %s FILE GROUP KEY\n", argv[0]);
        return EXIT_FAILURE;
    }
    if (g_key_file_load_from_file(file, argv[1], G_KEY_FILE_NONE, &error))
        value = g_key_file_get_string(file, argv[2], argv[3], &error);
    if (!value) {
        fprintf(stderr, "%s: %s\n", argv[1], error->message);
        return EXIT_FAILURE;
    }
    puts(value);
    return EXIT_SUCCESS;
}
