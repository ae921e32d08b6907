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

/* Questions that are out at a time, those that let polkit ask the user apart: together less than
 * the bus allows. */
#define PLACES_PLAIN 64
#define PLACES_INTERACTIVE 56

/* Prompts of one user at a time: nobody can answer many at once, and they stay up for long. */
#define PROMPTS_MOST 4

#define USEC_PER_SEC 1000000ULL

/* Questions of one kind: in the queue, and those that are out. */
typedef struct Line {
    FairQueue waiting;
    Shares places;
} Line;

struct Question {
    Authority *authority;
    Question *prev, *next; /* in authority->questions */
    Line *line;
    uid_t uid;
    AuthorityAction action;
    unsigned number;       /* by which it can be cancelled; 0 if it is not interactive */
    sd_bus_message *call;  /* until it is out */
    FairItem item;         /* until then */
    sd_bus_slot *slot;     /* while it is out */
    int unsendable;        /* it will never be out: a negative errno says why; or 0 */
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
    char *owner; /* polkit's unique name, once the bus has told or it has answered; else NULL */
    uint64_t age;
    uint64_t answered_usec; /* when polkit, or the bus for it, last answered anything */
    Deadlines deadlines;
    Question *questions;
    Line plain, interactive;
    unsigned n_interactive; /* of all time */
};

static void dispatch(Authority *authority, Line *line);

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
 * past, and what it still says is nobody's. */
static int on_owner_changed(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
    Authority *authority = userdata;
    const char *sender = sd_bus_message_get_sender(message), *old_owner, *new_owner;

    if (!sender || strcmp(sender, BUS_DRIVER_NAME) != 0 ||
        sd_bus_message_read(message, "sss", NULL, &old_owner, &new_owner) < 0)
        return 0;
    if (*old_owner)
        authority->age++;
    free(authority->owner);
    authority->owner = *new_owner ? strdup(new_owner) : NULL;
    return 0;
}

/*
 * A rule, a session or a kept authentication has changed: up to polkit 124 it says Changed of all,
 * later something else of sessions, so whatever it says is news. The match has polkit as the
 * sender, but sd-bus cannot tell whose a unique name is, and lets any pass for it: once polkit is
 * known, nobody else may have us ask more often.
 */
static int on_changed(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
    Authority *authority = userdata;
    const char *sender = sd_bus_message_get_sender(message);

    if (!authority->owner || (sender && strcmp(sender, authority->owner) == 0))
        authority->age++;
    return 0;
}

#ifndef __clang__
#pragma GCC diagnostic push /* gcc's analyser does not see that it is the authority's then */
#pragma GCC diagnostic ignored "-Wanalyzer-malloc-leak"
#endif

/* Who has answered: whose news counts. False if we would not hear of it. */
static bool note_owner(Authority *authority, sd_bus_message *reply)
{
    const char *sender = sd_bus_message_get_sender(reply);

    if (!authority->owner && sender)
        authority->owner = strdup(sender);
    return sender && authority->owner && strcmp(authority->owner, sender) == 0;
}

#ifndef __clang__
#pragma GCC diagnostic pop
#endif

/*
 * Answers
 */

static void question_free(Question *question)
{
    Authority *authority = question->authority;

    deadlines_unset(&authority->deadlines, &question->deadline);
    if (question->item.user)
        fair_queue_remove(&question->line->waiting, &question->item);
    if (question->slot)
        shares_give_back(&question->line->places, question->uid);
    sd_bus_slot_unref(question->slot);
    sd_bus_message_unref(question->call);
    DL_DELETE(authority->questions, question);
    free(question);
}

static AuthorityAnswer refuse(const Question *question, Failure *failure, const char *reason)
{
    (void)authority_refuse(failure, OUTCOME_ACCESS_DENIED, question->uid, question->action, reason);
    return AUTHORITY_NO;
}

/* Nothing is known of who may. */
static AuthorityAnswer lack_memory(Failure *failure, const char *what)
{
    failure_set(failure, OUTCOME_NO_MEMORY, "%s: %s", what, strerror(ENOMEM));
    return AUTHORITY_NO;
}

/*
 * How long a yes holds. That polkit begins to keep an authentication is news, too, which is here
 * before the answer that it comes with: for as long as it is not, the answer is good for once. What
 * else there was meanwhile does not count then: what polkit keeps comes before its rules.
 */
static AuthorityAnswer read_yes(const Question *question, const PolkitAnswer *answer,
                                bool hears_news)
{
    bool asked_user = question->number > 0, begins = asked_user && answer->temporary;
    bool is_news = question->age != question->authority->age;

    if (!hears_news || is_news != begins)
        return AUTHORITY_YES_ONCE;
    if (begins)
        return AUTHORITY_YES_KEPT;
    return asked_user || answer->temporary ? AUTHORITY_YES_BY_USER : AUTHORITY_YES;
}

static AuthorityAnswer read_answer(Question *question, sd_bus_message *reply, Failure *failure)
{
    const sd_bus_error *error = sd_bus_message_get_error(reply);
    char reason[QUOTE_SIZE + 32];
    PolkitAnswer answer;
    bool hears_news;
    int r;

    if (sd_bus_error_has_name(error, SD_BUS_ERROR_SERVICE_UNKNOWN) ||
        sd_bus_error_has_name(error, SD_BUS_ERROR_NAME_HAS_NO_OWNER))
        return refuse(question, failure, "there is no polkit to say who may, so only root may");
    if (error) {
        snprintf(reason, sizeof(reason), "polkit failed: %s",
                 QUOTE(error->message ? error->message : error->name));
        return refuse(question, failure, reason);
    }
    r = polkit_call_answer(reply, &answer);
    if (r == -ENOMEM)
        return lack_memory(failure, "polkit's answer cannot be read");
    if (r < 0)
        return refuse(question, failure, "polkit's answer is not understood");

    hears_news = note_owner(question->authority, reply);
    if (answer.authorized)
        return read_yes(question, &answer, hears_news);
    if (answer.challenge)
        return AUTHORITY_CHALLENGE;
    return refuse(question, failure,
                  answer.dismissed ? "the authentication was dismissed" : "polkit says no");
}

static int on_reply(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error)
{
    Question *question = userdata;
    Authority *authority = question->authority;
    authority_done_t done = question->done;
    void *done_userdata = question->userdata;
    Line *line = question->line;
    AuthorityAnswer answer;
    Failure failure;

    authority->answered_usec = deadlines_now();
    answer = read_answer(question, reply, &failure);
    question_free(question);
    if (done)
        done(done_userdata, answer, answer == AUTHORITY_NO ? &failure : NULL);
    dispatch(authority, line);
    return 0;
}

/*
 * Questions
 */

Question *question_drop(Question *question)
{
    if (!question)
        return NULL;

    question->done = NULL;
    deadlines_unset(&question->authority->deadlines, &question->deadline);
    if (!question->slot)
        question_free(question);
    else if (question->number > 0)
        polkit_call_cancel(question->authority->bus, question->number);
    return NULL;
}

/* How long a question may be out, or wait for that. */
static uint64_t timeout_usec(const Question *question)
{
    const Limits *limits = &question->authority->limits;

    return (question->number > 0 ? limits->prompt_timeout : limits->answer_timeout) * USEC_PER_SEC;
}

static void on_timeout(Deadline *deadline)
{
    Question *question = CONTAINER_OF(deadline, Question, deadline);
    Authority *authority = question->authority;
    const Limits *limits = &authority->limits;
    authority_done_t done = question->done;
    void *userdata = question->userdata;
    uint64_t end = authority->answered_usec + timeout_usec(question);
    char reason[64];
    Failure failure;

    /* As long as polkit answers others, one in the queue will have its turn. It can be set again
     * where it has just been. */
    if (question->item.user && question->number == 0 && end > deadlines_now()) {
        (void)deadlines_set(&authority->deadlines, deadline, end, on_timeout);
        return;
    }

    if (question->unsendable < 0)
        snprintf(reason, sizeof(reason), "polkit cannot be asked");
    else if (question->number > 0)
        snprintf(reason, sizeof(reason), "nobody has authenticated within %u s",
                 limits->prompt_timeout);
    else
        snprintf(reason, sizeof(reason), "polkit has not answered within %u s",
                 limits->answer_timeout);
    if (question->unsendable == -ENOMEM)
        (void)lack_memory(&failure, reason);
    else
        (void)refuse(question, &failure, reason);
    question_drop(question);
    done(userdata, AUTHORITY_NO, &failure);
}

/* One that cannot be sent has no time left: whoever waits for it is told from the event loop. */
static void send_question(Question *question)
{
    Authority *authority = question->authority;
    uint64_t end = deadlines_now() + timeout_usec(question);
    int r;

    question->age = authority->age;
    r = shares_take(&question->line->places, question->uid);
    if (r >= 0) {
        /* No timeout of sd-bus's: ours is. */
        r = sd_bus_call_async(authority->bus, &question->slot, question->call, on_reply, question,
                              UINT64_MAX);
        if (r < 0)
            shares_give_back(&question->line->places, question->uid);
    }
    if (r < 0) {
        question->unsendable = r;
        end = 0;
    } else {
        authority->statistics->authorisation_questions++;
        authority->statistics->authorisation_prompts += question->number > 0;
    }
    question->call = sd_bus_message_unref(question->call);
    /* Cannot fail: it is set. */
    (void)deadlines_set(&authority->deadlines, &question->deadline, end, on_timeout);
}

static bool may_take(void *userdata, uid_t uid)
{
    const Shares *places = userdata;

    return shares_may_take(places, uid);
}

static void dispatch(Authority *authority, Line *line)
{
    FairItem *item;

    while ((item = fair_queue_take(&line->waiting, may_take, &line->places)))
        send_question(CONTAINER_OF(item, Question, item));
}

int authority_ask(Authority *authority, Question **ret, uid_t uid, const char *subject,
                  AuthorityAction action, const PolkitDetails *details, bool interactive,
                  authority_done_t done, void *userdata)
{
    Question *question;
    int r;

    question = calloc(1, sizeof(*question));
    if (!question)
        return -ENOMEM;
    question->authority = authority;
    question->line = interactive ? &authority->interactive : &authority->plain;
    question->uid = uid;
    question->action = action;
    question->number = interactive ? ++authority->n_interactive : 0;
    question->done = done;
    question->userdata = userdata;
    DL_APPEND(authority->questions, question);

    r = polkit_call_question(authority->bus, &question->call, subject, authority_action_id(action),
                             details, question->number);
    if (r >= 0)
        r = deadlines_set(&authority->deadlines, &question->deadline,
                          deadlines_now() + timeout_usec(question), on_timeout);
    if (r >= 0)
        r = fair_queue_append(&question->line->waiting, &question->item, uid);
    if (r < 0) {
        question_free(question);
        return r;
    }

    *ret = question;
    dispatch(authority, question->line);
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
    authority->plain.places.places = PLACES_PLAIN;
    authority->interactive.places.places = PLACES_INTERACTIVE;
    authority->interactive.places.most = PROMPTS_MOST;

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
                                   "',interface='" POLKIT_INTERFACE "'",
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
    assert(fair_queue_empty(&authority->plain.waiting));
    assert(fair_queue_empty(&authority->interactive.waiting));
    deadlines_deinit(&authority->deadlines);
    sd_bus_slot_unref(authority->owner_changed);
    sd_bus_slot_unref(authority->changed);
    free(authority->owner);
    free(authority);
    return NULL;
}
