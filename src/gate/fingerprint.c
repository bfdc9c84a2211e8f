#include "gate/fingerprint.h"

#include "base/count.h"
#include "gate/basic.h"

#include <stdlib.h>

#define NAME_MAX_BYTES 128

struct mac *fingerprint_mac(void)
{
    return mac_new(SPAN("tiergate credential fingerprint v1"));
}

struct res fingerprint_make(struct mac *m, const struct span *parts, size_t count, uint8_t out[16])
{
    uint8_t sum[MAC_SIZE] = {0};
    struct res r = mac_sum(m, parts, count, sum);
    memcpy(out, sum, 16);
    wipe(sum, sizeof(sum));
    return r;
}

/* --- service tokens ----------------------------------------------------------------------------------------------- */

static struct res check_token(const struct service_token *t)
{
    if (t->name.n == 0 || t->name.n > NAME_MAX_BYTES || t->client_id.n == 0)
        return res_err("a service token has a name of 1 to 128 bytes, and an id");
    for (size_t i = 0; i < t->hash_count; i++)
        if (t->hashes[i].n != 32)
            return res_err("the hash of a service token is SHA-256: 32 bytes");
    return RES_OK;
}

static struct res seal_token(struct mac *m, struct span gate, struct service_token *t, struct arena *a)
{
    struct res r = check_token(t);
    if (!res_ok(r))
        return r;
    struct span hashes = arena_join(a, t->hashes, t->hash_count);
    if (!hashes.p)
        return res_err("out of memory");
    const struct span parts[] = {SPAN("service token"), gate, t->name, hashes};
    return fingerprint_make(m, parts, COUNT(parts), t->fingerprint);
}

static bool is_twice(const struct service_token *tokens, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (span_eq(tokens[k].name, tokens[i].name) || span_eq(tokens[k].client_id, tokens[i].client_id))
            return true;
    return false;
}

static int by_name(const void *a, const void *b)
{
    const struct service_token *x = a, *y = b;
    return span_cmp(x->name, y->name);
}

static struct res seal_tokens(struct mac *m, struct gate_config *g, struct arena *a)
{
    struct service_token *tokens = arena_zalloc(a, (g->token_count + 1) * sizeof(*tokens));
    struct res r = RES_OK;
    if (!tokens)
        return res_err("out of memory");
    if (g->token_count)
        memcpy(tokens, g->tokens, g->token_count * sizeof(*tokens));
    qsort(tokens, g->token_count, sizeof(*tokens), by_name);
    for (size_t i = 0; i < g->token_count && res_ok(r); i++)
        r = is_twice(tokens, i) ? res_err("a service token is there twice") : seal_token(m, g->name, &tokens[i], a);
    g->tokens = tokens;
    return r;
}

static const struct service_token *token_find(const struct gate_config *g, struct span name)
{
    for (size_t i = 0; i < g->token_count; i++)
        if (span_eq(g->tokens[i].name, name))
            return &g->tokens[i];
    return NULL;
}

/* --- the other ways ----------------------------------------------------------------------------------------------- */

static struct res named(struct mac *m, struct gate_config *g, enum identity_way way, struct span name)
{
    const struct span parts[] = {name, g->name};
    return fingerprint_make(m, parts, COUNT(parts), g->fingerprints[way]);
}

/* The sum so far, then the list. */
static struct res add_list(struct mac *m, const struct span *list, size_t n, uint8_t sum[16])
{
    uint64_t count = n;
    const struct span head[] = {span_make(sum, 16), span_make(&count, sizeof(count))};
    struct res r = fingerprint_make(m, head, COUNT(head), sum);
    for (size_t i = 0; i < n && res_ok(r); i++) {
        const struct span parts[] = {span_make(sum, 16), list[i]};
        r = fingerprint_make(m, parts, COUNT(parts), sum);
    }
    return r;
}

/* GitHub is asked about what rules name, when somebody signs in: of a session from before it is not known whether it is one that is excepted now. */
static struct res github(struct mac *m, struct gate_config *g)
{
    const struct github_config *c = g->github;
    const struct span parts[] = {SPAN("github"), g->name, c->web, c->client_id};
    struct res r = fingerprint_make(m, parts, COUNT(parts), g->fingerprints[WAY_GITHUB]);
    return res_ok(r) ? add_list(m, c->excepted, c->excepted_count, g->fingerprints[WAY_GITHUB]) : r;
}

static struct res actions(struct mac *m, struct gate_config *g)
{
    const struct actions_config *c = g->actions;
    uint8_t *sum = g->fingerprints[WAY_ACTIONS], own = c->own_preview_only;
    const struct span parts[] = {SPAN("github actions"), g->name, c->issuer, c->audience, span_make(&own, 1)};
    struct res r = fingerprint_make(m, parts, COUNT(parts), sum);
    if (res_ok(r))
        r = add_list(m, c->repositories, c->repository_count, sum);
    if (res_ok(r))
        r = add_list(m, c->refs, c->ref_count, sum);
    return res_ok(r) ? add_list(m, c->environments, c->environment_count, sum) : r;
}

static struct res make_all(struct mac *m, struct gate_config *g, struct arena *a)
{
    struct res r = seal_tokens(m, g, a);
    if (res_ok(r) && g->github)
        r = github(m, g);
    if (res_ok(r) && g->email_pin)
        r = named(m, g, WAY_EMAIL, SPAN("email pin"));
    if (res_ok(r) && g->actions)
        r = actions(m, g);
    if (res_ok(r) && g->share_links)
        r = named(m, g, WAY_SHARE_LINK, SPAN("share link"));
    return r;
}

struct res fingerprint_ways(struct gate_config *g, struct arena *a)
{
    struct mac *m = fingerprint_mac();
    struct res r = m ? make_all(m, g, a) : res_err("out of memory");
    mac_free(m);
    return r;
}

static const uint8_t *of_user(const struct gate_config *g, struct span name)
{
    const struct basic_user *u = basic_user_find(g->basic, name);
    return u ? u->fingerprint : NULL;
}

static const uint8_t *of_token(const struct gate_config *g, struct span name)
{
    const struct service_token *t = token_find(g, name);
    return t ? t->fingerprint : NULL;
}

const uint8_t *gate_fingerprint(const struct gate_config *gate, enum identity_way way, struct span subject)
{
    if (subject.n == 0)
        return NULL;
    switch (way) {
    case WAY_BASIC:
        return of_user(gate, subject);
    case WAY_SERVICE_TOKEN:
        return of_token(gate, subject);
    case WAY_GITHUB:
        return gate->github ? gate->fingerprints[way] : NULL;
    case WAY_EMAIL:
        return gate->email_pin ? gate->fingerprints[way] : NULL;
    case WAY_ACTIONS:
        return gate->actions ? gate->fingerprints[way] : NULL;
    case WAY_SHARE_LINK:
        return gate->share_links ? gate->fingerprints[way] : NULL;
    case WAY_NONE:
    case WAY_COUNT:
        break;
    }
    return NULL;
}
