/* SPDX-License-Identifier: MIT */

#include "user-process.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
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

/*
 * The process itself. The test has threads, so it may call nothing but the system; and it must keep
 * none of the test's descriptors, or a connection would live on that the test has closed.
 */
static void __attribute__((noreturn)) live(int control, uid_t uid)
{
    char c;

    if (dup2(control, CONTROL) < 0 || close_range(CONTROL + 1, ~0U, 0) < 0 ||
        setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0 ||
        prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        _exit(1);

    /* Ready: it is the user's from now on. */
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

void user_process_start(UserProcess *process, uid_t uid)
{
    int ends[2];
    char c;

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), ==, 0);
    process->uid = uid;
    process->control = ends[0];
    process->pid = fork();
    g_assert_cmpint(process->pid, >=, 0);
    if (process->pid == 0)
        live(ends[1], uid);
    close(ends[1]);
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
    g_assert_cmpint(waitpid(process->pid, &status, 0), ==, process->pid);
    g_assert_cmpint(status, ==, 0);
}
