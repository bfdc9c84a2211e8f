/* Share links: whole, of this gate and host, in time, or nothing. */
#include "support.h"

#include "base/crypto/base64.h"
#include "base/crypto/mac.h"
#include "gate/share_link.h"

#define NOW 1800000000

static void gate_make(struct gate_fixture *f, struct arena *a, const char *name, bool links, struct span secret)
{
    fixture_init(f, name, "app.test");
    fixture_add(f, "anna", "pw", NULL);
    f->gate.share_links = links;
    fixture_seal(f, a, secret);
}

static struct share_link link_to(const char *host, const char *scope)
{
    return (struct share_link){.id = {1, 2, 0xab},
                               .made_s = NOW,
                               .ends_s = NOW + 100,
                               .host = span_of(host),
                               .scope = span_of(scope),
                               .note = SPAN("for Eve")};
}

static void test_round_trip(void **state)
{
    struct memory m;
    struct gate_fixture f;
    struct identity who;
    struct share_link in = link_to("pr-7.app.test", "/docs/"), out;
    char text[SHARE_TEXT_MAX];
    uint8_t raw[SHARE_RAW_MAX];
    memory_init(&m);
    gate_make(&f, &m.arena, "g", true, SECRET_A);
    size_t n = share_link_make(&f.gate, &in, text);
    assert_true(n > 0 && n <= SHARE_TEXT_MAX);
    assert_int_equal(share_link_open(&f.gate, in.host, span_make(text, n), NOW + 99, raw, &out), SHARE_GOOD);
    CHECK_SPAN("host", out.host, in.host);
    CHECK_SPAN("scope", out.scope, in.scope);
    CHECK_SPAN("note", out.note, in.note);
    assert_int_equal(out.made_s, in.made_s);
    assert_int_equal(out.ends_s, in.ends_s);
    assert_true(share_link_identity(&f.gate, &out, &m.arena, &who));
    assert_int_equal(who.way, WAY_SHARE_LINK);
    CHECK_SPAN("subject", who.subject, SPAN("0102ab00000000000000000000000000"));
    CHECK_SPAN("scope", who.scope, SPAN("/docs/"));
    CHECK_SPAN("gate", who.gate, SPAN("g"));
    assert_int_equal(who.proven_s, NOW);
    memory_fini(&m);
}

static const struct {
    const char *name, *gate, *host;
    bool links;
    struct span secret;
    int64_t now;
    enum share_verdict verdict;
} elsewhere[] = {
    {"the same", "g", "a.app.test", true, KEY("a"), NOW, SHARE_GOOD},
    {"another host", "g", "b.app.test", true, KEY("a"), NOW, SHARE_BAD},
    {"a host above", "g", "app.test", true, KEY("a"), NOW, SHARE_BAD},
    {"another gate", "h", "a.app.test", true, KEY("a"), NOW, SHARE_BAD},
    {"another secret", "g", "a.app.test", true, KEY("b"), NOW, SHARE_BAD},
    {"no links any more", "g", "a.app.test", false, KEY("a"), NOW, SHARE_BAD},
    {"last second", "g", "a.app.test", true, KEY("a"), NOW + 99, SHARE_GOOD},
    {"over", "g", "a.app.test", true, KEY("a"), NOW + 100, SHARE_OVER},
    {"a clock a little behind", "g", "a.app.test", true, KEY("a"), NOW - 60, SHARE_GOOD},
    {"made in the future", "g", "a.app.test", true, KEY("a"), NOW - 61, SHARE_BAD},
};

static void test_elsewhere(void **state)
{
    for (size_t i = 0; i < COUNT(elsewhere); i++) {
        struct memory m;
        struct gate_fixture f, g;
        struct share_link in = link_to("a.app.test", "/"), out;
        char text[SHARE_TEXT_MAX];
        uint8_t raw[SHARE_RAW_MAX];
        memory_init(&m);
        gate_make(&f, &m.arena, "g", true, SECRET_A);
        gate_make(&g, &m.arena, elsewhere[i].gate, elsewhere[i].links, elsewhere[i].secret);
        size_t n = share_link_make(&f.gate, &in, text);
        CHECK(elsewhere[i].name, share_link_open(&g.gate, span_of(elsewhere[i].host), span_make(text, n),
                                                 elsewhere[i].now, raw, &out) == elsewhere[i].verdict);
        memory_fini(&m);
    }
}

/* The name is looked at, even where the key should tell. */
static void test_gate_of_the_same_key(void **state)
{
    struct memory m;
    struct gate_fixture f;
    struct share_link in = link_to("a.app.test", "/"), out;
    char text[SHARE_TEXT_MAX];
    uint8_t raw[SHARE_RAW_MAX];
    memory_init(&m);
    gate_make(&f, &m.arena, "g", true, SECRET_A);
    size_t n = share_link_make(&f.gate, &in, text);
    assert_int_equal(share_link_open(&f.gate, in.host, span_make(text, n), NOW, raw, &out), SHARE_GOOD);
    f.gate.name = SPAN("h");
    assert_int_equal(share_link_open(&f.gate, in.host, span_make(text, n), NOW, raw, &out), SHARE_BAD);
    memory_fini(&m);
}

static void test_tampering(void **state)
{
    struct memory m;
    struct gate_fixture f;
    struct share_link in = link_to("a.app.test", "/docs/"), out;
    char text[SHARE_TEXT_MAX], forged[SHARE_TEXT_MAX];
    uint8_t raw[SHARE_RAW_MAX], again[SHARE_RAW_MAX];
    size_t raw_n;
    memory_init(&m);
    gate_make(&f, &m.arena, "g", true, SECRET_A);
    size_t n = share_link_make(&f.gate, &in, text);
    assert_true(base64url_decode(span_make(text, n), raw, sizeof(raw), &raw_n));
    for (size_t i = 0; i < raw_n * 8; i++) {
        raw[i / 8] ^= (uint8_t)(1u << i % 8);
        size_t forged_n = base64url_encode(span_make(raw, raw_n), forged);
        raw[i / 8] ^= (uint8_t)(1u << i % 8);
        if (share_link_open(&f.gate, in.host, span_make(forged, forged_n), NOW, again, &out) != SHARE_BAD)
            fail_msg("bit %zu flipped, and it is good", i);
    }
    for (size_t cut = 0; cut < raw_n; cut++) {
        size_t forged_n = base64url_encode(span_make(raw, cut), forged);
        assert_int_equal(share_link_open(&f.gate, in.host, span_make(forged, forged_n), NOW, again, &out), SHARE_BAD);
    }
    /* A session token is no link, and a link no session. */
    char token[TOKEN_TEXT_MAX];
    uint8_t room[TOKEN_RAW_MAX];
    struct circle c = circle_of(&f.gate.session, SPAN("a.app.test"));
    struct session s = session_of("anna", NOW, NOW);
    size_t token_n = token_make(&f.gate, &c, &s, token);
    assert_int_equal(share_link_open(&f.gate, in.host, span_make(token, token_n), NOW, again, &out), SHARE_BAD);
    assert_false(token_is_genuine(&f.gate, &c, span_make(text, n), room, &s));
    memory_fini(&m);
}

/* Signs the payload as only we can. */
static enum share_verdict open_signed(const struct gate_config *gate, struct span payload)
{
    uint8_t bytes[SHARE_RAW_MAX], again[SHARE_RAW_MAX];
    char text[SHARE_TEXT_MAX];
    struct share_link out;
    struct mac *mac = mac_new(span_make(gate->session.keys[0].link, 32));
    memcpy(bytes, payload.p, payload.n);
    assert_true(res_ok(mac_sum(mac, &payload, 1, bytes + payload.n)));
    mac_free(mac);
    size_t n = base64url_encode(span_make(bytes, payload.n + MAC_SIZE), text);
    return share_link_open(gate, SPAN("a.app.test"), span_make(text, n), NOW, again, &out);
}

/* 2, key id 4, id 16, made 8, ends 8, then behind two bytes of length each "g", "a.app.test", "/docs/", "for Eve" */
static void test_signed_by_us(void **state)
{
    static const struct {
        const char *name;
        size_t at;
        uint8_t byte;
        enum share_verdict verdict;
    } forgeries[] = {
        {"as it was", 0, 2, SHARE_GOOD},
        {"another version", 0, 1, SHARE_BAD},
        {"another key", 1, 0, SHARE_BAD},
        {"another link", 5, 9, SHARE_GOOD}, /* signed by us, so it is one */
        {"made before all time", 21, 0xff, SHARE_BAD},
        {"ends before all time", 29, 0xff, SHARE_BAD},
        {"another gate's", 39, 'h', SHARE_BAD},
        {"another host's", 42, 'b', SHARE_BAD},
        {"no path", 54, 'x', SHARE_BAD},
        {"a longer path", 53, 7, SHARE_BAD},
        {"a note of more than there is", 61, 8, SHARE_BAD},
        {"a shorter note, and a rest", 61, 6, SHARE_BAD},
    };
    struct memory m;
    struct gate_fixture f;
    struct share_link in = link_to("a.app.test", "/docs/");
    char text[SHARE_TEXT_MAX];
    uint8_t raw[SHARE_RAW_MAX] = {0};
    size_t n = 0;
    memory_init(&m);
    gate_make(&f, &m.arena, "g", true, SECRET_A);
    assert_true(base64url_decode(span_make(text, share_link_make(&f.gate, &in, text)), raw, sizeof(raw), &n));
    for (size_t i = 0; i < COUNT(forgeries); i++) {
        uint8_t was = raw[forgeries[i].at];
        raw[forgeries[i].at] = forgeries[i].byte;
        CHECK(forgeries[i].name, open_signed(&f.gate, span_make(raw, n - MAC_SIZE)) == forgeries[i].verdict);
        raw[forgeries[i].at] = was;
    }
    assert_int_equal(raw[1], f.gate.session.keys[0].id[0]);
    for (size_t cut = 0; cut < n - MAC_SIZE; cut++)
        assert_int_equal(open_signed(&f.gate, span_make(raw, cut)), SHARE_BAD);
    raw[n - MAC_SIZE] = 0;
    assert_int_equal(open_signed(&f.gate, span_make(raw, n - MAC_SIZE + 1)), SHARE_BAD);
    memory_fini(&m);
}

/* A path of nothing leads nowhere. */
static void test_no_scope(void **state)
{
    struct memory m;
    struct gate_fixture f;
    struct share_link in = link_to("a.app.test", ""), out;
    char text[SHARE_TEXT_MAX];
    uint8_t raw[SHARE_RAW_MAX];
    memory_init(&m);
    gate_make(&f, &m.arena, "g", true, SECRET_A);
    size_t n = share_link_make(&f.gate, &in, text);
    assert_int_equal(share_link_open(&f.gate, in.host, span_make(text, n), NOW, raw, &out), SHARE_BAD);
    memory_fini(&m);
}

/* What is too short for its MAC is not read, whatever lay in the room before. */
static void test_short(void **state)
{
    struct memory m;
    struct gate_fixture f;
    struct share_link out;
    char text[BASE64_SIZE(MAC_SIZE)];
    uint8_t *dirty = malloc(SHARE_RAW_MAX);
    static const uint8_t begin[MAC_SIZE] = {2};
    memory_init(&m);
    gate_make(&f, &m.arena, "g", true, SECRET_A);
    for (size_t n = 0; n <= MAC_SIZE; n++) {
        memset(dirty, 0xff, SHARE_RAW_MAX);
        size_t text_n = base64url_encode(span_make(begin, n), text);
        assert_int_equal(share_link_open(&f.gate, SPAN("a"), span_make(text, text_n), NOW, dirty, &out), SHARE_BAD);
    }
    free(dirty);
    memory_fini(&m);
}

static void test_rotation(void **state)
{
    struct memory m;
    struct gate_fixture f, g;
    struct share_link in = link_to("a.app.test", "/"), out;
    const struct span both[] = {SECRET_B, SECRET_A};
    char text[SHARE_TEXT_MAX];
    uint8_t raw[SHARE_RAW_MAX];
    memory_init(&m);
    gate_make(&f, &m.arena, "g", true, SECRET_A);
    gate_make(&g, &m.arena, "g", true, SECRET_B);
    assert_true(res_ok(gate_config_seal(&g.gate, both, 2, &m.arena)));
    size_t n = share_link_make(&f.gate, &in, text);
    assert_int_equal(share_link_open(&g.gate, in.host, span_make(text, n), NOW, raw, &out), SHARE_GOOD);
    g.gate.session.key_count = 1;
    assert_int_equal(share_link_open(&g.gate, in.host, span_make(text, n), NOW, raw, &out), SHARE_BAD);
    memory_fini(&m);
}

/* Each byte by itself: what RFC 3986 §3.3 lets stand in a path stands, the rest is escaped. */
static void test_every_byte_of_a_target(void **state)
{
    static const char stands[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/!$&'()*+,=:@";
    struct memory m;
    memory_init(&m);
    for (unsigned c = 0; c < 256; c++) {
        const uint8_t scope[] = {'/', (uint8_t)c};
        const struct share_link l = {.scope = span_make(scope, 2)};
        bool stays = c && strchr(stands, (int)c);
        CHECK_SPAN("target", share_link_target(&l, &m.arena),
                   stays ? span_make(scope, 2) : arena_printf(&m.arena, "/%%%02X", c));
    }
    memory_fini(&m);
}

static void test_not_made(void **state)
{
    struct memory m;
    struct gate_fixture f;
    char text[SHARE_TEXT_MAX], name[SHARE_RAW_MAX];
    memory_init(&m);
    gate_make(&f, &m.arena, "g", true, SECRET_A);
    memset(name, '/', sizeof(name));
    for (int what = 0; what < 5; what++) {
        struct share_link l = link_to("a.app.test", "/");
        struct gate_config gate = f.gate;
        if (what == 1)
            l.scope = span_make(name, sizeof(name));
        if (what == 2)
            l.note = span_make(name, sizeof(name));
        if (what == 3)
            gate.share_links = false;
        if (what == 4)
            gate.session.key_count = 0;
        assert_int_equal(share_link_make(&gate, &l, text) > 0, what == 0);
    }
    struct share_link most = link_to("a.app.test", "/"), out;
    uint8_t raw[SHARE_RAW_MAX];
    most.note = span_make(name, SHARE_RAW_MAX - 37 - 4 * 2 -
                                    strlen("g"
                                           "a.app.test"
                                           "/") -
                                    MAC_SIZE);
    size_t n = share_link_make(&f.gate, &most, text);
    assert_true(n > 0 && n <= SHARE_TEXT_MAX);
    assert_int_equal(share_link_open(&f.gate, most.host, span_make(text, n), NOW, raw, &out), SHARE_GOOD);
    most.note.n++;
    assert_int_equal(share_link_make(&f.gate, &most, text), 0);
    memory_fini(&m);
}

static void test_targets(void **state)
{
    static const struct {
        const char *scope, *target;
    } targets[] = {
        {"/", "/"},
        {"/docs/", "/docs/"},
        {"/a b", "/a%20b"},
        {"/\xc3\xa9", "/%C3%A9"},
        {"/@:~!$&'()*+,=_-.", "/@:~!$&'()*+,=_-."},
        {"/a\"b", "/a%22b"},
    };
    static const struct {
        const char *query, *text;
    } texts[] = {
        {"/.tiergate/share?t=abc", "abc"}, {"/.tiergate/share?a=1&t=abc&b", "abc"}, {"/.tiergate/share", ""},
        {"/.tiergate/share?t=", ""},       {"/.tiergate/share?t=a&t=b", ""},        {"/.tiergate/share?tt=a", ""},
    };
    struct memory m;
    memory_init(&m);
    for (size_t i = 0; i < COUNT(targets); i++) {
        struct share_link l = link_to("a", targets[i].scope);
        CHECK_SPAN(targets[i].scope, share_link_target(&l, &m.arena), span_of(targets[i].target));
    }
    for (size_t i = 0; i < COUNT(texts); i++)
        CHECK_SPAN(texts[i].query, share_link_text(span_of(texts[i].query)), span_of(texts[i].text));
    memory_fini(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_elsewhere),
        cmocka_unit_test(test_tampering),
        cmocka_unit_test(test_gate_of_the_same_key),
        cmocka_unit_test(test_not_made),
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_signed_by_us),
        cmocka_unit_test(test_no_scope),
        cmocka_unit_test(test_short),
        cmocka_unit_test(test_rotation),
        cmocka_unit_test(test_every_byte_of_a_target),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
