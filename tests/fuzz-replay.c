/* SPDX-License-Identifier: MIT */

/* A fuzzer's main() without libFuzzer: the arguments are files, or directories of them, and each is
 * tried once. What is wrong ends the program. */

#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "fuzz.h"

static unsigned n_tested, n_failed;

static void report(bool ok, const char *path, const char *what)
{
    printf("%s %u - %s%s\n", ok ? "ok" : "not ok", ++n_tested, path, what);
    n_failed += !ok;
}

/* The whole file; NULL if it cannot be read. */
static uint8_t *read_file(const char *path, size_t *ret_size)
{
    FILE *file = fopen(path, "re");
    uint8_t *data = NULL;
    size_t size = 0, n;
    bool ok;

    if (!file)
        return NULL;
    do {
        uint8_t *larger = realloc(data, size + 65536);

        CHECK(larger);
        data = larger;
        n = fread(data + size, 1, 65536, file);
        size += n;
    } while (n > 0);
    ok = !ferror(file);
    fclose(file);
    if (!ok) {
        free(data);
        return NULL;
    }
    *ret_size = size;
    return data;
}

static void replay_file(const char *path)
{
    size_t size;
    uint8_t *data = read_file(path, &size), *exact;

    if (!data) {
        report(false, path, ": cannot be read");
        return;
    }
    /* Said before, since what is wrong ends the program. */
    printf("# %s\n", path);
    fflush(stdout);
    exact = malloc(size > 0 ? size : 1);
    CHECK(exact);
    memcpy(exact, data, size);
    free(data);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    report(true, path, "");
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void replay_directory(const char *path)
{
    struct dirent **entries;
    int n = scandir(path, &entries, is_visible, alphasort);

    if (n <= 0)
        report(false, path, n < 0 ? ": cannot be read" : ": is empty");
    for (int i = 0; i < n; i++) {
        char name[PATH_MAX];

        snprintf(name, sizeof(name), "%s/%s", path, entries[i]->d_name);
        replay_file(name);
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
}

int main(int argc, char *argv[])
{
    for (int i = 1; i < argc; i++) {
        struct stat status;

        if (stat(argv[i], &status) == 0 && S_ISDIR(status.st_mode))
            replay_directory(argv[i]);
        else
            replay_file(argv[i]);
    }
    if (n_tested == 0)
        report(false, argv[0], ": files or directories are expected");
    printf("1..%u\n", n_tested);
    return n_failed > 0;
}
