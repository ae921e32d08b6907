/* SPDX-License-Identifier: MIT */

#include "stream-socket.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

#include "util.h"

/* The C library may not know it yet. */
#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83
#endif

int stream_socket_open(StreamSocket *ret, int *ret_other)
{
    _cleanup_(close_fdp) int own = -1, other = -1;
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        return -errno;
    own = fds[0];
    other = fds[1];
    /* Only this end: whoever has the other expects what it knows from a pipe. */
    if (fcntl(own, F_SETFL, O_NONBLOCK) < 0)
        return -errno;
    /* Bytes that are sent as urgent are bytes like others: else they are there to be read, but not
     * to be looked at. */
    if (setsockopt(own, SOL_SOCKET, SO_OOBINLINE, &(int){1}, sizeof(int)) < 0)
        return -errno;

    ret->refuses = setsockopt(own, SOL_SOCKET, SO_PASSRIGHTS, &(int){0}, sizeof(int)) == 0;
    ret->fd = own;
    *ret_other = other;
    /* NOLINTNEXTLINE(clang-analyzer-deadcode.DeadStores): read as its scope ends */
    own = other = -1;
    return 0;
}

/* As much as can be read without a descriptor: what is there stays there. */
/* NOLINTNEXTLINE(readability-non-const-parameter): recvmsg() fills it */
static ssize_t look(int fd, char *buffer, size_t size)
{
    struct iovec vector = {.iov_base = buffer, .iov_len = size};
    /* There is no room for descriptors: nobody gets them, but it is told that there are some. */
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
    ssize_t n = recvmsg(fd, &message, MSG_PEEK | MSG_DONTWAIT);

    if (n < 0)
        return -errno;
    return (message.msg_flags & MSG_CTRUNC) != 0 ? -EBADMSG : n;
}

ssize_t stream_socket_read(const StreamSocket *socket, char *buffer, size_t size)
{
    ssize_t n = (ssize_t)size;

    /* Bytes that were seen to have none will have none. */
    if (!socket->refuses)
        n = look(socket->fd, buffer, size);
    if (n > 0) {
        n = recv(socket->fd, buffer, (size_t)n, MSG_DONTWAIT);
        if (n < 0)
            n = -errno;
    }
    return n == -EINTR ? -EAGAIN : n;
}

/* Whether there are descriptors among what has not been read. No more comes. */
static bool holds_descriptors(const StreamSocket *socket)
{
    char buffer[4096];
    ssize_t n;

    if (socket->refuses)
        return false;
    (void)shutdown(socket->fd, SHUT_RD);
    do
        n = stream_socket_read(socket, buffer, sizeof(buffer));
    while (n > 0);
    return n == -EBADMSG;
}

bool stream_socket_close(StreamSocket *socket)
{
    if (socket->fd < 0)
        return true;
    if (holds_descriptors(socket)) {
        (void)shutdown(socket->fd, SHUT_RDWR);
        socket->fd = -1;
        return false;
    }
    socket->fd = close_fd(socket->fd);
    return true;
}
