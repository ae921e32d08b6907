/* SPDX-License-Identifier: MIT */

#include "packet-spawn.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util.h"

/* The steps of a child on its way to exec, in order; an index into step_names goes through the
 * status pipe. */
typedef enum Step {
    STEP_TETHER,
    STEP_STDIO,
    STEP_DESCRIPTORS,
    STEP_LIMIT,
    STEP_SIGNALS,
    STEP_CAPABILITY,
    STEP_EXEC,
} Step;

static const char *const step_names[] = {
    [STEP_TETHER] = "tie it to the service",
    [STEP_STDIO] = "connect its pipes",
    [STEP_DESCRIPTORS] = "close its other descriptors",
    [STEP_LIMIT] = "limit its descriptors to 1024",
    [STEP_SIGNALS] = "reset its signals",
    [STEP_CAPABILITY] = "give it CAP_NET_RAW",
    [STEP_EXEC] = "execute it",
};

typedef struct StatusReport {
    int step;
    int error;
} StatusReport;

typedef struct Pipe {
    int read_fd, write_fd;
} Pipe;

static void pipe_closep(Pipe *p)
{
    p->read_fd = close_fd(p->read_fd);
    p->write_fd = close_fd(p->write_fd);
}

static int pipe_open(Pipe *ret)
{
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) < 0)
        return -errno;
    *ret = (Pipe){fds[0], fds[1]};
    return 0;
}

static bool is_program(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/*
 * Finds COMMAND as execvp() would, but here, where a failure can be told, and without its habit of
 * giving a file that is no program to the shell.
 */
static int find_program(const char *command, const char *search, char ret[static PATH_MAX])
{
    if (strchr(command, '/')) {
        if (strlen(command) >= PATH_MAX)
            return -ENAMETOOLONG;
        strcpy(ret, command);
        return 0;
    }

    for (const char *dir = search; *dir;) {
        size_t length = strcspn(dir, ":");

        if (length > 0 &&
            (size_t)snprintf(ret, PATH_MAX, "%.*s/%s", (int)length, dir, command) < PATH_MAX &&
            is_program(ret))
            return 0;
        dir += length;
        if (*dir)
            dir++;
    }
    return -ENOENT;
}

static int child_signals(void)
{
    sigset_t none;

    for (int signal_number = 1; signal_number < NSIG; signal_number++) {
        struct sigaction action = {.sa_handler = SIG_DFL};

        /* EINVAL: SIGKILL, SIGSTOP, and those that the C library keeps for itself and resets on
         * exec */
        if (sigaction(signal_number, &action, NULL) < 0 && errno != EINVAL)
            return -1;
    }

    sigemptyset(&none);
    return sigprocmask(SIG_SETMASK, &none, NULL);
}

/*
 * The child between fork and exec. Only what is safe after a fork of a process with threads: system
 * calls, no allocation, no locks. (libcap-ng's functions here are system calls on a state in static
 * memory.) Never returns.
 */
static void __attribute__((noreturn))
child_become(const char *path, char *const environment[], pid_t parent, const Pipe *in,
             const Pipe *out, const Pipe *status)
{
    const struct rlimit nofile = {PACKET_SPAWN_NOFILE, PACKET_SPAWN_NOFILE};
    char *const arguments[] = {(char *)path, NULL};
    StatusReport report;
    Step step;

    /*
     * The end of stdin is the tether that always holds. This one ends it at once, but the kernel
     * forgets it where the program's file has capabilities.
     */
    step = STEP_TETHER;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        goto fail;
    if (getppid() != parent)
        _exit(EXIT_FAILURE);

    step = STEP_STDIO;
    if (dup2(in->read_fd, STDIN_FILENO) < 0 || dup2(out->write_fd, STDOUT_FILENO) < 0)
        goto fail;

    /* Closed by the exec rather than here, so that the status pipe lives until then. */
    step = STEP_DESCRIPTORS;
    if (close_range(3, UINT_MAX, CLOSE_RANGE_CLOEXEC) < 0)
        goto fail;

    step = STEP_LIMIT;
    if (setrlimit(RLIMIT_NOFILE, &nofile) < 0)
        goto fail;

    step = STEP_SIGNALS;
    if (child_signals() < 0)
        goto fail;

    step = STEP_CAPABILITY;
    errno = EPERM; /* libcap-ng does not always say why */
    capng_clear(CAPNG_SELECT_ALL);
    if (capng_update(CAPNG_ADD,
                     CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_INHERITABLE | CAPNG_AMBIENT,
                     CAP_NET_RAW) < 0 ||
        capng_apply(CAPNG_SELECT_CAPS | CAPNG_SELECT_AMBIENT) < 0 ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        goto fail;

    step = STEP_EXEC;
    execve(path, arguments, environment);

fail:
    report = (StatusReport){(int)step, errno};
    (void)!write(status->write_fd, &report,
                 sizeof(report)); /* a pipe takes this whole, or nobody reads it */
    _exit(EXIT_FAILURE);
}

/* Starts the child; the pipes' ends that are the parent's do not block afterwards. */
static int start(PacketChild *ret, const char *path, const char *search)
{
    _cleanup_(pipe_closep) Pipe in = {-1, -1}, out = {-1, -1}, status = {-1, -1};
    _cleanup_(freep) char *environment_path = NULL;
    pid_t pid, parent = getpid();
    int r;

    if (asprintf(&environment_path, "PATH=%s", search) < 0)
        return -ENOMEM;

    r = pipe_open(&in);
    if (r >= 0)
        r = pipe_open(&out);
    if (r >= 0)
        r = pipe_open(&status);
    if (r < 0)
        return r;

    if (fcntl(in.write_fd, F_SETFL, O_NONBLOCK) < 0 ||
        fcntl(out.read_fd, F_SETFL, O_NONBLOCK) < 0 ||
        fcntl(status.read_fd, F_SETFL, O_NONBLOCK) < 0)
        return -errno;

    pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0)
        child_become(path, (char *const[]){environment_path, NULL}, parent, &in, &out, &status);

    *ret = (PacketChild){
        .pid = pid, .stdin_fd = in.write_fd, .stdout_fd = out.read_fd, .status_fd = status.read_fd};
    in.write_fd = out.read_fd = status.read_fd = -1;
    return 0;
}

int packet_spawn(PacketChild *ret, const char *command, Failure *failure)
{
    const char *search = getenv("PATH");
    char path[PATH_MAX];
    int r;

    if (!search || !*search)
        search = "/usr/sbin:/usr/bin:/sbin:/bin";

    r = find_program(command, search, path);
    if (r == 0)
        r = start(ret, path, search);
    if (r < 0)
        return failure_set(failure, OUTCOME_PROCESS, "mtr-packet (%s) cannot be started: %s",
                           QUOTE(command),
                           r == -ENOENT ? "there is no such program" : strerror(-r));
    return 0;
}

int packet_spawn_status(const PacketChild *child, const char **ret_step, int *ret_error)
{
    StatusReport report;

    if (read(child->status_fd, &report, sizeof(report)) != sizeof(report) || report.step < 0 ||
        (size_t)report.step >= ELEMENTS(step_names))
        return -ENODATA;

    *ret_step = step_names[report.step];
    *ret_error = report.error;
    return 0;
}
