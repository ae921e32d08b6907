/* SPDX-License-Identifier: MIT */

/*
 * Descriptors that are passed over a stream: the service must not become the last to have them, for
 * it would be the one who closes them then. With a kernel that refuses them, and with one that
 * does not.
 */

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "quota-scene.h"
#include "stream-client.h"

typedef struct Scene {
    Fixture fixture;
    StreamClient client;
    int pipe[2]; /* of which the writing end is passed */
} Scene;

static void scene_start(Scene *scene)
{
    fixture_bus(&scene->fixture);
    fixture_launch_preloaded(&scene->fixture,
                             fixture_program("TEST_PRELOAD_PASSRIGHTS", "preload-passrights.so"),
                             "--streams=3");
    stream_open(&scene->client, scene->fixture.root);
    g_assert_cmpint(pipe(scene->pipe), ==, 0);
}

/* Sends @text, with the writing end of the pipe. */
static ssize_t pass(const Scene *scene, const char *text, int flags)
{
    union {
        char space[CMSG_SPACE(sizeof(int))];
        struct cmsghdr header;
    } control = {0};
    struct iovec vector = {.iov_base = (char *)text, .iov_len = strlen(text)};
    struct msghdr message = {.msg_iov = &vector,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};

    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(&control.header), &scene->pipe[1], sizeof(int));
    return sendmsg(scene->client.out, &message, flags | MSG_NOSIGNAL);
}

/* Whether nobody has the writing end any more; we do not. */
static bool is_closed(Scene *scene)
{
    return g_poll(&(GPollFD){.fd = scene->pipe[0], .events = G_IO_IN}, 1, 0) > 0;
}

static void check_others(Scene *scene)
{
    StreamClient client;

    stream_open(&client, scene->fixture.root);
    stream_say(&client, "1 send-probe ip-4 127.0.0.1\n");
    stream_expect_reply(&client, 1, "127.0.0.1");
    stream_shut(&client);
    stream_expect_end(&client);
    stream_client_clear(&client);
}

static void scene_end(Scene *scene)
{
    close(scene->pipe[0]);
    fixture_stop(&scene->fixture);
}

/* A kernel that can refuses; and bytes pass as before. */
static void test_refused(void)
{
    int fd, on;
    Scene scene;

    fixture_start(&scene.fixture, NULL);
    stream_open(&scene.client, scene.fixture.root);
    g_assert_cmpint(pipe(scene.pipe), ==, 0);
    /* Without it there is nothing to see here: the other tests are of such a kernel. */
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    on = setsockopt(fd, SOL_SOCKET, 83, &(int){0}, sizeof(int));
    close(fd);
    if (on == 0) {
        g_assert_cmpint(pass(&scene, "1 nonsense\n", 0), ==, -1);
        g_assert_cmpint(errno, ==, EPERM);
    }
    stream_say(&scene.client, "2 nonsense\n");
    stream_expect(&scene.client, "2 unknown-command");
    close(scene.pipe[1]);
    stream_client_clear(&scene.client);
    scene_end(&scene);
}

/* A byte that is sent as urgent is a byte like others, and no reason to be awake for. */
static void test_urgent(void)
{
    guint64 before, after;
    Scene scene;

    scene_start(&scene);
    g_assert_cmpint(send(scene.client.out, "7", 1, MSG_OOB), ==, 1);
    before = process_ticks(scene.fixture.service_pid);
    g_usleep(G_USEC_PER_SEC / 2); /* in which a service that is awake runs */
    after = process_ticks(scene.fixture.service_pid);
    g_assert_cmpuint(after - before, <, 20);
    stream_say(&scene.client, " nonsense\n");
    stream_expect(&scene.client, "7 unknown-command");
    close(scene.pipe[1]);
    stream_client_clear(&scene.client);
    scene_end(&scene);
}

/* The stream ends, and its place is lost; also where it is passed with an urgent byte. */
static void test_passed(const void *flags)
{
    Answer answer;
    Scene scene;

    scene_start(&scene);
    stream_say(&scene.client, "1 nonsense\n");
    stream_expect(&scene.client, "1 unknown-command");
    g_assert_cmpint(pass(&scene, "2", GPOINTER_TO_INT(flags)), >, 0);
    close(scene.pipe[1]);
    stream_expect_end(&scene.client);
    stream_client_clear(&scene.client);
    check_others(&scene);
    g_assert_false(is_closed(&scene));

    stream_open(&scene.client, scene.fixture.root);
    stream_client_clear(&scene.client);
    connection_catch_up(scene.fixture.root);
    for (unsigned i = 0; i < 2; i++) {
        call_start(&answer, scene.fixture.root, "OpenStream", g_variant_new_parsed("(@a{sv} {},)"));
        (void)stream_answer_take(&answer); /* open until the test ends */
    }
    call_start(&answer, scene.fixture.root, "OpenStream", g_variant_new_parsed("(@a{sv} {},)"));
    call_wait(&answer);
    assert_error(&answer, ERROR_LIMITS_EXCEEDED, "all users have 3 streams open");
    answer_clear(&answer);
    g_assert_false(is_closed(&scene));
    scene_end(&scene);
}

/* Passed behind what is not read any more: its client, or its caller, has gone. */
static void test_unread(const void *by_caller)
{
    GDBusConnection *caller;
    Scene scene;

    scene_start(&scene);
    stream_client_clear(&scene.client);
    caller = fixture_connect(0);
    stream_open(&scene.client, caller);
    /* So that nothing is read before the end has been seen. */
    g_assert_cmpint(kill(scene.fixture.service_pid, SIGSTOP), ==, 0);
    stream_say(&scene.client, "1 nonsense\n");
    g_assert_cmpint(pass(&scene, "2 nonsense\n", 0), >, 0);
    close(scene.pipe[1]);
    if (GPOINTER_TO_INT(by_caller))
        fixture_disconnect(caller);
    stream_client_clear(&scene.client);
    g_assert_cmpint(kill(scene.fixture.service_pid, SIGCONT), ==, 0);
    check_others(&scene);
    g_assert_false(is_closed(&scene));
    if (!GPOINTER_TO_INT(by_caller))
        fixture_disconnect(caller);
    scene_end(&scene);
}

static void add_tests(void)
{
    g_test_add_func("/stream-descriptors/refused", test_refused);
    g_test_add_func("/stream-descriptors/urgent", test_urgent);
    g_test_add_data_func("/stream-descriptors/passed/plain", GINT_TO_POINTER(0), test_passed);
    g_test_add_data_func("/stream-descriptors/passed/urgent", GINT_TO_POINTER(MSG_OOB),
                         test_passed);
    g_test_add_data_func("/stream-descriptors/unread/closed", GINT_TO_POINTER(0), test_unread);
    g_test_add_data_func("/stream-descriptors/unread/left", GINT_TO_POINTER(1), test_unread);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add_tests);
}
