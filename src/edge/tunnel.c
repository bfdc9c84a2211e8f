/* An upgraded connection. When one side ends, what it sent goes out, the other side is ended too and has a moment to answer; then both
 * are cut: a client that is gone must not hold a place at its origin (design §5 Tunnels). */
#include "edge/tunnel.h"

#include <stdlib.h>

#define PARTING_MS 700u /* plus one sweep: within a second */
#define KEEPALIVE_IDLE_S 30
#define KEEPALIVE_INTERVAL_S 10
#define USER_TIMEOUT_MS 60000u

enum tunnel_state { TUNNEL_OPEN = 0, TUNNEL_PARTING, TUNNEL_OVER };

struct tunnel {
    struct exchange *x;             /* back */
    struct stream *client, *origin; /* owned by conn and origin layer */
    enum tunnel_state state;
    uint64_t seen, seen_ms, parting_ms;
};

static void on_open(void *arg)
{
}

/* The last thing a callback does: t is gone afterwards. */
static void end_tunnel(struct tunnel *t, const char *why)
{
    struct exchange *x = t->x;
    t->state = TUNNEL_OVER;
    x->detail = why;
    origin_drop(x->thread->origins, x->origin, STREAM_CLOSE_FLUSH);
    x->origin = NULL;
    conn_close(x->conn, STREAM_CLOSE_FLUSH);
}

static bool side_is_over(struct stream *s)
{
    return stream_input(s) != STREAM_IN_OPEN && stream_in(s)->bytes == 0;
}

/* False: no memory. */
static bool copy(struct stream *from, struct stream *to, uint64_t *count)
{
    struct chunkq *in = stream_in(from), *out = stream_out(to);
    while (in->bytes > 0 && out->bytes < EDGE_HIGH) {
        size_t room = EDGE_HIGH - out->bytes, n = in->bytes < room ? in->bytes : room;
        if (!chunkq_move(out, in, n))
            return false;
        *count += n;
        stream_flush(to);
    }
    stream_resume(from, 0);
    return true;
}

static void part(struct tunnel *t)
{
    if (side_is_over(t->client))
        stream_finish(t->origin);
    if (side_is_over(t->origin))
        stream_finish(t->client);
    if (t->state == TUNNEL_OPEN) {
        t->state = TUNNEL_PARTING;
        t->parting_ms = t->x->thread->loop->now_ms + PARTING_MS;
    }
}

static void pump(struct tunnel *t)
{
    if (t->state == TUNNEL_OVER)
        return;
    bool ok = copy(t->client, t->origin, &t->x->bytes_in) && copy(t->origin, t->client, &t->x->bytes_out);
    bool client_over = side_is_over(t->client), origin_over = side_is_over(t->origin);
    if (!ok)
        end_tunnel(t, "out of memory");
    else if (client_over && origin_over)
        end_tunnel(t, NULL);
    else if (client_over || origin_over)
        part(t);
}

static void on_event(void *arg)
{
    pump(arg);
}

struct tunnel *tunnel_start(struct exchange *x, struct stream *client)
{
    static const struct stream_events events = {on_open, on_event, on_event};
    struct tunnel *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->x = x;
    t->client = client;
    t->origin = x->origin->stream;
    t->seen_ms = x->thread->loop->now_ms;
    stream_set_events(t->client, &events, t);
    stream_set_events(t->origin, &events, t);
    stream_keepalive(t->client, KEEPALIVE_IDLE_S, KEEPALIVE_INTERVAL_S, USER_TIMEOUT_MS);
    stream_keepalive(t->origin, KEEPALIVE_IDLE_S, KEEPALIVE_INTERVAL_S, USER_TIMEOUT_MS);
    atomic_fetch_add_explicit(&x->thread->shared->tunnels, 1, memory_order_relaxed);
    stream_flush(t->client);
    /* Bytes that came before the 101 are still in the inputs; both streams tell of them once the owner is known. */
    stream_poll(t->client);
    stream_poll(t->origin);
    return t;
}

void tunnel_cut(struct tunnel *t, const char *reason)
{
    if (t->state == TUNNEL_OVER)
        return;
    t->state = TUNNEL_OVER;
    t->x->detail = reason;
}

void tunnel_sweep(struct tunnel *t)
{
    struct exchange *x = t->x;
    uint64_t now = x->thread->loop->now_ms;
    uint64_t seen = stream_bytes_read(t->client) + stream_bytes_read(t->origin) + stream_bytes_written(t->client);
    if (seen != t->seen) {
        t->seen = seen;
        t->seen_ms = now;
    }
    /* What the origin said last may still be on its way to a slow client: then it has as long as any slow reader. */
    bool delivering = stream_out(t->client)->bytes > 0 && stream_input(t->client) == STREAM_IN_OPEN &&
                      now - t->seen_ms < x->snapshot->limits.write_timeout_ms;
    if (t->state == TUNNEL_PARTING && now >= t->parting_ms && !delivering)
        end_tunnel(t, NULL);
    else if (now - t->seen_ms >= x->snapshot->limits.tunnel_idle_timeout_ms)
        end_tunnel(t, "idle");
}

void tunnel_free(struct tunnel *t)
{
    if (!t)
        return;
    atomic_fetch_sub_explicit(&t->x->thread->shared->tunnels, 1, memory_order_relaxed);
    free(t);
}
