/* SPDX-License-Identifier: MIT */

/* The service when memory is out just as it is to answer. */

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"
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
    fixture_launch_preloaded(&fixture, g_getenv("TEST_PRELOAD_FAULTS"), "--idle-timeout=0");
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

static void add_tests(void)
{
    g_test_add_func("/no-memory/answer", test_answer);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add_tests);
}
