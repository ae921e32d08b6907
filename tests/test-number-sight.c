/* SPDX-License-Identifier: MIT */

/* What shows the number of a probe, and what anybody may send instead. */

#include <glib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "number-sight.h"
#include "util.h"

typedef struct Seen {
    NumberSight sight;
    unsigned number; /* 0 until it is seen */
} Seen;

static void on_seen(NumberSight *sight, unsigned number)
{
    Seen *seen = CONTAINER_OF(sight, Seen, sight);

    g_assert_cmpuint(seen->number, ==, 0);
    seen->number = number;
}

/* Sends what mtr-packet would, but with this source, size and difference to the content. Returns
 * the source port. */
static unsigned send_from(const PacketCommand *command, in_addr_t source, size_t size, int wrong_at)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = source};
    socklen_t length = sizeof(address);
    uint8_t content[64];
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    memset(content, command->options.bit_pattern, sizeof(content));
    if (wrong_at >= 0)
        content[wrong_at] ^= 1;
    g_assert_cmpint(bind(fd, (struct sockaddr *)&address, sizeof(address)), ==, 0);
    g_assert_cmpint(getsockname(fd, (struct sockaddr *)&address, &length), ==, 0);
    {
        struct sockaddr_in target = {.sin_family = AF_INET,
                                     .sin_port = htons((uint16_t)command->options.port),
                                     .sin_addr = command->target.ipv4};

        g_assert_cmpint(sendto(fd, content, size, 0, (struct sockaddr *)&target, sizeof(target)),
                        ==, size);
    }
    close(fd);
    return ntohs(address.sin_port);
}

static void run(sd_event *event)
{
    while (sd_event_run(event, 0) > 0)
        ;
}

static void test_sights(void)
{
    Seen seen = {.sight.seen = on_seen}, other = {.sight.seen = on_seen};
    const PacketCommand *command;
    PacketCommand former;
    in_addr_t source;
    sd_event *event;
    unsigned port;

    g_assert_cmpint(sd_event_new(&event), >=, 0);
    command = number_sight_begin(&seen.sight, event, 0);
    g_assert_nonnull(number_sight_begin(&other.sight, event, 0));
    source = command->options.local_ip.ipv4.s_addr;
    g_assert_cmpuint(ntohl(source) >> 24, ==, 127);

    /* everybody else's: another source, another content, more or less of it */
    send_from(command, htonl(INADDR_LOOPBACK), 16, -1);
    send_from(command, source, 16, 15);
    send_from(command, source, 17, -1);
    send_from(command, source, 15, -1);
    run(event);
    g_assert_cmpuint(seen.number, ==, 0);

    port = send_from(command, source, 16, -1);
    run(event);
    g_assert_cmpuint(seen.number, ==, port);
    send_from(command, source, 16, -1); /* once */
    run(event);

    /* one that did not come is not waited for any longer */
    former = other.sight.command;
    command = number_sight_begin(&other.sight, event, 0);
    send_from(&former, former.options.local_ip.ipv4.s_addr, 16, -1);
    run(event);
    g_assert_cmpuint(other.number, ==, 0);

    /* in a flood of others it is not looked for */
    source = command->options.local_ip.ipv4.s_addr;
    for (unsigned i = 0; i < 16; i++)
        send_from(command, source, 15, -1);
    send_from(command, source, 16, -1);
    run(event);
    g_assert_cmpuint(other.number, ==, 0);
    g_assert_null(other.sight.source);

    sd_event_unref(event);
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/number-sight/sights", test_sights);
    return g_test_run();
}
