/* Since when the list of a gate's people is whole. Whoever has a session from before, of a store that was lost, is on no list: that others were
 * looked at says nothing about him. */
#include "base/clock.h"
#include "gate/record.h"
#include "gate/signin/people.h"

#include <stdlib.h>

struct people_since {
    struct people_since *next;
    struct people *people; /* back */
    bool asked;
    int64_t since_s; /* 0: not known yet */
    size_t gate_n;
    uint8_t gate[];
};

static struct people_since *find(const struct people *p, struct span gate)
{
    struct people_since *e = p->since;
    while (e && !span_eq(span_make(e->gate, e->gate_n), gate))
        e = e->next;
    return e;
}

int64_t people_since_of(const struct people *p, struct span gate)
{
    const struct people_since *e = find(p, gate);
    return e ? e->since_s : 0;
}

static struct people_since *add(struct people *p, struct span gate)
{
    struct people_since *e = calloc(1, sizeof(*e) + gate.n);
    if (!e)
        return NULL;
    e->people = p;
    e->gate_n = gate.n;
    memcpy(e->gate, gate.p, gate.n);
    e->next = p->since;
    p->since = e;
    return e;
}

static size_t put_now(uint8_t value[8], int64_t now_s)
{
    struct record_out o = {.p = value, .cap = 8};
    record_put_time(&o, now_s);
    return o.n;
}

/* What lies ahead was written by a clock that was wrong: from now on it is known. */
static void on_read(void *arg, const struct store_reply *r)
{
    struct people_since *e = arg;
    struct store *store = e->people->signin->c.store;
    struct record_in in = {.rest = r->value};
    uint8_t value[8];
    int64_t since_s = record_take_time(&in), now_s = clock_wall_s();
    e->asked = false;
    if (r->outcome != STORE_OK) {
        e->people->failed = true;
        return;
    }
    bool good = record_done(&in) && since_s > 0 && since_s <= now_s;
    e->since_s = good ? since_s : now_s;
    if (!good)
        store_put(store, STORE_SINCE, span_make(e->gate, e->gate_n), span_make(value, put_now(value, now_s)), INT64_MAX,
                  NULL, NULL);
}

/* What is there stays; it is answered before whatever is asked next. */
static void ask(struct people_since *e)
{
    struct store *store = e->people->signin->c.store;
    struct span key = span_make(e->gate, e->gate_n);
    uint8_t value[8];
    size_t n = put_now(value, clock_wall_s());
    e->asked = true;
    store_once(store, STORE_SINCE, key, span_make(value, n), INT64_MAX, NULL, NULL);
    store_get(store, STORE_SINCE, key, on_read, e);
}

void people_since_ask(struct people *p)
{
    for (size_t i = 0; i < p->signin->gates.n; i++) {
        const struct gate_config *gate = &p->signin->gates.v[i];
        struct people_since *e = find(p, gate->name);
        if (!github_needs_looks(gate))
            continue;
        e = e ? e : add(p, gate->name);
        if (!e)
            p->failed = true;
        else if (e->since_s == 0 && !e->asked)
            ask(e);
    }
}

void people_since_free(struct people *p)
{
    for (struct people_since *e = p->since, *next; e; e = next) {
        next = e->next;
        free(e);
    }
}
