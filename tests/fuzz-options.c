/* SPDX-License-Identifier: MIT */

/*
 * Options from arbitrary D-Bus messages: the input is the body of a method call that goes as bytes
 * to sd-bus, which alone judges what a message is. The first character says which:
 *
 *     P  sa{sv}, as of Probe     O  a{sv}, options of a probe     S  a{sv}, as of OpenStream
 *
 * and in lower case the same with the most significant byte first; another counts by its number.
 *
 * What the message says is found out a second time, the naive way; and a probe with these options
 * is written as they say.
 */

#include <stdbool.h>

#include <systemd/sd-bus.h>

#include "fuzz-message.h"
#include "fuzz-naive-options.h"
#include "fuzz-naive.h"
#include "fuzz.h"
#include "packet-command.h"
#include "probe-options.h"
#include "stream-options.h"

#define BODY_MAX 60000

typedef enum Kind {
    KIND_PROBE,
    KIND_OPTIONS,
    KIND_STREAM,
} Kind;

static Kind kind;

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

/* Whatever passed can be a command, which is one for whoever reads commands. */
static void check_command(const ProbeTarget *target, const ProbeOptions *options)
{
    PacketCommand command = {.kind = PACKET_SEND_PROBE, .target = *target, .options = *options};
    char line[PACKET_COMMAND_SIZE];
    PacketRequest request;
    bool is_good;
    Failure failure;
    size_t length;
    int r;

    if (target->ip_version == 0)
        return;
    is_good =
        (options->local_ip.ip_version == 0 || options->local_ip.ip_version == target->ip_version) &&
        (target->ip_version == 4 || options->port == -1 || options->local_port == -1);
    r = probe_options_check_version(options, target->ip_version, &failure);
    CHECK((r == 0) == is_good);
    if (r != 0) {
        check_refusal(r, &failure);
        return;
    }
    length = packet_command_format(&command, 1, line);
    naive_check_written(&command, 1, line);
    line[length - 1] = '\0';
    packet_request_parse(&request, line, length - 1);
    CHECK(!request.refusal && request.command.options.mark == options->mark);
}

/* Whether all bytes are as they were before anything was read. */
static bool is_untouched(const void *place, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (((const uint8_t *)place)[i] != 0xa5)
            return false;
    return true;
}

/* The next element of the message is the options, once more. */
static void rewind_message(sd_bus_message *message)
{
    CHECK(sd_bus_message_rewind(message, true) >= 0);
    if (kind == KIND_PROBE)
        CHECK(sd_bus_message_skip(message, "s") >= 0);
}

/* A host is the address that it is, which is refused for a reason; or it may be a name. */
static void check_target(int outcome, const ProbeTarget *target, const char *host,
                         const ProbeOptions *options)
{
    NaiveAddress address;
    bool is_good;

    if (!naive_address(&address, 4, host) && !naive_address(&address, 6, host)) {
        CHECK(outcome != 0 || target->ip_version == 0);
        return;
    }
    is_good = naive_is_host(&address) &&
              (options->ip_version == 0 || options->ip_version == address.ip_version);
    CHECK((outcome == 0) == is_good);
    CHECK(!is_good || naive_is_target(&address, target));
}

static void try_probe(sd_bus_message *message)
{
    ProbeTarget target = {0};
    ProbeOptions options;
    const char *host = NULL;
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
    rewind_message(message);
    naive_check_probe_options(message, r, &options);
    if (r != 0 || !host)
        return;
    r = probe_target_parse(&target, host, options.ip_version, &failure);
    CHECK(r >= 0);
    check_target(r, &target, host, &options);
    if (r > 0)
        check_refusal(r, &failure);
    else
        check_command(&target, &options);
}

static void try_stream(sd_bus_message *message)
{
    StreamOptions options;
    Failure failure;
    int r;

    memset(&options, 0xa5, sizeof(options));
    r = stream_options_read(&options, message, &failure);
    if (r != 0)
        CHECK(is_untouched(&options, sizeof(options)));
    if (r > 0)
        check_refusal(r, &failure);
    rewind_message(message);
    naive_check_stream_options(message, r, &options);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char letters[] = "PpOoSs";
    const char *letter;
    unsigned number;
    FuzzBody body;

    if (size < 1 || size > BODY_MAX)
        return 0;
    letter = data[0] ? strchr(letters, data[0]) : NULL;
    number = letter ? (unsigned)(letter - letters) : data[0] % 6;
    kind = (Kind)(number / 2);
    body = (FuzzBody){
        .big = number % 2,
        .signature = kind == KIND_PROBE ? "sa{sv}" : "a{sv}",
        .bytes = data + 1,
        .size = size - 1,
    };
    fuzz_message(&body, kind == KIND_STREAM ? try_stream : try_probe);
    return 0;
}
