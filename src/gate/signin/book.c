/* What takes sessions back: kept here as the store has it, and given to all threads as a new ledger when it changes. A change takes effect
 * whether the store takes it or not; who asked for it learns the difference. */
#include "gate/signin/impl.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>

#define VALUE_MAX 4096

struct book_entry {
    struct book_entry *next;
    uint8_t key[LEDGER_KEY];
    int64_t ends_s;
    size_t n;
    uint8_t value[];
};

/* Somebody waits until all threads obey. */
struct receipt {
    struct receipt *next;
    struct signin *signin; /* back */
    uint64_t number;       /* the ledger that says it; 0: not made yet */
    bool stored, taken, ok;
    uint32_t ended;
    const char *detail;
    void (*on_done)(void *arg, bool ok, uint32_t ended, const char *detail);
    void *arg;
};

/* --- receipts --------------------------------------------------------------------------------------------------------- */

static void unlink_receipt(struct receipt *r)
{
    struct receipt **at = &r->signin->receipts;
    while (*at != r)
        at = &(*at)->next;
    *at = r->next;
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
    for (const struct book_entry *b = s->book; b; b = b->next) {
        struct ledger_entry e;
        if (b->ends_s <= now)
            continue;
        if (!ledger_decode(span_make(b->key, sizeof(b->key)), span_make(b->value, b->n), b->ends_s, &e) ||
            !ledger_add(l, &e))
            return false;
    }
    for (const struct book_checked *c = s->checked; c; c = c->next)
        if (!ledger_set_checked(l, span_make(c->gate, c->gate_n), c->through_s))
            return false;
    return true;
}

static void on_publish(void *arg)
{
    struct signin *s = arg;
    if (!s->loaded)
        return; /* a part of it is not published: what waits for it is served, and comes with the whole */
    struct ledger *l = ledger_new(s->ledger_number + 1);
    if (!l || !add_all(s, l)) {
        (void)fprintf(stderr, "tiergate: worker: no memory for what takes sessions back; again in a second\n");
        ledger_unref(l);
        s->unpublished = true;
        signin_again_soon(s);
        return;
    }
    s->unpublished = false;
    s->ledger_number++;
    for (struct receipt *r = s->receipts; r; r = r->next)
        if (r->number == 0)
            r->number = s->ledger_number;
    s->c.publish(s->c.arg, l);
}

static void publish(struct signin *s)
{
    loop_task_queue(s->c.loop, &s->publish);
}

void book_checked(struct signin *s, struct span gate, int64_t through_s)
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
    (*at)->through_s = through_s;
    publish(s);
}

/* --- entries ---------------------------------------------------------------------------------------------------------- */

static struct book_entry **find(struct signin *s, struct span key)
{
    struct book_entry **at = &s->book;
    while (*at && !span_eq(span_make((*at)->key, sizeof((*at)->key)), key))
        at = &(*at)->next;
    return at;
}

static bool keep(struct signin *s, struct span key, struct span value, int64_t ends_s)
{
    struct book_entry *b = malloc(sizeof(*b) + value.n);
    if (!b || key.n != sizeof(b->key)) {
        free(b);
        return false;
    }
    struct book_entry **at = find(s, key), *old = *at;
    memcpy(b->key, key.p, key.n);
    b->ends_s = ends_s;
    b->n = value.n;
    memcpy(b->value, value.p, value.n);
    b->next = old ? old->next : NULL;
    *at = b;
    free(old);
    return true;
}

void book_put(struct signin *s, const struct ledger_entry *e,
              void (*on_done)(void *arg, bool ok, uint32_t ended, const char *detail), void *arg)
{
    uint8_t key[LEDGER_KEY], value[VALUE_MAX];
    size_t key_n, n;
    struct receipt *r = calloc(1, sizeof(*r));
    if (!r || !ledger_encode(e, key, &key_n, value, sizeof(value), &n) ||
        !keep(s, span_make(key, key_n), span_make(value, n), e->ends_s)) {
        free(r);
        if (on_done)
            on_done(arg, false, 0, "out of memory, or a name that is too long");
        return;
    }
    *r = (struct receipt){.next = s->receipts, .signin = s, .on_done = on_done, .arg = arg};
    s->receipts = r;
    publish(s);
    if (s->c.store)
        store_put(s->c.store, STORE_REVOKED, span_make(key, key_n), span_make(value, n), e->ends_s, on_stored, r);
    else
        on_stored(r, &(struct store_reply){.outcome = STORE_FAILED});
}

/* --- reading ---------------------------------------------------------------------------------------------------------- */

/* What was put while the store was being read is newer than what it read. */
static bool is_older(struct signin *s, struct span key, const struct ledger_entry *e)
{
    const struct book_entry *have = *find(s, key);
    struct ledger_entry is;
    return have && ledger_decode(key, span_make(have->value, have->n), have->ends_s, &is) && e->at_s < is.at_s;
}

static void on_entry(void *arg, struct span key, struct span value, int64_t ends_s)
{
    struct signin *s = arg;
    struct ledger_entry e;
    if (!ledger_decode(key, value, ends_s, &e))
        s->read_badly = true;
    else if (!is_older(s, key, &e) && !keep(s, key, value, ends_s))
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
    s->loaded = true;
    publish(s);
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
        publish(s);
        return;
    }
    s->reading = true;
    s->read_badly = false;
    store_list(s->c.store, STORE_REVOKED, on_entry, on_read, s);
}

/* --- life ------------------------------------------------------------------------------------------------------------- */

void book_init(struct signin *s)
{
    loop_task_init(&s->publish, on_publish, s);
}

void book_tidy(struct signin *s)
{
    int64_t now = clock_wall_s();
    for (struct book_entry **at = &s->book; *at;) {
        struct book_entry *b = *at;
        if (b->ends_s > now) {
            at = &b->next;
            continue;
        }
        *at = b->next;
        free(b);
    }
    if (s->read_again && !s->reading)
        book_load(s);
    if (s->unpublished)
        publish(s);
}

void book_free(struct signin *s)
{
    if (loop_task_is_queued(&s->publish))
        loop_task_cancel(&s->publish);
    for (struct book_entry *b = s->book, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    for (struct book_checked *c = s->checked, *next; c; c = next) {
        next = c->next;
        free(c);
    }
    for (struct receipt *r = s->receipts, *next; r; r = next) {
        next = r->next;
        free(r);
    }
}
