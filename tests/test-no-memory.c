/* SPDX-License-Identifier: MIT */

/* The service when memory is out just as it is to answer. */

#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "polkit.h"
#include "preload-faults.h"

static PreloadFaults *map_faults(void)
{
    int fd = open(PRELOAD_FAULTS, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    PreloadFaults *faults;

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(fchmod(fd, 0666), ==, 0);
    g_assert_cmpint(ftruncate(fd, sizeof(*faults)), ==, 0);
    faults = mmap(NULL, sizeof(*faults), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    g_assert_true(faults != MAP_FAILED);
    close(fd);
    return faults;
}

/* Nobody waits for ever: the service ends with a failure, and the bus tells its callers. */
static void test_answer(void)
{
    PreloadFaults *faults = map_faults();
    Fixture fixture;
    Answer answer;
    int status;

    dig_black_hole();
    fixture_bus(&fixture);
    fixture_launch_preloaded(&fixture, fixture_program("TEST_PRELOAD_FAULTS", "preload-faults.so"),
                             "--idle-timeout=0");
    call_start(&answer, fixture.root, "Probe", probe_arguments("192.0.2.2", "{'timeout': <0.5>}"));
    fixture_wait_probes(&fixture, 1, 0);
    atomic_store(&faults->memory_ppm, PRELOAD_FAULTS_ALWAYS);
    call_wait(&answer);
    assert_error(&answer, "org.freedesktop.DBus.Error.NoReply", "");
    answer_clear(&answer);
    g_assert_cmpuint(atomic_load(&faults->n_memory), >, 0);
    status = fixture_wait_service(&fixture);
    g_assert_true(WIFEXITED(status));
    g_assert_cmpint(WEXITSTATUS(status), ==, EXIT_FAILURE);
    fixture_stop(&fixture);
    fill_black_hole();
    munmap(faults, sizeof(*faults));
}

static void launch(Polkit *polkit)
{
    g_autofree char *ld_preload = g_strdup_printf(
        "LD_PRELOAD=%s", fixture_program("TEST_PRELOAD_FAULTS", "preload-faults.so"));
    const char *const argv[] = {"env",
                                ld_preload,
                                fixture_program("TEST_MTRPACKETD", "mtrpacketd"),
                                "--idle-timeout=0",
                                "--log-level=err",
                                NULL};

    fixture_launch_as(&polkit->fixture, getpwnam("mtrpacketd")->pw_uid, argv);
}

static PreloadFaults *scene_start(Polkit *polkit)
{
    PreloadFaults *faults = map_faults();

    polkit_start_bus(polkit, "return YES;");
    polkit_start_daemon(polkit);
    launch(polkit);
    return faults;
}

static void scene_stop(Polkit *polkit, PreloadFaults *faults)
{
    polkit_stop(polkit);
    munmap(faults, sizeof(*faults));
}

/* Has all well again: the service may have ended, perhaps after it had answered, and mtr-packet is
 * not started again at once where it could not be. */
static void recover(Polkit *polkit)
{
    Fixture *fixture = &polkit->fixture;
    bool well;
    int status;

    do {
        Answer answer;

        probe_wait(&answer, fixture->root, "127.0.0.1", NULL);
        well = !answer.error;
        if (!well && strcmp(answer.error, ERROR_PROCESS) != 0) {
            status = fixture_wait_service(fixture);
            g_assert_true(WIFEXITED(status));
            g_assert_cmpint(WEXITSTATUS(status), ==, EXIT_FAILURE);
            launch(polkit);
        }
        answer_clear(&answer);
    } while (!well);
}

/* Has a probe answered while one allocation of the service's fails, the @nth from now. Returns
 * whether it was so many. */
static bool probe_without(Polkit *polkit, PreloadFaults *faults, GDBusConnection *caller,
                          unsigned nth)
{
    static const char *const errors[] = {"org.freedesktop.DBus.Error.NoMemory", ERROR_PROCESS,
                                         "org.freedesktop.DBus.Error.NoReply", NULL};
    Answer answer;
    bool failed;

    atomic_store(&faults->countdown, nth);
    probe_wait(&answer, caller, "127.0.0.1", NULL);
    failed = atomic_exchange(&faults->countdown, 0) == 0;
    if (answer.error && (!failed || !g_strv_contains(errors, answer.error)))
        g_error("without allocation %u: %s: %s", nth, answer.error, answer.message);
    answer_clear(&answer);
    recover(polkit);
    return failed;
}

/* Whatever the service has no memory for, it says so, or ends: each allocation of a call fails in
 * turn, of a caller that it knows and of one that is new, about whom polkit is asked. */
static void test_each(void)
{
    Polkit polkit;
    PreloadFaults *faults = scene_start(&polkit);
    bool failed = true;

    for (unsigned nth = 1; failed; nth++) {
        GDBusConnection *caller = fixture_connect(FIXTURE_OTHER_UID);

        failed = probe_without(&polkit, faults, caller, nth);
        (void)probe_without(&polkit, faults, caller, nth);
        fixture_disconnect(caller);
    }
    g_assert_cmpuint(atomic_load(&faults->n_memory), >, 30);
    scene_stop(&polkit, faults);
}

static gboolean on_unanswered(gpointer userdata)
{
    const unsigned *nth = userdata;

    g_error("without allocation %u a call is not answered", *nth);
    return G_SOURCE_REMOVE;
}

/* The same of a call that is refused at once. */
static void test_refused(void)
{
    Polkit polkit;
    PreloadFaults *faults = scene_start(&polkit);
    bool failed = true;

    for (unsigned nth = 1; failed; nth++) {
        Answer answer;
        guint guard;

        atomic_store(&faults->countdown, nth);
        call_start(&answer, polkit.fixture.root, "Probe",
                   probe_arguments("127.0.0.1", "{'ttl': <0>}"));
        guard = g_timeout_add_seconds(30, on_unanswered, &nth);
        call_wait(&answer);
        g_source_remove(guard);
        failed = atomic_exchange(&faults->countdown, 0) == 0;
        g_assert_nonnull(answer.error);
        answer_clear(&answer);
        recover(&polkit);
    }
    scene_stop(&polkit, faults);
}

static void add_tests(void)
{
    g_test_add_func("/no-memory/refused", test_refused);
    g_test_add_func("/no-memory/each", test_each);
    g_test_add_func("/no-memory/answer", test_answer);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add_tests);
}
