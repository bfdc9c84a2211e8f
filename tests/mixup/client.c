#include "client.h"

#include "http.h"
#include "pattern.h"
#include "request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BURST_MAX 6u
#define STUCK_US 60000000u
#define KEEP_ODDS 32u /* one connection of so many answers is given up */
#define SLOW_PIECES 4u
#define SLOW_US 1500u
#define READER_US 15000u
#define WS_HEAD 2u

enum lane_step {
    LANE_NONE = 0, /* no connection */
    LANE_IDLE,
    LANE_HEAD,
    LANE_BODY,
    LANE_FRAME,
    LANE_DONE
};

struct lane {
    struct group *group; /* back */
    struct wire *wire;   /* owned */
    enum lane_step step;
    uint32_t ids[BURST_MAX]; /* asked, the first is answered first */
    unsigned asked, at;
    struct bytes flat; /* of the request: not sent yet */
    size_t piece;
    bool holds_body; /* until 100 */
    bool last;       /* the connection ends with this answer */
    bool has_ended;  /* our side of it */
    bool from_gate;
    struct head head;
    struct body body;
    uint64_t since_us, opened_us, dice;
    unsigned settled; /* on this connection */
};

static void on_event(void *arg);
static void next(struct lane *l);

static struct world *world_of(const struct lane *l)
{
    return l->group->world;
}

static uint32_t id_of(const struct lane *l)
{
    return l->ids[l->at];
}

static struct ask *ask_of(const struct lane *l)
{
    return &world_of(l)->asks[id_of(l)];
}

static void wrong(const struct lane *l, enum wrong what, const char *why)
{
    world_wrong(world_of(l), what, id_of(l), why);
}

static bool is_odd_one(struct lane *l, unsigned of)
{
    l->dice = pattern_mix(l->dice);
    return l->dice % of == 0;
}

/* --- what came of it ----------------------------------------------------------------------------------------------------- */

static void count_outcome(struct world *w, enum outcome how)
{
    w->ended++;
    w->own += how == OUTCOME_OWN;
    w->own_of_gate += how == OUTCOME_GATE;
    w->cut += how == OUTCOME_CUT;
    w->gone += how == OUTCOME_GONE;
}

static void tell_outcome(const struct lane *l)
{
    char text[160];
    uint64_t now_us = world_of(l)->reactor.now_us;
    snprintf(text, sizeof text,
             "this must not come of it, %.3f s after it was asked, number %u on a connection of %.3f s%s",
             (double)(now_us - l->since_us) / 1e6, l->settled, (double)(now_us - l->opened_us) / 1e6,
             l->wire->input == WIRE_IN_CUT ? ", reset" : "");
    wrong(l, WRONG_OUTCOME, text);
}

/* The end of the first one that waits. */
static void settle(struct lane *l, enum outcome how)
{
    struct world *w = world_of(l);
    struct ask *a = ask_of(l);
    bool calm = l->group->calm;
    a->outcome = (uint8_t)how;
    world_arrived(w, a);
    count_outcome(w, how);
    w->manners[a->manner] += how == OUTCOME_GONE || !ask_vanishes(a);
    w->tls_asks += l->group->client_tls;
    if (how == OUTCOME_OWN && !a->answered)
        wrong(l, WRONG_INCOMPLETE, "an answer that never came whole looked whole");
    if (!(ask_outcomes(a, calm) & how))
        tell_outcome(l);
    else if (how == OUTCOME_GATE && (a->arrivals == 0 || a->lost))
        w->unlucky++;
    l->at++;
    l->settled++;
}

/* Those behind one that was cut have never been looked at. */
static void settle_rest(struct lane *l)
{
    for (; l->at < l->asked; l->at++) {
        struct ask *a = ask_of(l);
        a->outcome = OUTCOME_GONE;
        world_arrived(world_of(l), a);
        count_outcome(world_of(l), OUTCOME_GONE);
        if (a->arrivals > 0)
            wrong(l, WRONG_OUTCOME, "arrived although the one before it was cut");
    }
}

static void hang_up(struct lane *l, enum wire_end how)
{
    wire_close(l->wire, how);
    l->wire = NULL;
    l->step = LANE_NONE;
    bytes_clear(&l->flat);
    settle_rest(l);
    l->asked = l->at = 0;
}

/* --- asking ---------------------------------------------------------------------------------------------------------------- */

static void send_some(struct lane *l)
{
    size_t left = bytes_count(&l->flat), n = left < l->piece ? left : l->piece;
    if (!l->wire || l->holds_body || n == 0 || bytes_count(&l->wire->out) > 0)
        return;
    bytes_add(&l->wire->out, bytes_at(&l->flat), n);
    bytes_drop(&l->flat, n);
    wire_flush(l->wire);
    if (bytes_count(&l->flat) > 0)
        wire_due_in(l->wire, SLOW_US);
}

/* Numbers the next request; others may stand behind it. */
static bool take_id(struct lane *l)
{
    struct world *w = world_of(l);
    if (w->next == w->count)
        return false;
    uint32_t id = w->next++;
    struct ask *a = &w->asks[id];
    ask_make(a, w->seed, id, l->group->calm);
    a->group = (uint8_t)l->group->number;
    l->ids[l->asked++] = id;
    a->waits = true;
    l->group->waiting++;
    return true;
}

/* How the first one's client behaves. */
static void behave(struct lane *l, size_t head)
{
    const struct ask *a = ask_of(l);
    l->piece = SIZE_MAX;
    l->last = a->manner == MANNER_CLOSE || a->manner == MANNER_HTTP10 || a->manner == MANNER_HALF_CLOSE ||
              a->manner == MANNER_VANISH_SENDING;
    if (a->manner == MANNER_SLOW_BODY)
        l->piece = 1 + bytes_count(&l->flat) / SLOW_PIECES;
    if (a->manner == MANNER_CONTINUE && a->request_n > 0) {
        l->piece = head;
        send_some(l);
        l->piece = SIZE_MAX;
        l->holds_body = true;
    }
    if (a->manner == MANNER_SLOW_READER) {
        wire_listen(l->wire, false);
        wire_due_in(l->wire, READER_US);
    }
    if (a->manner == MANNER_VANISH_SENDING)
        l->flat.end -= bytes_count(&l->flat) / 2;
    if (a->manner == MANNER_VANISH_SENDING || a->manner == MANNER_VANISH_WAITING)
        wire_due_in(l->wire, a->answer_n % 4000);
}

static void ask(struct lane *l)
{
    l->asked = l->at = 0;
    l->holds_body = l->has_ended = false;
    l->wire->due_us = 0;
    bytes_clear(&l->flat);
    if (!take_id(l)) {
        wire_close(l->wire, WIRE_END_FIN);
        l->wire = NULL;
        l->step = LANE_DONE;
        return;
    }
    size_t head = request_add(&l->flat, l->group, l->ids[0], is_odd_one(l, 2));
    while (ask_can_pipeline(&world_of(l)->asks[l->ids[l->asked - 1]]) && l->asked < BURST_MAX && take_id(l)) {
        struct ask *a = &world_of(l)->asks[l->ids[l->asked - 1]];
        a->manner = ask_is_upgrade(a) || a->request_n > 8192 ? MANNER_PLAIN : MANNER_PIPELINED;
        request_add(&l->flat, l->group, l->ids[l->asked - 1], is_odd_one(l, 2));
    }
    l->since_us = l->wire->reactor->now_us;
    l->step = LANE_HEAD;
    behave(l, head);
    send_some(l);
}

/* --- judging --------------------------------------------------------------------------------------------------------------- */

/* A cookie that was made for one user must never be given to another. */
static void judge_cookie(struct lane *l)
{
    struct group *g = l->group;
    const struct ask *a = ask_of(l);
    char cookie[sizeof g->cookies[0]];
    if (!g->gated || head_field(&l->head, "Set-Cookie", cookie, sizeof cookie) == 0)
        return;
    cookie[strcspn(cookie, ";")] = '\0';
    for (unsigned user = 0; user < ASK_USERS; user++)
        if (user != a->user && strcmp(g->cookies[user], cookie) == 0)
            wrong(l, WRONG_IDENTITY, "was given another's cookie");
    memcpy(g->cookies[a->user], cookie, sizeof cookie);
}

/* False: it is nobody's. */
static bool judge_nonce(struct lane *l)
{
    char nonce[64], want[64], reason[64];
    snprintf(want, sizeof want, "%016llx", (unsigned long long)ask_answer_key(world_of(l)->seed, id_of(l)));
    unsigned nonces = head_field(&l->head, "X-Nonce", nonce, sizeof nonce);
    unsigned reasons = head_field(&l->head, "Tiergate", reason, sizeof reason);
    l->from_gate = reasons == 1;
    if (nonces + reasons != 1)
        wrong(l, WRONG_FORM, "an answer of nobody, or of two");
    else if (nonces == 1 && strcmp(nonce, want) != 0)
        wrong(l, WRONG_MIXED, nonce);
    else
        return true;
    return false;
}

static bool judge_status(struct lane *l, unsigned status)
{
    bool good = l->from_gate ? status >= 500 : status == ask_of(l)->status;
    if (!good)
        wrong(l, l->from_gate ? WRONG_OUTCOME : WRONG_MIXED, l->head.text);
    return good;
}

/* False: the connection is over. */
static bool begin_body(struct lane *l)
{
    struct ask *a = ask_of(l);
    unsigned status = head_status(&l->head);
    if (!judge_nonce(l))
        return false;
    judge_cookie(l);
    l->last |= head_says(&l->head, "Connection", "close");
    bool bodyless = a->method == ASK_HEAD || status == 204 || status == 304 || status == 101;
    if (bodyless)
        l->body = (struct body){.kind = BODY_NONE};
    else
        body_of_head(&l->body, &l->head, true);
    l->last |= l->body.kind == BODY_UNTIL_END;
    l->body.key = ask_answer_key(world_of(l)->seed, id_of(l));
    l->body.any = l->from_gate;
    l->step = LANE_BODY;
    if (!judge_status(l, status))
        return false;
    if (status == 101)
        l->step = LANE_FRAME;
    return true;
}

static void send_frame(struct lane *l)
{
    static const uint8_t head[] = {0x82, 0x80 | WORLD_WS_PAYLOAD, 0, 0, 0, 0};
    bytes_add(&l->wire->out, head, sizeof head);
    pattern_add(&l->wire->out, ask_request_key(world_of(l)->seed, id_of(l)), WORLD_WS_PAYLOAD);
    wire_flush(l->wire);
}

static bool take_interim(struct lane *l, unsigned status)
{
    char nonce[64];
    if (status != 100 && head_field(&l->head, "X-Nonce", nonce, sizeof nonce) == 1)
        return judge_nonce(l);
    if (status == 100)
        l->holds_body = false;
    return true;
}

/* --- reading --------------------------------------------------------------------------------------------------------------- */

enum read { READ_ON = 0, READ_WAIT, READ_OVER };

static enum read read_head(struct lane *l)
{
    switch (head_take(&l->head, &l->wire->in)) {
    case HEAD_MORE:
        return READ_WAIT;
    case HEAD_BAD:
        wrong(l, WRONG_FORM, "no head");
        return READ_OVER;
    case HEAD_DONE:
        break;
    }
    unsigned status = head_status(&l->head);
    if (status == 0) {
        wrong(l, WRONG_FORM, "no status line");
        return READ_OVER;
    }
    if (status < 200 && status != 101)
        return take_interim(l, status) ? READ_ON : READ_OVER;
    if (!begin_body(l))
        return READ_OVER;
    if (l->step == LANE_FRAME)
        send_frame(l);
    return READ_ON;
}

/* The answer is there, all of it. */
static enum read finish(struct lane *l)
{
    const struct ask *a = ask_of(l);
    bool has_body = !l->from_gate && l->body.kind != BODY_NONE;
    if (has_body && l->body.at != a->answer_n) {
        wrong(l, WRONG_INCOMPLETE, "an answer of another length looked whole");
        return READ_OVER;
    }
    bool unsent = bytes_count(&l->flat) > 0 || bytes_count(&l->wire->out) > 0;
    settle(l, l->from_gate ? OUTCOME_GATE : OUTCOME_OWN);
    l->step = LANE_HEAD;
    if (l->last || unsent)
        return READ_OVER;
    if (l->at < l->asked)
        return READ_ON;
    if (bytes_count(&l->wire->in) > 0) {
        l->at--;
        wrong(l, WRONG_MIXED, "bytes behind the last answer");
        l->at++;
        return READ_OVER;
    }
    l->step = LANE_IDLE;
    return is_odd_one(l, KEEP_ODDS) ? READ_OVER : READ_WAIT;
}

static enum read read_body(struct lane *l)
{
    enum body_state state = body_take(&l->body, &l->wire->in);
    switch (state) {
    case BODY_DONE:
        return finish(l);
    case BODY_BAD:
        wrong(l, WRONG_FORM, "broken chunks");
        return READ_OVER;
    case BODY_FOREIGN:
        wrong(l, WRONG_MIXED, "a byte of another");
        return READ_OVER;
    case BODY_MORE:
        break;
    }
    if (l->body.kind == BODY_UNTIL_END && l->wire->input == WIRE_IN_END)
        return finish(l);
    return READ_WAIT;
}

static enum read read_frame(struct lane *l)
{
    struct bytes *in = &l->wire->in;
    if (bytes_count(in) < WS_HEAD + WORLD_WS_PAYLOAD)
        return READ_WAIT;
    uint64_t key = ask_answer_key(world_of(l)->seed, id_of(l));
    if (!pattern_is(key, 0, bytes_at(in) + WS_HEAD, WORLD_WS_PAYLOAD))
        wrong(l, WRONG_MIXED, "a frame of another");
    settle(l, OUTCOME_OWN);
    return READ_OVER;
}

static enum read read_some(struct lane *l)
{
    switch (l->step) {
    case LANE_HEAD:
        return read_head(l);
    case LANE_BODY:
        return read_body(l);
    case LANE_FRAME:
        return read_frame(l);
    case LANE_IDLE:
    case LANE_NONE:
    case LANE_DONE:
        break;
    }
    return READ_WAIT;
}

/* --- behaving -------------------------------------------------------------------------------------------------------------- */

/* The head of an answer has come, and that is all that it takes. */
static bool reads_no_more(const struct lane *l)
{
    return ask_of(l)->manner == MANNER_VANISH_READING && l->step == LANE_BODY;
}

static bool vanishes_now(const struct lane *l)
{
    const struct ask *a = ask_of(l);
    switch (a->manner) {
    case MANNER_VANISH_SENDING:
    case MANNER_VANISH_WAITING:
        return l->wire->due_us == 0;
    case MANNER_VANISH_READING:
        return reads_no_more(l);
    default:
        return false;
    }
}

static void half_close(struct lane *l)
{
    if (ask_of(l)->manner != MANNER_HALF_CLOSE || l->has_ended || bytes_count(&l->flat) > 0)
        return;
    l->has_ended = true;
    wire_finish(l->wire);
}

static void vanish(struct lane *l)
{
    bool reset = id_of(l) & 1;
    settle(l, OUTCOME_GONE);
    hang_up(l, reset ? WIRE_END_RESET : WIRE_END_FIN);
}

/* When the answer to the next one is cut already, what is left of this one's goes with it: a reset spares nothing. */
static void settle_swept(struct lane *l)
{
    struct world *w = world_of(l);
    while (l->at + 1 < l->asked && w->asks[l->ids[l->at + 1]].arrivals > 0) {
        ask_of(l)->outcome = OUTCOME_GONE;
        count_outcome(w, OUTCOME_GONE);
        w->swept++;
        l->at++;
    }
}

/* The connection has ended under what waits, or between requests, as it may. */
static void lost(struct lane *l)
{
    settle_swept(l);
    if (l->step >= LANE_HEAD && l->step <= LANE_FRAME)
        settle(l, OUTCOME_CUT);
    hang_up(l, WIRE_END_FIN);
}

static void hear(struct lane *l)
{
    enum read r = READ_ON;
    while (r == READ_ON && !(l->at < l->asked && reads_no_more(l)))
        r = read_some(l);
    if (r == READ_ON)
        return; /* vanishes */
    if (r == READ_OVER) {
        if (l->at < l->asked && ask_of(l)->outcome == 0 && l->step != LANE_HEAD)
            settle(l, OUTCOME_CUT);
        hang_up(l, l->step == LANE_FRAME && (l->dice & 1) ? WIRE_END_RESET : WIRE_END_FIN);
    } else if (l->wire->input != WIRE_IN_OPEN) {
        lost(l);
    }
}

static void on_event(void *arg)
{
    struct lane *l = arg;
    if (l->wire->state != WIRE_OPEN) {
        if (l->wire->input != WIRE_IN_OPEN)
            hang_up(l, WIRE_END_FIN); /* lane_poke tries again */
        return;
    }
    if (l->step >= LANE_HEAD && l->step <= LANE_FRAME) {
        if (l->wire->due_us == 0) {
            wire_listen(l->wire, true);
            send_some(l);
        }
        half_close(l);
    }
    hear(l);
    if (l->wire && l->step >= LANE_HEAD && vanishes_now(l))
        vanish(l);
    if (l->wire && !l->holds_body)
        send_some(l);
    next(l);
}

/* --- life ------------------------------------------------------------------------------------------------------------------ */

static void next(struct lane *l)
{
    struct world *w = world_of(l);
    if (!l->wire && l->step == LANE_NONE && w->next == w->count)
        l->step = LANE_DONE;
    if (!l->wire && l->step == LANE_NONE) {
        l->wire = wire_connect(&w->reactor, l->group->client_tls ? w->gate_tls : w->gate_plain,
                               l->group->client_tls ? l->group->host : NULL);
        if (!l->wire)
            return;
        l->wire->on_event = on_event;
        l->wire->arg = l;
        l->since_us = l->opened_us = w->reactor.now_us;
        l->settled = 0;
        l->step = LANE_IDLE;
        w->client_connections++;
    } else if (l->wire && l->step == LANE_IDLE && l->wire->state == WIRE_OPEN && l->group->hushed == 0) {
        ask(l);
    }
}

void lane_poke(struct lane *l)
{
    struct world *w = world_of(l);
    next(l);
    if (l->step == LANE_NONE || l->step == LANE_DONE || w->reactor.now_us - l->since_us < STUCK_US)
        return;
    world_wrong(w, WRONG_STUCK, l->at < l->asked ? id_of(l) : UINT32_MAX, "for a minute");
    lost(l);
}

struct lane *lane_new(struct group *g)
{
    struct lane *l = calloc(1, sizeof *l);
    if (!l)
        abort();
    l->group = g;
    l->dice = pattern_mix(g->world->seed + g->number);
    next(l);
    return l;
}

bool lane_is_done(const struct lane *l)
{
    return l->step == LANE_DONE;
}

void lane_free(struct lane *l)
{
    bytes_fini(&l->flat);
    free(l);
}
