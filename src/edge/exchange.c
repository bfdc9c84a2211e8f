/* The life of one exchange: the step table, the end. What the steps do stands in route.c, decide.c, connect.c and relay*.c. */
#include "edge/exchange.h"

#include "base/clock.h"
#include "edge/conn.h"
#include "edge/own.h"
#include "edge/tunnel.h"

static enum ex_next (*const steps[])(struct exchange *x) = {
    [EX_ROUTE] = exchange_route, [EX_DECIDE] = exchange_decide,   [EX_GATE] = exchange_gate,
    [EX_OWN] = own_step,         [EX_CONNECT] = exchange_connect, [EX_RELAY] = exchange_relay,
};

void exchange_run(struct exchange *x)
{
    while (x->state < EX_TUNNEL && steps[x->state](x) == EX_MORE)
        ;
}

static void list_add(struct exchange *x)
{
    x->next = x->conn->exchanges;
    if (x->next)
        x->next->prev = x;
    x->conn->exchanges = x;
}

static void list_remove(struct exchange *x)
{
    if (x->prev)
        x->prev->next = x->next;
    else
        x->conn->exchanges = x->next;
    if (x->next)
        x->next->prev = x->prev;
}

struct exchange *exchange_new(struct edge_thread *t, struct conn *c, const struct client_ops *ops)
{
    struct arena arena;
    arena_init(&arena, &t->loop->blocks);
    struct exchange *x = arena_zalloc(&arena, sizeof *x);
    if (!x) {
        arena_fini(&arena);
        return NULL;
    }
    x->arena = arena;
    x->thread = t;
    x->conn = c;
    x->client = ops;
    x->hold = snapshot_hold_take(t);
    x->snapshot = x->hold->snapshot;
    x->reason = "";
    chunkq_init(&x->from_client, &t->loop->chunks);
    chunkq_init(&x->form, &t->loop->chunks);
    chunkq_init(&x->from_origin, &t->loop->chunks);
    list_add(x);
    return x;
}

/* 128 random bits name the request in the log, on pages and as trace id (W3C trace context). */
static bool name_request(struct exchange *x)
{
    static const char digits[] = "0123456789abcdef";
    char *id = arena_alloc(&x->arena, 32);
    if (!id)
        return false;
    for (unsigned half = 0; half < 2; half++) {
        uint64_t r = rng_u64(&x->thread->loop->rng) | 1; /* an all-zero id is invalid */
        for (unsigned i = 0; i < 16; i++, r >>= 4)
            id[half * 16 + i] = digits[r & 15];
    }
    x->request_id = span_make(id, 32);
    return true;
}

void exchange_start(struct exchange *x)
{
    x->start_us = clock_mono_us();
    x->origin_ms = x->thread->loop->now_ms;
    if (!name_request(x)) {
        exchange_end(x, true);
        return;
    }
    exchange_run(x);
}

void exchange_drop_origin(struct exchange *x)
{
    origin_cancel(&x->wait);
    if (x->origin)
        origin_drop(x->thread->origins, x->origin, STREAM_CLOSE_NOW);
    x->origin = NULL;
}

void exchange_free(struct exchange *x)
{
    struct edge_thread *t = x->thread;
    list_remove(x);
    tunnel_free(x->tunnel);
    gate_cancel(t->gate, &x->check);
    own_forget(x);
    exchange_drop_origin(x);
    places_leave(x);
    chunkq_clear(&x->from_client);
    chunkq_clear(&x->form);
    chunkq_clear(&x->from_origin);
    snapshot_hold_give(x->hold);
    struct arena arena = x->arena; /* x lies in it */
    arena_fini(&arena);
}

static bool origin_is_clean(const struct exchange *x)
{
    return x->resp_state == RESP_END && x->request_sent && x->via->is_clean(x);
}

enum ex_next exchange_end(struct exchange *x, bool cut)
{
    if (x->state == EX_DONE)
        return EX_END;
    x->state = EX_DONE;
    if (x->tunnel) /* may be freed later than in this pass, in which its timer may still be due */
        tunnel_cut(x->tunnel, x->detail ? x->detail : "cut");
    own_forget(x);
    if (x->origin && !cut && origin_is_clean(x)) {
        origin_give(x->thread->origins, x->origin);
        x->origin = NULL;
    }
    exchange_drop_origin(x);
    places_leave(x);
    exchange_log(x);
    x->client->done(x, cut);
    return EX_END;
}

void exchange_on_client_lost(struct exchange *x)
{
    if (x->state == EX_DONE)
        return;
    x->detail = "client went away";
    exchange_end(x, true);
}
