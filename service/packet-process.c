/* SPDX-License-Identifier: MIT */

#include "packet-process.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/wait.h>
#include <syslog.h>

#include "deadlines.h"
#include "line-reader.h"
#include "log.h"
#include "packet-spawn.h"
#include "packet-start.h"
#include "write-queue.h"

/* How long a child that closed one of its pipes may take to exit, in microseconds. */
#define EXIT_USEC (1000 * 1000ULL)

struct PacketProcess {
    sd_event *event;
    Statistics *statistics;
    const PacketProcessEvents *events;
    void *userdata;

    PacketChild child;
    sd_event_source *exit_source;     /* owns the process: freeing it kills and reaps */
    sd_event_source *patience_source; /* time for its first answers; after its last, time to die */

    bool started;      /* answered its first questions */
    const char *ended; /* set when it takes no commands any more: what it did */
    bool lost;
    PacketStart *start_commands; /* its first */

    PacketSlot *slots; /* commands in the process, by token */
    int last_token;

    WriteQueue commands; /* its stdin */
    LineReader replies;  /* its stdout; of better priority than exit_source: what it said counts
                            before its death */
    const char *command;
    char name[QUOTE_SIZE]; /* that, for messages */
};

/* Fails with a reason that @format gives. */
static void __attribute__((format(printf, 2, 3)))
fail(PacketProcess *process, const char *format, ...)
{
    char reason[FAILURE_MESSAGE_MAX];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(reason, sizeof(reason), format, arguments);
    va_end(arguments);
    packet_process_fail(process, reason);
}

static void log_lost(PacketProcess *process, const char *reason)
{
    char pid[16];
    const LogField fields[] = {
        {"MESSAGE_ID", LOG_ID_PROCESS_LOST},
        {"MTR_PACKET_COMMAND", process->command},
        {"MTR_PACKET_PID", pid},
        {"REASON", reason},
    };

    if (process->started) /* what never answered was none, and was not counted as started */
        process->statistics->processes_lost++;
    snprintf(pid, sizeof(pid), "%d", (int)process->child.pid);
    log_event(LOG_NOTICE, fields, ELEMENTS(fields), "mtr-packet %s [%s] %s; %u commands in it fail",
              process->name, pid, reason, process->events->jobs(process->userdata));
}

/* Ends the process: no answer of its can come after this. Its commands fail. */
static void end_process(PacketProcess *process, const Failure *failure)
{
    process->lost = true;

    /* Freeing it kills and reaps the child. */
    process->exit_source = sd_event_source_disable_unref(process->exit_source);
    line_reader_deinit(&process->replies);
    write_queue_deinit(&process->commands);
    process->patience_source = sd_event_source_disable_unref(process->patience_source);

    while (process->slots) {
        PacketSlot *slot = process->slots;

        HASH_DELETE(by_token, process->slots, slot);
        slot->token = 0;
        slot->done(slot, NULL, failure);
    }
}

void packet_process_fail(PacketProcess *process, const char *reason)
{
    Failure failure;

    if (process->lost)
        return;

    log_lost(process, reason);
    failure_set(&failure, OUTCOME_PROCESS, "mtr-packet (%s) %s", process->name, reason);
    end_process(process, &failure);
    process->events->lost(process->userdata, !process->started, &failure);
}

static int on_impatience(sd_event_source *source, uint64_t usec, void *userdata)
{
    PacketProcess *process = userdata;

    if (process->ended)
        packet_process_fail(process, process->ended);
    else
        fail(process, "did not answer its first commands within %llu s",
             PACKET_PROCESS_ANSWER_USEC / 1000000);
    return 0;
}

/* Gives the process USEC from now for what it owes. */
static int wait_patiently(PacketProcess *process, uint64_t usec)
{
    int r;

    if (!process->patience_source) {
        r = sd_event_add_time_relative(process->event, &process->patience_source, CLOCK_MONOTONIC,
                                       usec, 0, on_impatience, process);
        return r < 0 ? r
                     : sd_event_source_set_priority(process->patience_source,
                                                    PACKET_PRIORITY_DEADLINE);
    }

    r = sd_event_source_set_time_relative(process->patience_source, usec);
    if (r < 0)
        return r;
    return sd_event_source_set_enabled(process->patience_source, SD_EVENT_ONESHOT);
}

/* It closed a pipe. It is most likely dying, and how it dies says more: that is waited for, but not
 * for long. */
static void end(PacketProcess *process, const char *what)
{
    if (process->ended)
        return;
    process->ended = what;
    (void)wait_patiently(process, EXIT_USEC);
}

static void on_commands_broken(void *userdata)
{
    end(userdata, "closed its input");
}

static void on_commands_written(void *userdata)
{
    PacketProcess *process = userdata;

    if (packet_process_has_room(process))
        process->events->room(process->userdata);
}

/*
 * The replies
 */

/* Gives a reply to its command. False, with the process given up, if there is none. */
static bool handle_reply(void *userdata, char *line, size_t length)
{
    PacketProcess *process = userdata;
    char start[QUOTE_SHOWN + 2]; /* of the line, which is about to be cut up; to be quoted */
    const char *distrust;
    PacketReply reply;
    PacketSlot *slot;

    *stpncpy(start, line, sizeof(start) - 1) = '\0';

    if (packet_reply_parse(&reply, line, length) < 0) {
        fail(process, "sent a line that is no reply: %s", QUOTE(start));
        return false;
    }
    if (reply.token == 0) {
        fail(process, "lost its place among the commands: %s", QUOTE(start));
        return false;
    }

    HASH_FIND(by_token, process->slots, &reply.token, sizeof(reply.token), slot);
    if (!slot) {
        fail(process, "answered a command that it was not given: %s", QUOTE(start));
        return false;
    }

    distrust = packet_reply_distrust(slot->command, &reply, deadlines_now() - slot->sent_usec);
    if (distrust) {
        packet_process_fail(process, distrust);
        return false;
    }

    HASH_DELETE(by_token, process->slots, slot);
    slot->token = 0;
    slot->done(slot, &reply, NULL);
    return !process->lost;
}

static void on_drained(void *userdata)
{
    PacketProcess *process = userdata;

    if (packet_process_has_room(process))
        process->events->room(process->userdata);
}

static void on_too_long(void *userdata)
{
    fail(userdata, "sent a line of more than %d bytes", LINE_BUFFER_LINE_MAX);
}

static void on_replies_ended(void *userdata)
{
    end(userdata, "closed its output");
}

static const LineReaderEvents reply_events = {
    .line = handle_reply,
    .drained = on_drained,
    .too_long = on_too_long,
    .ended = on_replies_ended,
};

/* It is dead, and all that it said was read before: that source comes first. */
static int on_child_exit(sd_event_source *source, const siginfo_t *info, void *userdata)
{
    PacketProcess *process = userdata;
    const char *step;
    int error;

    if (packet_spawn_status(&process->child, &step, &error) == 0)
        fail(process, "cannot be started: could not %s: %s", step, strerror(error));
    else if (info->si_code == CLD_EXITED)
        fail(process, "exited with status %d", info->si_status);
    else
        fail(process, "was killed by signal %d (%s)", info->si_status, strsignal(info->si_status));
    return 0;
}

/*
 * The commands
 */

/* The next token that no command has: from 1 to INT_MAX, then again from 1. */
static int next_token(PacketProcess *process)
{
    PacketSlot *taken;

    do {
        process->last_token = process->last_token == INT_MAX ? 1 : process->last_token + 1;
        HASH_FIND(by_token, process->slots, &process->last_token, sizeof(process->last_token),
                  taken);
    } while (taken);
    return process->last_token;
}

int packet_process_send(PacketProcess *process, PacketSlot *slot, const PacketCommand *command)
{
    size_t length;
    char *line;

    assert(slot->token == 0 && !process->lost);

    line = write_queue_reserve(&process->commands, PACKET_COMMAND_SIZE);
    if (!line)
        return -ENOMEM;

    slot->token = next_token(process);
    HASH_ADD(by_token, process->slots, token, sizeof(slot->token), slot);
    if (!HASH_ADDED(by_token, slot)) {
        slot->token = 0;
        return -ENOMEM;
    }

    slot->command = command;
    slot->sent_usec = deadlines_now();
    length = packet_command_format(command, slot->token, line);
    process->statistics->bytes_out += length;
    write_queue_commit(&process->commands, length);
    return 0;
}

bool packet_process_has_room(const PacketProcess *process)
{
    return process->started && !process->ended && !process->lost && !process->commands.is_full &&
           HASH_CNT(by_token, process->slots) < PACKET_PROCESS_SLOTS_MAX;
}

/*
 * The start
 */

static void log_started(PacketProcess *process)
{
    const char *version = packet_start_support(process->start_commands)->version;
    char pid[16];
    const LogField fields[] = {
        {"MESSAGE_ID", LOG_ID_PROCESS_STARTED},
        {"MTR_PACKET_COMMAND", process->command},
        {"MTR_PACKET_PID", pid},
        {"MTR_PACKET_VERSION", version},
    };

    process->statistics->processes_started++;
    snprintf(pid, sizeof(pid), "%d", (int)process->child.pid);
    log_event(LOG_NOTICE, fields, ELEMENTS(fields), "mtr-packet %s [%s] started, version %s",
              process->name, pid, version[0] ? version : "unknown");
}

static void on_started(void *userdata, const char *problem)
{
    PacketProcess *process = userdata;

    if (problem) {
        packet_process_fail(process, problem);
        return;
    }
    if (!process->ended) /* else it has its time to die */
        (void)sd_event_source_set_enabled(process->patience_source, SD_EVENT_OFF);
    process->started = true;
    log_started(process);
    process->events->ready(process->userdata);
}

static int watch(PacketProcess *process)
{
    sd_event *event = process->event;
    PacketChild *child = &process->child;
    int r;

    r = sd_event_add_child(event, &process->exit_source, child->pid, WEXITED, on_child_exit,
                           process);
    if (r < 0) {
        (void)kill(child->pid, SIGKILL);
        (void)waitpid(child->pid, NULL, 0);
        return r;
    }

    r = sd_event_source_set_child_process_own(process->exit_source, true);
    if (r >= 0)
        r = sd_event_source_set_priority(process->exit_source, PACKET_PRIORITY_DEADLINE);
    if (r >= 0)
        r = line_reader_init(&process->replies, event, PACKET_PRIORITY_REPLY, child->stdout_fd,
                             &process->statistics->bytes_in, &reply_events, process);
    if (r >= 0)
        r = write_queue_init(&process->commands, event, child->stdin_fd, on_commands_written,
                             on_commands_broken, process);
    if (r >= 0)
        r = wait_patiently(process, PACKET_PROCESS_ANSWER_USEC);
    return r < 0 ? r : 0;
}

int packet_process_new(PacketProcess **ret, sd_event *event, const char *command, unsigned n_skip,
                       Statistics *statistics, const PacketProcessEvents *events, void *userdata,
                       Failure *failure)
{
    _cleanup_(packet_process_freep) PacketProcess *process = NULL;
    int r;

    process = calloc(1, sizeof(*process));
    if (!process)
        return -ENOMEM;
    process->event = event;
    process->statistics = statistics;
    process->events = events;
    process->userdata = userdata;
    process->child = (PacketChild){-1, -1, -1, -1};
    process->command = command;
    quote(process->name, command);

    process->start_commands = packet_start_new(process, n_skip, on_started, process);
    if (!process->start_commands)
        return -ENOMEM;

    r = packet_spawn(&process->child, command, failure);
    if (r == 0)
        r = watch(process);
    if (r == 0)
        r = packet_start_begin(process->start_commands);
    if (r != 0)
        return r;

    *ret = TAKE_PTR(process);
    return 0;
}

PacketProcess *packet_process_free(PacketProcess *process)
{
    Failure failure;

    if (!process)
        return NULL;

    if (!process->lost) {
        if (process->started)
            log_message(LOG_INFO, "mtr-packet %s [%d] is ended", process->name,
                        (int)process->child.pid);
        failure_set(&failure, OUTCOME_PROCESS, "mtr-packet (%s) is ended", process->name);
        end_process(process, &failure);
    }

    packet_start_free(process->start_commands);
    close_fd(process->child.stdin_fd);
    close_fd(process->child.stdout_fd);
    close_fd(process->child.status_fd);
    free(process);
    return NULL;
}

void packet_process_flush(PacketProcess *process)
{
    if (!process->lost)
        write_queue_flush(&process->commands);
}

bool packet_process_is_ready(const PacketProcess *process)
{
    return process->started;
}

pid_t packet_process_pid(const PacketProcess *process)
{
    return process->child.pid;
}

const PacketSupport *packet_process_support(const PacketProcess *process)
{
    return packet_start_support(process->start_commands);
}
