/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A command on its way to mtr-packet: it waits in a lane, is in a process until that answers, and
 * is answered for once. Its owner may hear of the end earlier: when a probe's timeout has passed,
 * or when it does not want to know any more, the command stays in the process all the same, since
 * it cannot be called back.
 */

#include <sys/types.h>

#include "deadlines.h"
#include "fair-queue.h"
#include "packet-process.h"
#include "packet-protocol.h"
#include "quota.h"
#include "udp-turns.h"

typedef struct Job Job;
typedef struct Lane Lane;
typedef struct Worker Worker;

/**
 * job_done_t - the end of a job: exactly one of @reply and @failure is not NULL
 *
 * Both live until the function returns. The job is not the owner's any more when it is called.
 */
typedef void (*job_done_t)(void *userdata, const PacketReply *reply, const Failure *failure);

typedef enum JobPlace {
    JOB_NOWHERE,
    JOB_IN_QUEUE,    /* of its lane */
    JOB_AWAITS_TURN, /* its lane has room, but see udp-turns.h */
    JOB_IN_PROCESS,
} JobPlace;

struct Job {
    PacketCommand command;
    uid_t uid;       /* for whom */
    Charge *charge;  /* to that user, or NULL */
    job_done_t done; /* NULL once answered or dropped */
    void *userdata;

    JobPlace place;
    Lane *lane;       /* borrowed; the one that it was given to */
    FairItem item;    /* while IN_QUEUE */
    UdpTicket ticket; /* while AWAITS_TURN or IN_PROCESS, if it is UDP with a fixed port */

    /* while IN_PROCESS */
    Worker *worker;
    PacketSlot slot;
    Deadline deadline;   /* until it is answered for, then until the process hangs */
    uint64_t hung_usec;  /* when it hangs if it has not answered */
    bool timed_out;      /* answered for by the deadline */
    unsigned n_sent;     /* times that it was sent */
    const char *misread; /* what its answer was, only while it waits to be sent again */
    Job *prev, *next;    /* then, in the worker's list */
};

/**
 * job_new() - make a job
 * @charge: the job's from now on if there is one; or NULL
 * @command: copied
 * @done, @userdata: told of the end, once
 *
 * Return: the job, or NULL if memory is out.
 */
Job *job_new(uid_t uid, Charge *charge, const PacketCommand *command, job_done_t done,
             void *userdata);

/** job_answer() - tell the owner, if it still wants to know */
void job_answer(Job *job, const PacketReply *reply, const Failure *failure);

/** job_free() - free a job that is nowhere, and with it the charge */
void job_free(Job *job);

/** job_is_probe() - whether it is a probe that somebody asked for, and no question */
bool job_is_probe(const Job *job);
