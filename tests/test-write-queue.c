/* SPDX-License-Identifier: MIT */

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "write-queue.h"

/* What Linux gives a pipe at least. */
#define PIPE_SIZE 4096

typedef struct Pipe {
    sd_event *event;
    WriteQueue queue;
    int fds[2];
    unsigned n_written, n_broken; /* how often it was told */
} Pipe;

static void on_written(void *userdata)
{
    Pipe *pipe = userdata;

    pipe->n_written++;
}

static void on_broken(void *userdata)
{
    Pipe *pipe = userdata;

    pipe->n_broken++;
}

static void pipe_open(Pipe *pipe)
{
    *pipe = (Pipe){0};
    g_assert_cmpint(sd_event_new(&pipe->event), >=, 0);
    g_assert_cmpint(pipe2(pipe->fds, O_NONBLOCK | O_CLOEXEC), ==, 0);
    g_assert_cmpint(fcntl(pipe->fds[1], F_SETPIPE_SZ, PIPE_SIZE), ==, PIPE_SIZE);
    g_assert_cmpint(
        write_queue_init(&pipe->queue, pipe->event, pipe->fds[1], on_written, on_broken, pipe), ==,
        0);
}

static void pipe_close(Pipe *pipe)
{
    write_queue_deinit(&pipe->queue);
    close(pipe->fds[0]);
    close(pipe->fds[1]);
    sd_event_unref(pipe->event);
}

/* Handles all that can be handled now. */
static void settle(Pipe *pipe)
{
    while (sd_event_run(pipe->event, 0) > 0)
        ;
}

static void commit(Pipe *pipe, const char *text)
{
    char *place = write_queue_reserve(&pipe->queue, strlen(text));

    g_assert_nonnull(place);
    memcpy(place, text, strlen(text));
    write_queue_commit(&pipe->queue, strlen(text));
}

/* Nothing is written before it is asked for, and then all of it at once. */
static void test_flush(void)
{
    char read_back[16] = "";
    Pipe pipe;

    pipe_open(&pipe);
    commit(&pipe, "one ");
    commit(&pipe, "two");
    settle(&pipe);
    g_assert_cmpint(read(pipe.fds[0], read_back, sizeof(read_back)), ==, -1);
    g_assert_cmpint(errno, ==, EAGAIN);

    write_queue_flush(&pipe.queue);
    g_assert_cmpint(read(pipe.fds[0], read_back, sizeof(read_back)), ==, 7);
    g_assert_cmpstr(read_back, ==, "one two");
    write_queue_flush(&pipe.queue); /* nothing waits */
    settle(&pipe);
    g_assert_cmpuint(pipe.n_written, ==, 0); /* for what never had to wait nobody is told */
    g_assert_false(pipe.queue.is_full);
    pipe_close(&pipe);
}

/* A pipe that is full is a state: what it does not take waits, in order, and goes out as there is
 * room, which is told once. */
static void test_full(void)
{
    g_autoptr(GString) expected = g_string_new(NULL), read_back = g_string_new(NULL);
    unsigned n = 0;
    Pipe pipe;

    pipe_open(&pipe);
    while (expected->len < 3 * PIPE_SIZE) {
        g_autofree char *text = g_strdup_printf("command %u\n", n++);

        commit(&pipe, text);
        g_string_append(expected, text);
        write_queue_flush(&pipe.queue);
    }
    g_assert_true(pipe.queue.is_full);
    settle(&pipe);
    g_assert_cmpuint(pipe.n_written, ==, 0);

    while (read_back->len < expected->len) {
        char some[1000];
        ssize_t n_read = read(pipe.fds[0], some, sizeof(some));

        g_assert_cmpint(n_read, >, 0);
        g_string_append_len(read_back, some, n_read);
        settle(&pipe);
    }
    g_assert_cmpstr(read_back->str, ==, expected->str);
    g_assert_cmpuint(pipe.n_written, ==, 1);
    g_assert_false(pipe.queue.is_full);
    pipe_close(&pipe);
}

/* A reader that goes is noticed, once, whether something waits or not; what waits is dropped. */
static void test_broken(const void *argument)
{
    const bool waits = GPOINTER_TO_INT(argument);
    Pipe pipe;

    pipe_open(&pipe);
    if (waits) {
        g_autofree char *much = g_strnfill(2 * PIPE_SIZE, 'x');

        commit(&pipe, much);
        write_queue_flush(&pipe.queue);
        g_assert_true(pipe.queue.is_full);
    }
    close(pipe.fds[0]);
    settle(&pipe);
    g_assert_cmpuint(pipe.n_broken, ==, 1);

    commit(&pipe, "for nobody");
    write_queue_flush(&pipe.queue);
    g_assert_cmpuint(pipe.queue.length, ==, 0);
    settle(&pipe);
    g_assert_cmpuint(pipe.n_broken, ==, 1);
    g_assert_cmpuint(pipe.n_written, ==, 0);
    pipe.fds[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    pipe_close(&pipe);
}

int main(int argc, char *argv[])
{
    signal(SIGPIPE, SIG_IGN);
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/write-queue/flush", test_flush);
    g_test_add_func("/write-queue/full", test_full);
    g_test_add_data_func("/write-queue/broken/idle", GINT_TO_POINTER(false), test_broken);
    g_test_add_data_func("/write-queue/broken/full", GINT_TO_POINTER(true), test_broken);
    return g_test_run();
}
