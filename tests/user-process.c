/* SPDX-License-Identifier: MIT */

#include "user-process.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* In the process its end of the control is this descriptor, and there is no other. */
#define CONTROL 0

/* One byte over FD, with PASSED beside it unless that is negative. */
static ssize_t send_descriptor(int fd, int passed)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec iov = {(char[]){0}, 1};
    struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};

    if (passed >= 0) {
        message.msg_control = &control;
        message.msg_controllen = sizeof(control);
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(&control.header), &passed, sizeof(int));
    }
    return sendmsg(fd, &message, MSG_NOSIGNAL);
}

static int receive_descriptor(int fd)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec iov = {(char[1]){0}, 1};
    struct msghdr message = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    int passed;

    if (recvmsg(fd, &message, MSG_CMSG_CLOEXEC) != 1 || message.msg_controllen == 0)
        return -1;
    memcpy(&passed, CMSG_DATA(&control.header), sizeof(int));
    return passed;
}

static int connect_to_bus(void)
{
    const struct sockaddr_un address = {AF_UNIX, CALL_BUS_SOCKET};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* Ready, and from then on a connection to the bus for each byte, until there is nobody to ask. */
static void __attribute__((noreturn)) serve(void)
{
    char c;

    if (send_descriptor(CONTROL, -1) != 1)
        _exit(1);
    while (read(CONTROL, &c, 1) == 1) {
        int fd = connect_to_bus();

        if (send_descriptor(CONTROL, fd) != 1)
            _exit(1);
        close(fd);
    }
    _exit(0);
}

/*
 * The process itself. The test has threads, so it may call nothing but the system; and it must keep
 * none of the test's descriptors, or a connection would live on that the test has closed.
 */
static void __attribute__((noreturn)) live(int control, uid_t uid)
{
    if (dup2(control, CONTROL) < 0 || close_range(CONTROL + 1, ~0U, 0) < 0 ||
        setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0 ||
        prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        _exit(1);
    serve(); /* it is the user's from now on */
}

void user_process_start(UserProcess *process, uid_t uid)
{
    int ends[2];
    char c;

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), ==, 0);
    process->uid = uid;
    process->is_child = true;
    process->control = ends[0];
    process->pid = fork();
    g_assert_cmpint(process->pid, >=, 0);
    if (process->pid == 0)
        live(ends[1], uid);
    close(ends[1]);
    g_assert_cmpint(read(process->control, &c, 1), ==, 1);
}

/*
 * Sessions
 */

#define OPTION "--user-process"
#define SOCKET "/run/user-process"

void user_process_main(int argc, char *argv[])
{
    const struct sockaddr_un address = {AF_UNIX, SOCKET};
    int fd;

    if (argc < 2 || strcmp(argv[1], OPTION) != 0)
        return;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
        dup2(fd, CONTROL) < 0)
        _exit(1);
    serve();
}

static int listen_for_process(void)
{
    const struct sockaddr_un address = {AF_UNIX, SOCKET};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)unlink(SOCKET);
    g_assert_cmpint(bind(fd, (const struct sockaddr *)&address, sizeof(address)), ==, 0);
    g_assert_cmpint(chmod(SOCKET, 0666), ==, 0);
    g_assert_cmpint(listen(fd, 1), ==, 0);
    return fd;
}

void user_process_log_in(UserProcess *process, const char *name, const char *seat)
{
    g_autofree char *program = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *user = g_strdup_printf("User=%s", name);
    g_autofree char *on_seat = g_strdup_printf("XDG_SEAT=%s", seat ? seat : "");
    const char *const argv[] = {"systemd-run", "--quiet",
                                "--collect",   "--property=PAMName=login",
                                "-p",          user,
                                "-E",          on_seat,
                                "-E",          "XDG_SESSION_TYPE=tty",
                                "-E",          "XDG_SESSION_CLASS=user",
                                program,       OPTION,
                                NULL};
    int listening = listen_for_process();
    struct ucred peer;
    socklen_t size = sizeof(peer);
    char c;

    g_assert_cmpint(fixture_command(argv, NULL, NULL), ==, 0);
    process->control = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
    g_assert_cmpint(process->control, >=, 0);
    close(listening);
    g_assert_cmpint(getsockopt(process->control, SOL_SOCKET, SO_PEERCRED, &peer, &size), ==, 0);
    process->uid = peer.uid;
    process->pid = peer.pid;
    process->is_child = false;
    g_assert_cmpint(read(process->control, &c, 1), ==, 1);
}

GDBusConnection *user_process_connect(const UserProcess *process)
{
    int fd;

    g_assert_cmpint(write(process->control, "", 1), ==, 1);
    fd = receive_descriptor(process->control);
    g_assert_cmpint(fd, >=, 0);
    return fixture_connect_over(fd, process->uid);
}

void user_process_end(UserProcess *process)
{
    int status;

    close(process->control);
    if (!process->is_child) {
        process_wait(process->pid);
        return;
    }
    g_assert_cmpint(waitpid(process->pid, &status, 0), ==, process->pid);
    g_assert_cmpint(status, ==, 0);
}
