/* SPDX-License-Identifier: MIT */

#include "tun.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "fixture.h"

#define DEVICE "crafted"

/* The last byte of a destination says what it is. */
#define FIRST_ANSWER 16
#define FIRST_LATE 128

#define PACKET_MAX 65536

/* How much of a probe a time-exceeded quotes; with an extension, exactly that, padded. */
#define QUOTE_SIZE 128

struct Tun {
    int fd;
    int stop;
    GThread *thread;
    GMutex mutex; /* of what follows */
    GCond more;
    GPtrArray *held; /* of GByteArray: echo requests */
};

static unsigned version_of(const GByteArray *packet)
{
    return packet->data[0] >> 4;
}

/* Finds the last byte of the packet's destination, if that is one of ours: the kernel says things
 * of its own, to multicast addresses. */
static bool destination(const GByteArray *packet, uint8_t *ret)
{
    static const uint8_t net_4[] = {203, 0, 113};
    static const uint8_t net_6[15] = {0x20, 0x01, 0x0d, 0xb8, 0, 7};
    bool is_4 = version_of(packet) == 4;
    const uint8_t *net = is_4 ? net_4 : net_6;
    size_t size = is_4 ? sizeof(net_4) : sizeof(net_6);
    size_t at = is_4 ? offsetof(struct iphdr, daddr) : offsetof(struct ip6_hdr, ip6_dst);

    if (packet->len < (is_4 ? sizeof(struct iphdr) : sizeof(struct ip6_hdr)) ||
        memcmp(packet->data + at, net, size) != 0)
        return false;
    *ret = packet->data[at + size];
    return true;
}

/*
 * Checksums (RFC 1071)
 */

static uint32_t add_up(uint32_t sum, const void *data, size_t size)
{
    const uint8_t *bytes = data;

    for (size_t i = 0; i < size; i++)
        sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
    return sum;
}

static void write_checksum(uint8_t *where, uint32_t sum)
{
    while (sum >> 16)
        sum = (sum >> 16) + (sum & 0xffff);
    sum = ~sum;
    where[0] = (uint8_t)(sum >> 8);
    where[1] = (uint8_t)sum;
}

/* Makes the checksums of a packet right: that of the IPv4 header, and that of the ICMP in it. */
static void seal(GByteArray *packet)
{
    uint8_t *data = packet->data;
    uint32_t sum = 0;
    size_t header;

    if (version_of(packet) == 4) {
        header = sizeof(struct iphdr);
        memset(data + offsetof(struct iphdr, check), 0, 2);
        write_checksum(data + offsetof(struct iphdr, check), add_up(0, data, header));
    } else {
        header = sizeof(struct ip6_hdr);
        sum = add_up(0, data + offsetof(struct ip6_hdr, ip6_src), 32) +
              (uint32_t)(packet->len - header) + IPPROTO_ICMPV6;
    }
    memset(data + header + 2, 0, 2);
    write_checksum(data + header + 2, add_up(sum, data + header, packet->len - header));
}

/*
 * Extensions (RFC 4884)
 */

typedef struct Label {
    uint32_t label;
    uint8_t traffic_class;
    bool bottom;
    uint8_t ttl;
} Label;

static const Label one_label[] = {{16000, 5, true, 1}};
static const Label four_labels[] = {
    {1048575, 7, false, 255}, {16, 0, false, 1}, {0, 3, false, 64}, {524288, 4, true, 0}};

#define EXTENSION_HEADER 4
#define OBJECT_HEADER 4

enum { CLASS_LABELS = 1, CLASS_INTERFACE = 2 };

static void append_object(GByteArray *extension, uint8_t class, uint8_t type, const void *payload,
                          size_t size)
{
    size_t length = OBJECT_HEADER + size;
    const uint8_t header[OBJECT_HEADER] = {(uint8_t)(length >> 8), (uint8_t)length, class, type};

    g_byte_array_append(extension, header, sizeof(header));
    g_byte_array_append(extension, payload, (unsigned)size);
}

/* RFC 4950 */
static void append_labels(GByteArray *extension, uint8_t type, const Label *labels, size_t n)
{
    uint32_t payload[4];

    g_assert_cmpuint(n, <=, G_N_ELEMENTS(payload));
    for (size_t i = 0; i < n; i++)
        payload[i] = htonl(labels[i].label << 12 | (uint32_t)labels[i].traffic_class << 9 |
                           (uint32_t)labels[i].bottom << 8 | labels[i].ttl);
    append_object(extension, CLASS_LABELS, type, payload, n * sizeof(payload[0]));
}

/* RFC 5837: of the interface that the probe came in by, index and MTU. */
static void append_interface(GByteArray *extension)
{
    const uint32_t payload[] = {htonl(3), htonl(1500)};

    append_object(extension, CLASS_INTERFACE, 0x09, payload, sizeof(payload));
}

/* Changes what the first object says of its length. */
static void set_length(GByteArray *extension, uint8_t length)
{
    extension->data[EXTENSION_HEADER + 1] = length;
}

static void append_extension(GByteArray *packet, TunAnswer answer)
{
    static const uint8_t header[EXTENSION_HEADER] = {2 << 4};
    g_autoptr(GByteArray) extension = g_byte_array_new();

    g_byte_array_append(extension, header, sizeof(header));
    switch (answer) {
    case TUN_ONE_LABEL:
        append_labels(extension, 1, one_label, G_N_ELEMENTS(one_label));
        break;
    case TUN_FOUR_LABELS:
        append_labels(extension, 1, four_labels, G_N_ELEMENTS(four_labels));
        break;
    case TUN_INTERFACE_FIRST:
        append_interface(extension);
        append_labels(extension, 1, one_label, G_N_ELEMENTS(one_label));
        break;
    case TUN_INTERFACE_LAST:
        append_labels(extension, 1, one_label, G_N_ELEMENTS(one_label));
        append_interface(extension);
        break;
    case TUN_INTERFACE_ONLY:
        append_interface(extension);
        break;
    case TUN_OTHER_TYPE:
        append_labels(extension, 2, one_label, G_N_ELEMENTS(one_label));
        break;
    case TUN_LONG_OBJECT:
        append_labels(extension, 1, one_label, G_N_ELEMENTS(one_label));
        set_length(extension, 3 * OBJECT_HEADER);
        break;
    case TUN_SHORT_OBJECT:
        append_labels(extension, 1, one_label, G_N_ELEMENTS(one_label));
        set_length(extension, 0);
        break;
    case TUN_CUT_STACK:
        append_labels(extension, 1, four_labels, G_N_ELEMENTS(four_labels));
        g_byte_array_set_size(extension, EXTENSION_HEADER + OBJECT_HEADER + 10);
        break;
    case TUN_CUT_OBJECT:
        append_labels(extension, 1, one_label, G_N_ELEMENTS(one_label));
        g_byte_array_set_size(extension, EXTENSION_HEADER + 2);
        break;
    case TUN_CUT_EXTENSION:
        g_byte_array_set_size(extension, EXTENSION_HEADER - 2);
        break;
    case TUN_NO_EXTENSION:
    case TUN_N_ANSWERS:
        g_assert_not_reached();
    }

    /* It is that of what there is: a length that is wrong is the only fault. */
    if (extension->len >= EXTENSION_HEADER)
        write_checksum(extension->data + 2, add_up(0, extension->data, extension->len));
    g_byte_array_append(packet, extension->data, extension->len);
}

/*
 * Answers
 */

static void send_packet(Tun *tun, const GByteArray *packet)
{
    g_assert_cmpint(write(tun->fd, packet->data, packet->len), ==, packet->len);
}

/* The ICMP of a time-exceeded: its first eight bytes, the quoted probe, the extension. */
static void append_time_exceeded(GByteArray *packet, const GByteArray *probe, TunAnswer answer)
{
    static const uint8_t padding[QUOTE_SIZE];
    unsigned quoted = MIN(probe->len, QUOTE_SIZE);
    bool is_4 = version_of(probe) == 4;
    uint8_t header[8] = {is_4 ? ICMP_TIME_EXCEEDED : ICMP6_TIME_EXCEEDED};

    if (answer == TUN_NO_EXTENSION) {
        g_byte_array_append(packet, header, sizeof(header));
        g_byte_array_append(packet, probe->data, quoted);
        return;
    }

    /* The length of the quote is in words of 32 bits, or of 64 bits in IPv6, at another place. */
    if (is_4)
        header[5] = QUOTE_SIZE / 4;
    else
        header[4] = QUOTE_SIZE / 8;
    g_byte_array_append(packet, header, sizeof(header));
    g_byte_array_append(packet, probe->data, quoted);
    g_byte_array_append(packet, padding, QUOTE_SIZE - quoted);
    append_extension(packet, answer);
}

static void send_time_exceeded(Tun *tun, const GByteArray *probe, TunAnswer answer)
{
    g_autoptr(GByteArray) icmp = g_byte_array_new();
    g_autoptr(GByteArray) packet = g_byte_array_new();

    append_time_exceeded(icmp, probe, answer);
    if (version_of(probe) == 4) {
        struct iphdr header = {.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_ICMP};

        header.tot_len = htons((uint16_t)(sizeof(header) + icmp->len));
        g_assert_cmpint(inet_pton(AF_INET, TUN_ROUTER_4, &header.saddr), ==, 1);
        memcpy(&header.daddr, probe->data + offsetof(struct iphdr, saddr), sizeof(header.daddr));
        g_byte_array_append(packet, (const uint8_t *)&header, sizeof(header));
    } else {
        struct ip6_hdr header = {0};

        header.ip6_vfc = 6 << 4;
        header.ip6_hlim = 64;
        header.ip6_nxt = IPPROTO_ICMPV6;
        header.ip6_plen = htons((uint16_t)icmp->len);
        g_assert_cmpint(inet_pton(AF_INET6, TUN_ROUTER_6, &header.ip6_src), ==, 1);
        memcpy(&header.ip6_dst, probe->data + offsetof(struct ip6_hdr, ip6_src),
               sizeof(header.ip6_dst));
        g_byte_array_append(packet, (const uint8_t *)&header, sizeof(header));
    }
    g_byte_array_append(packet, icmp->data, icmp->len);
    seal(packet);
    send_packet(tun, packet);
}

static bool is_echo_request(const GByteArray *packet)
{
    if (version_of(packet) == 4)
        return packet->len >= sizeof(struct iphdr) + 8 &&
               packet->data[offsetof(struct iphdr, protocol)] == IPPROTO_ICMP &&
               packet->data[sizeof(struct iphdr)] == ICMP_ECHO;
    return packet->len >= sizeof(struct ip6_hdr) + 8 &&
           packet->data[offsetof(struct ip6_hdr, ip6_nxt)] == IPPROTO_ICMPV6 &&
           packet->data[sizeof(struct ip6_hdr)] == ICMP6_ECHO_REQUEST;
}

static void swap(uint8_t *a, uint8_t *b, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        uint8_t byte = a[i];

        a[i] = b[i];
        b[i] = byte;
    }
}

/* Turns an echo request into its reply. */
static void turn_round(GByteArray *packet)
{
    uint8_t *data = packet->data;

    if (version_of(packet) == 4) {
        swap(data + offsetof(struct iphdr, saddr), data + offsetof(struct iphdr, daddr), 4);
        data[offsetof(struct iphdr, ttl)] = 64;
        data[sizeof(struct iphdr)] = ICMP_ECHOREPLY;
    } else {
        swap(data + offsetof(struct ip6_hdr, ip6_src), data + offsetof(struct ip6_hdr, ip6_dst),
             16);
        data[offsetof(struct ip6_hdr, ip6_hlim)] = 64;
        data[sizeof(struct ip6_hdr)] = ICMP6_ECHO_REPLY;
    }
    seal(packet);
}

/*
 * The thread
 */

static void take(Tun *tun, GByteArray *packet)
{
    uint8_t last;

    if (!destination(packet, &last))
        return;
    if (last >= FIRST_ANSWER && last < FIRST_ANSWER + TUN_N_ANSWERS) {
        send_time_exceeded(tun, packet, last - FIRST_ANSWER);
    } else if (last >= FIRST_LATE && last < FIRST_LATE + TUN_N_LATE && is_echo_request(packet)) {
        g_mutex_lock(&tun->mutex);
        g_ptr_array_add(tun->held, g_byte_array_ref(packet));
        g_cond_broadcast(&tun->more);
        g_mutex_unlock(&tun->mutex);
    }
}

static void *answer_packets(void *userdata)
{
    Tun *tun = userdata;
    struct pollfd fds[] = {{.fd = tun->fd, .events = POLLIN}, {.fd = tun->stop, .events = POLLIN}};

    for (;;) {
        g_autoptr(GByteArray) packet = g_byte_array_new();
        ssize_t n;

        if (poll(fds, G_N_ELEMENTS(fds), -1) < 0) {
            g_assert_cmpint(errno, ==, EINTR);
            continue;
        }
        if (fds[1].revents)
            return NULL;

        g_byte_array_set_size(packet, PACKET_MAX);
        n = read(tun->fd, packet->data, packet->len);
        g_assert_cmpint(n, >, 0);
        g_byte_array_set_size(packet, (unsigned)n);
        take(tun, packet);
    }
}

static void run(const char *line)
{
    g_auto(GStrv) argv = g_strsplit(line, " ", -1);

    if (fixture_command((const char *const *)argv, NULL, NULL) != 0)
        g_error("%s: failed", line);
}

Tun *tun_new(void)
{
    struct ifreq request = {.ifr_name = DEVICE, .ifr_flags = IFF_TUN | IFF_NO_PI};
    Tun *tun = g_new0(Tun, 1);

    g_mutex_init(&tun->mutex);
    g_cond_init(&tun->more);
    tun->held = g_ptr_array_new_with_free_func((GDestroyNotify)g_byte_array_unref);
    tun->stop = eventfd(0, EFD_CLOEXEC);
    g_assert_cmpint(tun->stop, >=, 0);
    tun->fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    g_assert_cmpint(tun->fd, >=, 0);
    g_assert_cmpint(ioctl(tun->fd, TUNSETIFF, &request), ==, 0);

    /* Without a link-local address the kernel has less to say of its own. */
    run("ip link set " DEVICE " addrgenmode none");
    run("ip link set " DEVICE " up");
    run("ip addr add 203.0.113.1/24 dev " DEVICE);
    run("ip addr add 2001:db8:7::1/64 dev " DEVICE " nodad");

    tun->thread = g_thread_new("tun", answer_packets, tun);
    return tun;
}

void tun_free(Tun *tun)
{
    uint64_t one = 1;

    g_assert_cmpint(write(tun->stop, &one, sizeof(one)), ==, sizeof(one));
    g_thread_join(tun->thread);
    close(tun->fd);
    close(tun->stop);
    g_ptr_array_unref(tun->held);
    g_mutex_clear(&tun->mutex);
    g_cond_clear(&tun->more);
    g_free(tun);
}

static const char *make_address(unsigned last, int ip_version)
{
    g_autofree char *address =
        g_strdup_printf(ip_version == 4 ? "203.0.113.%u" : "2001:db8:7::%x", last);

    return g_intern_string(address);
}

const char *tun_address(TunAnswer answer, int ip_version)
{
    return make_address(FIRST_ANSWER + answer, ip_version);
}

const char *tun_late_address(unsigned i, int ip_version)
{
    g_assert_cmpuint(i, <, TUN_N_LATE);
    return make_address(FIRST_LATE + i, ip_version);
}

/* Whether the packet is for this address. */
static bool is_for(const GByteArray *packet, const char *address)
{
    bool is_4 = version_of(packet) == 4;
    uint8_t bytes[16];

    return inet_pton(is_4 ? AF_INET : AF_INET6, address, bytes) == 1 &&
           memcmp(packet->data +
                      (is_4 ? offsetof(struct iphdr, daddr) : offsetof(struct ip6_hdr, ip6_dst)),
                  bytes, is_4 ? 4 : 16) == 0;
}

void tun_wait_held(Tun *tun, const char *late_address, unsigned n)
{
    gint64 end = g_get_monotonic_time() + 30 * G_TIME_SPAN_SECOND;
    unsigned n_held;

    g_mutex_lock(&tun->mutex);
    do {
        n_held = 0;
        for (unsigned i = 0; i < tun->held->len; i++)
            n_held += is_for(g_ptr_array_index(tun->held, i), late_address);
    } while (n_held < n && g_cond_wait_until(&tun->more, &tun->mutex, end));
    g_mutex_unlock(&tun->mutex);
    g_assert_cmpuint(n_held, >=, n);
}

unsigned tun_release(Tun *tun, const char *late_address)
{
    unsigned n = 0;

    g_mutex_lock(&tun->mutex);
    for (unsigned i = 0; i < tun->held->len;) {
        GByteArray *packet = g_ptr_array_index(tun->held, i);

        if (!is_for(packet, late_address)) {
            i++;
            continue;
        }
        turn_round(packet);
        send_packet(tun, packet);
        g_ptr_array_remove_index(tun->held, i);
        n++;
    }
    g_mutex_unlock(&tun->mutex);
    return n;
}
