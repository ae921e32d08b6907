/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The service's end of a stream's socket. Whoever has the other end could pass descriptors over it,
 * and whoever closes the last of those may have to wait for as long as their sender likes (a TCP
 * socket that lingers): that must not be the service. The kernel lets nobody pass any, if it can
 * (Linux 6.16); else it is looked before anything is read, and what has descriptors in it is
 * neither read nor closed any more.
 */

#include <stdbool.h>
#include <sys/types.h>

typedef struct StreamSocket {
    int fd;       /* does not block; -1 if there is none */
    bool refuses; /* the kernel refuses descriptors */
} StreamSocket;

#define STREAM_SOCKET_NONE ((StreamSocket){.fd = -1})

/**
 * stream_socket_open() - a pair of sockets
 * @ret: one end, only on success
 * @ret_other: the other, which blocks
 *
 * Return: 0 or a negative errno.
 */
int stream_socket_open(StreamSocket *ret, int *ret_other);

/**
 * stream_socket_read() - read what there is, as read()
 *
 * Return: how many bytes, 0 at the end, -EAGAIN if there is nothing yet, -EBADMSG if it comes with
 * descriptors, or another negative errno.
 */
ssize_t stream_socket_read(const StreamSocket *socket, char *buffer, size_t size);

/**
 * stream_socket_close() - close it
 *
 * Return: whether it is closed. Else it has descriptors that have not been read, and stays open: it
 * can be forgotten, but counts.
 */
bool stream_socket_close(StreamSocket *socket);
