/* SPDX-License-Identifier: MIT */

/*
 * Options from arbitrary D-Bus messages: the input is the body of a method call that goes as bytes
 * to sd-bus, which alone judges what a message is. The first character says which:
 *
 *     P  sa{sv}, as of Probe     O  a{sv}, options of a probe     S  a{sv}, as of OpenStream
 *
 * and in lower case the same with the most significant byte first; another counts by its number.
 */

#include <math.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include <systemd/sd-bus.h>

#include "fuzz.h"
#include "packet-command.h"
#include "probe-options.h"
#include "stream-options.h"
#include "util.h"

#define BODY_MAX 60000

typedef enum Kind {
    KIND_PROBE,
    KIND_OPTIONS,
    KIND_STREAM,
} Kind;

static sd_bus *bus;
static int peer = -1;
static Kind kind;
static bool is_received;

/*
 * What was read
 */

static bool is_option(int value, int min, int max)
{
    return value == PROBE_OPTION_UNSET || (value >= min && value <= max);
}

static void check_options(const ProbeOptions *options)
{
    bool is_icmp = options->protocol == PROBE_ICMP, is_udp = options->protocol == PROBE_UDP;
    Failure failure;

    CHECK(options->ip_version == 0 || options->ip_version == 4 || options->ip_version == 6);
    CHECK(is_icmp || is_udp || options->protocol == PROBE_TCP || options->protocol == PROBE_SCTP);
    CHECK(is_option(options->ttl, 1, 255));
    CHECK(is_option(options->port, 1, 65535));
    CHECK(is_option(options->local_port, 1024, 65535));
    CHECK(is_option(options->size, 0, 9000));
    CHECK(is_option(options->bit_pattern, 0, 255));
    CHECK(is_option(options->tos, 0, 255));
    CHECK(options->timeout_usec <= 60 * 1000000ULL);
    CHECK(!is_icmp || options->port == PROBE_OPTION_UNSET);
    CHECK(is_udp || options->local_port == PROBE_OPTION_UNSET);
    CHECK(is_icmp || is_udp || options->size == PROBE_OPTION_UNSET);
    if (options->local_ip.ip_version != 0) {
        CHECK(options->local_ip.ip_version == 4 || options->local_ip.ip_version == 6);
        CHECK(probe_target_check(&options->local_ip, "it", &failure) == 0);
    }
}

/* Whatever passed can be a command, which is one for whoever reads commands. */
static void check_command(const ProbeTarget *target, const ProbeOptions *options)
{
    PacketCommand command = {.kind = PACKET_SEND_PROBE, .target = *target, .options = *options};
    char line[PACKET_COMMAND_SIZE];
    PacketRequest request;
    Failure failure;
    size_t length;

    if (target->ip_version == 0 ||
        probe_options_check_version(options, target->ip_version, &failure) != 0)
        return;
    length = packet_command_format(&command, 1, line);
    line[length - 1] = '\0';
    packet_request_parse(&request, line, length - 1);
    CHECK(!request.refusal && request.command.options.mark == options->mark);
}

/* A refusal names what is wrong, and can be shown anywhere. */
static void check_refusal(int outcome, const Failure *failure)
{
    CHECK(outcome == (int)failure->outcome);
    CHECK(outcome == OUTCOME_INVALID_ARGS || outcome == OUTCOME_NOT_SUPPORTED ||
          outcome == OUTCOME_HOST_RESOLVE);
    CHECK(memchr(failure->message, '\0', sizeof(failure->message)));
    CHECK(strncmp(failure->message, "option", 6) == 0 || strncmp(failure->message, "host", 4) == 0);
    for (const char *c = failure->message; *c; c++)
        CHECK(*c >= ' ' && *c <= '~');
}

/* Whether all bytes are as they were before anything was read. */
static bool is_untouched(const void *place, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (((const uint8_t *)place)[i] != 0xa5)
            return false;
    return true;
}

/*
 * A second reader
 */

/* The value of a variant that is a number, in microseconds if it is of the timeout. */
static double read_number(sd_bus_message *message, bool in_usec)
{
    union {
        uint8_t y;
        int16_t n;
        uint16_t q;
        int32_t i;
        uint32_t u;
        int64_t x;
        uint64_t t;
        double d;
    } value;
    const char *type;
    double number;

    CHECK(sd_bus_message_peek_type(message, NULL, &type) > 0);
    CHECK(strchr("ynqiuxtd", *type) && strlen(type) == 1);
    CHECK(sd_bus_message_read(message, "v", type, &value) > 0);
    number = *type == 'y'   ? value.y
             : *type == 'n' ? value.n
             : *type == 'q' ? value.q
             : *type == 'i' ? value.i
             : *type == 'u' ? value.u
             : *type == 'x' ? (double)value.x
             : *type == 't' ? (double)value.t
                            : value.d;
    return in_usec ? rint(number * 1e6) : number;
}

/* The number that is read as option @name, or -1 if it is none. */
static double number_of(const ProbeOptions *options, const char *name)
{
    const struct {
        const char *name;
        double value;
    } numbers[] = {
        {"ip_version", options->ip_version},
        {"ttl", options->ttl},
        {"port", options->port},
        {"local_port", options->local_port},
        {"size", options->size},
        {"bit_pattern", options->bit_pattern},
        {"tos", options->tos},
        {"mark", options->mark},
        {"timeout", (double)options->timeout_usec},
    };

    for (size_t i = 0; i < ELEMENTS(numbers); i++)
        if (strcmp(name, numbers[i].name) == 0)
            return numbers[i].value;
    return -1;
}

/* Each option has the value that the message says, and there are no others. */
static void check_against(sd_bus_message *message, const ProbeOptions *options)
{
    unsigned n = 0;

    CHECK(sd_bus_message_rewind(message, true) >= 0);
    if (kind == KIND_PROBE)
        CHECK(sd_bus_message_skip(message, "s") >= 0);
    CHECK(sd_bus_message_enter_container(message, 'a', "{sv}") > 0);
    while (sd_bus_message_enter_container(message, 'e', "sv") > 0) {
        const char *name, *text;

        CHECK(++n <= 11 && sd_bus_message_read_basic(message, 's', &name) > 0);
        if (strcmp(name, "protocol") == 0) {
            CHECK(sd_bus_message_read(message, "v", "s", &text) > 0);
            CHECK(strcmp(text, probe_protocol_name(options->protocol)) == 0);
        } else if (strcmp(name, "local_ip") == 0) {
            CHECK(sd_bus_message_read(message, "v", "s", &text) > 0);
            CHECK(options->local_ip.ip_version == (strchr(text, ':') ? 6 : 4));
        } else {
            double expected = number_of(options, name);

            CHECK(expected >= 0);
            CHECK(fabs(read_number(message, strcmp(name, "timeout") == 0) - expected) < 0.75);
        }
        CHECK(sd_bus_message_exit_container(message) > 0);
    }
}

/*
 * One message
 */

static void try_probe(sd_bus_message *message)
{
    ProbeTarget target = {0};
    ProbeOptions options;
    const char *host;
    Failure failure;
    int r;

    if (kind == KIND_PROBE && sd_bus_message_read_basic(message, 's', &host) < 0)
        return;
    memset(&options, 0xa5, sizeof(options));
    r = probe_options_read(&options, message, &failure);
    if (r != 0)
        CHECK(is_untouched(&options, sizeof(options)));
    if (r > 0)
        check_refusal(r, &failure);
    if (r != 0)
        return;
    check_options(&options);
    if (kind == KIND_PROBE) {
        r = probe_target_parse(&target, host, options.ip_version, &failure);
        CHECK(r >= 0);
        if (r > 0)
            check_refusal(r, &failure);
        else
            check_command(&target, &options);
    }
    check_against(message, &options);
}

static void try_stream(sd_bus_message *message)
{
    StreamOptions options;
    const char *name;
    Failure failure;
    int r, value = 0;

    memset(&options, 0xa5, sizeof(options));
    r = stream_options_read(&options, message, &failure);
    if (r != 0)
        CHECK(is_untouched(&options, sizeof(options)));
    if (r > 0)
        check_refusal(r, &failure);
    if (r != 0)
        return;
    CHECK(sd_bus_message_rewind(message, true) >= 0);
    CHECK(sd_bus_message_enter_container(message, 'a', "{sv}") > 0);
    if (sd_bus_message_at_end(message, false) == 0) {
        CHECK(sd_bus_message_read(message, "{sv}", &name, "b", &value) > 0);
        CHECK(strcmp(name, "mark") == 0 && sd_bus_message_at_end(message, false) > 0);
    }
    CHECK(options.mark == (value != 0));
}

static int on_message(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
    if (!sd_bus_message_is_method_call(message, NULL, "Try"))
        return 0;
    CHECK(!is_received);
    is_received = true;
    if (kind == KIND_STREAM)
        try_stream(message);
    else
        try_probe(message);
    return 1;
}

/*
 * The bus
 */

static void close_bus(void)
{
    bus = sd_bus_close_unref(bus);
    peer = close_fd(peer);
}

/* One for as many inputs as it lasts. */
static void open_bus(void)
{
    static const char hello[] = "\0AUTH ANONYMOUS\r\nBEGIN\r\n";
    int fds[2];

    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
    CHECK(sd_bus_new(&bus) >= 0);
    CHECK(sd_bus_set_fd(bus, fds[0], fds[0]) >= 0);
    CHECK(sd_bus_set_server(bus, true, (sd_id128_t){.bytes = {1}}) >= 0);
    CHECK(sd_bus_set_anonymous(bus, true) >= 0);
    CHECK(sd_bus_add_filter(bus, NULL, on_message, NULL) >= 0);
    CHECK(sd_bus_start(bus) >= 0);
    peer = fds[1];
    CHECK(write(peer, hello, sizeof(hello) - 1) == sizeof(hello) - 1);
    while (sd_bus_is_ready(bus) == 0)
        CHECK(sd_bus_process(bus, NULL) >= 0);
    CHECK(sd_bus_is_ready(bus) > 0);
}

/* A place in a header, at which numbers and strings are written as the wire has them. */
typedef struct Header {
    bool big;
    size_t size;
    uint8_t bytes[256];
} Header;

static void put_number(Header *header, uint32_t number)
{
    for (unsigned i = 0; i < 4; i++)
        header->bytes[header->size++] = (uint8_t)(number >> 8 * (header->big ? 3 - i : i));
}

static void pad(Header *header, size_t to)
{
    while (header->size % to != 0)
        header->bytes[header->size++] = 0;
}

static void put_field(Header *header, uint8_t code, char type, const char *text)
{
    pad(header, 8);
    header->bytes[header->size++] = code;
    header->bytes[header->size++] = 1;
    header->bytes[header->size++] = (uint8_t)type;
    header->bytes[header->size++] = 0;
    if (type == 'g')
        header->bytes[header->size++] = (uint8_t)strlen(text);
    else
        put_number(header, (uint32_t)strlen(text));
    memcpy(header->bytes + header->size, text, strlen(text) + 1);
    header->size += strlen(text) + 1;
}

/* A method call that wants no reply, with a body of @size bytes. */
static void write_header(Header *header, uint32_t size)
{
    static uint32_t serial;
    Header length;

    header->bytes[0] = header->big ? 'B' : 'l';
    memcpy(header->bytes + 1, (uint8_t[]){1, 1, 1}, 3);
    header->size = 4;
    put_number(header, size);
    serial = serial % 1000000 + 1;
    put_number(header, serial);
    put_number(header, 0);
    put_field(header, 1, 'o', "/");
    put_field(header, 2, 's', "fuzz.Fuzz");
    put_field(header, 3, 's', "Try");
    put_field(header, 8, 'g', kind == KIND_PROBE ? "sa{sv}" : "a{sv}");
    length = (Header){.big = header->big, .size = 12};
    put_number(&length, (uint32_t)header->size - 16);
    memcpy(header->bytes + 12, length.bytes + 12, 4);
    pad(header, 8);
}

static void choose(uint8_t first, Header *header)
{
    static const char letters[] = "PpOoSs";
    const char *letter = first ? strchr(letters, first) : NULL;
    unsigned number = letter ? (unsigned)(letter - letters) : first % 6;

    kind = (Kind)(number / 2);
    header->big = number % 2;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Header header = {0};
    char sink[4096];
    int r;

    if (size < 1 || size > BODY_MAX)
        return 0;
    if (!bus)
        open_bus();
    choose(data[0], &header);
    write_header(&header, (uint32_t)size - 1);
    is_received = false;
    CHECK(write(peer, header.bytes, header.size) == (ssize_t)header.size);
    CHECK(write(peer, data + 1, size - 1) == (ssize_t)size - 1);
    while ((r = sd_bus_process(bus, NULL)) > 0)
        ;
    CHECK(is_received || r < 0);
    while (read(peer, sink, sizeof(sink)) > 0)
        ;
    if (r < 0)
        close_bus();
    return 0;
}
