/* SPDX-License-Identifier: MIT */

/* What a bridge passes on, where the service closes the stream first. */

#include <glib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pump.h"

/* More than is passed on at once, and no more than a socket holds. */
#define REPLIES (150 * 1024)

/* Replies that are there are passed on, also while commands are not taken any more. */
static void test_closed(void)
{
    static const char command[] = "1 nonsense\n";
    g_autofree char *replies = g_strnfill(REPLIES, '\n');
    int commands[2], sockets[2], out;
    g_autofree char *name = NULL;
    struct stat status;

    g_assert_cmpint(pipe(commands), ==, 0);
    g_assert_cmpint(write(commands[1], command, strlen(command)), ==, strlen(command));
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), ==, 0);
    g_assert_cmpint(send(sockets[1], replies, REPLIES, MSG_DONTWAIT), ==, REPLIES);
    close(sockets[1]);
    out = g_file_open_tmp(NULL, &name, NULL);
    g_assert_cmpint(out, >=, 0);
    unlink(name);

    g_assert_cmpint(pump_run(commands[0], out, sockets[0]), ==, PUMP_E_CLOSED);
    g_assert_cmpint(fstat(out, &status), ==, 0);
    g_assert_cmpint(status.st_size, ==, REPLIES);

    close(commands[0]);
    close(commands[1]);
    close(sockets[0]);
    close(out);
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pump/closed", test_closed);
    return g_test_run();
}
