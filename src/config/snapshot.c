#include "config/snapshot.h"

#include "config/memory.h"

#include <stdlib.h>

struct snapshot *snapshot_ref(struct snapshot *s)
{
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return s;
}

void snapshot_unref(struct snapshot *s)
{
    /* Whoever frees must see what the others wrote before they let go. */
    if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
        return;
    config_memory_free(s->memory);
    free(s);
}

const struct host_config *snapshot_find_host(const struct snapshot *s, struct span name, struct span *captured)
{
    struct host_match m;

    if (!host_table_find(s->table, name, &m))
        return NULL;
    *captured = m.captured;
    return &s->hosts[s->host_of[m.index]];
}

static bool is_below(struct span name, struct span domain)
{
    if (!span_has_suffix(name, domain))
        return false;
    return name.n == domain.n || name.p[name.n - domain.n - 1] == '.';
}

bool snapshot_same_circle(const struct snapshot *s, const struct host_config *host, struct span name, struct span other)
{
    struct span captured;

    if (!host->gate)
        return false;
    struct span domain = host->gate->session.domain;

    if (!domain.n || !is_below(name, domain))
        return span_eq(name, other);
    const struct host_config *there = snapshot_find_host(s, other, &captured);

    return there && there->gate == host->gate && is_below(other, domain);
}
