/* SPDX-License-Identifier: MIT */

#include "ctl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bus-error.h"
#include "output.h"
#include "plain-text.h"
#include "service-error.h"
#include "util.h"

int ctl_internal_error(const char *what, int error)
{
    fprintf(stderr, "Failed to %s: %s\n", what, strerror(-error));
    return CTL_EXIT_SERVICE;
}

/* Says which bus cannot be talked to. What ssh itself has to say it says itself. */
static int no_bus(const Ctl *ctl, int error)
{
    bool is_closed = error == -ENOTCONN || error == -ECONNRESET || error == -EPIPE;
    const char *why = is_closed             ? "the connection was closed"
                      : error == -EHOSTDOWN ? "no container of this name runs"
                                            : strerror(-error);

    if (ctl->host)
        fprintf(stderr, "Failed to reach the system bus of %s over ssh: %s%s\n", ctl->host, why,
                is_closed ? "; is systemd-stdio-bridge there?" : "");
    else if (ctl->machine)
        fprintf(stderr, "Failed to reach the system bus of container %s: %s\n", ctl->machine, why);
    else
        fprintf(stderr, "Failed to connect to the system bus: %s\n", why);
    return CTL_EXIT_SERVICE;
}

static int open_bus(Ctl *ctl)
{
    if (ctl->host)
        return sd_bus_open_system_remote(&ctl->bus, ctl->host);
    if (ctl->machine)
        return sd_bus_open_system_machine(&ctl->bus, ctl->machine);
    return sd_bus_open_system_with_description(&ctl->bus, "mtrpacketctl");
}

/* As systemd's tools do: only somebody at a terminal of this machine can be asked there, and root
 * need not be. */
static bool wants_agent(const Ctl *ctl)
{
    return !ctl->no_ask_password && !ctl->host && !ctl->machine && geteuid() != 0 &&
           isatty(STDIN_FILENO);
}

int ctl_connect(Ctl *ctl)
{
    int r;

    r = ending_watch(&ctl->ending);
    if (r >= 0)
        r = output_watch(&ctl->ending);
    if (r < 0)
        return ctl_internal_error("watch signals", r);

    /* Before the bus: that waits some seconds only for who has not said yet who he is, and polkit
     * may need longer. */
    if (wants_agent(ctl))
        text_agent_start(&ctl->agent, ctl->ending.fd);

    r = open_bus(ctl);
    if (r >= 0)
        r = sd_bus_set_allow_interactive_authorization(ctl->bus, !ctl->no_ask_password);
    /* The end of an event loop would wait until the bus is reached. */
    if (r >= 0)
        r = sd_bus_set_close_on_exit(ctl->bus, false);
    return r < 0 ? no_bus(ctl, r) : 0;
}

int ctl_event_new(Ctl *ctl, sd_event **ret, sd_event_signal_handler_t on_signal, void *userdata)
{
    _cleanup_(sd_event_unrefp) sd_event *event = NULL;
    int r;

    r = sd_event_new(&event);
    if (r >= 0)
        r = ending_add(event, on_signal, userdata);
    if (r >= 0)
        r = sd_bus_attach_event(ctl->bus, event, SD_EVENT_PRIORITY_NORMAL);
    if (r < 0)
        return ctl_internal_error("make an event loop", r);
    *ret = TAKE_PTR(event);
    return 0;
}

void ctl_disconnect(Ctl *ctl)
{
    /* Nothing that is still to be sent is worth waiting for: what was asked was answered, or is not
     * wanted any more, and a bus that is not reached yet would be waited for without end. */
    ctl->bus = sd_bus_close_unref(ctl->bus);
    text_agent_stop(&ctl->agent);
}

void ctl_end(const Ctl *ctl, int status)
{
    ending_raise(&ctl->ending);
    if (ctl->has_threads)
        _exit(status); /* exit() takes away what they stand on */
    exit(status);
}

static int exit_status(const sd_bus_error *error)
{
    switch (sd_bus_error_get_errno(error)) {
    case EINVAL:
    case EOPNOTSUPP:
        return CTL_EXIT_ARGUMENTS;
    case EACCES:
    case EPERM:
        return CTL_EXIT_DENIED;
    case EHOSTUNREACH:
        return sd_bus_error_has_name(error, BUS_ERROR_HOST_RESOLVE) ? CTL_EXIT_HOST
                                                                    : CTL_EXIT_SERVICE;
    default:
        return CTL_EXIT_SERVICE;
    }
}

/* What helps somebody who would have had to authenticate. */
static const char *authentication_hint(const Ctl *ctl, const sd_bus_error *error)
{
    if (!sd_bus_error_has_name(error, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED))
        return "";
    if (ctl->no_ask_password)
        return "; without --no-ask-password it is asked for";
    return "; to be asked, run this on a terminal or a desktop, or see polkit in mtrpacketd(8)";
}

int ctl_refused(const Ctl *ctl, const sd_bus_error *error, int r)
{
    char text[SERVICE_ERROR_SIZE];

    /* Calls that wait when the connection is closed, sd-bus ends as if they had timed out. */
    if (ctl->bus && sd_bus_is_open(ctl->bus) <= 0)
        return no_bus(ctl, sd_bus_error_has_name(error, SD_BUS_ERROR_NO_REPLY) ? -ENOTCONN : r);
    plain_text_print(service_error_text(error, r, text), stderr);
    fprintf(stderr, "%s\n", authentication_hint(ctl, error));
    return exit_status(error);
}

/* One call that is waited for. */
typedef struct Wait {
    Ctl *ctl;
    sd_event *event;
    sd_bus_message *reply;
} Wait;

static int on_reply(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error)
{
    Wait *wait = userdata;

    wait->reply = sd_bus_message_ref(reply);
    return sd_event_exit(wait->event, 0);
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
    Wait *wait = userdata;

    wait->ctl->ending.signal = (int)info->ssi_signo;
    return sd_event_exit(wait->event, 0);
}

/* Waits for the answer, whatever it is, or a signal. Returns 0 or a negative errno. */
static int wait_for_reply(Wait *wait, sd_bus_message *call)
{
    _cleanup_(sd_bus_slot_unrefp) sd_bus_slot *slot = NULL;
    int r;

    /* The service has the deadline, and its caller may wait for others first. */
    r = sd_bus_call_async(wait->ctl->bus, &slot, call, on_reply, wait, UINT64_MAX);
    return r < 0 ? r : sd_event_loop(wait->event);
}

int ctl_call(Ctl *ctl, sd_bus_message *call, sd_bus_message **ret_reply)
{
    Wait wait = {.ctl = ctl};
    int r;

    r = ctl_event_new(ctl, &wait.event, on_signal, &wait);
    if (r != 0)
        return r;
    r = wait_for_reply(&wait, call);
    if (r < 0)
        r = ctl_refused(ctl, &SD_BUS_ERROR_NULL, r);
    else if (ctl->ending.signal != 0)
        r = CTL_EXIT_OTHER;
    else if (sd_bus_message_is_method_error(wait.reply, NULL))
        r = ctl_refused(ctl, sd_bus_message_get_error(wait.reply),
                        -sd_bus_message_get_errno(wait.reply));
    else
        *ret_reply = sd_bus_message_ref(wait.reply);

    sd_bus_message_unref(wait.reply);
    (void)sd_bus_detach_event(ctl->bus);
    sd_event_unref(wait.event);
    return r;
}

int ctl_flush(Ctl *ctl)
{
    errno = EIO; /* where something was lost before */
    if (fflush(stdout) != EOF && !ferror(stdout))
        return 0;
    return ctl->ending.signal != 0 ? CTL_EXIT_OTHER
                                   : ctl_internal_error("write the result", -errno);
}

int ctl_print(Ctl *ctl, json_t *document)
{
    int r = document_write(document, ctl->json, stdout);

    if (r < 0 && ctl->ending.signal == 0)
        return ctl_internal_error("write JSON", r);
    return ctl_flush(ctl);
}
