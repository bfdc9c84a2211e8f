#include "gate/signin/issuer.h"

#include "base/clock.h"

#include <stdlib.h>

#define URL_MAX 512
#define ISSUERS_MAX 16u
#define KID_MAX 256
#define FETCH_MS 5000u

struct waiting {
    struct waiting *next;
    struct signin_call *call; /* borrows */
    issuer_done done;
    size_t kid_n;
    char kid[KID_MAX];
};

struct issuer {
    struct issuer *next;
    struct signin *service; /* back */
    struct jwks *keys;      /* owns; NULL: never fetched */
    int64_t fetched_s;      /* when `keys` came; 0: there are none */
    int64_t failed_s;       /* the last attempt that failed; 0: none since */
    int64_t unknown_s;      /* the last one for the sake of an unknown name */
    struct fetch *fetch;    /* under way */
    struct waiting *waiting;
    unsigned waiting_n;
    size_t url_n;
    uint8_t url[];
};

/* --- answers ---------------------------------------------------------------------------------------------------------- */

static void answer(const struct issuer *i, struct signin_call *c, struct span kid, issuer_done done)
{
    const struct rsa_key *key = i->keys ? jwks_find(i->keys, kid) : NULL;
    if (key)
        done(c, ISSUER_KEY, key);
    else
        done(c, i->keys ? ISSUER_UNKNOWN : ISSUER_UNREACHABLE, NULL);
}

static void answer_all(struct issuer *i)
{
    struct waiting *w = i->waiting;
    i->waiting = NULL;
    i->waiting_n = 0;
    for (struct waiting *next; w; w = next) {
        next = w->next;
        answer(i, w->call, span_make(w->kid, w->kid_n), w->done);
        free(w);
    }
}

/* --- fetching --------------------------------------------------------------------------------------------------------- */

static void drop_keys(struct issuer *i)
{
    jwks_free(i->keys);
    i->keys = NULL;
    i->fetched_s = 0;
}

/* A set without any key of ours is no answer: it would only hide the last good one. */
static struct jwks *keys_of(const struct fetch_reply *r)
{
    struct jwks *keys = r->error == FETCH_OK && r->status == 200 ? jwks_parse(r->body) : NULL;
    if (keys && jwks_count(keys) > 0)
        return keys;
    jwks_free(keys);
    return NULL;
}

static void on_fetched(void *arg, const struct fetch_reply *r)
{
    struct issuer *i = arg;
    struct jwks *keys = keys_of(r);
    int64_t now = clock_wall_s();
    i->fetch = NULL;
    i->failed_s = keys ? 0 : now;
    if (keys) {
        drop_keys(i);
        i->keys = keys;
        i->fetched_s = now;
    }
    answer_all(i);
}

static bool start(struct issuer *i)
{
    static const struct fetch_field fields[] = {{SPAN("Accept"), SPAN("application/json")}};
    const struct fetch_request q = {.method = "GET",
                                    .url = span_make(i->url, i->url_n),
                                    .timeout_ms = FETCH_MS,
                                    .fields = fields,
                                    .field_count = 1};
    if (i->fetch)
        return true;
    if (!i->service->c.fetcher)
        return false;
    i->fetch = fetch_start(i->service->c.fetcher, &q, on_fetched, i);
    return i->fetch;
}

/* The clock may be set back: what lies ahead is as old as anything. */
static bool is_older(int64_t then, int64_t now, int64_t span_s)
{
    return now - then >= span_s || then > now;
}

static bool wants_fetch(struct issuer *i, struct span kid, int64_t now)
{
    if (is_older(i->fetched_s, now, ISSUER_STALE_S))
        drop_keys(i);
    if (i->fetch)
        return true;
    if (!is_older(i->failed_s, now, ISSUER_RETRY_S))
        return false;
    if (is_older(i->fetched_s, now, ISSUER_FRESH_S)) /* or there are none */
        return true;
    if (jwks_find(i->keys, kid) || !is_older(i->unknown_s, now, ISSUER_UNKNOWN_S))
        return false;
    i->unknown_s = now;
    return true;
}

static bool wait(struct issuer *i, struct signin_call *c, struct span kid, issuer_done done)
{
    struct waiting *w = i->waiting_n < ISSUER_WAITING_MAX && kid.n <= KID_MAX ? calloc(1, sizeof(*w)) : NULL;
    if (!w)
        return false;
    *w = (struct waiting){.next = i->waiting, .call = c, .done = done, .kid_n = kid.n};
    memcpy(w->kid, kid.p, kid.n);
    i->waiting = w;
    i->waiting_n++;
    return true;
}

/* --- who there is ----------------------------------------------------------------------------------------------------- */

static struct issuer *add(struct signin *s, struct span url)
{
    struct issuer *i = calloc(1, sizeof(*i) + url.n);
    if (!i)
        return NULL;
    i->service = s;
    memcpy(i->url, url.p, url.n);
    i->url_n = url.n;
    i->next = s->issuers;
    s->issuers = i;
    return i;
}

/* They come from the rules files alone; those of older ones stay, up to a bound. */
static struct issuer *find(struct signin *s, struct span url)
{
    unsigned n = 0;
    for (struct issuer *i = s->issuers; i; i = i->next, n++)
        if (span_eq(span_make(i->url, i->url_n), url))
            return i;
    return n < ISSUERS_MAX ? add(s, url) : NULL;
}

static struct span url_of(struct span issuer, char room[URL_MAX])
{
    static const char path[] = "/.well-known/jwks";
    if (issuer.n == 0 || issuer.n + sizeof(path) > URL_MAX)
        return SPAN_NONE;
    bool ends_in_slash = issuer.p[issuer.n - 1] == '/';
    memcpy(room, issuer.p, issuer.n);
    memcpy(room + issuer.n, path + ends_in_slash, sizeof(path) - 1 - ends_in_slash);
    return span_make(room, issuer.n + sizeof(path) - 1 - ends_in_slash);
}

void issuer_key(struct signin *s, struct signin_call *c, struct span issuer, struct span kid, issuer_done done)
{
    char room[URL_MAX];
    struct span url = url_of(issuer, room);
    struct issuer *i = url.n ? find(s, url) : NULL;
    if (!i) {
        done(c, ISSUER_UNREACHABLE, NULL);
        return;
    }
    /* Whoever has a key that is known need not wait for newer ones. */
    bool fetches = wants_fetch(i, kid, clock_wall_s()) && start(i);
    if ((i->keys && jwks_find(i->keys, kid)) || !fetches || !wait(i, c, kid, done))
        answer(i, c, kid, done);
}

static void free_one(struct issuer *i)
{
    if (i->fetch)
        fetch_cancel(i->fetch);
    for (struct waiting *w = i->waiting, *next; w; w = next) {
        next = w->next;
        free(w);
    }
    jwks_free(i->keys);
    free(i);
}

void issuers_free(struct signin *s)
{
    for (struct issuer *i = s->issuers, *next; i; i = next) {
        next = i->next;
        free_one(i);
    }
    s->issuers = NULL;
}
