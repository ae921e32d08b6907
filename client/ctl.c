/* SPDX-License-Identifier: MIT */

#include "ctl.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "bus-error.h"
#include "plain-text.h"
#include "service-call.h"
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

static const int ending_signals[] = {SIGHUP, SIGINT, SIGTERM};

/* As below nohup, or in the background of a script: it would be seen all the same. */
static bool is_ignored(int signal)
{
    struct sigaction action;

    return sigaction(signal, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

static sigset_t watched_signals(void)
{
    sigset_t signals;

    sigemptyset(&signals);
    for (size_t i = 0; i < ELEMENTS(ending_signals); i++)
        if (!is_ignored(ending_signals[i]))
            sigaddset(&signals, ending_signals[i]);
    return signals;
}

/* Waits until something can be written. False if a signal comes first. */
static bool await_reader(Ctl *ctl)
{
    struct pollfd fds[] = {
        {.fd = STDOUT_FILENO, .events = POLLOUT},
        {.fd = ctl->signal_fd, .events = POLLIN},
    };
    struct signalfd_siginfo info;

    while (ctl->signal == 0 && poll(fds, ELEMENTS(fds), -1) < 0 && errno == EINTR)
        ;
    if (ctl->signal == 0 && fds[0].revents == 0 &&
        read(ctl->signal_fd, &info, sizeof(info)) == sizeof(info))
        ctl->signal = (int)info.ssi_signo;
    return ctl->signal == 0;
}

/* Writes for stdout. A pipe that can be written to has room for so much, and blocks at more. */
static ssize_t write_out(void *userdata, const char *text, size_t size)
{
    Ctl *ctl = userdata;
    size_t written = 0;
    ssize_t n = 0;

    for (; written < size && n >= 0; written += n > 0 ? (size_t)n : 0) {
        if (!await_reader(ctl))
            break;
        n = write(STDOUT_FILENO, text + written, MIN(size - written, PIPE_BUF));
    }
    return (ssize_t)written;
}

/* The signals are blocked: they could not end a write. */
static int watch_output(Ctl *ctl)
{
    FILE *file = fopencookie(ctl, "w", (cookie_io_functions_t){.write = write_out});

    if (!file)
        return -errno;
    setvbuf(file, NULL, isatty(STDOUT_FILENO) ? _IOLBF : _IOFBF, BUFSIZ);
    (void)fflush(stdout);
    stdout = file;
    return 0;
}

int ctl_connect(Ctl *ctl)
{
    sigset_t signals = watched_signals();
    int r;

    if (ctl->bus)
        return 0;

    (void)sigprocmask(SIG_BLOCK, &signals, NULL); /* fails for wrong arguments only */
    ctl->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
    if (ctl->signal_fd < 0)
        return ctl_internal_error("watch signals", -errno);
    r = watch_output(ctl);
    if (r < 0)
        return ctl_internal_error("prepare to write", r);

    r = open_bus(ctl);
    if (r >= 0)
        r = sd_bus_set_allow_interactive_authorization(ctl->bus, !ctl->no_ask_password);
    /* The end of an event loop would wait until the bus is reached. */
    if (r >= 0)
        r = sd_bus_set_close_on_exit(ctl->bus, false);
    if (r < 0)
        return no_bus(ctl, r);

    if (wants_agent(ctl))
        text_agent_start(&ctl->agent, ctl->signal_fd);
    return 0;
}

static int add_signals(sd_event *event, sd_event_signal_handler_t on_signal, void *userdata)
{
    int r = 0;

    for (size_t i = 0; r >= 0 && i < ELEMENTS(ending_signals); i++) {
        sd_event_source *source;

        if (is_ignored(ending_signals[i]))
            continue;
        r = sd_event_add_signal(event, &source, ending_signals[i], on_signal, userdata);
        if (r < 0)
            return r;
        r = sd_event_source_set_priority(source, SD_EVENT_PRIORITY_IMPORTANT);
        if (r >= 0)
            r = sd_event_source_set_floating(source, true);
        sd_event_source_unref(source);
    }
    return r;
}

int ctl_event_new(Ctl *ctl, sd_event **ret, sd_event_signal_handler_t on_signal, void *userdata)
{
    _cleanup_(sd_event_unrefp) sd_event *event = NULL;
    int r;

    r = sd_event_new(&event);
    if (r >= 0)
        r = add_signals(event, on_signal, userdata);
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
    sigset_t signals = watched_signals();

    if (ctl->signal != 0) {
        (void)raise(ctl->signal); /* waits until it is let through */
        (void)sigprocmask(SIG_UNBLOCK, &signals, NULL);
    }
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

    wait->ctl->signal = (int)info->ssi_signo;
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
    else if (ctl->signal != 0)
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
    return ctl->signal != 0 ? CTL_EXIT_OTHER : ctl_internal_error("write the result", -errno);
}

int ctl_print(Ctl *ctl, json_t *document)
{
    int r = document_write(document, ctl->json, stdout);

    if (r < 0 && ctl->signal == 0)
        return ctl_internal_error("write JSON", r);
    return ctl_flush(ctl);
}
