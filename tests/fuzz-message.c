/* SPDX-License-Identifier: MIT */

#include "fuzz-message.h"

#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"
#include "util.h"

static sd_bus *bus;
static int peer = -1;
static fuzz_message_t receive;
static bool is_received;

static int on_message(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
    if (!sd_bus_message_is_method_call(message, NULL, "Try"))
        return 0;
    CHECK(!is_received);
    is_received = true;
    receive(message);
    return 1;
}

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

/* A method call that wants no reply. */
static void write_header(Header *header, const FuzzBody *body)
{
    static uint32_t serial;
    Header length;

    header->big = body->big;
    header->bytes[0] = header->big ? 'B' : 'l';
    memcpy(header->bytes + 1, (uint8_t[]){1, 1, 1}, 3);
    header->size = 4;
    put_number(header, (uint32_t)body->size);
    serial = serial % 1000000 + 1;
    put_number(header, serial);
    put_number(header, 0);
    put_field(header, 1, 'o', "/");
    put_field(header, 2, 's', "fuzz.Fuzz");
    put_field(header, 3, 's', "Try");
    put_field(header, 8, 'g', body->signature);
    length = (Header){.big = header->big, .size = 12};
    put_number(&length, (uint32_t)header->size - 16);
    memcpy(header->bytes + 12, length.bytes + 12, 4);
    pad(header, 8);
}

void fuzz_message(const FuzzBody *body, fuzz_message_t function)
{
    Header header = {0};
    char sink[4096];
    int r;

    if (!bus)
        open_bus();
    write_header(&header, body);
    receive = function;
    is_received = false;
    CHECK(write(peer, header.bytes, header.size) == (ssize_t)header.size);
    CHECK(write(peer, body->bytes, body->size) == (ssize_t)body->size);
    while ((r = sd_bus_process(bus, NULL)) > 0)
        ;
    CHECK(is_received || r < 0);
    while (read(peer, sink, sizeof(sink)) > 0)
        ;
    if (r < 0)
        close_bus();
}
