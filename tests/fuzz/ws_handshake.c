/* Any bytes as one side of a WebSocket handshake ('Q' first: a request, else the origin's answer). What is taken is what a
 * plain reading of RFC 6455 §4 takes, an answer to another key is none, and what goes on is taken again. */
#include <openssl/evp.h>

#include "h1.h"
#include "http/ws.h"

#define KEY SPAN("dGhlIHNhbXBsZSBub25jZQ==")
#define KEY_TEXT 24

static const struct h1_limits limits = {32768, 100}, wider = {65536, 110};

/* --- the other reading: names and values alone -------------------------------------------------------------------- */

/* How many fields of that name; *last is the value of the last one. */
static size_t count(const struct headers *h, const char *name, struct span *last)
{
    size_t n = 0;
    for (size_t i = 0; i < h->n; i++) {
        if (!span_eq_nocase(h->v[i].name, span_of(name)))
            continue;
        *last = h->v[i].value;
        n++;
    }
    return n;
}

static bool lists_upgrade(struct span list)
{
    struct span item, rest;
    bool more = true;
    while (more) {
        more = span_cut(list, ',', &item, &rest);
        if (span_eq_nocase(span_trim(more ? item : list), SPAN("upgrade")))
            return true;
        list = rest;
    }
    return false;
}

static bool switches(const struct headers *h)
{
    struct span upgrade;
    bool connection = false;
    for (size_t i = 0; i < h->n; i++)
        connection |= span_eq_nocase(h->v[i].name, SPAN("connection")) && lists_upgrade(h->v[i].value);
    return connection && count(h, "upgrade", &upgrade) == 1 && span_eq_nocase(upgrade, SPAN("websocket"));
}

/* OpenSSL's base64 takes more than we do, so this holds one way only: what we take decodes to 16 bytes. */
static bool is_key(struct span key)
{
    uint8_t out[KEY_TEXT + 1];
    return key.n == KEY_TEXT && EVP_DecodeBlock(out, key.p, KEY_TEXT) == 18 && key.p[22] == '=' && key.p[23] == '=';
}

static bool answers(struct span key, struct span accept)
{
    uint8_t text[KEY_TEXT + 36], digest[EVP_MAX_MD_SIZE], out[2 * EVP_MAX_MD_SIZE];
    MUST(key.n == KEY_TEXT);
    memcpy(text, key.p, KEY_TEXT);
    memcpy(text + KEY_TEXT, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11", 36);
    MUST(EVP_Digest(text, sizeof text, digest, NULL, EVP_sha1(), NULL) == 1);
    int n = EVP_EncodeBlock(out, digest, 20);
    return n == WS_ACCEPT && span_eq(accept, span_make(out, WS_ACCEPT));
}

/* --- requests ----------------------------------------------------------------------------------------------------- */

static bool is_handshake(const struct http_request *r)
{
    struct span key, version;
    return span_eq(r->method_name, SPAN("GET")) && r->version == HTTP_1_1 && r->body == BODY_NONE &&
           switches(&r->headers) && count(&r->headers, "sec-websocket-version", &version) == 1 &&
           span_eq(version, SPAN("13")) && count(&r->headers, "sec-websocket-key", &key) == 1 && is_key(key);
}

/* What the origin gets is a handshake with the same key. */
static void check_forwarded(struct memory *m, struct http_request *r)
{
    struct chunkq q;
    struct http_request again;
    struct h1_error err;
    struct span key = headers_only(&r->headers, H_SEC_WEBSOCKET_KEY);
    chunkq_init(&q, &m->chunks);
    headers_drop_hop_by_hop(&r->headers);
    /* One that Connection names is gone, and no handshake is left: the edge has no other way to write it. */
    if (!headers_find(&r->headers, H_SEC_WEBSOCKET_KEY) || !headers_find(&r->headers, H_SEC_WEBSOCKET_VERSION))
        return;
    MUST(h1_write_request(&q, r, SPAN("origin.test"), NULL, SPAN("upgrade")));
    MUST(h1_parse_request(take_bytes(m, &q), &wider, &m->arena, &again, &err));
    MUST(again.websocket && ws_request_ok(&again) && is_handshake(&again));
    MUST(span_eq(headers_only(&again.headers, H_SEC_WEBSOCKET_KEY), key));
}

/* Our answer to it is one, and none to a key that differs in one place. */
static void check_answer(struct memory *m, struct span key)
{
    char accept[WS_ACCEPT];
    uint8_t other[KEY_TEXT];
    struct http_response answer = {.status = 101, .version = HTTP_1_1};
    MUST(ws_accept(key, accept) && answers(key, span_make(accept, sizeof accept)));
    MUST(headers_init(&answer.headers, &m->arena, 4));
    MUST(headers_add(&answer.headers, &m->arena, SPAN("Upgrade"), SPAN("websocket")));
    MUST(headers_add(&answer.headers, &m->arena, SPAN("Connection"), SPAN("Upgrade")));
    MUST(headers_add(&answer.headers, &m->arena, SPAN("Sec-WebSocket-Accept"), span_make(accept, sizeof accept)));
    MUST(ws_response_ok(&answer, key));
    for (size_t i = 0; i < KEY_TEXT; i++) {
        memcpy(other, key.p, KEY_TEXT);
        other[i] = other[i] == 'A' ? 'B' : 'A';
        MUST(!ws_response_ok(&answer, span_make(other, KEY_TEXT)));
    }
}

static void check_request(struct memory *m, struct span head)
{
    struct http_request r;
    struct h1_error err;
    if (!h1_parse_request(head, &limits, &m->arena, &r, &err))
        return;
    bool ok = ws_request_ok(&r);
    MUST(ok == r.websocket);
    MUST(!ok || is_handshake(&r));
    if (!ok)
        return;
    struct span key = headers_only(&r.headers, H_SEC_WEBSOCKET_KEY);
    check_answer(m, key);
    check_forwarded(m, &r);
}

/* --- answers ------------------------------------------------------------------------------------------------------ */

static bool is_answer(const struct http_response *r, struct span key)
{
    struct span accept;
    return r->status == 101 && switches(&r->headers) && count(&r->headers, "sec-websocket-accept", &accept) == 1 &&
           answers(key, accept);
}

static void check_response(struct memory *m, struct span head)
{
    const struct span other = SPAN("AGhlIHNhbXBsZSBub25jZQ==");
    struct http_response r;
    struct h1_error err;
    if (!h1_parse_response(head, &limits, M_GET, &m->arena, &r, &err))
        return;
    bool one = ws_response_ok(&r, KEY), two = ws_response_ok(&r, other);
    MUST(one == is_answer(&r, KEY) && two == is_answer(&r, other) && !(one && two));
    MUST(!ws_response_ok(&r, SPAN_NONE));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct memory m;
    if (size == 0)
        return 0;
    memory_init(&m);
    struct span head = arena_copy(&m.arena, span_make(data + 1, size - 1));
    if (data[0] == 'Q')
        check_request(&m, head);
    else
        check_response(&m, head);
    memory_fini(&m);
    return 0;
}
