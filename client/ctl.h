/* SPDX-License-Identifier: MIT */
#pragma once

/* What the commands of mtrpacketctl share: the connection to the service, and the exit status. */

#include <stdbool.h>

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "document.h"
#include "ending.h"
#include "text-agent.h"

/* Exit status, also in --help and the manual */
enum {
    CTL_EXIT_OK = 0,        /* the probe arrived; every feature is supported */
    CTL_EXIT_OTHER = 1,     /* any other result; a feature is not supported */
    CTL_EXIT_ARGUMENTS = 2, /* wrong use, or arguments that the service refuses */
    CTL_EXIT_DENIED = 3,    /* not allowed */
    CTL_EXIT_HOST = 4,      /* the host has no address, or none of the wanted IP version */
    CTL_EXIT_SERVICE = 5,   /* no service, no mtr-packet, or whatever else kept the answer away */
};

/* All zeros at first, but ending.fd, which is -1. */
typedef struct Ctl {
    sd_bus *bus; /* NULL until ctl_connect() */
    TextAgent agent;
    JsonMode json;
    bool no_ask_password; /* the user must not be asked to authenticate */
    const char *host;     /* the service is there, over ssh: [USER@]HOST; or NULL */
    const char *machine;  /* the service is in this container; or NULL */
    Ending ending;        /* watched from ctl_connect() on */
    bool has_threads;     /* some still run, and end with the process */
} Ctl;

/**
 * ctl_connect() - connect to the system bus that the options say
 *
 * From then on signals are watched, and stdout, see ending.h and output.h.
 *
 * A user on a terminal gets polkit's text agent besides, as with systemd's tools: so somebody can
 * be asked to authenticate where there is no desktop that would ask.
 *
 * Return: 0 or an exit status, when it was said on stderr why not.
 */
int ctl_connect(Ctl *ctl);

/** ctl_disconnect() - leave the bus, and end the agent; also where there is neither */
void ctl_disconnect(Ctl *ctl);

/**
 * ctl_event_new() - an event loop in which the bus is heard
 * @ret: the loop
 * @on_signal: what those signals do; before anything that comes over the bus, which over ssh goes
 *   with the same Ctrl-C
 *
 * Return: 0 or an exit status, when it was said on stderr why not.
 */
int ctl_event_new(Ctl *ctl, sd_event **ret, sd_event_signal_handler_t on_signal, void *userdata);

/**
 * ctl_call() - call a method of the service and wait for its answer, however long that takes
 * @call: the message
 * @ret_reply: the answer, only on success
 *
 * Return: 0 or an exit status, when the error's message was said on stderr, or ctl->ending.signal
 * is set.
 */
int ctl_call(Ctl *ctl, sd_bus_message *call, sd_bus_message **ret_reply);

/**
 * ctl_refused() - say on stderr what was answered instead of a result, and what may help
 * @error: the answer
 * @r: the negative errno that sd-bus has for it
 *
 * Return: the exit status for it.
 */
int ctl_refused(const Ctl *ctl, const sd_bus_error *error, int r);

/**
 * ctl_internal_error() - say on stderr what could not be done
 * @what: what
 * @error: a negative errno
 *
 * Return: the exit status for it.
 */
int ctl_internal_error(const char *what, int error);

/**
 * ctl_flush() - write what was printed
 *
 * Return: 0 or an exit status, when it was said on stderr why not, or ctl->ending.signal is set.
 */
int ctl_flush(Ctl *ctl);

/** ctl_end() - end the process: with @status, or by the signal that has ended all else */
void ctl_end(const Ctl *ctl, int status) __attribute__((noreturn));

/**
 * ctl_print() - print a document as ctl->json says, which is not JSON_OFF
 * @document: see document_new(); NULL says that memory ran out. The reference is taken over.
 *
 * Return: 0 or an exit status, when it was said on stderr why not.
 */
int ctl_print(Ctl *ctl, json_t *document);
