/* Any bytes as a session token. The first byte chooses: 0: raw bytes, which no key has signed; 1: a payload that the harness
 * signs, so that the reader behind the MAC is reached; 2: a good token in which some bits are changed; else the text as it
 * is. What is genuine is exactly what would be made for that session, and nothing that was not signed is. */
#include "base/crypto/base64.h"
#include "base/crypto/mac.h"
#include "gate/record.h"
#include "gate/token.h"
#include "must.h"

#define RAW_MAX 3000

static const struct basic_user users[] = {{.name = {(const uint8_t *)"u", 1}, .fingerprint = {1}},
                                          {.name = {(const uint8_t *)"user2", 5}, .fingerprint = {2}}};
static const struct basic_config basic = {.users = users, .user_count = 2};
static const struct github_config github = {.client_id = SPAN("id")};
static const struct service_token tokens[] = {{.name = SPAN("ci"), .fingerprint = {3}}};
static const struct actions_config actions = {.own_preview_only = true};
static const struct gate_config gate = {
    .name = SPAN("g"),
    .basic = (struct basic_config *)(uintptr_t)&basic, /* only read */
    .github = &github,
    .tokens = tokens,
    .token_count = 1,
    .actions = &actions,
    .share_links = true,
    .fingerprints = {[WAY_GITHUB] = {4}, [WAY_ACTIONS] = {5}, [WAY_SHARE_LINK] = {6}},
    .session = {.cookie = SPAN("c"), .lifetime_s = 1000, .keys = {{.id = {0}, .key = {7}}}, .key_count = 1}};
static const struct circle circle = {CIRCLE_DOMAIN, SPAN("d"), SPAN("h.d")};

static uint8_t room[TOKEN_RAW_MAX];

static bool is_genuine(struct span text, struct session *s)
{
    static uint8_t other[TOKEN_RAW_MAX];
    bool genuine = token_is_genuine(&gate, &circle, text, room, s);
    struct session live;
    int64_t now = genuine ? s->issued : 0;
    MUST(token_verify(&gate, &circle, text, now, other, &live) == (genuine && session_is_live(&gate.session, s, now)));
    MUST(!genuine || gate_fingerprint(&gate, s->who.way, s->who.subject));
    return genuine;
}

/* Way and subject stand in a payload of ours at these places, and say whose fingerprint it is signed with. */
static const uint8_t *fingerprint_of(struct span payload)
{
    static const size_t way_at = 1 + 4 + 16 + 24, subject_at = way_at + 2 + 2 + 1;
    const uint8_t *found = NULL;
    struct record_in in = {.rest = span_from(payload, subject_at)};
    struct span subject = record_take_span(&in);
    if (!in.bad && payload.p[way_at] < WAY_COUNT)
        found = gate_fingerprint(&gate, (enum identity_way)payload.p[way_at], subject);
    return found ? found : users[0].fingerprint;
}

/* Its text as the server that has the key would write it; returns the length. */
static size_t sign(struct span payload, char *text)
{
    uint8_t raw[RAW_MAX + MAC_SIZE];
    struct mac *m = mac_new(span_make(gate.session.keys[0].key, sizeof gate.session.keys[0].key));
    MUST(m && payload.n <= RAW_MAX);
    memcpy(raw, payload.p, payload.n);
    MUST(
        res_ok(mac_sum(m, (const struct span[]){payload, span_make(fingerprint_of(payload), 16)}, 2, raw + payload.n)));
    mac_free(m);
    return base64url_encode(span_make(raw, payload.n + MAC_SIZE), text);
}

static void check_signed(struct span payload)
{
    static char text[BASE64_SIZE(RAW_MAX + MAC_SIZE)], again[TOKEN_TEXT_MAX];
    struct session s;
    size_t n = sign(payload, text);
    if (!is_genuine(span_make(text, n), &s))
        return;
    size_t again_n = token_make(&gate, &circle, &s, again);
    MUST(span_eq(span_make(again, again_n), span_make(text, n)));
}

static struct identity identity_by(uint8_t b)
{
    static const struct identity all[] = {{.way = WAY_BASIC, .subject = SPAN("u")},
                                          {.way = WAY_BASIC, .subject = SPAN("user2")},
                                          {.way = WAY_GITHUB,
                                           .subject = SPAN("4711"),
                                           .email = SPAN("a@b.c"),
                                           .login = SPAN("l"),
                                           .groups = SPAN("o\no/t\n")},
                                          {.way = WAY_SERVICE_TOKEN, .subject = SPAN("ci")},
                                          {.way = WAY_ACTIONS, .subject = SPAN("o/r")},
                                          {.way = WAY_SHARE_LINK, .subject = SPAN("0f"), .scope = SPAN("/docs/")}};
    return all[b % (sizeof all / sizeof all[0])];
}

/* data: who, times, then pairs of a place and the bits to change there. */
static void check_altered(struct span data)
{
    char text[TOKEN_TEXT_MAX], good[TOKEN_TEXT_MAX];
    if (data.n < 3)
        return;
    struct session out, s = {.who = identity_by(data.p[0]),
                             .issued = data.p[1],
                             .active = data.p[1] + data.p[2],
                             .ends = data.p[2] & 1 ? data.p[1] + 7 : 0};
    size_t n = token_make(&gate, &circle, &s, good);
    MUST(n > 0 && is_genuine(span_make(good, n), &out));
    MUST(out.who.way == s.who.way && span_eq(out.who.subject, s.who.subject) && span_eq(out.who.scope, s.who.scope));
    MUST(span_eq(out.who.groups, s.who.groups) && span_eq(out.who.email, s.who.email));
    MUST(out.issued == s.issued && out.active == s.active && out.ends == s.ends);
    memcpy(text, good, n);
    for (size_t i = 3; i + 1 < data.n; i += 2)
        text[data.p[i] % n] = (char)(text[data.p[i] % n] ^ data.p[i + 1]);
    bool same = memcmp(text, good, n) == 0;
    MUST(is_genuine(span_make(text, n), &out) == same);
    size_t cut = data.p[2] % n;
    MUST(!is_genuine(span_make(good, cut), &out));
}

static void check_raw(struct span raw)
{
    struct session s;
    char *text = malloc(BASE64_SIZE(raw.n) + 1);
    MUST(text);
    MUST(!is_genuine(span_make(text, base64url_encode(raw, text)), &s));
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct session s;
    if (size == 0 || size > RAW_MAX)
        return 0;
    struct span rest = span_make(data + 1, size - 1);
    if (data[0] == 0)
        check_raw(rest);
    else if (data[0] == 1)
        check_signed(rest);
    else if (data[0] == 2)
        check_altered(rest);
    else
        MUST(!is_genuine(span_make(data, size), &s));
    return 0;
}
