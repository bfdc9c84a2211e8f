#include "edge/places.h"

#include "edge/addresses.h"
#include "edge/conn.h"

/* What strangers' exchanges may hold of limits.memory, all together, as a fraction: well below where they would be refused
 * for the level, beside idle connections and what those hold who are signed in. */
#define SHARE 2u
/* Of a pool the first quarter may fill whole queues, the others modest ones. What an exchange of either kind then holds at
 * most, its origin's side included: more than what was measured with readers that are stuck. */
#define EARLY 4u
#define EARLY_COST (220u * 1024)
#define LATE_COST (144u * 1024)

/* A refusal counts so long: whoever was refused is told to come again a little later. */
#define WANTED_MS 10000u

/* Browsers ask for what they need in parallel; fewer would be slower than HTTP/1.1. */
#define STREAMS_LEAST 4u

enum place_answer place_take(struct place_pool *p, atomic_uint *of_address)
{
    unsigned limit = atomic_load_explicit(&p->limit, memory_order_relaxed);
    unsigned taken = atomic_fetch_add_explicit(&p->taken, 1, memory_order_relaxed);
    unsigned own = of_address ? atomic_fetch_add_explicit(of_address, 1, memory_order_relaxed) : 0;
    if (taken < limit && own < limit - taken)
        return taken < limit / EARLY ? PLACE_TAKEN : PLACE_TAKEN_LATE;
    place_give(p, of_address);
    return taken < limit ? PLACE_ENOUGH : PLACE_NONE;
}

void place_give(struct place_pool *p, atomic_uint *of_address)
{
    atomic_fetch_sub_explicit(&p->taken, 1, memory_order_relaxed);
    if (of_address)
        atomic_fetch_sub_explicit(of_address, 1, memory_order_relaxed);
}

unsigned places_for_memory(size_t bytes)
{
    size_t n = bytes / SHARE * EARLY / (EARLY_COST + (EARLY - 1) * LATE_COST);
    return n == 0 ? 1 : n > INT32_MAX ? INT32_MAX : (unsigned)n;
}

static void set_limit(struct edge_shared *s, enum place_kind kind, unsigned n)
{
    atomic_store_explicit(&s->places[kind].limit, n, memory_order_relaxed);
}

void places_configure(struct edge_shared *s, const struct limits_config *l, size_t memory)
{
    set_limit(s, PLACE_STRANGER, places_for_memory(memory));
    set_limit(s, PLACE_STRANGER_MORE, l->places_more);
    set_limit(s, PLACE_SIGNED_IN_MORE, l->places_more);
}

/* --- of an exchange --------------------------------------------------------------------------------------------------- */

/* An origin that speaks HTTP/2 is asked on a connection that it shares with others; WebSockets go by HTTP/1.1. */
static bool needs_descriptor(const struct exchange *x)
{
    return x->site->origin->http != ORIGIN_HTTP_2 || x->req.websocket;
}

static unsigned wanted(const struct exchange *x)
{
    bool more = needs_descriptor(x) && x->conn->place_lent;
    if (x->who)
        return more ? 1u << PLACE_SIGNED_IN_MORE : 0;
    return 1u << PLACE_STRANGER | (more ? 1u << PLACE_STRANGER_MORE : 0);
}

/* Its connection's address, or behind a trusted proxy the one that it names. Whoever gave its places back and asks again knows it. */
static void know_address(struct exchange *x)
{
    struct place *p = &x->place;
    if (p->address)
        return;
    p->address = x->conn->address;
    if (p->address)
        return;
    p->address = edge_address_hold(x->thread->shared, &x->client_addr);
    p->held = p->address != NULL;
}

static atomic_uint *count_of(const struct exchange *x, unsigned kind)
{
    return x->place.address ? edge_address_places(x->place.address, kind) : NULL;
}

static void note(_Atomic uint64_t *at, uint64_t ms)
{
    atomic_store_explicit(at, ms, memory_order_relaxed);
}

static void note_refusal(struct exchange *x, struct place_pool *p, enum place_answer why)
{
    uint64_t now = x->thread->loop->now_ms;
    note(&p->wanted_ms, now);
    note(why == PLACE_ENOUGH ? edge_address_wanted(x->place.address) : &p->full_ms, now);
}

static enum place_answer take_one(struct exchange *x, unsigned kind)
{
    struct place_pool *p = &x->thread->shared->places[kind];
    enum place_answer a = place_take(p, count_of(x, kind));
    if (a >= PLACE_NONE)
        note_refusal(x, p, a);
    if (a < PLACE_NONE)
        x->place.kinds |= (uint8_t)(1u << kind);
    if (a == PLACE_TAKEN_LATE && kind == PLACE_STRANGER)
        x->place.modest = true;
    return a;
}

static enum place_answer take_all(struct exchange *x, unsigned kinds)
{
    enum place_answer a = PLACE_TAKEN;
    if (kinds)
        know_address(x);
    for (unsigned k = 0; k < PLACE_KINDS && a < PLACE_NONE; k++)
        if (kinds & 1u << k)
            a = take_one(x, k);
    return a;
}

/* What is asked again, on a connection of its own perhaps, keeps what it has, and takes what it had given back. */
const char *places_enter(struct exchange *x)
{
    const unsigned descriptors = 1u << PLACE_STRANGER_MORE | 1u << PLACE_SIGNED_IN_MORE;
    if (x->place.of_conn)
        return NULL;
    enum place_answer a = take_all(x, wanted(x) & ~(unsigned)x->place.kinds);
    if (a >= PLACE_NONE) {
        places_leave(x);
        return a == PLACE_ENOUGH ? "its address has many requests under way" : "many requests are under way";
    }
    if (needs_descriptor(x) && !x->conn->place_lent && !(x->place.kinds & descriptors))
        x->place.of_conn = x->conn->place_lent = true;
    return NULL;
}

static void give_kinds(struct exchange *x, unsigned kinds)
{
    for (unsigned k = 0; k < PLACE_KINDS; k++)
        if (x->place.kinds & kinds & 1u << k)
            place_give(&x->thread->shared->places[k], count_of(x, k));
    x->place.kinds &= (uint8_t)~kinds;
}

static void give_back_of_conn(struct exchange *x)
{
    if (x->place.of_conn)
        x->conn->place_lent = false;
    x->place.of_conn = false;
}

void places_share(struct exchange *x)
{
    give_kinds(x, 1u << PLACE_STRANGER_MORE | 1u << PLACE_SIGNED_IN_MORE);
    give_back_of_conn(x);
}

void places_leave(struct exchange *x)
{
    struct place *p = &x->place;
    give_kinds(x, UINT8_MAX);
    give_back_of_conn(x);
    if (p->held)
        edge_address_let_go(x->thread->shared, p->address);
    *p = (struct place){.modest = p->modest};
}

/* --- who could have had it -------------------------------------------------------------------------------------------- */

static bool lately(const _Atomic uint64_t *at, const struct edge_thread *t)
{
    uint64_t ms = atomic_load_explicit(at, memory_order_relaxed);
    return ms != 0 && t->loop->now_ms < ms + WANTED_MS;
}

bool places_are_wanted(const struct edge_thread *t)
{
    const struct place_pool *p = t->shared->places;
    return lately(&p[PLACE_STRANGER].wanted_ms, t) || lately(&p[PLACE_STRANGER_MORE].wanted_ms, t);
}

bool places_is_wanted(const struct exchange *x)
{
    const struct place_pool *p = x->thread->shared->places;
    unsigned strangers = x->place.kinds & (1u << PLACE_STRANGER | 1u << PLACE_STRANGER_MORE);
    if (strangers && x->place.address && lately(edge_address_wanted(x->place.address), x->thread))
        return true;
    for (unsigned k = 0; k < PLACE_KINDS; k++)
        if (strangers & 1u << k && lately(&p[k].full_ms, x->thread))
            return true;
    return false;
}

unsigned places_streams(const struct edge_thread *t)
{
    const struct place_pool *p = t->shared->places;
    unsigned memory = atomic_load_explicit(&p[PLACE_STRANGER].limit, memory_order_relaxed) / 2;
    unsigned more = atomic_load_explicit(&p[PLACE_STRANGER_MORE].limit, memory_order_relaxed) / 2;
    unsigned n = memory < more ? memory : more; /* and one that the connection brings */
    return n < STREAMS_LEAST ? STREAMS_LEAST : n < PLACES_STREAMS_MOST ? n : PLACES_STREAMS_MOST;
}
