/* What takes sessions back: kept here as the store has it, and given to all threads as a new ledger when it changes. A change takes effect
 * whether the store takes it or not; who asked for it learns the difference. */
#include "gate/signin/impl.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>

#define VALUE_MAX 4096

struct book_entry {
    struct table_link link; /* first member */
    uint8_t key[LEDGER_KEY];
    struct ledger_entry is; /* spans lie in `value` */
    size_t n;
    uint8_t value[];
};

/* Somebody waits until all threads obey. */
struct receipt {
    struct receipt *next, *prev;
    struct signin *signin; /* back */
    uint64_t number;       /* the ledger that says it; 0: not made yet */
    bool stored, taken, ok;
    uint32_t ended;
    const char *detail;
    void (*on_done)(void *arg, bool ok, uint32_t ended, const char *detail);
    void *arg;
};

/* --- receipts --------------------------------------------------------------------------------------------------------- */

static void link_receipt(struct receipt *r)
{
    struct signin *s = r->signin;
    r->next = s->receipts;
    if (s->receipts)
        s->receipts->prev = r;
    s->receipts = r;
}

static void unlink_receipt(struct receipt *r)
{
    if (r->prev)
        r->prev->next = r->next;
    else
        r->signin->receipts = r->next;
    if (r->next)
        r->next->prev = r->prev;
}

static void settle(struct receipt *r)
{
    if (!r->stored || !r->taken)
        return;
    unlink_receipt(r);
    if (r->on_done)
        r->on_done(r->arg, r->ok, r->ended, r->detail);
    free(r);
}

static void on_stored(void *arg, const struct store_reply *reply)
{
    struct receipt *r = arg;
    r->stored = true;
    r->ok = reply->outcome == STORE_OK;
    r->detail = r->ok ? NULL : "it holds until the next start: the store could not keep it";
    settle(r);
}

void signin_ledger_taken(struct signin *s, uint64_t number, uint32_t ended)
{
    for (struct receipt *r = s->receipts, *next; r; r = next) {
        next = r->next;
        if (r->number == 0 || r->number > number || r->taken)
            continue;
        r->taken = true;
        r->ended = ended;
        settle(r);
    }
}

/* --- the ledger ------------------------------------------------------------------------------------------------------- */

static bool add_all(const struct signin *s, struct ledger *l)
{
    int64_t now = clock_wall_s();
    for (const struct table_link *at = table_next(&s->book, NULL); at; at = table_next(&s->book, at)) {
        const struct book_entry *b = (const struct book_entry *)at;
        if (b->is.ends_s > now && !ledger_add(l, &b->is))
            return false;
    }
    for (const struct book_checked *c = s->checked; c; c = c->next) {
        struct span gate = span_make(c->gate, c->gate_n);
        if (!ledger_set_checked(l, gate, c->through_s))
            return false;
        ledger_set_since(l, gate, c->since_s);
    }
    return true;
}

static void on_publish(void *arg)
{
    struct signin *s = arg;
    if (!s->loaded || !people_are_known(s->people))
        return; /* a part of it is not published: what waits for it is served, and comes with the whole */
    struct ledger *l = ledger_new(s->ledger_number + 1);
    if (!l || !add_all(s, l)) {
        (void)fprintf(stderr, "tiergate: worker: no memory for what takes sessions back; again in a second\n");
        ledger_unref(l);
        s->unpublished = true;
        signin_again_soon(s);
        return;
    }
    s->unpublished = s->book_changed = false;
    s->ledger_number++;
    for (struct receipt *r = s->receipts; r; r = r->next)
        if (r->number == 0)
            r->number = s->ledger_number;
    s->c.publish(s->c.arg, l);
}

void book_publish(struct signin *s)
{
    loop_task_queue(s->c.loop, &s->publish);
}

void book_checked(struct signin *s, struct span gate, int64_t since_s, int64_t through_s)
{
    struct book_checked **at = &s->checked;
    while (*at && !span_eq(span_make((*at)->gate, (*at)->gate_n), gate))
        at = &(*at)->next;
    if (!*at) {
        struct book_checked *c = calloc(1, sizeof(*c) + gate.n);
        if (!c)
            return; /* what is not known to be looked at is not believed */
        memcpy(c->gate, gate.p, gate.n);
        c->gate_n = gate.n;
        *at = c;
    }
    (*at)->since_s = since_s;
    (*at)->through_s = through_s;
    book_publish(s);
}

/* --- entries ---------------------------------------------------------------------------------------------------------- */

static struct book_entry *find(const struct signin *s, struct span key, uint64_t hash)
{
    struct table_link *l = table_find(&s->book, hash);
    while (l && !span_eq(span_make(((struct book_entry *)l)->key, LEDGER_KEY), key))
        l = table_again(l);
    return (struct book_entry *)l;
}

/* A clock that was set back must not shorten what was taken back. Facts are as they were seen last, whatever the clock said; but what was put
 * while the store was being read is newer than what it read. */
static bool is_outdone(const struct book_entry *have, const struct ledger_entry *e, bool by_reading)
{
    return e->at_s < have->is.at_s && (by_reading || e->kind != LEDGER_FACTS);
}

/* NULL: no memory, or no such entry. */
static struct book_entry *entry_new(struct span key, struct span value, int64_t ends_s)
{
    struct book_entry *b = malloc(sizeof(*b) + value.n);
    if (!b)
        return NULL;
    b->n = value.n;
    if (value.n)
        memcpy(b->value, value.p, value.n);
    if (ledger_decode(key, span_make(b->value, b->n), ends_s, &b->is)) {
        memcpy(b->key, key.p, sizeof(b->key));
        return b;
    }
    free(b);
    return NULL;
}

/* Returns what stands there from now on; NULL: as entry_new(). */
static const struct book_entry *keep(struct signin *s, struct span key, struct span value, int64_t ends_s,
                                     bool by_reading)
{
    uint64_t hash = table_hash(&s->book, key);
    struct book_entry *old = find(s, key, hash);
    if (old && old->is.ends_s == ends_s && span_eq(span_make(old->value, old->n), value))
        return old;
    struct book_entry *b = entry_new(key, value, ends_s);
    if (b && old && is_outdone(old, &b->is, by_reading)) {
        free(b);
        return old;
    }
    if (!b)
        return NULL;
    if (old) {
        table_remove(&s->book, &old->link);
        free(old);
    }
    table_put(&s->book, &b->link, hash);
    s->book_changed = true;
    return b;
}

/* NULL: no memory, or a name that is too long. */
static const struct book_entry *note(struct signin *s, const struct ledger_entry *e)
{
    uint8_t key[LEDGER_KEY], value[VALUE_MAX];
    size_t key_n = 0, n = 0;
    if (!ledger_encode(e, key, &key_n, value, sizeof(value), &n))
        return NULL;
    return keep(s, span_make(key, key_n), span_make(value, n), e->ends_s, false);
}

bool book_put(struct signin *s, const struct ledger_entry *e,
              void (*on_done)(void *arg, bool ok, uint32_t ended, const char *detail), void *arg)
{
    struct receipt *r = calloc(1, sizeof(*r));
    const struct book_entry *b = r ? note(s, e) : NULL;
    if (!b) {
        free(r);
        if (on_done)
            on_done(arg, false, 0, "out of memory, or a name that is too long");
        return false;
    }
    *r = (struct receipt){.signin = s, .on_done = on_done, .arg = arg};
    link_receipt(r);
    book_publish(s);
    if (s->c.store)
        store_put(s->c.store, STORE_REVOKED, span_make(b->key, sizeof(b->key)), span_make(b->value, b->n), b->is.ends_s,
                  on_stored, r);
    else
        on_stored(r, &(struct store_reply){.outcome = STORE_FAILED});
    return true;
}

/* --- reading ---------------------------------------------------------------------------------------------------------- */

static void on_entry(void *arg, struct span key, struct span value, int64_t ends_s)
{
    struct signin *s = arg;
    if (!keep(s, key, value, ends_s, true))
        s->read_badly = true;
}

static void on_read(void *arg, const struct store_reply *r)
{
    struct signin *s = arg;
    s->reading = false;
    if (r->outcome != STORE_OK || s->read_badly) {
        (void)fprintf(stderr, "tiergate: worker: what takes sessions back cannot be read: %s; again in a second\n",
                      r->detail ? r->detail : "a record is damaged");
        s->read_again = true;
        signin_again_soon(s);
        return;
    }
    if (!s->loaded || s->book_changed)
        book_publish(s);
    s->loaded = true;
    if (s->read_again)
        book_load(s);
}

/* Others only add: what is known here and not there any more has ended. Until it was read once nothing is published, and so nothing served. */
void book_load(struct signin *s)
{
    s->read_again = s->reading;
    if (s->reading)
        return;
    if (!s->c.store) {
        s->loaded = true;
        book_publish(s);
        return;
    }
    s->reading = true;
    s->read_badly = false;
    store_list(s->c.store, STORE_REVOKED, on_entry, on_read, s);
}

/* --- life ------------------------------------------------------------------------------------------------------------- */

void book_init(struct signin *s)
{
    table_init(&s->book);
    loop_task_init(&s->publish, on_publish, s);
}

void book_tidy(struct signin *s)
{
    int64_t now = clock_wall_s();
    for (struct table_link *at = table_next(&s->book, NULL), *next; at; at = next) {
        struct book_entry *b = (struct book_entry *)at;
        next = table_next(&s->book, at);
        if (b->is.ends_s > now)
            continue;
        table_remove(&s->book, at);
        free(b);
    }
    if (s->read_again)
        book_load(s);
    if (s->unpublished)
        book_publish(s);
}

void book_free(struct signin *s)
{
    loop_task_cancel(&s->publish);
    for (struct table_link *at = table_next(&s->book, NULL), *next; at; at = next) {
        next = table_next(&s->book, at);
        free(at);
    }
    table_fini(&s->book);
    for (struct book_checked *c = s->checked, *next; c; c = next) {
        next = c->next;
        free(c);
    }
    for (struct receipt *r = s->receipts, *next; r; r = next) {
        next = r->next;
        free(r);
    }
}
