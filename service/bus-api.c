/* SPDX-License-Identifier: MIT */

#include "bus-api.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "bus-error.h"
#include "bus-properties.h"
#include "log.h"
#include "request.h"
#include "stream-options.h"
#include "stream.h"
#include "util.h"

/*
 * Answers
 */

/* What the request's answer is a reply to. */
static int call_message(const Request *request, sd_bus_message **ret)
{
    const Caller *caller = request->caller;

    return bus_call_message(&request->call, ret, caller->callers->bus, caller->name);
}

/* Ends with what has come of an answer: R is 0, or why it cannot be given, as for want of memory. A
 * call is not to wait for ever: the service ends, and the bus says so to all who wait. */
static void note_answered(sd_bus *bus, int r)
{
    if (r >= 0 || sd_bus_is_open(bus) <= 0) /* that the bus is lost ends the service anyway */
        return;
    log_message(LOG_ERR, "a call cannot be answered: %s", strerror(-r));
    (void)sd_event_exit(sd_bus_get_event(bus), r);
    if (r == -ENOBUFS) /* the bus has read nothing for long: what is left would be waited for */
        sd_bus_close(bus);
}

/* Sends REPLY if R says that it is whole, or else the error that R is. Whether the caller is still
 * there to read it is no matter. */
static void send_reply(const Request *request, sd_bus_message *call, sd_bus_message *reply, int r)
{
    if (r >= 0)
        r = sd_bus_send(NULL, reply, NULL);
    if (r < 0 && call)
        r = sd_bus_reply_method_errno(call, r, NULL);
    note_answered(request->caller->callers->bus, r);
}

static void answer_failure(Request *request, const Failure *failure)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
    int r;

    request->caller->callers->statistics->errors[failure->outcome]++;
    r = call_message(request, &call);
    if (r >= 0)
        r = sd_bus_reply_method_errorf(call, bus_error_name(failure->outcome), "%s",
                                       failure->message);
    note_answered(request->caller->callers->bus, r);
}

static int append_mpls(sd_bus_message *reply, const ProbeResult *result)
{
    int r;

    r = sd_bus_message_open_container(reply, 'a', "(uyby)");
    for (size_t i = 0; r >= 0 && i < result->n_mpls; i++) {
        const MplsLabel *label = &result->mpls[i];

        r = sd_bus_message_append(reply, "(uyby)", label->label, label->traffic_class,
                                  (int)label->bottom_of_stack, label->ttl);
    }
    return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int append_details(sd_bus_message *reply, const ProbeResult *result, const char *address)
{
    int r;

    r = sd_bus_message_open_container(reply, 'a', "{sv}");
    if (r >= 0)
        r = sd_bus_message_append(reply, "{sv}", "address", "s", address);
    for (size_t i = 0; r >= 0 && i < result->n_details; i++) {
        const PacketArgument *detail = &result->details[i];

        if (strcmp(detail->name, "address") != 0) /* ours wins */
            r = sd_bus_message_append(reply, "{sv}", detail->name, "s", detail->value);
    }
    return r < 0 ? r : sd_bus_message_close_container(reply);
}

static void answer_probe(Request *request, const PacketReply *reply, const Failure *failure)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *message = NULL;
    char address[INET6_ADDRSTRLEN];
    ProbeResult result;
    int r;

    if (failure) {
        answer_failure(request, failure);
        return;
    }

    packet_reply_decode(&result, reply);

    r = call_message(request, &call);
    if (r >= 0)
        r = sd_bus_message_new_method_return(call, &message);
    if (r >= 0)
        r = sd_bus_message_append(message, "bsds", (int)result.success, result.word, result.time_ms,
                                  result.responder);
    if (r >= 0)
        r = append_mpls(message, &result);
    if (r >= 0)
        r = append_details(message, &result,
                           probe_target_format(&request->command.target, address));
    send_reply(request, call, message, r);
}

static void answer_check_support(Request *request, const PacketReply *reply, const Failure *failure)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *message = NULL;
    int r;

    if (failure) {
        answer_failure(request, failure);
        return;
    }

    r = call_message(request, &call);
    if (r >= 0)
        r = sd_bus_message_new_method_return(call, &message);
    if (r >= 0)
        r = sd_bus_message_append(message, "b",
                                  (int)packet_reply_supported(&request->command, reply));
    send_reply(request, call, message, r);
}

/* What is wrong with an mtr-packet that was asked whether it can send probes: FAILURE, or else what
 * REPLY comes to; NULL if it can. */
static const Failure *check_useful(const Request *request, const PacketReply *reply,
                                   const Failure *failure, Failure *useless)
{
    if (!reply || packet_reply_supported(&request->command, reply))
        return failure;
    failure_set(useless, OUTCOME_PROCESS, "mtr-packet cannot send probes");
    return useless;
}

static void answer_open(Request *request, const PacketReply *reply, const Failure *failure)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
    Failure useless;
    int r;

    failure = check_useful(request, reply, failure, &useless);
    caller_set_session(request->caller, failure ? CALLER_SESSION_NONE : CALLER_SESSION_OPEN);
    if (failure) {
        answer_failure(request, failure);
        return;
    }
    r = call_message(request, &call);
    if (r >= 0)
        r = sd_bus_reply_method_return(call, NULL);
    note_answered(request->caller->callers->bus, r);
}

/* Hands the other end out. Returns 0 or a negative errno, when nothing is answered yet. */
static int send_stream(Request *request, int fd)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *message = NULL;
    int r;

    r = call_message(request, &call);
    if (r >= 0)
        r = sd_bus_message_new_method_return(call, &message);
    if (r >= 0)
        r = sd_bus_message_append(message, "h", fd); /* a duplicate */
    if (r >= 0)
        r = sd_bus_send(NULL, message, NULL);
    return r < 0 ? r : 0;
}

static void answer_open_stream(Request *request, const PacketReply *reply, const Failure *failure)
{
    Stream *stream = TAKE_PTR(request->stream);
    _cleanup_(close_fdp) int fd = -1;
    Failure useless, refused;
    int r;

    failure = check_useful(request, reply, failure, &useless);
    if (!failure) {
        r = stream_open(stream, &fd, &refused);
        if (r == 0)
            r = send_stream(request, fd);
        if (r < 0)
            failure_set(&refused, OUTCOME_NO_MEMORY, "the stream cannot be opened: %s",
                        strerror(-r));
        if (r != 0)
            failure = &refused;
    }

    if (failure) {
        answer_failure(request, failure);
        stream_free(stream);
    } else {
        request->caller->callers->statistics->streams_opened++;
    }
}

/*
 * Methods
 */

/* Ends a handler that has nothing to wait for: R is what is wrong with the call. The library would
 * answer by itself, but would not say if it cannot. */
static int refuse(Manager *manager, sd_bus_message *call, int r, const Failure *failure)
{
    if (r > 0) {
        /* NOLINTNEXTLINE(clang-analyzer-core.uninitialized.ArraySubscript): set where r > 0 */
        manager->statistics.errors[failure->outcome]++;
        r = sd_bus_reply_method_errorf(call, bus_error_name(failure->outcome), "%s",
                                       failure->message);
    } else {
        if (r == -ENOMEM)
            manager->statistics.errors[OUTCOME_NO_MEMORY]++;
        r = sd_bus_reply_method_errno(call, r, NULL);
    }
    note_answered(manager->bus, r);
    return 1;
}

static int refuse_if(bool stopping, Failure *failure)
{
    if (stopping)
        return failure_set(failure, OUTCOME_STATE, "the service is stopping, call again");
    return 0;
}

static int refuse_stopping(const Manager *manager, Failure *failure)
{
    return refuse_if(manager->refusing, failure);
}

/* Of what holds the service, and cannot begin once that is on its way out. Else there is the
 * caller. */
static int get_holder(Manager *manager, Caller **ret, sd_bus_message *call, Failure *failure)
{
    int r;

    r = refuse_if(manager->stopping, failure);
    return r == 0 ? callers_get(&manager->callers, ret, call) : r;
}

/* Ends a handler: R is 0 if SPEC is to be carried out and answered later, else what is wrong with
 * the call. */
static int submit(Manager *manager, sd_bus_message *call, const RequestSpec *spec, int r,
                  Failure *failure)
{
    Caller *caller;

    if (r == 0)
        r = refuse_stopping(manager, failure);
    if (r == 0)
        r = callers_get(&manager->callers, &caller, call);
    if (r == 0)
        r = request_start(caller, manager->scheduler, spec, call, failure);
    return r == 0 ? 1 : refuse(manager, call, r, failure);
}

static int method_probe(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
    RequestSpec spec = {
        .action = AUTHORITY_PROBE, .command.kind = PACKET_SEND_PROBE, .answer = answer_probe};
    PacketCommand *command = &spec.command;
    Failure failure;
    int r;

    r = sd_bus_message_read_basic(call, 's', &spec.host);
    if (r < 0)
        return refuse(userdata, call, r, &failure);

    r = probe_options_read(&command->options, call, &failure);
    if (r == 0)
        r = probe_target_parse(&command->target, spec.host, command->options.ip_version, &failure);
    if (r == 0 && command->target.ip_version != 0)
        r = probe_options_check_version(&command->options, command->target.ip_version, &failure);

    spec.with_mark = command->options.mark != 0;
    return submit(userdata, call, &spec, r, &failure);
}

static int method_check_support(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
    RequestSpec spec = {.action = AUTHORITY_NOTHING,
                        .command.kind = PACKET_CHECK_SUPPORT,
                        .answer = answer_check_support};
    const char *feature;
    Failure failure;
    int r;

    r = sd_bus_message_read_basic(call, 's', &feature);
    if (r < 0)
        return refuse(userdata, call, r, &failure);

    r = packet_feature_check(feature, &failure);
    if (r == 0)
        snprintf(spec.command.feature, sizeof(spec.command.feature), "%s", feature);

    return submit(userdata, call, &spec, r, &failure);
}

static int method_open(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
    const RequestSpec spec = {
        .action = AUTHORITY_PROBE, .command = packet_support_question(0), .answer = answer_open};
    Manager *manager = userdata;
    Failure failure;
    Caller *caller;
    int r;

    r = get_holder(manager, &caller, call, &failure);
    if (r == 0 && caller->session != CALLER_SESSION_NONE)
        r = failure_set(&failure, OUTCOME_STATE, "already open: Close comes before another Open");
    if (r != 0)
        return refuse(manager, call, r, &failure);

    caller_set_session(caller, CALLER_SESSION_OPENING);
    r = request_start(caller, manager->scheduler, &spec, call, &failure);
    if (r == 0)
        return 1;
    caller_set_session(caller, CALLER_SESSION_NONE);
    return refuse(manager, call, r, &failure);
}

static int method_close(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
    Manager *manager = userdata;
    Failure failure;
    Caller *caller;
    int r;

    r = refuse_stopping(manager, &failure);
    if (r == 0)
        r = callers_get(&manager->callers, &caller, call);
    if (r == 0)
        r = caller_close(caller, &failure);
    if (r != 0)
        return refuse(manager, call, r, &failure);
    note_answered(manager->bus, sd_bus_reply_method_return(call, NULL));
    return 1;
}

static int method_open_stream(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
    RequestSpec spec = {.action = AUTHORITY_PROBE,
                        .command = packet_support_question(0),
                        .answer = answer_open_stream};
    Manager *manager = userdata;
    StreamOptions options;
    Failure failure;
    Caller *caller;
    int r;

    r = stream_options_read(&options, call, &failure);
    if (r == 0)
        r = get_holder(manager, &caller, call, &failure);
    if (r == 0)
        r = stream_new(&spec.stream, caller, manager->scheduler);
    if (r != 0)
        return refuse(manager, call, r, &failure);

    spec.with_mark = options.mark;
    r = request_start(caller, manager->scheduler, &spec, call, &failure);
    if (r == 0)
        return 1;
    stream_free(spec.stream);
    return refuse(manager, call, r, &failure);
}

/* UNPRIVILEGED: sd-bus itself would let only root in, and ask the bus for that, blocking. */
static const sd_bus_vtable vtable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_METHOD_WITH_ARGS("Probe", SD_BUS_ARGS("s", host, "a{sv}", options),
                            SD_BUS_RESULT("b", success, "s", result, "d", time_ms, "s", responder,
                                          "a(uyby)", mpls, "a{sv}", details),
                            method_probe, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_ARGS("CheckSupport", SD_BUS_ARGS("s", feature),
                            SD_BUS_RESULT("b", supported), method_check_support,
                            SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("Open", NULL, NULL, method_open, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("Close", NULL, NULL, method_close, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_ARGS("OpenStream", SD_BUS_ARGS("a{sv}", options), SD_BUS_RESULT("h", stream),
                            method_open_stream, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_PROPERTY("Version", "s", bus_property_version, 0, SD_BUS_VTABLE_PROPERTY_CONST),
    SD_BUS_PROPERTY("PacketVersion", "s", bus_property_packet_version, 0,
                    SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("Features", "as", bus_property_features, 0,
                    SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("ProbesInFlight", "u", bus_property_probes_in_flight, 0, 0),
    SD_BUS_PROPERTY("ProbesQueued", "u", bus_property_probes_queued, 0, 0),
    SD_BUS_PROPERTY("Statistics", "a{st}", bus_property_statistics, 0, 0),
    SD_BUS_VTABLE_END,
};

int bus_api_export(Manager *manager, sd_bus_slot **ret_slot)
{
    return sd_bus_add_object_vtable(manager->bus, ret_slot, BUS_PATH, BUS_INTERFACE, vtable,
                                    manager);
}

void bus_api_packet_changed(Manager *manager)
{
    (void)sd_bus_emit_properties_changed(manager->bus, BUS_PATH, BUS_INTERFACE, "PacketVersion",
                                         "Features", NULL);
}
