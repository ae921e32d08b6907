/* SPDX-License-Identifier: MIT */

#include "number-sight.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util.h"

/* Bytes of content, each the same secret one. */
#define CONTENT_SIZE 16
#define HEADERS_SIZE 28 /* of IPv4 and UDP, which the size of a probe includes */

/* How many datagrams of others are looked at: no flood of them keeps us from our work. */
#define WRONG_MAX 16

static bool is_it(const NumberSight *sight, const struct sockaddr_in *from, const uint8_t *content,
                  ssize_t size)
{
    const ProbeOptions *options = &sight->command.options;

    if (size != CONTENT_SIZE || from->sin_addr.s_addr != options->local_ip.ipv4.s_addr)
        return false;
    for (ssize_t i = 0; i < size; i++)
        if (content[i] != options->bit_pattern)
            return false;
    return true;
}

static int on_readable(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    NumberSight *sight = userdata;
    uint8_t content[CONTENT_SIZE];
    struct sockaddr_in from = {0};
    socklen_t length = sizeof(from);
    ssize_t n;

    n = recvfrom(fd, content, sizeof(content), MSG_DONTWAIT | MSG_TRUNC, (struct sockaddr *)&from,
                 &length);
    if (is_it(sight, &from, content, n)) {
        number_sight_end(sight);
        sight->seen(sight, ntohs(from.sin_port));
    } else if (++sight->n_wrong == WRONG_MAX) {
        number_sight_end(sight);
    }
    return 0;
}

/* Opens the socket at a port of the kernel's choice. Returns that, or 0 if there is none. */
static uint16_t open_socket(NumberSight *sight)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);

    sight->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (sight->fd < 0)
        return 0;
    if (bind(sight->fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
        getsockname(sight->fd, (struct sockaddr *)&address, &length) < 0) {
        sight->fd = close_fd(sight->fd);
        return 0;
    }
    return ntohs(address.sin_port);
}

static void make_command(PacketCommand *command, uint16_t port, uint32_t secret)
{
    *command = (PacketCommand){.kind = PACKET_SEND_PROBE, .options = PROBE_OPTIONS_INIT};
    command->target.ip_version = 4;
    command->target.ipv4.s_addr = htonl(INADDR_LOOPBACK);
    command->options.protocol = PROBE_UDP;
    command->options.port = port;
    command->options.timeout_usec = 0;
    command->options.size = HEADERS_SIZE + CONTENT_SIZE;
    command->options.bit_pattern = (int)(secret & 0xff);
    command->options.local_ip.ip_version = 4;
    /* from 127.0.0.1 on, short of the broadcast address */
    command->options.local_ip.ipv4.s_addr = htonl(INADDR_LOOPBACK + (secret >> 8) % 0xffff00);
}

const PacketCommand *number_sight_begin(NumberSight *sight, sd_event *event, int64_t priority)
{
    uint32_t secret;
    uint16_t port;

    number_sight_end(sight);
    if (getrandom(&secret, sizeof(secret), 0) != sizeof(secret))
        return NULL;
    port = open_socket(sight);
    if (port == 0)
        return NULL;

    make_command(&sight->command, port, secret);
    sight->n_wrong = 0;
    if (sd_event_add_io(event, &sight->source, sight->fd, EPOLLIN, on_readable, sight) < 0) {
        sight->fd = close_fd(sight->fd);
        return NULL;
    }
    (void)sd_event_source_set_priority(sight->source, priority);
    return &sight->command;
}

void number_sight_end(NumberSight *sight)
{
    if (!sight->source)
        return;
    sight->source = sd_event_source_disable_unref(sight->source);
    sight->fd = close_fd(sight->fd);
}
