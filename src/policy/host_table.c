#include "policy/hosts.h"

#include <stdlib.h>

#include "base/hash.h"

/* Two closed hash tables (names, and what follows the first dot for `*.`), and the few templates in a row. */
struct slot {
    struct span key;
    size_t index; /* of the pattern */
};

struct host_table {
    const struct host_pattern *patterns; /* borrows */
    struct hash_key key;
    size_t mask;            /* both tables have mask + 1 slots, at most half of them taken */
    struct slot *exact;     /* owns */
    struct slot *wildcards; /* owns */
    size_t *templates;      /* owns */
    size_t template_count;
};

static struct slot *find_slot(const struct host_table *t, struct slot *slots, struct span key)
{
    size_t i = (size_t)hash_span(t->key, key) & t->mask;
    while (slots[i].key.p && !span_eq(slots[i].key, key))
        i = (i + 1) & t->mask;
    return &slots[i];
}

/* Of two equal patterns the first stays; config refuses them anyway. */
static void put(struct host_table *t, struct slot *slots, struct span key, size_t index)
{
    struct slot *s = find_slot(t, slots, key);
    if (!s->key.p)
        *s = (struct slot){key, index};
}

static void add(struct host_table *t, size_t index)
{
    const struct host_pattern *p = &t->patterns[index];
    switch (p->kind) {
    case HOST_EXACT:
        put(t, t->exact, p->text, index);
        break;
    case HOST_TEMPLATE:
        t->templates[t->template_count++] = index;
        break;
    case HOST_WILDCARD:
        put(t, t->wildcards, p->after, index);
        break;
    }
}

struct host_table *host_table_new(const struct host_pattern *patterns, size_t count)
{
    struct host_table *t = calloc(1, sizeof(*t));
    size_t size = 8;
    while (size < 2 * count)
        size *= 2;
    if (!t)
        return NULL;
    t->patterns = patterns;
    t->key = hash_key_random();
    t->mask = size - 1;
    t->exact = calloc(size, sizeof(*t->exact));
    t->wildcards = calloc(size, sizeof(*t->wildcards));
    t->templates = calloc(count + 1, sizeof(*t->templates));
    if (!t->exact || !t->wildcards || !t->templates) {
        host_table_free(t);
        return NULL;
    }
    for (size_t i = 0; i < count; i++)
        add(t, i);
    return t;
}

void host_table_free(struct host_table *t)
{
    if (!t)
        return;
    free(t->exact);
    free(t->wildcards);
    free(t->templates);
    free(t);
}

static bool found(struct host_match *out, size_t index, struct span captured)
{
    *out = (struct host_match){index, captured};
    return true;
}

bool host_table_find(const struct host_table *t, struct span name, struct host_match *out)
{
    struct span captured = SPAN_NONE;
    if (name.n == 0)
        return false;
    const struct slot *s = find_slot(t, t->exact, name);
    if (s->key.p)
        return found(out, s->index, SPAN_NONE);
    for (size_t i = 0; i < t->template_count; i++) {
        if (host_pattern_matches(&t->patterns[t->templates[i]], name, &captured))
            return found(out, t->templates[i], captured);
    }
    size_t dot = span_find(name, '.');
    if (dot == 0 || dot == name.n)
        return false;
    s = find_slot(t, t->wildcards, span_from(name, dot));
    return s->key.p ? found(out, s->index, SPAN_NONE) : false;
}
