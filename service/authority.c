/* SPDX-License-Identifier: MIT */

#include "authority.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bus-error.h"
#include "deadlines.h"
#include "fair-queue.h"
#include "hash.h"
#include "shares.h"

#define POLKIT_NAME "org.freedesktop.PolicyKit1"
#define POLKIT_PATH "/org/freedesktop/PolicyKit1/Authority"
#define POLKIT_INTERFACE "org.freedesktop.PolicyKit1.Authority"

/* CheckAuthorization's flag: the user may be asked. */
#define POLKIT_ALLOW_USER_INTERACTION 1

/* Questions that are out at a time: half of what the bus allows. */
#define PLACES 64

struct Question {
    Authority *authority;
    Question *prev, *next; /* in authority->questions */
    uid_t uid;
    AuthorityAction action;
    bool interactive;
    unsigned number;       /* by which it can be cancelled, if it is interactive */
    sd_bus_message *call;  /* until it is out */
    FairItem item;         /* until then */
    sd_bus_slot *slot;     /* while it is out */
    uint64_t age;          /* the authority's, when it went out */
    Deadline deadline;     /* while somebody waits */
    authority_done_t done; /* NULL once nobody does */
    void *userdata;
};

struct Authority {
    sd_bus *bus;
    Limits limits;
    Statistics *statistics;
    sd_bus_slot *owner_changed, *changed;
    char *owner; /* polkit's unique name, as it last answered; NULL before, and when it has gone */
    uint64_t age;
    Deadlines deadlines;
    Question *questions;
    FairQueue waiting;
    Shares places;
    unsigned n_interactive; /* of all time */
};

static void dispatch(Authority *authority);

static const struct {
    const char *id;
    const char *what; /* one may not do */
} actions[] = {
    [AUTHORITY_PROBE] = {BUS_INTERFACE ".probe", "send probes"},
    [AUTHORITY_SET_MARK] = {BUS_INTERFACE ".set-mark", "set a routing mark"},
};

const char *authority_action_id(AuthorityAction action)
{
    assert(action == AUTHORITY_PROBE || action == AUTHORITY_SET_MARK);
    return actions[action].id;
}

int authority_refuse(Failure *failure, Outcome outcome, uid_t uid, AuthorityAction action,
                     const char *reason)
{
    return failure_set(failure, outcome, "user %u may not %s: %s (polkit action %s)", (unsigned)uid,
                       actions[action].what, reason, actions[action].id);
}

/*
 * News
 */

/* NameOwnerChanged(name, old owner, new owner): what a polkit has said that has gone is of the
 * past. */
static int on_owner_changed(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
    Authority *authority = userdata;
    const char *sender = sd_bus_message_get_sender(message), *old_owner;

    if (!sender || strcmp(sender, BUS_DRIVER_NAME) != 0 ||
        sd_bus_message_read(message, "ss", NULL, &old_owner) < 0 || !*old_owner)
        return 0;
    authority->age++;
    free(authority->owner);
    authority->owner = NULL;
    return 0;
}

/*
 * A rule, a session or a kept authentication has changed. The match has polkit as the sender, but
 * sd-bus cannot tell whose a unique name is, and lets any pass for it: nobody else may have us ask
 * more often.
 */
static int on_changed(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
    Authority *authority = userdata;
    const char *sender = sd_bus_message_get_sender(message);

    if (sender && authority->owner && strcmp(sender, authority->owner) == 0)
        authority->age++;
    return 0;
}

/* Who has answered: whose news counts. False if we would not hear of it. */
static bool note_owner(Authority *authority, sd_bus_message *reply)
{
    const char *sender = sd_bus_message_get_sender(reply);

    if (!authority->owner && sender)
        authority->owner = strdup(sender);
    return sender && authority->owner && strcmp(authority->owner, sender) == 0;
}

/*
 * Answers
 */

static void question_free(Question *question)
{
    Authority *authority = question->authority;

    deadlines_unset(&authority->deadlines, &question->deadline);
    if (question->item.user)
        fair_queue_remove(&authority->waiting, &question->item);
    if (question->slot)
        shares_give_back(&authority->places, question->uid);
    sd_bus_slot_unref(question->slot);
    sd_bus_message_unref(question->call);
    DL_DELETE(authority->questions, question);
    free(question);
}

static void answer(Question *question, AuthorityAnswer value, const Failure *failure)
{
    authority_done_t done = question->done;

    deadlines_unset(&question->authority->deadlines, &question->deadline);
    question->done = NULL;
    if (done)
        done(question->userdata, value, failure);
}

/* The details of polkit's answer, of which few matter here. */
static int read_details(sd_bus_message *reply, bool *ret_temporary, bool *ret_dismissed)
{
    const char *key, *value;
    int r;

    r = sd_bus_message_enter_container(reply, 'a', "{ss}");
    if (r < 0)
        return r;
    while ((r = sd_bus_message_read(reply, "{ss}", &key, &value)) > 0) {
        if (strcmp(key, "polkit.temporary_authorization_id") == 0)
            *ret_temporary = true;
        else if (strcmp(key, "polkit.dismissed") == 0)
            *ret_dismissed = true;
    }
    return r < 0 ? r : sd_bus_message_exit_container(reply);
}

static AuthorityAnswer refuse(const Question *question, Failure *failure, const char *reason)
{
    (void)authority_refuse(failure, OUTCOME_ACCESS_DENIED, question->uid, question->action, reason);
    return AUTHORITY_NO;
}

static AuthorityAnswer read_answer(Question *question, sd_bus_message *reply, Failure *failure)
{
    const sd_bus_error *error = sd_bus_message_get_error(reply);
    bool temporary = false, dismissed = false, heard;
    char reason[QUOTE_SIZE + 32];
    int r, authorized, challenge;

    if (sd_bus_error_has_name(error, SD_BUS_ERROR_SERVICE_UNKNOWN) ||
        sd_bus_error_has_name(error, SD_BUS_ERROR_NAME_HAS_NO_OWNER))
        return refuse(question, failure, "there is no polkit to say who may, so only root may");
    if (error) {
        snprintf(reason, sizeof(reason), "polkit failed: %s",
                 QUOTE(error->message ? error->message : error->name));
        return refuse(question, failure, reason);
    }

    r = sd_bus_message_has_signature(reply, "(bba{ss})");
    if (r > 0)
        r = sd_bus_message_enter_container(reply, 'r', "bba{ss}");
    if (r > 0)
        r = sd_bus_message_read(reply, "bb", &authorized, &challenge);
    if (r > 0)
        r = read_details(reply, &temporary, &dismissed);
    if (r <= 0)
        return refuse(question, failure, "polkit's answer is not understood");

    heard = note_owner(question->authority, reply) && question->age == question->authority->age;
    if (authorized)
        return question->interactive || temporary || !heard ? AUTHORITY_YES_ONCE : AUTHORITY_YES;
    if (challenge)
        return AUTHORITY_CHALLENGE;
    return refuse(question, failure,
                  dismissed ? "the authentication was dismissed" : "polkit says no");
}

static int on_reply(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error)
{
    Question *question = userdata;
    Authority *authority = question->authority;
    AuthorityAnswer value;
    Failure failure;

    value = read_answer(question, reply, &failure);
    answer(question, value, value == AUTHORITY_NO ? &failure : NULL);
    question_free(question);
    dispatch(authority);
    return 0;
}

/*
 * Questions
 */

/* Has a prompt disappear that nobody waits for. polkit then answers the question. */
static void cancel(const Question *question)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
    char id[16];
    int r;

    snprintf(id, sizeof(id), "%u", question->number);
    r = sd_bus_message_new_method_call(question->authority->bus, &call, POLKIT_NAME, POLKIT_PATH,
                                       POLKIT_INTERFACE, "CancelCheckAuthorization");
    if (r >= 0)
        r = sd_bus_message_append(call, "s", id);
    if (r >= 0)
        r = sd_bus_message_set_expect_reply(call, false);
    if (r >= 0)
        (void)sd_bus_send(question->authority->bus, call, NULL);
}

Question *question_drop(Question *question)
{
    if (!question)
        return NULL;

    question->done = NULL;
    deadlines_unset(&question->authority->deadlines, &question->deadline);
    if (!question->slot)
        question_free(question);
    else if (question->interactive)
        cancel(question);
    return NULL;
}

static void on_timeout(Deadline *deadline)
{
    Question *question = CONTAINER_OF(deadline, Question, deadline);
    const Limits *limits = &question->authority->limits;
    authority_done_t done = question->done;
    void *userdata = question->userdata;
    char reason[64];
    Failure failure;

    if (question->interactive)
        snprintf(reason, sizeof(reason), "nobody has authenticated within %u s",
                 limits->prompt_timeout);
    else
        snprintf(reason, sizeof(reason), "polkit has not answered within %u s",
                 limits->answer_timeout);
    (void)refuse(question, &failure, reason);
    question_drop(question);
    done(userdata, AUTHORITY_NO, &failure);
}

/* One that cannot be sent is answered at once. */
static void send_question(Question *question)
{
    Authority *authority = question->authority;
    Failure failure;
    int r;

    question->age = authority->age;
    r = shares_take(&authority->places, question->uid);
    if (r >= 0) {
        /* No timeout of sd-bus's: ours is counted from when it was asked. */
        r = sd_bus_call_async(authority->bus, &question->slot, question->call, on_reply, question,
                              UINT64_MAX);
        if (r < 0)
            shares_give_back(&authority->places, question->uid);
    }
    if (r < 0) {
        answer(question, refuse(question, &failure, "polkit cannot be asked"), &failure);
        question_free(question);
        return;
    }

    question->call = sd_bus_message_unref(question->call);
    authority->statistics->authorisation_questions++;
    authority->statistics->authorisation_prompts += question->interactive;
}

static bool may_take(void *userdata, uid_t uid)
{
    const Shares *places = userdata;

    return shares_may_take(places, uid);
}

static void dispatch(Authority *authority)
{
    FairItem *item;

    while ((item = fair_queue_take(&authority->waiting, may_take, &authority->places)))
        send_question(CONTAINER_OF(item, Question, item));
}

static int append_details(sd_bus_message *call, const AuthorityDetails *details)
{
    char mark[16];
    int r;

    r = sd_bus_message_open_container(call, 'a', "{ss}");
    if (r >= 0 && details->host) {
        snprintf(mark, sizeof(mark), "%u", (unsigned)details->mark);
        r = sd_bus_message_append(call, "{ss}{ss}{ss}", "host", details->host, "protocol",
                                  details->protocol, "mark", mark);
    }
    return r < 0 ? r : sd_bus_message_close_container(call);
}

static int make_call(Question *question, const char *subject, const AuthorityDetails *details)
{
    char id[16] = ""; /* what cannot be cancelled */
    int r;

    if (question->interactive) {
        question->number = ++question->authority->n_interactive;
        snprintf(id, sizeof(id), "%u", question->number);
    }
    r = sd_bus_message_new_method_call(question->authority->bus, &question->call, POLKIT_NAME,
                                       POLKIT_PATH, POLKIT_INTERFACE, "CheckAuthorization");
    if (r >= 0)
        r = sd_bus_message_append(question->call, "(sa{sv})s", "system-bus-name", 1, "name", "s",
                                  subject, authority_action_id(question->action));
    if (r >= 0)
        r = append_details(question->call, details);
    if (r >= 0)
        r = sd_bus_message_append(
            question->call, "us",
            (uint32_t)(question->interactive ? POLKIT_ALLOW_USER_INTERACTION : 0), id);
    return r < 0 ? r : 0;
}

int authority_ask(Authority *authority, Question **ret, uid_t uid, const char *subject,
                  AuthorityAction action, const AuthorityDetails *details, bool interactive,
                  authority_done_t done, void *userdata)
{
    const Limits *limits = &authority->limits;
    uint64_t seconds = interactive ? limits->prompt_timeout : limits->answer_timeout;
    Question *question;
    int r;

    question = calloc(1, sizeof(*question));
    if (!question)
        return -ENOMEM;
    question->authority = authority;
    question->uid = uid;
    question->action = action;
    question->interactive = interactive;
    question->done = done;
    question->userdata = userdata;
    DL_APPEND(authority->questions, question);

    r = make_call(question, subject, details);
    if (r >= 0)
        r = deadlines_set(&authority->deadlines, &question->deadline,
                          deadlines_now() + seconds * 1000000, on_timeout);
    if (r >= 0)
        r = fair_queue_append(&authority->waiting, &question->item, uid);
    if (r < 0) {
        question_free(question);
        return r;
    }

    *ret = question;
    dispatch(authority);
    return 0;
}

/*
 * The whole
 */

uint64_t authority_age(const Authority *authority)
{
    return authority->age;
}

int authority_new(Authority **ret, sd_bus *bus, const Limits *limits, Statistics *statistics)
{
    _cleanup_(authority_freep) Authority *authority = NULL;
    int r;

    authority = calloc(1, sizeof(*authority));
    if (!authority)
        return -ENOMEM;
    authority->bus = bus;
    authority->limits = *limits;
    authority->statistics = statistics;
    authority->places.places = PLACES;

    r = deadlines_init(&authority->deadlines, sd_bus_get_event(bus), SD_EVENT_PRIORITY_NORMAL);
    if (r >= 0)
        r = sd_bus_add_match_async(bus, &authority->owner_changed,
                                   "type='signal',sender='" BUS_DRIVER_NAME
                                   "',path='" BUS_DRIVER_PATH "',interface='" BUS_DRIVER_INTERFACE
                                   "',member='NameOwnerChanged',arg0='" POLKIT_NAME "'",
                                   on_owner_changed, NULL, authority);
    if (r >= 0)
        r = sd_bus_add_match_async(bus, &authority->changed,
                                   "type='signal',sender='" POLKIT_NAME "',path='" POLKIT_PATH
                                   "',interface='" POLKIT_INTERFACE "',member='Changed'",
                                   on_changed, NULL, authority);
    if (r < 0)
        return r;

    *ret = TAKE_PTR(authority);
    return 0;
}

Authority *authority_free(Authority *authority)
{
    Question *question, *next;

    if (!authority)
        return NULL;

    DL_FOREACH_SAFE (authority->questions, question, next) {
        assert(!question->done);
        question_free(question);
    }
    assert(fair_queue_empty(&authority->waiting));
    deadlines_deinit(&authority->deadlines);
    sd_bus_slot_unref(authority->owner_changed);
    sd_bus_slot_unref(authority->changed);
    free(authority->owner);
    free(authority);
    return NULL;
}
