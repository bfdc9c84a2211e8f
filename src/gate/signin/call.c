/* Questions of loop threads to the control thread, and the way back. */
#include "gate/signin/impl.h"

#include <stdlib.h>

/* --- copies ----------------------------------------------------------------------------------------------------------- */

struct copying {
    uint8_t *at; /* NULL: only counted */
    size_t n;
};

static void copy(struct copying *c, struct span *s)
{
    c->n += s->n;
    if (!c->at)
        return;
    if (s->n)
        memcpy(c->at, s->p, s->n);
    s->p = c->at;
    c->at += s->n;
}

static void copy_identity(struct copying *c, struct identity *who)
{
    copy(c, &who->gate);
    copy(c, &who->subject);
    copy(c, &who->email);
    copy(c, &who->login);
    copy(c, &who->groups);
    copy(c, &who->scope);
}

static void copy_entry(struct copying *c, struct ledger_entry *e)
{
    copy(c, &e->gate);
    copy(c, &e->name);
    copy(c, &e->email);
    copy(c, &e->login);
    copy(c, &e->groups);
}

static void copy_question(struct copying *c, struct signin_question *q)
{
    struct span *texts[] = {&q->gate, &q->host,     &q->browser,      &q->request_id, &q->address,
                            &q->code, &q->verifier, &q->redirect_uri, &q->nonce,      &q->number};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        copy(c, texts[i]);
    copy_identity(c, &q->who);
    copy_entry(c, &q->revoke);
}

static void copy_reply(struct copying *c, struct signin_reply *r)
{
    copy_identity(c, &r->who);
    copy(c, &r->code);
    copy(c, &r->subject);
    copy(c, &r->what);
}

/* --- asking ----------------------------------------------------------------------------------------------------------- */

static struct signin_call *call_new(struct signin *s, struct loop *loop, const struct signin_question *q)
{
    struct copying count = {.at = NULL};
    struct signin_question measured = *q;
    copy_question(&count, &measured);
    struct signin_call *c = calloc(1, sizeof(*c) + count.n);
    if (!c)
        return NULL;
    struct copying into = {.at = (uint8_t *)(c + 1)};
    c->service = s;
    c->asker = loop;
    c->q = *q;
    copy_question(&into, &c->q);
    return c;
}

void call_free(struct signin_call *c)
{
    if (c->work_free)
        c->work_free(c->work);
    free(c->said);
    free(c);
}

static void drop(void *arg)
{
    call_free(arg);
}

static void (*const handlers[])(struct signin *s, struct signin_call *c) = {
    [SIGNIN_GITHUB] = signin_github,   [SIGNIN_PIN_SEND] = signin_pin_send,   [SIGNIN_PIN_CHECK] = signin_pin_check,
    [SIGNIN_ACTIONS] = signin_actions, [SIGNIN_CODE_MAKE] = signin_allowed,   [SIGNIN_CODE_TAKE] = signin_code_take,
    [SIGNIN_ONCE] = signin_allowed,    [SIGNIN_REVOKE] = signin_revoke_asked, [SIGNIN_TOKEN_USED] = signin_token_used,
};

/* Questions of people whom nobody knows yet, at a time: who floods us with them must leave room in the store for what takes sessions back. */
#define STRANGERS_MAX 1024u

static bool is_too_much(const struct signin *s, const struct signin_call *c)
{
    return s->at_work_count > STRANGERS_MAX && c->q.kind != SIGNIN_REVOKE && c->q.kind != SIGNIN_TOKEN_USED;
}

static void on_question(void *arg) /* thread: control's */
{
    struct signin_call *c = arg;
    struct signin *s = c->service;
    c->next = s->at_work;
    if (s->at_work)
        s->at_work->prev = c;
    s->at_work = c;
    s->at_work_count++;
    if (is_too_much(s, c))
        call_answer(c, &(struct signin_reply){
                           .outcome = SIGNIN_FAILED, .retry_after_s = 2, .detail = "too many sign-ins at a time"});
    else
        handlers[c->q.kind](s, c);
}

struct signin_call *signin_ask(struct signin *s, struct loop *loop, const struct signin_question *q,
                               void (*on_done)(void *arg, const struct signin_reply *r), void *arg)
{
    struct signin_call *c = call_new(s, loop, q);
    if (!c)
        return NULL;
    c->on_done = on_done;
    c->arg = arg;
    if (!loop_post(s->c.loop, on_question, drop, c)) {
        call_free(c);
        return NULL;
    }
    return c;
}

void signin_forget(struct signin_call *c)
{
    c->forgotten = true;
}

/* --- answering -------------------------------------------------------------------------------------------------------- */

static void on_answer(void *arg) /* thread: the asker's */
{
    struct signin_call *c = arg;
    if (!c->forgotten && c->on_done)
        c->on_done(c->arg, &c->reply);
    call_free(c);
}

static void keep_reply(struct signin_call *c, const struct signin_reply *r)
{
    struct copying count = {.at = NULL};
    struct signin_reply measured = *r;
    copy_reply(&count, &measured);
    c->said = malloc(count.n + 1);
    if (!c->said) {
        c->reply = (struct signin_reply){.outcome = SIGNIN_FAILED, .detail = "out of memory"};
        return;
    }
    struct copying into = {.at = c->said};
    c->reply = *r;
    copy_reply(&into, &c->reply);
}

static void unlink_call(struct signin_call *c)
{
    if (c->prev)
        c->prev->next = c->next;
    else
        c->service->at_work = c->next;
    if (c->next)
        c->next->prev = c->prev;
    c->next = c->prev = NULL;
    c->service->at_work_count--;
}

static void send_answer(struct signin_call *c)
{
    struct signin *s = c->service;
    if (loop_post(c->asker, on_answer, drop, c))
        return;
    c->next = s->unsent;
    s->unsent = c;
    signin_again_soon(s);
}

void call_send_unsent(struct signin *s)
{
    struct signin_call *c = s->unsent;
    s->unsent = NULL;
    for (struct signin_call *next; c; c = next) {
        next = c->next;
        c->next = NULL;
        send_answer(c);
    }
}

void call_answer(struct signin_call *c, const struct signin_reply *r)
{
    keep_reply(c, r);
    unlink_call(c);
    send_answer(c);
}

void call_outcome(struct signin_call *c, enum signin_outcome outcome, const char *detail)
{
    call_answer(c, &(struct signin_reply){.outcome = outcome, .detail = detail});
}

void call_store_failed(struct signin_call *c, const struct store_reply *r)
{
    call_outcome(c, SIGNIN_FAILED, r->detail ? r->detail : "the store failed");
}
