/* Any bytes as a session token. The first byte chooses: 0: raw bytes, which no key has signed; 1: a payload that the harness
 * signs, so that the reader behind the MAC is reached; 2: a good token in which some bits are changed; else the text as it
 * is. What is genuine is exactly what would be made for that session, and nothing that was not signed is. */
#include "base/crypto/base64.h"
#include "base/crypto/mac.h"
#include "gate/token.h"
#include "must.h"

#define RAW_MAX 2000

static const struct basic_user users[] = {{.name = {(const uint8_t *)"u", 1}, .fingerprint = {1}},
                                          {.name = {(const uint8_t *)"user2", 5}, .fingerprint = {2}}};
static const struct basic_config basic = {.users = users, .user_count = 2};
static const struct gate_config gate = {
    .name = SPAN("g"),
    .basic = (struct basic_config *)(uintptr_t)&basic, /* only read */
    .session = {.cookie = SPAN("c"), .lifetime_s = 1000, .keys = {{.id = {0}, .key = {7}}}, .key_count = 1}};
static const struct circle circle = {CIRCLE_HOST, SPAN("h")};

static bool is_genuine(struct span text, struct session *s)
{
    bool genuine = token_is_genuine(&gate, &circle, text, s);
    struct session live;
    int64_t now = genuine ? s->issued : 0;
    MUST(token_verify(&gate, &circle, text, now, &live) == (genuine && session_is_live(&gate.session, s, now)));
    return genuine;
}

/* Where the subject stands in a payload of ours: the only one of the names that may vary. */
static const struct basic_user *user_of(struct span payload)
{
    static const size_t fixed = 1 + 4 + 8 + 8 + 1 + 1;
    for (size_t i = 0; i < basic.user_count; i++) {
        struct span name = users[i].name;
        size_t at = fixed + 1 + gate.name.n;
        if (payload.n > at + name.n && payload.p[at] == name.n && memcmp(payload.p + at + 1, name.p, name.n) == 0)
            return &users[i];
    }
    return &users[0];
}

/* Its text as the server that has the key would write it; returns the length. */
static size_t sign(struct span payload, char *text)
{
    uint8_t raw[RAW_MAX + MAC_SIZE];
    struct mac *m = mac_new(span_make(gate.session.keys[0].key, sizeof gate.session.keys[0].key));
    struct span fingerprint = span_make(user_of(payload)->fingerprint, sizeof users[0].fingerprint);
    MUST(m && payload.n <= RAW_MAX);
    memcpy(raw, payload.p, payload.n);
    MUST(res_ok(mac_sum(m, (const struct span[]){payload, fingerprint}, 2, raw + payload.n)));
    mac_free(m);
    return base64url_encode(span_make(raw, payload.n + MAC_SIZE), text);
}

static void check_signed(struct span payload)
{
    char text[BASE64_SIZE(RAW_MAX + MAC_SIZE)], again[TOKEN_TEXT_MAX];
    struct session s;
    size_t n = sign(payload, text);
    if (!is_genuine(span_make(text, n), &s))
        return;
    MUST(s.user == user_of(payload));
    if (s.issued < 0 || s.active < 0) /* out of range on the wire: never live, and not made */
        return;
    size_t again_n = token_make(&gate, &circle, &s, again);
    MUST(span_eq(span_make(again, again_n), span_make(text, n)));
}

/* data: which user, times, then pairs of a place and the bits to change there. */
static void check_altered(struct span data)
{
    char text[TOKEN_TEXT_MAX], good[TOKEN_TEXT_MAX];
    if (data.n < 3)
        return;
    struct session s = {.user = &users[data.p[0] & 1], .issued = data.p[1], .active = data.p[1] + data.p[2]}, out;
    size_t n = token_make(&gate, &circle, &s, good);
    MUST(n > 0 && is_genuine(span_make(good, n), &out));
    MUST(out.user == s.user && out.issued == s.issued && out.active == s.active);
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
