#include "origin.h"

#include "answer.h"
#include "http.h"
#include "pattern.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOBODY UINT32_MAX
#define POISON_AFTER_US 1500u /* by then tiergate has it in its pool */
#define POISON_AGAIN_US 300u
#define WS_HEAD 2u
#define WS_MASKED_HEAD 6u

enum step {
    STEP_IDLE = 0, /* between requests */
    STEP_BUSY,     /* request and answer under way */
    STEP_TUNNEL,
    STEP_DEAF /* has ended its side, or wants no more requests */
};

/* What waits for the connection to be idle. */
enum after {
    AFTER_NOTHING = 0,
    AFTER_BYTES,
    AFTER_ANSWER,
    AFTER_FIN,
    AFTER_RESET,
    AFTER_SENT /* until the kernel has really sent it */
};

struct served {
    struct group *group; /* back */
    struct wire *wire;   /* owned */
    enum step step;
    enum after after;
    bool poisoned; /* tiergate has been told: nothing may come by it any more */
    unsigned requests;
    uint32_t id; /* of the request under way */
    enum fault fault;
    struct head head;
    struct body body;
    bool body_done;
    struct answer answer;
    size_t sent;
    bool started, all_sent;
};

static struct ask *ask_of(struct served *s)
{
    return &s->group->world->asks[s->id];
}

static void wrong(struct served *s, enum wrong what, const char *why)
{
    world_wrong(s->group->world, what, s->id, why);
}

static void set_after(struct served *s, enum after after)
{
    struct group *g = s->group;
    g->hushed -= s->after && s->after != AFTER_RESET;
    g->hushed += after && after != AFTER_RESET;
    s->after = after;
    g->world->roused |= g->hushed == 0;
}

static void release(void *arg)
{
    struct served *s = arg;
    set_after(s, AFTER_NOTHING);
    bytes_fini(&s->answer.flat);
    free(s);
}

/* --- a request arrives --------------------------------------------------------------------------------------------------- */

static bool find_ask(struct served *s)
{
    const char *at = strstr(s->head.text, " /r/");
    s->id = at ? (uint32_t)strtoul(at + 4, NULL, 16) : NOBODY;
    if (s->id < s->group->world->next)
        return true;
    s->id = NOBODY;
    wrong(s, WRONG_FORM, "the origin was asked what no client asks");
    return false;
}

/* Only what can have had no effect may come again, once, on a new connection, and only if not a byte was answered. */
static void judge_arrival(struct served *s)
{
    struct ask *a = ask_of(s);
    if (a->arrivals == 2)
        s->group->world->retries++;
    if (s->poisoned)
        wrong(s, WRONG_POISONED, "by a connection that had shown itself unfit");
    if (a->arrivals > 1 && !ask_is_repeatable(a))
        wrong(s, WRONG_TWICE, "arrived again");
    else if (a->arrivals > 2)
        wrong(s, WRONG_RETRY, "was repeated more than once");
    else if (a->arrivals == 2 && a->begun)
        wrong(s, WRONG_RETRY, "was repeated although an answer had begun");
    else if (a->arrivals == 2 && s->requests > 1)
        wrong(s, WRONG_RETRY, "was repeated on a used connection");
    if (a->outcome && a->outcome != OUTCOME_GONE && !a->lost)
        wrong(s, WRONG_OUTCOME, "arrived after its client was answered");
    if (a->group != s->group->number)
        wrong(s, WRONG_REQUEST_MIXED, "reached another host's origin");
}

static void judge_head(struct served *s)
{
    struct ask *a = ask_of(s);
    char value[64], want[64];
    snprintf(want, sizeof want, "%016llx", (unsigned long long)ask_request_key(s->group->world->seed, s->id));
    if (head_field(&s->head, "X-Ask", value, sizeof value) != 1 || strcmp(value, want) != 0)
        wrong(s, WRONG_REQUEST_MIXED, "came with another's field");
    if (strncmp(s->head.text, ask_method(a), strlen(ask_method(a))) != 0)
        wrong(s, WRONG_REQUEST_MIXED, "came with another method");
    snprintf(want, sizeof want, "u%u", a->user);
    unsigned named = head_field(&s->head, "X-Forwarded-User", value, sizeof value);
    if (s->group->gated ? named != 1 || strcmp(value, want) != 0 : named != 0)
        wrong(s, WRONG_IDENTITY, "came in another's name");
}

/* The first arrival meets the fault; the second one in most cases a sound origin. Whoever has ended its side can't answer at all. */
static enum fault fault_of(const struct ask *a, uint64_t key)
{
    if (a->lost)
        return FAULT_FIN_BEFORE;
    return a->arrivals == 1 || key % 4 == 0 ? a->fault : FAULT_NONE;
}

static bool start_request(struct served *s)
{
    struct world *w = s->group->world;
    s->requests++;
    if (!find_ask(s))
        return false;
    struct ask *a = ask_of(s);
    uint64_t key = ask_answer_key(w->seed, s->id);
    a->arrivals++;
    w->arrivals++;
    w->reused += s->requests > 1;
    a->lost = s->wire->finishes;
    world_arrived(w, a);
    judge_arrival(s);
    judge_head(s);
    body_of_head(&s->body, &s->head, false);
    s->body.key = ask_request_key(w->seed, s->id);
    s->body_done = false;
    s->fault = fault_of(a, key);
    answer_make(&s->answer, a, key, s->fault);
    s->sent = 0;
    s->started = s->all_sent = false;
    s->step = STEP_BUSY;
    return true;
}

static void take_body(struct served *s)
{
    if (s->body_done)
        return;
    switch (body_take(&s->body, &s->wire->in)) {
    case BODY_DONE:
        s->body_done = true;
        if (s->body.at != ask_of(s)->request_n)
            wrong(s, WRONG_REQUEST_MIXED, "came with a body of another length");
        break;
    case BODY_BAD:
        wrong(s, WRONG_FORM, "came with a broken body");
        break;
    case BODY_FOREIGN:
        wrong(s, WRONG_REQUEST_MIXED, "came with bytes of another");
        break;
    case BODY_MORE:
        break;
    }
}

/* --- the answer goes ----------------------------------------------------------------------------------------------------- */

static void note_sent(struct served *s)
{
    struct ask *a = ask_of(s);
    a->begun |= s->sent > 0;
    a->answered |= s->sent >= s->answer.whole;
}

/* False: pauses, or the socket is full. */
static bool send_piece(struct served *s)
{
    struct answer *a = &s->answer;
    size_t left = bytes_count(&a->flat) - s->sent;
    if (bytes_count(&s->wire->out) > 0 || s->wire->due_us)
        return false;
    size_t n = left < a->piece ? left : a->piece;
    bytes_add(&s->wire->out, bytes_at(&a->flat) + s->sent, n);
    s->sent += n;
    note_sent(s);
    wire_flush(s->wire);
    s->all_sent = s->sent == bytes_count(&a->flat);
    if (!s->all_sent && a->pause_us)
        wire_due_in(s->wire, a->pause_us);
    return !s->all_sent;
}

static void send_answer(struct served *s)
{
    if (!s->started) {
        if (!s->body_done && !s->answer.early)
            return;
        s->started = true;
        if (s->answer.wait_us) {
            s->group->world->faults[s->fault]++; /* it will hardly come to its end */
            wire_due_in(s->wire, s->answer.wait_us);
        }
    }
    while (!s->all_sent && send_piece(s))
        ;
}

static enum after after_fault(enum fault fault)
{
    switch (fault) {
    case FAULT_POOLED_BYTES:
        return AFTER_BYTES;
    case FAULT_POOLED_ANSWER:
        return AFTER_ANSWER;
    case FAULT_IDLE_FIN:
        return AFTER_FIN;
    case FAULT_IDLE_RESET:
        return AFTER_RESET;
    default:
        return AFTER_NOTHING;
    }
}

/* What comes with a whole answer, or says that the connection ends, shows it unfit for more at once. */
static bool poisons(enum fault fault)
{
    switch (fault) {
    case FAULT_UNTIL_CLOSE:
    case FAULT_CLOSE:
    case FAULT_CLOSE_MORE:
    case FAULT_STRAY_BYTES:
    case FAULT_STRAY_ANSWER:
    case FAULT_HEAD_BODY:
    case FAULT_NO_CONTENT_BODY:
    case FAULT_NOT_MODIFIED_BODY:
    case FAULT_INTERIM_FLOOD:
    case FAULT_UNASKED_101:
    case FAULT_WS_WRONG:
    case FAULT_WS_REFUSED:
    case FAULT_NOT_HTTP:
    case FAULT_CHUNKED_BAD:
        return true;
    default:
        return false;
    }
}

/* True: there may be more to do. */
static bool finish_answer(struct served *s)
{
    s->group->world->faults[s->fault] += s->answer.wait_us == 0;
    s->poisoned |= poisons(s->fault);
    switch (s->answer.end) {
    case ANSWER_RESET:
        wire_close(s->wire, WIRE_END_RESET);
        return false;
    case ANSWER_FIN:
        if (s->body_done) { /* else the kernel makes a reset of it */
            s->step = STEP_DEAF;
            wire_finish(s->wire);
            return true;
        }
        wire_close(s->wire, WIRE_END_FIN);
        return false;
    case ANSWER_HALF_CLOSE:
        wire_finish(s->wire);
        break;
    case ANSWER_TUNNEL:
        s->step = STEP_TUNNEL;
        return true;
    case ANSWER_KEEP:
        break;
    }
    set_after(s, after_fault(s->fault));
    if (s->after)
        wire_due_in(s->wire, POISON_AFTER_US);
    s->step = STEP_IDLE;
    return true;
}

/* True: on to the next request. */
static bool serve(struct served *s)
{
    take_body(s);
    send_answer(s);
    bool sent = s->all_sent && bytes_count(&s->wire->out) == 0;
    if (!sent || (!s->body_done && s->answer.end == ANSWER_KEEP))
        return false;
    return finish_answer(s);
}

/* --- between requests ---------------------------------------------------------------------------------------------------- */

/* A kernel that has much to do holds small packets back; until they are gone nothing new is asked. */
static void await_sent(struct served *s)
{
    set_after(s, wire_has_left(s->wire) ? AFTER_NOTHING : AFTER_SENT);
    if (s->after)
        wire_due_in(s->wire, POISON_AGAIN_US);
}

/* The harm is done only while no request can be on its way into this connection: then tiergate has no excuse. A reset by chance has. */
static void harm_when_idle(struct served *s)
{
    struct group *g = s->group;
    if (s->wire->due_us)
        return;
    if (g->waiting > 0 && s->after != AFTER_RESET) {
        wire_due_in(s->wire, POISON_AGAIN_US);
        return;
    }
    enum after what = s->after;
    if (what == AFTER_SENT) {
        await_sent(s);
        return;
    }
    if (what == AFTER_RESET) {
        wire_close(s->wire, WIRE_END_RESET);
        return;
    }
    s->poisoned = true;
    if (what == AFTER_BYTES)
        bytes_text(&s->wire->out, ANSWER_POISON);
    else if (what == AFTER_ANSWER)
        answer_add_poison(&s->wire->out);
    if (what == AFTER_FIN)
        wire_finish(s->wire);
    else
        wire_flush(s->wire);
    await_sent(s);
}

/* It was used again before the harm could be done. */
static void forget_harm(struct served *s)
{
    struct world *w = s->group->world;
    if (!s->after || s->after == AFTER_SENT)
        return;
    w->faults[s->fault]--;
    w->missed_poison++;
    set_after(s, AFTER_NOTHING);
    s->wire->due_us = 0;
}

/* True: a request has begun. */
static bool await(struct served *s)
{
    switch (head_take(&s->head, &s->wire->in)) {
    case HEAD_DONE:
        forget_harm(s);
        return start_request(s);
    case HEAD_BAD:
        s->id = NOBODY;
        wrong(s, WRONG_FORM, "the origin was sent what is no head");
        wire_close(s->wire, WIRE_END_RESET);
        break;
    case HEAD_MORE:
        break;
    }
    return false;
}

/* --- tunnels ------------------------------------------------------------------------------------------------------------- */

static void echo(struct served *s)
{
    struct world *w = s->group->world;
    struct bytes *in = &s->wire->in;
    uint8_t head[WS_HEAD] = {0x82, WORLD_WS_PAYLOAD};
    if (bytes_count(in) < WS_MASKED_HEAD + WORLD_WS_PAYLOAD)
        return;
    if (!pattern_is(ask_request_key(w->seed, s->id), 0, bytes_at(in) + WS_MASKED_HEAD, WORLD_WS_PAYLOAD))
        wrong(s, WRONG_REQUEST_MIXED, "a frame of another");
    bytes_drop(in, WS_MASKED_HEAD + WORLD_WS_PAYLOAD);
    bytes_add(&s->wire->out, head, sizeof head);
    pattern_add(&s->wire->out, ask_answer_key(w->seed, s->id), WORLD_WS_PAYLOAD);
    wire_flush(s->wire);
    s->step = STEP_DEAF;
    if (s->id % 2)
        wire_finish(s->wire);
}

/* --- the connection ------------------------------------------------------------------------------------------------------ */

/* Nobody is there any more, or nobody who may be answered. */
static bool is_over(const struct served *s)
{
    return s->wire->input == WIRE_IN_CUT || (s->wire->input == WIRE_IN_END && bytes_count(&s->wire->in) == 0);
}

/* What comes after our end was sent is not read any more. That it comes at all may be by chance only where chance is let in. */
static void drop_leftover(struct served *s)
{
    if (bytes_count(&s->wire->in) > 0 && s->wire->finished && s->group->calm)
        wrong(s, WRONG_POISONED, "bytes by a connection that had ended");
    bytes_clear(&s->wire->in);
}

/* True: there may be more to do. */
static bool act(struct served *s)
{
    bool more = false;
    switch (s->step) {
    case STEP_IDLE:
        more = await(s);
        if (!more && s->after && s->wire->state == WIRE_OPEN && !is_over(s))
            harm_when_idle(s);
        break;
    case STEP_BUSY:
        more = serve(s);
        break;
    case STEP_TUNNEL:
        echo(s);
        break;
    case STEP_DEAF:
        drop_leftover(s);
        break;
    }
    return more && s->wire->state != WIRE_CLOSED;
}

static void on_event(void *arg)
{
    struct served *s = arg;
    while (act(s))
        ;
    if (s->wire->state != WIRE_CLOSED && is_over(s))
        wire_close(s->wire, WIRE_END_FIN);
}

static void on_wire(void *arg, struct wire *w)
{
    struct group *g = arg;
    struct served *s = calloc(1, sizeof *s);
    if (!s)
        abort();
    s->group = g;
    s->wire = w;
    s->id = NOBODY;
    w->on_event = on_event;
    w->release = release;
    w->arg = s;
    g->world->origin_connections++;
}

bool origin_open(struct group *g)
{
    g->door.tls = g->origin_tls ? g->world->reactor.server : NULL;
    g->door.on_wire = on_wire;
    g->door.arg = g;
    g->port = door_open(&g->door, &g->world->reactor);
    return g->port != 0;
}

void origin_close(struct group *g)
{
    door_close(&g->door);
}
