/* gates{}.service_tokens */
#include "config/build.h"

#include "base/hex.h"
#include "config/syntax.h"

#include <stdlib.h>

#define HASH_BYTES 32
#define HASHES_MAX 4
#define ID_MAX 128

static const struct key keys[] = {
    KEY(struct raw_service_token, id, KEY_SECRET, .plain = true, .depends = true),
    KEY(struct raw_service_token, hash, KEY_SECRETS, .plain = true, .required = true),
};

const struct section section_service_token = SECTION(struct raw_service_token, keys);

/* --- hashes ------------------------------------------------------------------------------------------------------- */

/* "sha256:" and 64 hex digits. */
static bool parse_hash(struct span s, uint8_t out[HASH_BYTES])
{
    return span_has_prefix(s, SPAN("sha256:")) && hex_take(span_from(s, 7), out, HASH_BYTES);
}

static struct span read_hash(struct build *b, const struct secret_field *f, struct span name)
{
    uint8_t hash[HASH_BYTES];

    if (!f->v.n)
        return build_unusable_secret(b); /* a random one, of the same size: no secret is known that fits */
    if (parse_hash(f->v, hash))
        return build_secret(b, span_make(hash, sizeof(hash)));
    place_error(b->d, f->f.at,
                "is not the hash of a secret (\"sha256:\" and 64 hex digits): `tiergate token new %.*s` makes a secret "
                "for the caller and the hash that belongs here",
                SHOW(name));
    return build_unusable_secret(b);
}

static void read_hashes(struct build *b, const struct raw_service_token *raw, struct service_token *t)
{
    const struct secrets_field *list = &raw->hash;
    struct span *hashes = build_alloc(b, list->n, sizeof(*hashes));

    if (!hashes || !list->v)
        return;
    if (!list->n || list->n > HASHES_MAX)
        place_error(b->d, list->f.at, "takes 1 to %d hashes, the newest first", HASHES_MAX);
    for (size_t i = 0; i < list->n; i++) {
        hashes[i] = read_hash(b, &list->v[i], t->name);
        for (size_t k = 0; k < i; k++) {
            if (span_eq(hashes[i], hashes[k]))
                place_error(b->d, list->v[i].f.at, "the same hash as [%zu]: remove one", k);
        }
    }
    t->hashes = hashes;
    t->hash_count = list->n;
}

/* --- the whole ---------------------------------------------------------------------------------------------------- */

static void read_id(struct build *b, const struct raw_service_token *raw, struct service_token *t)
{
    t->client_id = t->name;
    if (!raw->id.f.given || raw->id.f.bad)
        return;
    t->client_id = raw->id.v.n ? build_copy(b, raw->id.v) : build_unusable_secret(b);
    if (raw->id.v.n && !syntax_is_visible(raw->id.v, ID_MAX))
        place_error(b->d, raw->id.f.at,
                    "the id is sent in a header: printable ASCII without spaces, 1 to %d characters", ID_MAX);
}

static bool share_a_hash(const struct service_token *x, const struct service_token *y)
{
    for (size_t i = 0; i < x->hash_count; i++) {
        for (size_t k = 0; k < y->hash_count; k++) {
            if (span_eq(x->hashes[i], y->hashes[k]))
                return true;
        }
    }
    return false;
}

static void check_apart(struct build *b, const struct raw_service_token *raw, const struct service_token *all, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < i; k++) {
            if (span_eq(all[i].client_id, all[k].client_id))
                place_error(b->d, raw[i].e.at, "has the same id as service token %.*s: callers are told apart by it",
                            SHOW(all[k].name));
            if (share_a_hash(&all[i], &all[k]))
                place_warning(b->d, raw[i].e.at,
                              "has the same secret as service token %.*s: who has one of both has the other, too",
                              SHOW(all[k].name));
        }
    }
}

static int by_name(const void *a, const void *b)
{
    return span_cmp(((const struct service_token *)a)->name, ((const struct service_token *)b)->name);
}

void build_service_tokens(struct build *b, const struct build_gate *g, struct gate_config *gate)
{
    const struct objects_field *map = &g->raw->service_tokens;
    const struct raw_service_token *raw = map->v;
    struct service_token *all = build_alloc(b, map->n, sizeof(*all));

    build_check_names(b, map, sizeof(*raw), "a service token");
    for (size_t i = 0; all && i < map->n; i++) {
        all[i].name = raw[i].e.name.v;
        read_id(b, &raw[i], &all[i]);
        read_hashes(b, &raw[i], &all[i]);
    }
    if (!all || b->failed)
        return;
    check_apart(b, raw, all, map->n);
    qsort(all, map->n, sizeof(*all), by_name);
    gate->tokens = all;
    gate->token_count = map->n;
    gate->token_in_authorization = g->raw->service_token_header.f.given;
    if (map->v && !map->n)
        place_error(b->d, map->f.at, "holds no token: write \"service_tokens\": {\"name\": \"env:NAME_HASH\"}");
    if (gate->token_in_authorization && !map->f.given)
        place_error(b->d, g->raw->service_token_header.f.at, "does nothing without \"service_tokens\"");
}
