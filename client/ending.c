/* SPDX-License-Identifier: MIT */

#include "ending.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "util.h"

static const int numbers[] = {SIGHUP, SIGINT, SIGTERM};

/* One that is ignored would be queued all the same while it is blocked. */
static bool is_ignored(int number)
{
    struct sigaction action;

    return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

static sigset_t watched(void)
{
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < ELEMENTS(numbers); i++)
        if (!is_ignored(numbers[i]))
            sigaddset(&set, numbers[i]);
    return set;
}

int ending_watch(Ending *ending)
{
    sigset_t set = watched();

    (void)sigprocmask(SIG_BLOCK, &set, NULL); /* fails for wrong arguments only */
    ending->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return ending->fd < 0 ? -errno : 0;
}

int ending_add(sd_event *event, sd_event_signal_handler_t on_signal, void *userdata)
{
    int r = 0;

    for (size_t i = 0; r >= 0 && i < ELEMENTS(numbers); i++) {
        sd_event_source *source;

        if (is_ignored(numbers[i]))
            continue;
        r = sd_event_add_signal(event, &source, numbers[i], on_signal, userdata);
        if (r < 0)
            return r;
        r = sd_event_source_set_priority(source, SD_EVENT_PRIORITY_IMPORTANT);
        if (r >= 0)
            r = sd_event_source_set_floating(source, true);
        sd_event_source_unref(source);
    }
    return r < 0 ? r : 0;
}

void ending_take(Ending *ending)
{
    struct signalfd_siginfo info;

    if (read(ending->fd, &info, sizeof(info)) == sizeof(info))
        ending->signal = (int)info.ssi_signo;
}

void ending_raise(const Ending *ending)
{
    sigset_t set = watched();

    if (ending->signal == 0)
        return;
    (void)raise(ending->signal); /* waits until it is let through */
    (void)sigprocmask(SIG_UNBLOCK, &set, NULL);
}
