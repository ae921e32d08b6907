/* SPDX-License-Identifier: MIT */

/* What a bridge passes on, where the service closes the stream first. */

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <sys/ioctl.h>
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

/* What is read is a directory, what is written a full disk, and nobody reads commands any more. */
static void test_broken(void)
{
    int root = open("/", O_RDONLY | O_CLOEXEC), full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    int sockets[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), ==, 0);
    g_assert_cmpint(pump_run(root, full, sockets[0]), ==, -EISDIR);
    g_assert_cmpint(write(sockets[1], "x", 1), ==, 1);
    g_assert_cmpint(pump_run(root, full, sockets[0]), ==, -ENOSPC);

    g_assert_cmpint(write(sockets[0], "x", 1), ==, 1);
    close(sockets[1]);
    g_assert_cmpint(pump_run(root, full, sockets[0]), ==, PUMP_E_CLOSED);

    close(sockets[0]);
    close(root);
    close(full);
}

typedef struct Reader {
    int fd;
    size_t n_read;
} Reader;

/* Reads a full pipe to its end. */
static void *read_pipe(void *userdata)
{
    Reader *reader = userdata;
    char buffer[4096];
    int held = 0;
    ssize_t n;

    while (held < (int)sizeof(buffer)) {
        g_assert_cmpint(ioctl(reader->fd, FIONREAD, &held), ==, 0);
        g_thread_yield();
    }
    while ((n = read(reader->fd, buffer, sizeof(buffer))) > 0)
        reader->n_read += (size_t)n;
    return NULL;
}

/* stdout does not wait, and is full now and then: whoever shares it may have made it so. */
static void test_full_pipe(void)
{
    g_autofree char *replies = g_strnfill(REPLIES, '\n');
    int commands[2], sockets[2], out[2];
    Reader reader = {0};
    GThread *thread;

    g_assert_cmpint(pipe(commands), ==, 0);
    g_assert_cmpint(pipe2(out, O_NONBLOCK), ==, 0);
    g_assert_cmpint(fcntl(out[1], F_SETPIPE_SZ, 4096), ==, 4096);
    g_assert_cmpint(fcntl(out[0], F_SETFL, 0), ==, 0);
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), ==, 0);
    g_assert_cmpint(send(sockets[1], replies, REPLIES, MSG_DONTWAIT), ==, REPLIES);
    close(sockets[1]);
    reader.fd = out[0];
    thread = g_thread_new("reader", read_pipe, &reader);

    g_assert_cmpint(pump_run(commands[0], out[1], sockets[0]), ==, PUMP_E_CLOSED);
    close(out[1]);
    g_thread_join(thread);
    g_assert_cmpuint(reader.n_read, ==, REPLIES);

    close(commands[0]);
    close(commands[1]);
    close(sockets[0]);
    close(out[0]);
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pump/closed", test_closed);
    g_test_add_func("/pump/broken", test_broken);
    g_test_add_func("/pump/full-pipe", test_full_pipe);
    return g_test_run();
}
