#include "gate/ledger.h"

#include "base/hash.h"

#include <stdatomic.h>
#include <stdlib.h>

#define FIRST_BUCKETS 64

struct entry {
    struct entry *next;
    uint64_t hash;
    struct ledger_entry is; /* spans lie behind the entry */
};

struct checked {
    struct checked *next;
    int64_t since_s, through_s;
    size_t gate_n;
    uint8_t gate[];
};

struct ledger {
    atomic_uint refs;
    uint64_t number;
    struct hash_key hash;
    struct entry **buckets; /* owns them all; count is a power of two */
    size_t bucket_count, entry_count;
    size_t of_kind[LEDGER_FACTS + 1]; /* what is not there needs no look-up */
    int64_t latest;                   /* at_s of what takes back; INT64_MIN: nothing does */
    struct checked *checked;          /* owns; one per gate, few */
};

struct ledger *ledger_new(uint64_t number)
{
    struct ledger *l = calloc(1, sizeof(*l));
    struct entry **buckets = calloc(FIRST_BUCKETS, sizeof(struct entry *));
    if (!l || !buckets) {
        free(l);
        free(buckets);
        return NULL;
    }
    atomic_init(&l->refs, 1);
    l->number = number;
    l->latest = INT64_MIN;
    l->hash = hash_key_random();
    l->buckets = buckets;
    l->bucket_count = FIRST_BUCKETS;
    return l;
}

struct ledger *ledger_ref(struct ledger *l)
{
    atomic_fetch_add_explicit(&l->refs, 1, memory_order_relaxed);
    return l;
}

static void ledger_free(struct ledger *l)
{
    for (size_t i = 0; i < l->bucket_count; i++) {
        for (struct entry *e = l->buckets[i], *next; e; e = next) {
            next = e->next;
            free(e);
        }
    }
    for (struct checked *c = l->checked, *next; c; c = next) {
        next = c->next;
        free(c);
    }
    free(l->buckets);
    free(l);
}

void ledger_unref(struct ledger *l)
{
    if (l && atomic_fetch_sub_explicit(&l->refs, 1, memory_order_acq_rel) == 1)
        ledger_free(l);
}

uint64_t ledger_number(const struct ledger *l)
{
    return l ? l->number : 0;
}

int64_t ledger_latest(const struct ledger *l)
{
    return l ? l->latest : INT64_MIN;
}

/* --- looking up --------------------------------------------------------------------------------------------------- */

/* What names an entry; each kind uses some of it. */
static struct ledger_entry name_of(enum ledger_kind kind, enum identity_way way, struct span gate, struct span name)
{
    return (struct ledger_entry){.kind = kind, .way = way, .gate = gate, .name = name};
}

static uint64_t hash_of(const struct ledger *l, const struct ledger_entry *e)
{
    uint64_t both[2] = {hash_span(l->hash, e->gate), hash_span(l->hash, e->name)};
    both[0] ^= (uint64_t)e->kind << 8 | (uint64_t)e->way;
    return hash_span(l->hash, span_make(both, sizeof(both)));
}

static bool same_name(const struct ledger_entry *a, const struct ledger_entry *b)
{
    return a->kind == b->kind && a->way == b->way && span_eq(a->gate, b->gate) && span_eq(a->name, b->name);
}

static struct entry **place_of(const struct ledger *l, const struct ledger_entry *e, uint64_t hash)
{
    struct entry **at = &l->buckets[hash & (l->bucket_count - 1)];
    while (*at && !same_name(&(*at)->is, e))
        at = &(*at)->next;
    return at;
}

/* NULL: there is none. */
static const struct ledger_entry *find(const struct ledger *l, struct ledger_entry e)
{
    if (l->of_kind[e.kind] == 0)
        return NULL;
    const struct entry *got = *place_of(l, &e, hash_of(l, &e));
    return got ? &got->is : NULL;
}

/* --- building ----------------------------------------------------------------------------------------------------- */

static struct span keep(uint8_t **at, struct span s)
{
    struct span kept = span_make(*at, s.n);
    if (s.n)
        memcpy(*at, s.p, s.n);
    *at += s.n;
    return kept;
}

static void fold(struct span s)
{
    uint8_t *p = (uint8_t *)(uintptr_t)s.p; /* our own copy */
    for (size_t i = 0; i < s.n; i++)
        p[i] = ascii_lower(p[i]);
}

/* NULL: no memory. */
static struct entry *entry_new(const struct ledger_entry *e)
{
    size_t n = e->gate.n + e->name.n + e->email.n + e->login.n + e->groups.n;
    struct entry *new = malloc(sizeof(*new) + n);
    if (!new)
        return NULL;
    uint8_t *at = (uint8_t *)(new + 1);
    new->next = NULL;
    new->is = *e;
    new->is.gate = keep(&at, e->gate);
    new->is.name = keep(&at, e->name);
    new->is.email = keep(&at, e->email);
    new->is.login = keep(&at, e->login);
    new->is.groups = keep(&at, e->groups);
    if (e->kind == LEDGER_EMAIL)
        fold(new->is.name);
    return new;
}

/* Without memory the chains only get longer. */
static void grow(struct ledger *l)
{
    size_t count = l->bucket_count * 4;
    struct entry **buckets = calloc(count, sizeof(struct entry *));
    if (!buckets)
        return;
    for (size_t i = 0; i < l->bucket_count; i++) {
        for (struct entry *e = l->buckets[i], *next; e; e = next) {
            next = e->next;
            e->next = buckets[e->hash & (count - 1)];
            buckets[e->hash & (count - 1)] = e;
        }
    }
    free(l->buckets);
    l->buckets = buckets;
    l->bucket_count = count;
}

static void put(struct ledger *l, struct entry *new)
{
    struct entry **at = place_of(l, &new->is, new->hash), *old = *at;
    if (old && old->is.at_s > new->is.at_s) {
        free(new);
        return;
    }
    if (old) {
        new->next = old->next;
        free(old);
    } else {
        l->entry_count++;
        l->of_kind[new->is.kind]++;
    }
    *at = new;
}

/* What its kind does not use must not keep an entry from being found. */
static struct ledger_entry normal(const struct ledger_entry *e)
{
    struct ledger_entry n = *e;
    bool of_somebody = e->kind == LEDGER_IDENTITY || e->kind == LEDGER_FACTS;
    if (!of_somebody)
        n.way = WAY_NONE;
    if (!of_somebody && e->kind != LEDGER_EMAIL)
        n.gate = SPAN_NONE;
    if (e->kind == LEDGER_ALL)
        n.name = SPAN_NONE;
    return n;
}

bool ledger_add(struct ledger *l, const struct ledger_entry *e)
{
    if (e->kind < LEDGER_SESSION || e->kind > LEDGER_FACTS || e->email.n + e->login.n + e->groups.n > LEDGER_FACTS_MAX)
        return false;
    const struct ledger_entry is = normal(e);
    struct entry *new = entry_new(&is);
    if (!new)
        return false;
    if (l->entry_count >= l->bucket_count)
        grow(l);
    new->hash = hash_of(l, &new->is);
    put(l, new);
    if (is.kind != LEDGER_FACTS && is.at_s > l->latest)
        l->latest = is.at_s;
    return true;
}

static struct checked *checked_find(const struct ledger *l, struct span gate)
{
    struct checked *c = l->checked;
    while (c && !span_eq(span_make(c->gate, c->gate_n), gate))
        c = c->next;
    return c;
}

bool ledger_set_checked(struct ledger *l, struct span gate, int64_t checked_through_s)
{
    struct checked *c = checked_find(l, gate);
    if (!c) {
        c = malloc(sizeof(*c) + gate.n + 1);
        if (!c)
            return false;
        *c = (struct checked){.next = l->checked, .gate_n = gate.n};
        memcpy(c->gate, gate.p, gate.n);
        l->checked = c;
    }
    c->through_s = checked_through_s;
    return true;
}

void ledger_set_since(struct ledger *l, struct span gate, int64_t since_s)
{
    struct checked *c = checked_find(l, gate);
    if (c)
        c->since_s = since_s;
}

/* --- judging ------------------------------------------------------------------------------------------------------ */

static bool takes_back(const struct ledger *l, const struct session *s, struct ledger_entry name)
{
    const struct ledger_entry *e = find(l, name);
    return e && s->issued <= e->at_s;
}

static bool is_email_revoked(const struct ledger *l, const struct session *s, struct span email)
{
    return email.n > 0 && (takes_back(l, s, name_of(LEDGER_EMAIL, WAY_NONE, SPAN_NONE, email)) ||
                           takes_back(l, s, name_of(LEDGER_EMAIL, WAY_NONE, s->who.gate, email)));
}

static bool is_revoked(const struct ledger *l, const struct session *s, struct span host)
{
    const struct identity *who = &s->who;
    struct span id = span_make(s->id, sizeof(s->id));
    return takes_back(l, s, name_of(LEDGER_ALL, WAY_NONE, SPAN_NONE, SPAN_NONE)) ||
           takes_back(l, s, name_of(LEDGER_SESSION, WAY_NONE, SPAN_NONE, id)) ||
           takes_back(l, s, name_of(LEDGER_SESSION, WAY_NONE, SPAN_NONE, span_make(s->id, LEDGER_SHORT_ID))) ||
           takes_back(l, s, name_of(LEDGER_IDENTITY, who->way, who->gate, who->subject)) ||
           takes_back(l, s, name_of(LEDGER_HOST, WAY_NONE, SPAN_NONE, host)) || is_email_revoked(l, s, who->email) ||
           (who->way == WAY_EMAIL && is_email_revoked(l, s, who->subject));
}

static const struct ledger_entry *facts_of(const struct ledger *l, const struct session *s)
{
    if (!l)
        return NULL;
    const struct ledger_entry *e = find(l, name_of(LEDGER_FACTS, s->who.way, s->who.gate, s->who.subject));
    return e && s->issued <= e->at_s ? e : NULL;
}

int64_t ledger_facts_end(const struct ledger *l, const struct session *s)
{
    if (s->who.way != WAY_GITHUB)
        return INT64_MAX;
    const struct ledger_entry *facts = facts_of(l, s);
    const struct checked *c = l ? checked_find(l, s->who.gate) : NULL;
    int64_t known = facts ? facts->at_s : s->issued; /* not before it was issued */
    if (c && c->through_s > known && s->issued > c->since_s)
        known = c->through_s;
    return known + LEDGER_STALE_S;
}

enum ledger_verdict ledger_judge(const struct ledger *l, struct session *s, struct span host, int64_t now_s)
{
    const struct ledger_entry *facts = facts_of(l, s);
    if (l && is_revoked(l, s, host))
        return LEDGER_REVOKED;
    if (facts && facts->must_sign_in)
        return LEDGER_REVOKED;
    int64_t facts_end = ledger_facts_end(l, s);
    if (facts) {
        s->who.email = facts->email;
        s->who.login = facts->login;
        s->who.groups = facts->groups;
        if (is_email_revoked(l, s, s->who.email))
            return LEDGER_REVOKED;
    }
    if (now_s >= facts_end)
        s->who.login = s->who.groups = SPAN_NONE;
    return LEDGER_HOLDS;
}
