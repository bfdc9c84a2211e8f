#include "origin/impl.h"

#include <stdlib.h>

/* --- what tells them apart ---------------------------------------------------------------------------------------- */

bool target_id_make(const struct origin_ask *ask, struct target_id *id)
{
    const struct origin_config *o = ask->origin;
    /* Without TLS no name is verified, and all that lead to one host may share. */
    struct span name = o->tls ? ask->tls_name : SPAN_NONE;
    id->host_n = host_write(o, ask->captured, id->bytes + TARGET_ID_HOST);
    if (id->host_n == 0 || name.n > ORIGIN_HOST_MAX || (o->tls && name.n == 0))
        return false;
    memcpy(id->bytes, &o->key, 8);
    memcpy(id->bytes + 8, &o->port, 2);
    id->bytes[TARGET_ID_HTTP] = (uint8_t)(ask->http1 ? ORIGIN_HTTP_1 : o->http);
    id->bytes[11] = (uint8_t)id->host_n; /* where the host ends and the name begins */
    if (name.n)
        memcpy(id->bytes + TARGET_ID_HOST + id->host_n, name.p, name.n);
    id->n = TARGET_ID_HOST + id->host_n + name.n;
    return true;
}

struct span target_host(const struct origin_target *g)
{
    return span_make(g->id + TARGET_ID_HOST, g->host_n);
}

struct span target_tls_name(const struct origin_target *g)
{
    size_t at = TARGET_ID_HOST + g->host_n;
    return span_make(g->id + at, g->id_n - at);
}

/* --- by last use -------------------------------------------------------------------------------------------------- */

static void list_remove(struct origin_thread *t, struct origin_target *g)
{
    *(g->older ? &g->older->newer : &t->oldest) = g->newer;
    *(g->newer ? &g->newer->older : &t->newest) = g->older;
}

static void list_append(struct origin_thread *t, struct origin_target *g)
{
    g->older = t->newest;
    g->newer = NULL;
    *(t->newest ? &t->newest->newer : &t->oldest) = g;
    t->newest = g;
}

/* --- the table ---------------------------------------------------------------------------------------------------- */

struct origin_target *target_find(struct origin_thread *t, const struct target_id *id)
{
    struct span key = span_make(id->bytes, id->n);
    uint64_t hash = hash_span(t->key, key);
    struct origin_target *g = t->buckets[hash % TARGET_BUCKETS];
    while (g && (g->hash != hash || !span_eq(span_make(g->id, g->id_n), key)))
        g = g->next;
    if (g && g != t->newest) {
        list_remove(t, g);
        list_append(t, g);
    }
    return g;
}

/* False: all are in use. */
static bool make_room(struct origin_thread *t)
{
    struct origin_target *g = t->oldest;
    if (t->targets < t->targets_max)
        return true;
    while (g && g->users)
        g = g->newer;
    if (!g)
        return false;
    target_free(g);
    return true;
}

struct origin_target *target_new(struct origin_thread *t, const struct target_id *id, enum origin_error *why)
{
    *why = ORIGIN_LIMIT;
    if (!make_room(t))
        return NULL;
    *why = ORIGIN_MEMORY;
    struct origin_target *g = calloc(1, sizeof *g + id->n);
    if (!g)
        return NULL;
    g->thread = t;
    g->hash = hash_span(t->key, span_make(id->bytes, id->n));
    g->host_n = id->host_n;
    g->id_n = id->n;
    memcpy(g->id, id->bytes, id->n);
    memcpy(&g->port, id->bytes + 8, 2);
    g->http = (enum origin_http)id->bytes[TARGET_ID_HTTP];
    g->lanes_each = H2_CLIENT_STREAMS;
    struct origin_target **bucket = &t->buckets[g->hash % TARGET_BUCKETS];
    g->next = *bucket;
    *bucket = g;
    list_append(t, g);
    t->targets++;
    return g;
}

void target_free(struct origin_target *g)
{
    struct origin_thread *t = g->thread;
    struct origin_target **at = &t->buckets[g->hash % TARGET_BUCKETS];
    while (g->idle)
        pool_evict((struct pooled *)g->idle, STREAM_CLOSE_FLUSH);
    while (*at != g)
        at = &(*at)->next;
    *at = g->next;
    list_remove(t, g);
    t->targets--;
    target_forget_session(g);
    tls_client_unref(g->tls);
    free(g);
}

/* --- what it knows ------------------------------------------------------------------------------------------------ */

void target_adopt(struct origin_target *g, const struct origin_config *o)
{
    g->pool_size = o->pool_size;
    g->pool_idle_ms = o->pool_idle_ms;
    g->connect_timeout_ms = o->connect_timeout_ms;
}

/* Equal keys mean equal settings, so the contexts of two snapshots do the same; the newer one is kept and the older one
 * let go. */
void target_use_tls(struct origin_target *g, struct tls_client *tls)
{
    if (g->tls == tls)
        return;
    target_forget_session(g);
    tls_client_unref(g->tls);
    g->tls = tls ? tls_client_ref(tls) : NULL;
}

void target_keep_session(struct origin_target *g, struct stream *s)
{
    struct tls_session *session = stream_take_session(s);
    if (!session)
        return;
    target_forget_session(g);
    g->session = session;
}

void target_forget_session(struct origin_target *g)
{
    if (g->session)
        tls_session_free(g->session);
    g->session = NULL;
}
