/* SPDX-License-Identifier: MIT */

#include "bus-load.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

/* dbus-daemon lets a connection have 128. */
#define CALLS_PER_CONNECTION 125

typedef struct Connection {
    sd_bus *bus;
    uint32_t events; /* that are waited for */
} Connection;

struct BusLoad {
    unsigned n_connections;
    Connection *connections;
    int epoll_fd; /* only those that are ready are looked at */

    /* while it runs */
    const BusLoadCall *call;
    Load *load;
    Load fill; /* of bus_load_fill() */
};

static sd_bus *connect_bus(void)
{
    sd_bus *bus = NULL;
    const char *name;

    g_assert_cmpint(sd_bus_open_system(&bus), >=, 0);
    g_assert_cmpint(sd_bus_get_unique_name(bus, &name), >=, 0); /* waits until the bus lets us in */
    return bus;
}

BusLoad *bus_load_new(uid_t uid, unsigned in_flight)
{
    BusLoad *bus_load = g_new0(BusLoad, 1);

    bus_load->n_connections = (in_flight + CALLS_PER_CONNECTION - 1) / CALLS_PER_CONNECTION;
    bus_load->connections = g_new0(Connection, bus_load->n_connections);
    bus_load->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    g_assert_cmpint(bus_load->epoll_fd, >=, 0);
    g_assert_cmpint(setresuid(uid, uid, 0), ==, 0);
    for (unsigned i = 0; i < bus_load->n_connections; i++)
        bus_load->connections[i].bus = connect_bus();
    g_assert_cmpint(setresuid(0, 0, 0), ==, 0);
    return bus_load;
}

void bus_load_free(BusLoad *bus_load)
{
    for (unsigned i = 0; i < bus_load->n_connections; i++)
        sd_bus_close_unref(bus_load->connections[i].bus);
    close(bus_load->epoll_fd);
    load_clear(&bus_load->fill);
    g_free(bus_load->connections);
    g_free(bus_load);
}

static int on_answer(sd_bus_message *message, void *userdata, sd_bus_error *error);

static void call(BusLoad *bus_load, sd_bus *bus)
{
    const BusLoadCall *what = bus_load->call;
    sd_bus_message *message = NULL;
    int r;

    r = sd_bus_message_new_method_call(bus, &message, what->name, what->path, what->interface,
                                       what->method);
    if (r >= 0 && what->host) {
        r = sd_bus_message_append(message, "s", what->host);
        if (r >= 0 && what->timeout > 0)
            r = sd_bus_message_append(message, "a{sv}", 1, "timeout", "d", what->timeout);
        else if (r >= 0)
            r = sd_bus_message_append(message, "a{sv}", 0);
    }
    if (r >= 0)
        r = sd_bus_call_async(bus, NULL, message, on_answer, bus_load, UINT64_MAX);
    g_assert_cmpint(r, >=, 0);
    sd_bus_message_unref(message);
    bus_load->load->n_sent++;
}

static void note_answer(Load *load, sd_bus_message *message, bool is_probe)
{
    const sd_bus_error *error = sd_bus_message_get_error(message);
    const char *result = NULL;
    double time_ms = NAN;
    int success;

    if (error)
        g_error("%s: %s", error->name, error->message);
    if (is_probe)
        g_assert_cmpint(sd_bus_message_read(message, "bsd", &success, &result, &time_ms), >, 0);
    load_answer(load, result && strcmp(result, "reply") != 0 ? -1 : time_ms * 1000);
}

static int on_answer(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
    BusLoad *bus_load = userdata;
    Load *load = bus_load->load;

    note_answer(load, message, bus_load->call->host != NULL);
    if (load->n_sent < load->n)
        call(bus_load, sd_bus_message_get_bus(message));
    return 1;
}

/* Waits for what the connection waits for. */
static void watch(BusLoad *bus_load, Connection *connection)
{
    int events = sd_bus_get_events(connection->bus);
    struct epoll_event event = {.events = (uint32_t)events, .data.ptr = connection};

    g_assert_cmpint(events, >=, 0);
    if (event.events == connection->events)
        return;
    g_assert_cmpint(epoll_ctl(bus_load->epoll_fd,
                              connection->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD,
                              sd_bus_get_fd(connection->bus), &event),
                    ==, 0);
    connection->events = event.events;
}

/* Handles all that has come, and waits if nothing has. */
static void turn(BusLoad *bus_load)
{
    struct epoll_event ready[16];
    int n, r;

    n = epoll_wait(bus_load->epoll_fd, ready, G_N_ELEMENTS(ready), -1);
    g_assert_cmpint(n, >, 0);
    for (int i = 0; i < n; i++) {
        Connection *connection = ready[i].data.ptr;

        while ((r = sd_bus_process(connection->bus, NULL)) > 0)
            ;
        g_assert_cmpint(r, >=, 0);
        watch(bus_load, connection);
    }
}

/* Calls over all connections in turn. */
static void call_all(BusLoad *bus_load, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        call(bus_load, bus_load->connections[i % bus_load->n_connections].bus);
    for (unsigned i = 0; i < bus_load->n_connections; i++)
        watch(bus_load, &bus_load->connections[i]);
}

static void run(BusLoad *bus_load, Load *load, const BusLoadCall *what, unsigned n,
                unsigned in_flight, const GPid processes[LOAD_COSTS])
{
    bus_load->call = what;
    bus_load->load = load;

    load_begin(load, n, processes);
    call_all(bus_load, MIN(in_flight, n));
    while (load->n_answered < n)
        turn(bus_load);
    load_end(load);
}

void bus_load_introduce(BusLoad *bus_load, const BusLoadCall *what)
{
    const GPid nobody[LOAD_COSTS] = {0};
    Load load;

    run(bus_load, &load, what, bus_load->n_connections, bus_load->n_connections, nobody);
    load_clear(&load);
}

double bus_load_span(BusLoad *bus_load, const BusLoadCall *what)
{
    const GPid nobody[LOAD_COSTS] = {0};
    Load load;

    run(bus_load, &load, what, 1, 1, nobody);
    load_clear(&load);
    return load.seconds * 1e6;
}

void bus_load_fill(BusLoad *bus_load, const BusLoadCall *what, unsigned n)
{
    static const GPid nobody[LOAD_COSTS] = {0};

    bus_load->call = what;
    bus_load->load = &bus_load->fill;
    load_clear(bus_load->load);
    load_begin(bus_load->load, n, nobody);
    call_all(bus_load, n);
    for (unsigned i = 0; i < bus_load->n_connections; i++)
        g_assert_cmpint(sd_bus_flush(bus_load->connections[i].bus), >=, 0);
}

void bus_load_run(BusLoad *bus_load, Load *load, const BusLoadCall *what, unsigned n,
                  unsigned in_flight, const GPid processes[LOAD_COSTS])
{
    bus_load_introduce(bus_load, what);
    run(bus_load, load, what, n, in_flight, processes);
}
