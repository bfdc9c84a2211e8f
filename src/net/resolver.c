#include "net/resolver.h"

#include "base/hash.h"
#include "net/dns.h"

#include <stdlib.h>

#define NAMES_MAX 1024
#define BUCKETS 512
#define NAME_MAX_BYTES 253
#define TTL_MIN_S 1
#define TTL_MAX_S 300
#define NEGATIVE_MS 5000
#define STALE_MS (3600 * 1000)

struct resolver_entry {
    struct resolver_entry *next;          /* in its bucket */
    struct resolver_entry *older, *newer; /* by last use */
    struct resolver *resolver;            /* back */
    struct resolve *waiting;
    size_t users; /* questions that wait or are about to be told */
    bool asking;
    bool failing; /* the addresses are old, asking again has failed */
    const char *why;
    uint64_t fresh_until, good_until;
    struct addr addrs[RESOLVER_MAX];
    size_t count;
    char name[NAME_MAX_BYTES + 1];
};

struct resolver {
    struct loop *loop;
    struct dns *dns;
    struct hash_key key;
    struct resolver_entry *buckets[BUCKETS];
    struct resolver_entry *oldest, *newest;
    size_t count;
};

_Static_assert(RESOLVER_MAX == DNS_MAX, "an answer fits an entry");

/* --- the table ---------------------------------------------------------------------------------------------------- */

static struct resolver_entry **bucket_of(struct resolver *r, struct span name)
{
    return &r->buckets[hash_span(r->key, name) % BUCKETS];
}

static void list_remove(struct resolver *r, struct resolver_entry *e)
{
    *(e->older ? &e->older->newer : &r->oldest) = e->newer;
    *(e->newer ? &e->newer->older : &r->newest) = e->older;
}

static void list_append(struct resolver *r, struct resolver_entry *e)
{
    e->older = r->newest;
    e->newer = NULL;
    *(r->newest ? &r->newest->newer : &r->oldest) = e;
    r->newest = e;
}

static void entry_free(struct resolver *r, struct resolver_entry *e)
{
    struct resolver_entry **at = bucket_of(r, span_of(e->name));
    while (*at != e)
        at = &(*at)->next;
    *at = e->next;
    list_remove(r, e);
    r->count--;
    free(e);
}

/* False: all names are in use. */
static bool make_room(struct resolver *r)
{
    if (r->count < NAMES_MAX)
        return true;
    for (struct resolver_entry *e = r->oldest; e; e = e->newer) {
        if (e->users || e->asking)
            continue;
        entry_free(r, e);
        return true;
    }
    return false;
}

static struct resolver_entry *entry_find(struct resolver *r, struct span name)
{
    struct resolver_entry *e = *bucket_of(r, name);
    while (e && !span_eq(span_of(e->name), name))
        e = e->next;
    return e;
}

static struct resolver_entry *entry_new(struct resolver *r, struct span name)
{
    struct resolver_entry *e = make_room(r) ? calloc(1, sizeof *e) : NULL;
    if (!e)
        return NULL;
    struct resolver_entry **bucket = bucket_of(r, name);
    e->resolver = r;
    memcpy(e->name, name.p, name.n);
    e->next = *bucket;
    *bucket = e;
    list_append(r, e);
    r->count++;
    return e;
}

/* --- asking ------------------------------------------------------------------------------------------------------- */

static bool is_answerable(const struct resolver_entry *e, uint64_t now)
{
    return now < e->fresh_until || (e->failing && now < e->good_until);
}

static void wait_remove(struct resolve *q)
{
    *(q->prev ? &q->prev->next : &q->entry->waiting) = q->next;
    if (q->next)
        q->next->prev = q->prev;
    q->next = q->prev = NULL;
}

static void wait_add(struct resolver_entry *e, struct resolve *q)
{
    q->next = e->waiting;
    if (q->next)
        q->next->prev = q;
    e->waiting = q;
}

static void keep_answer(struct resolver_entry *e, const struct dns_answer *a, uint64_t now)
{
    unsigned ttl = a->ttl_s < TTL_MIN_S ? TTL_MIN_S : a->ttl_s > TTL_MAX_S ? TTL_MAX_S : a->ttl_s;
    e->fresh_until = now + NEGATIVE_MS;
    if (a->status == DNS_FAILED && e->count && now < e->good_until) {
        e->failing = true;
        return;
    }
    memcpy(e->addrs, a->addrs, a->count * sizeof a->addrs[0]);
    e->count = a->count;
    e->why = a->why;
    e->failing = false;
    e->good_until = 0;
    if (a->status == DNS_FOUND) {
        e->fresh_until = now + ttl * 1000u;
        e->good_until = e->fresh_until + STALE_MS;
    }
}

static void on_answer(void *arg, const struct dns_answer *a)
{
    struct resolver_entry *e = arg;
    e->asking = false;
    keep_answer(e, a, e->resolver->loop->now_ms);
    while (e->waiting) {
        struct resolve *q = e->waiting;
        wait_remove(q);
        loop_task_queue(e->resolver->loop, &q->task);
    }
}

/* RFC 1123 §2.1 and the underscore that people use. */
static bool is_name(struct span s)
{
    if (s.n == 0 || s.n > NAME_MAX_BYTES || s.p[0] == '.')
        return false;
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = s.p[i];
        bool ok = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
        if (!ok || (c == '.' && i > 0 && s.p[i - 1] == '.'))
            return false;
    }
    return true;
}

/* RFC 6761 §6.3: `localhost` and what is below it never leave the machine. */
static bool answer_alone(struct resolve *q, struct span name)
{
    if (addr_parse_ip(name, &q->own[0])) {
        q->own_count = 1;
        return true;
    }
    if (!span_eq(name, SPAN("localhost")) && !span_has_suffix(name, SPAN(".localhost")))
        return false;
    q->own_count = addr_parse_ip(SPAN("::1"), &q->own[0]) && addr_parse_ip(SPAN("127.0.0.1"), &q->own[1]) ? 2 : 0;
    return true;
}

static void ask_table(struct resolver *r, struct span name, struct resolve *q)
{
    struct resolver_entry *e = entry_find(r, name);
    if (!e)
        e = entry_new(r, name);
    if (!e) {
        q->why = "too many names are being resolved";
        loop_task_queue(r->loop, &q->task);
        return;
    }
    list_remove(r, e);
    list_append(r, e);
    e->users++;
    q->entry = e;
    if (!e->asking && r->loop->now_ms >= e->fresh_until) {
        e->asking = true;
        dns_ask(r->dns, e->name, on_answer, e);
    }
    if (is_answerable(e, r->loop->now_ms))
        loop_task_queue(r->loop, &q->task);
    else
        wait_add(e, q);
}

/* --- the questions ------------------------------------------------------------------------------------------------ */

/* q may be gone after the call. */
static void tell(void *arg)
{
    struct resolve *q = arg;
    struct resolver_entry *e = q->entry;
    q->entry = NULL;
    if (!e) {
        q->on_done(q->arg, q->own, q->own_count, q->why);
        return;
    }
    q->on_done(q->arg, e->addrs, e->count, e->count ? NULL : e->why);
    e->users--;
}

void resolver_start(struct resolver *r, struct span name, struct resolve *q)
{
    char lower[NAME_MAX_BYTES];
    q->resolver = r;
    q->entry = NULL;
    q->next = q->prev = NULL;
    q->own_count = 0;
    q->why = NULL;
    loop_task_init(&q->task, tell, q);
    if (name.n && name.p[name.n - 1] == '.')
        name.n--;
    size_t n = name.n < sizeof lower ? name.n : sizeof lower;
    for (size_t i = 0; i < n; i++)
        lower[i] = (char)ascii_lower(name.p[i]);
    struct span key = span_make(lower, n);
    bool is_alone = n == name.n && answer_alone(q, key);
    if (!is_alone && n == name.n && is_name(key)) {
        ask_table(r, key, q);
        return;
    }
    q->why = is_alone ? NULL : "not a host name";
    loop_task_queue(r->loop, &q->task);
}

void resolver_cancel(struct resolve *q)
{
    struct resolver_entry *e = q->entry;
    if (loop_task_is_queued(&q->task))
        loop_task_cancel(&q->task);
    else if (e)
        wait_remove(q);
    if (e)
        e->users--;
    q->entry = NULL;
}

struct resolver *resolver_new(struct loop *loop, const char *servers)
{
    struct resolver *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->loop = loop;
    r->key = hash_key_random();
    r->dns = dns_new(loop, servers);
    if (!r->dns) {
        free(r);
        return NULL;
    }
    return r;
}

void resolver_free(struct resolver *r)
{
    if (!r)
        return;
    dns_free(r->dns);
    while (r->oldest)
        entry_free(r, r->oldest);
    free(r);
}
