/* SPDX-License-Identifier: MIT */

#include "late-host.h"

#include <arpa/inet.h>
#include <glib-unix.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <netpacket/packet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fixture.h"

/* What the kernel may keep for us while we do not look: each probe into the black hole passes here
 * too. */
#define BACKLOG (16 * 1024 * 1024)

/* A frame that may be a probe, and an answer to one: IPv4 without options. */
typedef struct __attribute__((packed)) Frame {
    struct ether_header ethernet;
    struct iphdr ip;
    union {
        struct icmphdr icmp;
        struct tcphdr tcp;
        unsigned char payload[1480];
    };
} Frame;

#define HEADERS offsetof(Frame, payload)

static uint32_t sum(uint32_t so_far, const void *data, size_t size)
{
    const unsigned char *bytes = data;

    for (size_t i = 0; i < size; i++)
        so_far += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
    return so_far;
}

static uint16_t checksum(uint32_t total)
{
    while (total >> 16)
        total = (total & 0xffff) + (total >> 16);
    return htons((uint16_t)~total);
}

/* What a probe has that no other has, also when it is sent a second time; 0 for what is none. */
static unsigned probe_number(const Frame *frame, size_t size)
{
    if (size < HEADERS + 20 || ntohs(frame->ethernet.ether_type) != ETHERTYPE_IP ||
        frame->ip.version != 4 || frame->ip.ihl != 5 || frame->ip.daddr != inet_addr(LATE_HOST))
        return 0;

    if (frame->ip.protocol == IPPROTO_ICMP && frame->icmp.type == ICMP_ECHO)
        return 1U << 16 | frame->icmp.un.echo.sequence;
    if (frame->ip.protocol == IPPROTO_TCP && frame->tcp.syn)
        return 2U << 16 | frame->tcp.source;
    return 0;
}

static gboolean on_frame(int fd, GIOCondition condition, void *userdata)
{
    LateHost *host = userdata;
    Frame frame;
    ssize_t n;

    while ((n = recv(fd, &frame, sizeof(frame), MSG_DONTWAIT)) > 0) {
        unsigned number = probe_number(&frame, (size_t)n);

        if (number != 0)
            g_hash_table_insert(host->probes, GUINT_TO_POINTER(number),
                                g_bytes_new(&frame, (size_t)n));
    }
    return G_SOURCE_CONTINUE;
}

void late_host_start(LateHost *host)
{
    static const char *const neighbour[] = {
        "ip",  "neigh", "add", LATE_HOST,   "lladdr", "02:00:00:00:00:02",
        "dev", "hole",  "nud", "permanent", NULL};
    struct sockaddr_ll address = {.sll_family = AF_PACKET,
                                  .sll_protocol = htons(ETH_P_IP),
                                  .sll_ifindex = (int)if_nametoindex("bottom")};
    const int backlog = BACKLOG, yes = 1;

    g_assert_cmpint(fixture_command(neighbour, NULL, NULL), ==, 0);
    host->probes = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_bytes_unref);
    host->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    g_assert_cmpint(host->fd, >=, 0);
    g_assert_cmpint(setsockopt(host->fd, SOL_SOCKET, SO_RCVBUFFORCE, &backlog, sizeof(backlog)), ==,
                    0);
    /* our own answers are not for us */
    g_assert_cmpint(setsockopt(host->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &yes, sizeof(yes)), ==,
                    0);
    g_assert_cmpint(bind(host->fd, (struct sockaddr *)&address, sizeof(address)), ==, 0);
    host->source = g_unix_fd_add(host->fd, G_IO_IN, on_frame, host);
}

void late_host_wait(LateHost *host, unsigned n)
{
    while (g_hash_table_size(host->probes) < n)
        g_main_context_iteration(NULL, TRUE);
    g_assert_cmpuint(g_hash_table_size(host->probes), ==, n);
}

/* Makes an echo request its reply. */
static void answer_icmp(Frame *frame, size_t size)
{
    frame->icmp.type = ICMP_ECHOREPLY;
    frame->icmp.checksum = 0;
    frame->icmp.checksum = checksum(sum(0, &frame->icmp, size));
}

/* Makes a SYN the reset that refuses it. */
static void answer_tcp(Frame *frame)
{
    const struct tcphdr probe = frame->tcp;
    uint32_t total = IPPROTO_TCP + sizeof(probe);

    frame->tcp = (struct tcphdr){.source = probe.dest,
                                 .dest = probe.source,
                                 .ack_seq = htonl(ntohl(probe.seq) + 1),
                                 .doff = sizeof(probe) / 4,
                                 .rst = 1,
                                 .ack = 1};
    total = sum(total, &frame->ip.saddr, 2 * sizeof(frame->ip.saddr));
    frame->tcp.check = checksum(sum(total, &frame->tcp, sizeof(frame->tcp)));
}

static void answer(LateHost *host, GBytes *probe)
{
    struct ether_header ethernet;
    size_t size, payload;
    struct iphdr ip;
    Frame frame;

    memcpy(&frame, g_bytes_get_data(probe, &size), g_bytes_get_size(probe));

    ethernet = frame.ethernet;
    memcpy(frame.ethernet.ether_dhost, ethernet.ether_shost, ETH_ALEN);
    memcpy(frame.ethernet.ether_shost, ethernet.ether_dhost, ETH_ALEN);
    ip = frame.ip;
    frame.ip.saddr = ip.daddr;
    frame.ip.daddr = ip.saddr;

    payload = ntohs(ip.tot_len) - sizeof(ip);
    if (ip.protocol == IPPROTO_ICMP) {
        answer_icmp(&frame, payload);
    } else {
        answer_tcp(&frame);
        payload = sizeof(frame.tcp);
    }

    frame.ip.tot_len = htons((uint16_t)(sizeof(ip) + payload));
    frame.ip.check = 0;
    frame.ip.check = checksum(sum(0, &frame.ip, sizeof(ip)));
    g_assert_cmpint(send(host->fd, &frame, HEADERS + payload, 0), ==, HEADERS + payload);
}

void late_host_answer(LateHost *host)
{
    GHashTableIter iterator;
    gpointer probe;

    g_hash_table_iter_init(&iterator, host->probes);
    while (g_hash_table_iter_next(&iterator, NULL, &probe))
        answer(host, probe);
    g_hash_table_remove_all(host->probes);
}

void late_host_stop(LateHost *host)
{
    g_source_remove(host->source);
    close(host->fd);
    g_hash_table_unref(host->probes);
}

GSocket *late_host_silent_server(void)
{
    g_autoptr(GSocketAddress) address = g_inet_socket_address_new_from_string("127.0.0.1", 53);
    g_autoptr(GError) error = NULL;
    GSocket *server =
        g_socket_new(G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_DATAGRAM, G_SOCKET_PROTOCOL_UDP, &error);

    g_assert_no_error(error);
    g_assert_true(g_socket_bind(server, address, FALSE, &error));
    return server;
}
