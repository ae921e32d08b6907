/* SPDX-License-Identifier: MIT */

#include "user-program.h"

#include <sys/wait.h>

#include "process.h"

/* The whole command, NULL-terminated. */
static GPtrArray *command(uid_t uid, const char *environment, const char *const argv[])
{
    g_autofree char *reuid = g_strdup_printf("--reuid=%u", (unsigned)uid);
    g_autofree char *regid = g_strdup_printf("--regid=%u", (unsigned)uid);
    const char *const setpriv[] = {"setpriv",
                                   g_intern_string(reuid),
                                   g_intern_string(regid),
                                   "--clear-groups",
                                   "--inh-caps=-all",
                                   "--ambient-caps=-all",
                                   "--bounding-set=-all",
                                   "--",
                                   "env"};
    GPtrArray *whole = g_ptr_array_new();

    for (unsigned i = uid == 0 ? G_N_ELEMENTS(setpriv) - 1 : 0; i < G_N_ELEMENTS(setpriv); i++)
        g_ptr_array_add(whole, (char *)setpriv[i]);
    if (environment)
        g_ptr_array_add(whole, (char *)environment);
    for (; *argv; argv++)
        g_ptr_array_add(whole, (char *)*argv);
    g_ptr_array_add(whole, NULL);
    return whole;
}

int user_command(uid_t uid, const char *environment, const char *const argv[], char **ret_out,
                 char **ret_err)
{
    g_autoptr(GPtrArray) whole = command(uid, environment, argv);

    return fixture_command((const char *const *)whole->pdata, ret_out, ret_err);
}

GPid user_spawn(uid_t uid, const char *const argv[], StreamClient *client, int *ret_err)
{
    g_autoptr(GPtrArray) whole = command(uid, NULL, argv);
    g_autoptr(GError) error = NULL;
    int in, out;
    GPid pid;

    g_spawn_async_with_pipes(NULL, (char **)whole->pdata, NULL,
                             G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &pid,
                             &out, &in, ret_err, &error);
    g_assert_no_error(error);
    stream_client_init(client, in, out);
    return pid;
}

int user_wait(GPid pid)
{
    int status;

    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    return status;
}
