/* SPDX-License-Identifier: MIT */

#include "job.h"

#include <assert.h>
#include <stdlib.h>

Job *job_new(uid_t uid, Charge *charge, const PacketCommand *command, job_done_t done,
             void *userdata)
{
    Job *job = calloc(1, sizeof(*job));

    if (!job)
        return NULL;
    job->uid = uid;
    job->charge = charge;
    job->command = *command;
    job->done = done;
    job->userdata = userdata;
    return job;
}

void job_answer(Job *job, const PacketReply *reply, const Failure *failure)
{
    job_done_t done = job->done;

    job->done = NULL;
    if (done)
        done(job->userdata, reply, failure);
}

void job_free(Job *job)
{
    assert(job->place == JOB_NOWHERE && job->ticket.state == UDP_TICKET_NONE);
    charge_free(job->charge);
    free(job);
}

bool job_is_probe(const Job *job)
{
    return job->command.kind == PACKET_SEND_PROBE;
}
