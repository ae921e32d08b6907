/* SPDX-License-Identifier: MIT */

#include "prober.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <utlist.h>

#include "bus-error.h"
#include "util.h"

typedef struct Call {
    Prober *prober;
    struct Call *prev, *next; /* in prober->calls */
    sd_bus_slot *slot;
    unsigned number;
    Moment started;
} Call;

struct Prober {
    Ctl *ctl;
    const char *host;
    const ProbeArguments *arguments;
    const ProberEvents *events;
    void *userdata;
    Call *calls;
    unsigned n_calls;
    bool keeps_address; /* nothing more is to be done for it, see keep_address() */
};

static bool is_address(const char *host)
{
    struct in6_addr address;

    return inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1;
}

int prober_new(Prober **ret, Ctl *ctl, const char *host, const ProbeArguments *arguments,
               const ProberEvents *events, void *userdata)
{
    Prober *prober = calloc(1, sizeof(*prober));

    if (!prober)
        return -ENOMEM;
    *prober = (Prober){
        .ctl = ctl,
        .host = host,
        .arguments = arguments,
        .events = events,
        .userdata = userdata,
        .keeps_address = is_address(host),
    };
    *ret = prober;
    return 0;
}

static void call_free(Call *call)
{
    DL_DELETE(call->prober->calls, call);
    call->prober->n_calls--;
    sd_bus_slot_unref(call->slot);
    free(call);
}

Prober *prober_free(Prober *prober)
{
    if (!prober)
        return NULL;
    while (prober->calls)
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): each call leaves the list */
        call_free(prober->calls);
    free(prober);
    return NULL;
}

unsigned prober_waiting(const Prober *prober)
{
    return prober->n_calls;
}

/* A session keeps the address that the host's name has. It is asked for when a probe was allowed,
 * and nobody is asked to authenticate for it: if there is none the name is looked up again after a
 * minute, and no more is lost. */
static void keep_address(Prober *prober)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
    int r;

    if (prober->keeps_address)
        return;
    prober->keeps_address = true;
    r = sd_bus_message_new_method_call(prober->ctl->bus, &call, BUS_NAME, BUS_PATH, BUS_INTERFACE,
                                       "Open");
    if (r >= 0)
        r = sd_bus_message_set_allow_interactive_authorization(call, false);
    if (r >= 0)
        r = sd_bus_message_set_expect_reply(call, false);
    if (r >= 0)
        (void)sd_bus_send(prober->ctl->bus, call, NULL);
}

static int on_answer(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
    static const sd_bus_error strange = SD_BUS_ERROR_MAKE_CONST(
        SD_BUS_ERROR_INCONSISTENT_MESSAGE, "The service's answer is not what this client knows");
    Call *call = userdata;
    Prober *prober = call->prober;
    unsigned number = call->number;
    ProbeReport report = {.started = call->started, .ended = moment_now()};
    int r;

    call_free(call);
    if (sd_bus_message_is_method_error(message, NULL)) {
        /* The service may be another from now on, without our session. */
        prober->keeps_address = is_address(prober->host);
        prober->events->refused(number, sd_bus_message_get_error(message),
                                -sd_bus_message_get_errno(message), prober->userdata);
        return 0;
    }

    r = probe_report_read(&report, message);
    if (r < 0) {
        prober->events->refused(number, &strange, r, prober->userdata);
        return 0;
    }
    keep_address(prober);
    prober->events->answered(number, &report, prober->userdata);
    probe_report_clear(&report);
    return 0;
}

int prober_call_new(Ctl *ctl, sd_bus_message **ret, const char *host,
                    const ProbeArguments *arguments)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
    int r;

    r = sd_bus_message_new_method_call(ctl->bus, &call, BUS_NAME, BUS_PATH, BUS_INTERFACE, "Probe");
    if (r >= 0)
        r = sd_bus_message_append(call, "s", host);
    if (r == -EINVAL) {
        fprintf(stderr, "host is not UTF-8 text\n");
        return CTL_EXIT_ARGUMENTS;
    }
    if (r >= 0)
        r = probe_arguments_append(arguments, call);
    if (r > 0)
        return CTL_EXIT_ARGUMENTS;
    if (r < 0)
        return ctl_internal_error("write the call", r);
    *ret = TAKE_PTR(call);
    return 0;
}

int prober_send(Prober *prober, unsigned number, unsigned ttl)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
    ProbeArguments arguments = *prober->arguments;
    char text[sizeof("4294967295")];
    Call *call;
    int r;

    assert(prober->n_calls < PROBER_WAITING_MAX);
    if (ttl > 0) {
        snprintf(text, sizeof(text), "%u", ttl);
        arguments.values[PROBE_ARGUMENT_TTL] = text;
    }
    r = prober_call_new(prober->ctl, &message, prober->host, &arguments);
    if (r != 0)
        return r;

    call = calloc(1, sizeof(*call));
    if (!call)
        return ctl_internal_error("call the service", -ENOMEM);
    *call = (Call){.prober = prober, .number = number, .started = moment_now()};
    DL_APPEND(prober->calls, call);
    prober->n_calls++;

    /* The service has the deadline, and its caller may wait for others first. */
    r = sd_bus_call_async(prober->ctl->bus, &call->slot, message, on_answer, call, UINT64_MAX);
    if (r < 0) {
        call_free(call);
        return ctl_refused(prober->ctl, &SD_BUS_ERROR_NULL, r);
    }
    return 0;
}
