#include "http/headers.h"

#include "http/bytes.h"

#define NAME(literal)                                                                                                  \
    {                                                                                                                  \
        (const uint8_t *)(literal), sizeof(literal) - 1                                                                \
    }

static const struct span names[HEADER_IDS] = {
    [H_ACCEPT] = NAME("accept"),
    [H_ACCESS_CONTROL_ALLOW_CREDENTIALS] = NAME("access-control-allow-credentials"),
    [H_ACCESS_CONTROL_ALLOW_ORIGIN] = NAME("access-control-allow-origin"),
    [H_ACCESS_CONTROL_REQUEST_HEADERS] = NAME("access-control-request-headers"),
    [H_ACCESS_CONTROL_REQUEST_METHOD] = NAME("access-control-request-method"),
    [H_AUTHORIZATION] = NAME("authorization"),
    [H_CACHE_CONTROL] = NAME("cache-control"),
    [H_CDN_CACHE_CONTROL] = NAME("cdn-cache-control"),
    [H_CF_CONNECTING_IP] = NAME("cf-connecting-ip"),
    [H_CONNECTION] = NAME("connection"),
    [H_CONTENT_LENGTH] = NAME("content-length"),
    [H_CONTENT_LOCATION] = NAME("content-location"),
    [H_CONTENT_TYPE] = NAME("content-type"),
    [H_COOKIE] = NAME("cookie"),
    [H_DATE] = NAME("date"),
    [H_EXPECT] = NAME("expect"),
    [H_EXPIRES] = NAME("expires"),
    [H_FLY_CLIENT_IP] = NAME("fly-client-ip"),
    [H_FORWARDED] = NAME("forwarded"),
    [H_HOST] = NAME("host"),
    [H_HTTP2_SETTINGS] = NAME("http2-settings"),
    [H_IF_RANGE] = NAME("if-range"),
    [H_KEEP_ALIVE] = NAME("keep-alive"),
    [H_LOCATION] = NAME("location"),
    [H_ORIGIN] = NAME("origin"),
    [H_PROXY_AUTHENTICATE] = NAME("proxy-authenticate"),
    [H_PROXY_AUTHORIZATION] = NAME("proxy-authorization"),
    [H_PROXY_CONNECTION] = NAME("proxy-connection"),
    [H_RANGE] = NAME("range"),
    [H_REFERER] = NAME("referer"),
    [H_REFRESH] = NAME("refresh"),
    [H_SEC_FETCH_DEST] = NAME("sec-fetch-dest"),
    [H_SEC_FETCH_MODE] = NAME("sec-fetch-mode"),
    [H_SEC_FETCH_SITE] = NAME("sec-fetch-site"),
    [H_SEC_WEBSOCKET_ACCEPT] = NAME("sec-websocket-accept"),
    [H_SEC_WEBSOCKET_KEY] = NAME("sec-websocket-key"),
    [H_SEC_WEBSOCKET_VERSION] = NAME("sec-websocket-version"),
    [H_SERVER] = NAME("server"),
    [H_SET_COOKIE] = NAME("set-cookie"),
    [H_SURROGATE_CONTROL] = NAME("surrogate-control"),
    [H_TE] = NAME("te"),
    [H_TIERGATE] = NAME("tiergate"),
    [H_TIERGATE_AUTHORIZATION] = NAME("tiergate-authorization"),
    [H_TRACEPARENT] = NAME("traceparent"),
    [H_TRAILER] = NAME("trailer"),
    [H_TRANSFER_ENCODING] = NAME("transfer-encoding"),
    [H_TRUE_CLIENT_IP] = NAME("true-client-ip"),
    [H_UPGRADE] = NAME("upgrade"),
    [H_USER_AGENT] = NAME("user-agent"),
    [H_VARY] = NAME("vary"),
    [H_WWW_AUTHENTICATE] = NAME("www-authenticate"),
    [H_X_FORWARDED_FOR] = NAME("x-forwarded-for"),
    [H_X_REQUESTED_WITH] = NAME("x-requested-with"),
    [H_X_ROBOTS_TAG] = NAME("x-robots-tag"),
    [H_CF_ACCESS_CLIENT_ID] = NAME("cf-access-client-id"),
    [H_CF_ACCESS_CLIENT_SECRET] = NAME("cf-access-client-secret"),
};

/* The ids of each length of name, so that a look-up compares few names and an unknown one mostly none in full. */
#define NAME_MAX_BYTES 32
#define NAMES_PER_LENGTH 6
static const uint8_t by_length[NAME_MAX_BYTES + 1][NAMES_PER_LENGTH] = {
    [2] = {H_TE},
    [4] = {H_DATE, H_HOST, H_VARY},
    [5] = {H_RANGE},
    [6] = {H_ACCEPT, H_COOKIE, H_EXPECT, H_ORIGIN, H_SERVER},
    [7] = {H_EXPIRES, H_REFERER, H_REFRESH, H_TRAILER, H_UPGRADE},
    [8] = {H_IF_RANGE, H_LOCATION, H_TIERGATE},
    [9] = {H_FORWARDED},
    [10] = {H_CONNECTION, H_KEEP_ALIVE, H_SET_COOKIE, H_USER_AGENT},
    [11] = {H_TRACEPARENT},
    [12] = {H_CONTENT_TYPE, H_X_ROBOTS_TAG},
    [13] = {H_AUTHORIZATION, H_CACHE_CONTROL, H_FLY_CLIENT_IP},
    [14] = {H_CONTENT_LENGTH, H_HTTP2_SETTINGS, H_SEC_FETCH_DEST, H_SEC_FETCH_MODE, H_SEC_FETCH_SITE, H_TRUE_CLIENT_IP},
    [15] = {H_X_FORWARDED_FOR},
    [16] = {H_CF_CONNECTING_IP, H_CONTENT_LOCATION, H_PROXY_CONNECTION, H_WWW_AUTHENTICATE, H_X_REQUESTED_WITH},
    [17] = {H_CDN_CACHE_CONTROL, H_SEC_WEBSOCKET_KEY, H_SURROGATE_CONTROL, H_TRANSFER_ENCODING},
    [18] = {H_PROXY_AUTHENTICATE},
    [19] = {H_PROXY_AUTHORIZATION, H_CF_ACCESS_CLIENT_ID},
    [20] = {H_SEC_WEBSOCKET_ACCEPT},
    [21] = {H_SEC_WEBSOCKET_VERSION},
    [22] = {H_TIERGATE_AUTHORIZATION},
    [23] = {H_CF_ACCESS_CLIENT_SECRET},
    [27] = {H_ACCESS_CONTROL_ALLOW_ORIGIN},
    [29] = {H_ACCESS_CONTROL_REQUEST_METHOD},
    [30] = {H_ACCESS_CONTROL_REQUEST_HEADERS},
    [32] = {H_ACCESS_CONTROL_ALLOW_CREDENTIALS},
};

_Static_assert(HEADER_IDS <= 64, "struct headers.seen has one bit per id");

/* Both of one length. Names of one length mostly end in different letters. */
static bool name_fits(struct span received, struct span known)
{
    return ascii_lower(received.p[known.n - 1]) == known.p[known.n - 1] && span_eq_nocase(received, known);
}

enum header_id header_id_of(struct span name)
{
    if (name.n > NAME_MAX_BYTES || name.n == 0)
        return H_OTHER;
    const uint8_t *ids = by_length[name.n];
    for (size_t i = 0; i < NAMES_PER_LENGTH && ids[i] != H_OTHER; i++)
        if (name_fits(name, names[ids[i]]))
            return (enum header_id)ids[i];
    return H_OTHER;
}

struct span header_name(enum header_id id)
{
    return names[id];
}

bool headers_init(struct headers *h, struct arena *a, size_t cap)
{
    *h = (struct headers){.cap = cap};
    h->v = arena_alloc(a, cap * sizeof(*h->v));
    return h->v != NULL;
}

static bool grow(struct headers *h, struct arena *a)
{
    size_t cap = h->cap < 8 ? 16 : h->cap * 2;
    struct header *v = arena_alloc(a, cap * sizeof(*v));
    if (!v)
        return false;
    if (h->n > 0)
        memcpy(v, h->v, h->n * sizeof(*v));
    h->v = v;
    h->cap = cap;
    return true;
}

static uint64_t bit_of(enum header_id id)
{
    return UINT64_C(1) << id;
}

bool headers_add(struct headers *h, struct arena *a, struct span name, struct span value)
{
    if (h->n == h->cap && !grow(h, a))
        return false;
    enum header_id id = header_id_of(name);
    h->v[h->n++] = (struct header){.name = name, .value = value, .id = (uint16_t)id};
    h->seen |= bit_of(id);
    return true;
}

static bool is_seen(const struct headers *h, enum header_id id)
{
    return (h->seen & bit_of(id)) != 0;
}

static bool is_live(const struct header *f, enum header_id id)
{
    return f->id == id && f->drop == 0;
}

const struct header *headers_find(const struct headers *h, enum header_id id)
{
    if (!is_seen(h, id))
        return NULL;
    for (size_t i = 0; i < h->n; i++)
        if (is_live(&h->v[i], id))
            return &h->v[i];
    return NULL;
}

size_t headers_count(const struct headers *h, enum header_id id)
{
    size_t count = 0;
    for (size_t i = 0; is_seen(h, id) && i < h->n; i++)
        count += is_live(&h->v[i], id);
    return count;
}

struct span headers_only(const struct headers *h, enum header_id id)
{
    const struct header *f = headers_find(h, id);
    if (!f || headers_count(h, id) != 1)
        return SPAN_NONE;
    return f->value;
}

void headers_drop(struct headers *h, enum header_id id)
{
    for (size_t i = 0; is_seen(h, id) && i < h->n; i++)
        if (h->v[i].id == id)
            h->v[i].drop = 1;
    h->seen &= ~bit_of(id);
}

/* Only fields that no code here knows: what it knows is either hop-by-hop by itself or end-to-end, and a sender's
 * word must not take the latter away from those behind us (CVE-2024-45410). */
static void drop_nominated(struct headers *h, struct span name)
{
    if (header_id_of(name) != H_OTHER)
        return;
    for (size_t i = 0; i < h->n; i++)
        if (h->v[i].id == H_OTHER && span_eq_nocase(h->v[i].name, name))
            h->v[i].drop = 1;
}

/* Bounds the work of one message: tokens times fields. Requests with more are refused by the parser. */
#define NOMINATIONS_MAX 64

static void drop_connection_options(struct headers *h)
{
    size_t left = NOMINATIONS_MAX;
    for (size_t i = 0; i < h->n; i++) {
        if (!is_live(&h->v[i], H_CONNECTION))
            continue;
        struct span rest = h->v[i].value, item;
        while (rest.n > 0 && left > 0) {
            span_cut(rest, ',', &item, &rest);
            item = span_trim(item);
            if (item.n > 0) {
                drop_nominated(h, item);
                left--;
            }
        }
    }
}

void headers_drop_hop_by_hop(struct headers *h)
{
    static const uint8_t hop_by_hop[] = {
        H_CONNECTION,     H_KEEP_ALIVE,         H_PROXY_CONNECTION,    H_TE, H_TRAILER, H_TRANSFER_ENCODING, H_UPGRADE,
        H_HTTP2_SETTINGS, H_PROXY_AUTHENTICATE, H_PROXY_AUTHORIZATION,
    };
    if (is_seen(h, H_CONNECTION))
        drop_connection_options(h);
    for (size_t i = 0; i < sizeof(hop_by_hop); i++)
        if (is_seen(h, hop_by_hop[i]))
            headers_drop(h, hop_by_hop[i]);
}

static bool list_has(struct span list, struct span token)
{
    struct span item;
    while (list.n > 0) {
        span_cut(list, ',', &item, &list);
        if (span_eq_nocase(span_trim(item), token))
            return true;
    }
    return false;
}

bool headers_has_token(const struct headers *h, enum header_id id, struct span token)
{
    for (size_t i = 0; is_seen(h, id) && i < h->n; i++)
        if (is_live(&h->v[i], id) && list_has(h->v[i].value, token))
            return true;
    return false;
}

static uint8_t alias_fold(uint8_t c)
{
    return byte_is(c, BYTE_ALIAS) ? '-' : ascii_lower(c);
}

bool header_name_alias(struct span received, struct span canonical)
{
    if (received.n != canonical.n)
        return false;
    for (size_t i = 0; i < received.n; i++)
        if (alias_fold(received.p[i]) != alias_fold(canonical.p[i]))
            return false;
    return true;
}

bool http_is_token(struct span s)
{
    return s.n > 0 && bytes_run(s, BYTE_TOKEN) == s.n;
}
