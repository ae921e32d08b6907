/* SPDX-License-Identifier: MIT */

/*
 * A service whose one method does nothing: what D-Bus costs at least. It is written as any service
 * with sd-bus is.
 */

#include <stdlib.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

static int method_empty(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
    return sd_bus_reply_method_return(call, NULL);
}

static const sd_bus_vtable vtable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_METHOD("Empty", NULL, NULL, method_empty, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_VTABLE_END,
};

int main(int argc, char *argv[])
{
    sd_event *event = NULL;
    sd_bus *bus = NULL;
    int r;

    r = sd_event_default(&event);
    if (r >= 0)
        r = sd_bus_open_system(&bus);
    if (r >= 0)
        r = sd_bus_attach_event(bus, event, SD_EVENT_PRIORITY_NORMAL);
    if (r >= 0)
        r = sd_bus_add_object_vtable(bus, NULL, "/empty", "org.mtrpacket.Empty", vtable, NULL);
    if (r >= 0)
        r = sd_bus_request_name(bus, "org.mtrpacket.Empty", 0);
    if (r >= 0)
        r = sd_event_loop(event);
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
