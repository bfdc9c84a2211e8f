#include "support.h"

#include "base/crypto/mac.h"
#include "gate/basic.h"
#include "gate/token.h"

#define NOW 1800000000

/* The gate that a token was made for, and one that differs from it by one thing. */
static void gate_make(struct gate_fixture *f, struct arena *a, const char *name, const char *password,
                      struct span secret)
{
    fixture_init(f, name, "app.test");
    f->gate.session.lifetime_s = 1000;
    fixture_add(f, "anna", password, NULL);
    fixture_add(f, "beta", "pw-of-beta", NULL);
    fixture_seal(f, a, secret);
}

static size_t mint(const struct gate_fixture *f, const struct circle *c, int64_t issued, int64_t active, char *out)
{
    struct session s = session_of("anna", issued, active);
    s.who.email = SPAN("anna@example.org"); /* nothing that Basic gives, but all of them travel alike */
    s.who.login = SPAN("anna-l");
    s.who.groups = SPAN("acme\nacme/core\n");
    memset(s.id, 7, sizeof(s.id));
    s.ends = NOW + 100000;
    size_t n = token_make(&f->gate, c, &s, out);
    assert_true(n > 0 && n <= TOKEN_TEXT_MAX);
    return n;
}

static const struct circle circle = {CIRCLE_DOMAIN, SPAN("app.test"), SPAN("a.app.test")};
static uint8_t room[TOKEN_RAW_MAX];

static void test_round_trip(void **state)
{
    struct memory m;
    struct gate_fixture f;
    struct session s;
    char text[TOKEN_TEXT_MAX];
    memory_init(&m);
    gate_make(&f, &m.arena, "g", "pw", SECRET_A);
    size_t n = mint(&f, &circle, NOW, NOW + 5, text);
    assert_true(token_verify(&f.gate, &circle, span_make(text, n), NOW + 10, room, &s));
    CHECK_SPAN("subject", s.who.subject, SPAN("anna"));
    CHECK_SPAN("gate", s.who.gate, SPAN("g"));
    CHECK_SPAN("email", s.who.email, SPAN("anna@example.org"));
    CHECK_SPAN("login", s.who.login, SPAN("anna-l"));
    CHECK_SPAN("groups", s.who.groups, SPAN("acme\nacme/core\n"));
    assert_int_equal(s.who.way, WAY_BASIC);
    assert_int_equal(s.who.scope.n, 0);
    assert_int_equal(s.who.proven_s, NOW);
    assert_int_equal(s.ends, NOW + 100000);
    assert_int_equal(s.who.latest_s, s.ends);
    for (size_t i = 0; i < sizeof(s.id); i++)
        assert_int_equal(s.id[i], 7);
    assert_int_equal(s.issued, NOW);
    assert_int_equal(s.active, NOW + 5);
    memory_fini(&m);
}

/* Each bit of the text, each bit of the bytes, each length. */
static void test_tampering(void **state)
{
    struct memory m;
    struct gate_fixture f;
    struct session s;
    char text[TOKEN_TEXT_MAX], forged[TOKEN_TEXT_MAX];
    uint8_t raw[TOKEN_RAW_MAX];
    size_t raw_n;
    memory_init(&m);
    gate_make(&f, &m.arena, "g", "pw", SECRET_A);
    size_t n = mint(&f, &circle, NOW, NOW, text);
    for (size_t i = 0; i < n * 8; i++) {
        memcpy(forged, text, n);
        forged[i / 8] = (char)(forged[i / 8] ^ 1 << i % 8);
        if (token_verify(&f.gate, &circle, span_make(forged, n), NOW, room, &s))
            fail_msg("bit %zu of the text flipped, and it still holds", i);
    }
    assert_true(base64url_decode(span_make(text, n), raw, sizeof(raw), &raw_n));
    for (size_t i = 0; i < raw_n * 8; i++) {
        raw[i / 8] ^= (uint8_t)(1u << i % 8);
        size_t forged_n = base64url_encode(span_make(raw, raw_n), forged);
        raw[i / 8] ^= (uint8_t)(1u << i % 8);
        if (token_verify(&f.gate, &circle, span_make(forged, forged_n), NOW, room, &s))
            fail_msg("bit %zu flipped, and it still holds", i);
    }
    for (size_t cut = 0; cut < n; cut++)
        assert_false(token_verify(&f.gate, &circle, span_make(text, cut), NOW, room, &s));
    for (size_t cut = 0; cut < raw_n; cut++)
        assert_false(token_verify(&f.gate, &circle, span_make(forged, base64url_encode(span_make(raw, cut), forged)),
                                  NOW, room, &s));
    memory_fini(&m);
}

/* The head of one token with the rest of another. */
static void test_splicing(void **state)
{
    struct memory m;
    struct gate_fixture f;
    struct session s;
    char one[TOKEN_TEXT_MAX], two[TOKEN_TEXT_MAX], forged[TOKEN_TEXT_MAX];
    memory_init(&m);
    gate_make(&f, &m.arena, "g", "pw", SECRET_A);
    size_t n = mint(&f, &circle, NOW - 500, NOW - 500, one);
    assert_int_equal(mint(&f, &circle, NOW, NOW, two), n);
    for (size_t cut = 0; cut <= n; cut++) {
        memcpy(forged, two, cut);
        memcpy(forged + cut, one + cut, n - cut);
        bool whole = memcmp(forged, one, n) == 0 || memcmp(forged, two, n) == 0;
        if (token_verify(&f.gate, &circle, span_make(forged, n), NOW, room, &s) != whole)
            fail_msg("spliced at %zu", cut);
    }
    memory_fini(&m);
}

static const struct {
    const char *name;
    const char *gate, *password; /* of who verifies */
    struct span secret;
    enum circle_kind kind;
    const char *circle;
    const char *drop; /* a user that is gone */
    bool holds;
} elsewhere[] = {
    {"the same", "g", "pw", KEY("a"), CIRCLE_DOMAIN, "app.test", NULL, true},
    {"another gate", "h", "pw", KEY("a"), CIRCLE_DOMAIN, "app.test", NULL, false},
    {"another password", "g", "pv", KEY("a"), CIRCLE_DOMAIN, "app.test", NULL, false},
    {"another session secret", "g", "pw", KEY("b"), CIRCLE_DOMAIN, "app.test", NULL, false},
    {"another domain", "g", "pw", KEY("a"), CIRCLE_DOMAIN, "app.tess", NULL, false},
    {"a domain below", "g", "pw", KEY("a"), CIRCLE_DOMAIN, "a.app.test", NULL, false},
    {"a host of the domain's name", "g", "pw", KEY("a"), CIRCLE_HOST, "app.test", NULL, false},
    {"a user who is gone", "g", "pw", KEY("a"), CIRCLE_DOMAIN, "app.test", "anna", false},
    {"another user who is gone", "g", "pw", KEY("a"), CIRCLE_DOMAIN, "app.test", "beta", true},
};

static void test_elsewhere(void **state)
{
    for (size_t i = 0; i < COUNT(elsewhere); i++) {
        struct memory m;
        struct gate_fixture f, g;
        struct session s;
        char text[TOKEN_TEXT_MAX];
        const struct circle here = {elsewhere[i].kind, span_of(elsewhere[i].circle), SPAN("a.app.test")};
        memory_init(&m);
        gate_make(&f, &m.arena, "g", "pw", SECRET_A);
        size_t n = mint(&f, &circle, NOW, NOW, text);
        fixture_init(&g, elsewhere[i].gate, "app.test");
        const char *users[] = {"anna", "beta"};
        for (size_t u = 0; u < 2; u++)
            if (!elsewhere[i].drop || strcmp(users[u], elsewhere[i].drop) != 0)
                fixture_add(&g, users[u], u ? "pw-of-beta" : elsewhere[i].password, NULL);
        fixture_seal(&g, &m.arena, elsewhere[i].secret);
        CHECK(elsewhere[i].name, token_verify(&g.gate, &here, span_make(text, n), NOW, room, &s) == elsewhere[i].holds);
        memory_fini(&m);
    }
}

/* A hash in place of the secret, another hash of the same password: the credential is another one. */
static void test_credential_kinds(void **state)
{
    static const struct {
        const char *name, *secret, *hash;
        bool holds;
    } kinds[] = {{"same hash", NULL, BCRYPT, true},
                 {"another hash of the same password", NULL, SHA512, false},
                 {"the hash's text as a plain secret", BCRYPT, NULL, false},
                 {"neither", NULL, NULL, false}};
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct memory m;
        struct gate_fixture f, g;
        struct session s;
        char text[TOKEN_TEXT_MAX];
        memory_init(&m);
        fixture_init(&f, "g", "app.test");
        fixture_add(&f, "anna", NULL, BCRYPT);
        fixture_seal(&f, &m.arena, SECRET_A);
        size_t n = mint(&f, &circle, NOW, NOW, text);
        fixture_init(&g, "g", "app.test");
        fixture_add(&g, "anna", kinds[i].secret, kinds[i].hash);
        fixture_seal(&g, &m.arena, SECRET_A);
        CHECK(kinds[i].name, token_verify(&g.gate, &circle, span_make(text, n), NOW, room, &s) == kinds[i].holds);
        memory_fini(&m);
    }
}

static void test_rotation(void **state)
{
    static const struct {
        const char *name;
        struct span keys[2];
        size_t count;
        bool holds;
    } rotations[] = {
        {"the old one still verifies", {KEY("b"), KEY("a")}, 2, true},
        {"order does not matter", {KEY("a"), KEY("b")}, 2, true},
        {"taken away", {KEY("b")}, 1, false},
    };
    for (size_t i = 0; i < COUNT(rotations); i++) {
        struct memory m;
        struct gate_fixture f, g;
        struct session s;
        char text[TOKEN_TEXT_MAX];
        memory_init(&m);
        gate_make(&f, &m.arena, "g", "pw", SECRET_A);
        size_t n = mint(&f, &circle, NOW, NOW, text);
        fixture_init(&g, "g", "app.test");
        fixture_add(&g, "anna", "pw", NULL);
        assert_true(res_ok(gate_config_seal(&g.gate, rotations[i].keys, rotations[i].count, &m.arena)));
        CHECK(rotations[i].name,
              token_verify(&g.gate, &circle, span_make(text, n), NOW, room, &s) == rotations[i].holds);
        memory_fini(&m);
    }
}

/* Signs the raw bytes anew, as only we can: what they say is looked at all the same. */
static size_t sign_again(const struct gate_fixture *f, struct span raw, char *out)
{
    uint8_t bytes[TOKEN_RAW_MAX];
    const struct session_key *key = &f->gate.session.keys[0];
    const struct basic_user *anna = basic_user_find(&f->basic, SPAN("anna"));
    struct span payload = span_make(raw.p, raw.n - MAC_SIZE);
    struct mac *m = mac_new(span_make(key->key, sizeof(key->key)));
    const struct span parts[] = {payload, span_make(anna->fingerprint, sizeof(anna->fingerprint))};
    memcpy(bytes, payload.p, payload.n);
    assert_true(res_ok(mac_sum(m, parts, 2, bytes + payload.n)));
    mac_free(m);
    return base64url_encode(span_make(bytes, raw.n), out);
}

/* 4, key id 4, id 16, issued 8, active 8, ends 8, way, circle kind, then behind two bytes of length each "g", "anna", "app.test",
 * "anna@example.org", "anna-l", 15 bytes "acme…", nothing */
static const struct {
    const char *name;
    size_t at;
    uint8_t byte;
    bool holds;
} forgeries[] = {
    {"as it was", 0, 4, true},
    {"another version", 0, 3, false},
    {"another session", 5, 8, true}, /* signed by us, so it is one */
    {"before all time", 21, 0xff, false},
    {"active before all time", 29, 0xff, false},
    {"ends before all time", 37, 0xff, false},
    {"ended in 1970", 41, 1, false},
    {"proven by nothing", 45, 0, false},
    {"proven in another way", 45, WAY_GITHUB, false},
    {"a share link", 45, WAY_SHARE_LINK, false},
    {"a way that there is not", 45, WAY_COUNT, false},
    {"of a host", 46, CIRCLE_HOST, false},
    {"another gate's", 49, 'h', false},
    {"a gate's name of more than there is", 48, 255, false},
    {"a shorter user name", 51, 3, false},
    {"a longer circle", 57, 9, false},
    {"a shorter circle, and a rest", 57, 7, false},
    {"another user's", 52, 'b', false},
    {"another circle", 58, 'b', false},
    {"another address", 68, 'b', true}, /* signed by us, so it is theirs */
    {"a longer address", 67, 17, false},
    {"groups of more than there is", 93, 16, false},
    {"groups of much more than there is", 92, 1, false},
    {"fewer groups, and a rest", 93, 14, false},
    {"a scope of more than there is", 110, 1, false},
};

static void test_signed_by_us(void **state)
{
    for (size_t i = 0; i < COUNT(forgeries); i++) {
        struct memory m;
        struct gate_fixture f;
        struct session s;
        char text[TOKEN_TEXT_MAX];
        uint8_t raw[TOKEN_RAW_MAX];
        size_t n = 0;
        memory_init(&m);
        gate_make(&f, &m.arena, "g", "pw", SECRET_A);
        assert_true(base64url_decode(span_make(text, mint(&f, &circle, NOW, NOW, text)), raw, sizeof(raw), &n));
        raw[forgeries[i].at] = forgeries[i].byte;
        size_t text_n = sign_again(&f, span_make(raw, n), text);
        CHECK(forgeries[i].name,
              token_verify(&f.gate, &circle, span_make(text, text_n), NOW, room, &s) == forgeries[i].holds);
        memory_fini(&m);
    }
}

/* A byte more than the names say, and a key that was never given: both signed as they should be. */
static void test_signed_by_us_but(void **state)
{
    for (int what = 0; what < 3; what++) {
        struct memory m;
        struct gate_fixture f;
        struct session s;
        char text[TOKEN_TEXT_MAX];
        uint8_t raw[TOKEN_RAW_MAX];
        size_t n = 0;
        memory_init(&m);
        gate_make(&f, &m.arena, "g", "pw", SECRET_A);
        assert_true(base64url_decode(span_make(text, mint(&f, &circle, NOW, NOW, text)), raw, sizeof(raw), &n));
        struct session_key key = f.gate.session.keys[0];
        if (what == 1)
            n++;
        if (what == 2) {
            memset(raw + 1, 0, sizeof(key.id));
            f.gate.session.keys[0] = (struct session_key){0};
        }
        size_t text_n = sign_again(&f, span_make(raw, n), text);
        f.gate.session.keys[0] = key;
        assert_int_equal(token_verify(&f.gate, &circle, span_make(text, text_n), NOW, room, &s), what == 0);
        memory_fini(&m);
    }
}

/* No key, no token; and none that is whole but cut off. */
static void test_not_made(void **state)
{
    struct memory m;
    struct gate_fixture f;
    char text[TOKEN_TEXT_MAX], name[3000];
    memory_init(&m);
    gate_make(&f, &m.arena, "g", "pw", SECRET_A);
    struct session made = session_of("anna", NOW, NOW);
    memset(name, 'n', sizeof(name));
    size_t fixed = 1 + 4 + 16 + 24 + 2 + 7 * 2 +
                   strlen("g"
                          "anna"
                          "app.test") +
                   MAC_SIZE;
    size_t most = TOKEN_RAW_MAX - fixed;
    struct span *const names[] = {&made.who.email, &made.who.login, &made.who.groups, &made.who.scope};
    for (size_t i = 0; i < COUNT(names); i++) {
        *names[i] = span_make(name, most);
        assert_true(token_make(&f.gate, &circle, &made, text) > 0);
        *names[i] = span_make(name, most + 1);
        assert_int_equal(token_make(&f.gate, &circle, &made, text), 0);
        *names[i] = SPAN_NONE;
    }
    made.who.groups = span_make(name, most);
    size_t n = token_make(&f.gate, &circle, &made, text);
    assert_true(n > 0 && n <= TOKEN_TEXT_MAX);
    struct session s;
    assert_true(token_verify(&f.gate, &circle, span_make(text, n), NOW, room, &s));
    assert_int_equal(s.who.groups.n, most);
    made.who.groups = span_make(name, most + 1);
    assert_int_equal(token_make(&f.gate, &circle, &made, text), 0);
    made.who.groups = span_make(name, most + MAC_SIZE); /* all but the MAC fit */
    assert_int_equal(token_make(&f.gate, &circle, &made, text), 0);
    made.who.groups = SPAN_NONE;
    made.who.subject = SPAN("nobody");
    assert_int_equal(token_make(&f.gate, &circle, &made, text), 0);
    made.who.subject = SPAN("anna");
    assert_true(token_make(&f.gate, &circle, &made, text) > 0);
    f.gate.session.key_count = 0;
    assert_int_equal(token_make(&f.gate, &circle, &made, text), 0);
    memory_fini(&m);
}

static const struct {
    const char *name;
    int64_t issued, active; /* before NOW */
    uint32_t lifetime, idle;
    bool holds;
} times[] = {
    {"fresh", 0, 0, 1000, 0, true},
    {"last second", 999, 999, 1000, 0, true},
    {"over", 1000, 1000, 1000, 0, false},
    {"long over", 100000, 100000, 1000, 0, false},
    {"clock a little behind", -60, -60, 1000, 0, true},
    {"of the future", -61, -61, 1000, 0, false},
    {"active in the future", 0, -61, 1000, 0, false},
    {"active before it was issued", 10, 20, 1000, 0, false},
    {"not idle", 500, 99, 1000, 100, true},
    {"idle", 500, 100, 1000, 100, false},
    {"active does not lengthen the life", 1000, 0, 1000, 100, false},
    {"idle time is not looked at when there is none", 900, 900, 1000, 0, true},
};

static void test_times(void **state)
{
    for (size_t i = 0; i < COUNT(times); i++) {
        struct memory m;
        struct gate_fixture f;
        struct session s;
        char text[TOKEN_TEXT_MAX];
        memory_init(&m);
        fixture_init(&f, "g", "app.test");
        f.gate.session.lifetime_s = times[i].lifetime;
        f.gate.session.idle_s = times[i].idle;
        fixture_add(&f, "anna", "pw", NULL);
        fixture_seal(&f, &m.arena, SECRET_A);
        size_t n = mint(&f, &circle, NOW - times[i].issued, NOW - times[i].active, text);
        CHECK(times[i].name, token_verify(&f.gate, &circle, span_make(text, n), NOW, room, &s) == times[i].holds);
        memory_fini(&m);
    }
}

/* Whatever the lifetime is made afterwards: the earlier of both ends counts. */
static void test_lifetime_made_longer(void **state)
{
    struct session_config config = {.lifetime_s = 1000};
    struct session s = session_of("anna", NOW, NOW);
    s.ends = NOW + 1000;
    assert_true(session_is_live(&config, &s, NOW + 999));
    config.lifetime_s = 100000;
    assert_false(session_is_live(&config, &s, NOW + 1000));
    assert_int_equal(session_end(&config, &s), NOW + 1000);
    config.lifetime_s = 500;
    assert_false(session_is_live(&config, &s, NOW + 500));
    assert_int_equal(session_end(&config, &s), NOW + 500);
}

/* A session with an end of its own has no other, and is never idle. */
static void test_own_end(void **state)
{
    const struct session_config config = {.lifetime_s = 1000, .idle_s = 100};
    static const struct {
        const char *name;
        int64_t issued, ends, now;
        bool live;
    } ends[] = {
        {"not idle", NOW, NOW + 500, NOW + 499, true},
        {"over", NOW, NOW + 500, NOW + 500, false},
        {"beyond the lifetime", NOW, NOW + 5000, NOW + 4999, true},
        {"before it began", NOW, NOW - 5, NOW, false},
        {"before all time", NOW, -1, NOW, false},
    };
    for (size_t i = 0; i < COUNT(ends); i++) {
        struct session s = session_of("anna", ends[i].issued, ends[i].issued);
        s.ends = ends[i].ends;
        CHECK(ends[i].name, !session_is_live(&config, &s, NOW + 100)); /* idle */
        s.who.way = WAY_SHARE_LINK;
        CHECK(ends[i].name, session_is_live(&config, &s, ends[i].now) == ends[i].live);
        CHECK(ends[i].name, session_end(&config, &s) == s.ends);
    }
}

/* Jobs of GitHub Actions are as links in this. */
static void test_ways_with_their_own_end(void **state)
{
    for (int way = WAY_NONE; way <= WAY_COUNT; way++) {
        const struct session s = {.who = {.way = (enum identity_way)way}};
        assert_int_equal(session_has_own_end(&s), way == WAY_SHARE_LINK || way == WAY_ACTIONS);
    }
}

/* A circle without a name is no place, even in a token that we signed. */
static void test_no_circle(void **state)
{
    static const struct circle nowhere = {CIRCLE_DOMAIN, SPAN_NONE, SPAN("a.app.test")};
    struct memory m;
    struct gate_fixture f;
    struct session s = session_of("anna", NOW, NOW);
    char text[TOKEN_TEXT_MAX];
    uint8_t raw[TOKEN_RAW_MAX];
    size_t n = 0;
    memory_init(&m);
    gate_make(&f, &m.arena, "g", "pw", SECRET_A);
    assert_int_equal(token_make(&f.gate, &nowhere, &s, text), 0);
    assert_true(base64url_decode(span_make(text, mint(&f, &circle, NOW, NOW, text)), raw, sizeof(raw), &n));
    memset(raw + 56, 0, 2); /* "app.test" becomes "" … */
    memmove(raw + 58, raw + 66, n - 66);
    size_t text_n = sign_again(&f, span_make(raw, n - 8), text);
    assert_false(token_verify(&f.gate, &nowhere, span_make(text, text_n), NOW, room, &s));
    f.gate.session.domain = SPAN_NONE;
    assert_false(token_verify(&f.gate, &circle, span_make(text, text_n), NOW, room, &s));
    memory_fini(&m);
}

/* What is too short for its MAC is not read, whatever lay in the room before. */
static void test_short(void **state)
{
    struct memory m;
    struct gate_fixture f;
    struct session s;
    char text[BASE64_SIZE(MAC_SIZE)];
    uint8_t *dirty = malloc(TOKEN_RAW_MAX);
    static const uint8_t begin[MAC_SIZE] = {4};
    memory_init(&m);
    gate_make(&f, &m.arena, "g", "pw", SECRET_A);
    for (size_t n = 0; n <= MAC_SIZE; n++) {
        memset(dirty, 0, TOKEN_RAW_MAX);
        dirty[45] = WAY_BASIC;
        dirty[47] = (TOKEN_RAW_MAX - 49) >> 8; /* a gate's name up to the end, so that the next one lies beyond */
        dirty[48] = (TOKEN_RAW_MAX - 49) & 0xff;
        size_t text_n = base64url_encode(span_make(begin, n), text);
        assert_false(token_verify(&f.gate, &circle, span_make(text, text_n), NOW, dirty, &s));
    }
    free(dirty);
    memory_fini(&m);
}

static void test_longest_names(void **state)
{
    struct memory m;
    struct gate_fixture f;
    struct session s;
    char text[TOKEN_TEXT_MAX], user[129], host[254];
    memory_init(&m);
    memset(user, 'u', 128);
    memset(host, 'h', 253);
    user[128] = host[253] = '\0';
    fixture_init(&f, user, NULL);
    fixture_add(&f, user, "pw", NULL);
    fixture_seal(&f, &m.arena, SECRET_A);
    const struct circle c = {CIRCLE_HOST, span_of(host), span_of(host)};
    const struct session made = session_of(user, NOW, NOW);
    size_t n = token_make(&f.gate, &c, &made, text);
    assert_in_range(n, 1, TOKEN_TEXT_MAX);
    assert_true(token_verify(&f.gate, &c, span_make(text, n), NOW, room, &s));
    memory_fini(&m);
}

static void test_circles(void **state)
{
    static const struct {
        const char *name, *domain, *cookie, *host;
        enum circle_kind kind;
        const char *circle;
    } circles[] = {
        {"no domain", NULL, "__Host-tiergate", "a.app.test", CIRCLE_HOST, "a.app.test"},
        {"the domain itself", "app.test", "__Secure-tiergate", "app.test", CIRCLE_DOMAIN, "app.test"},
        {"below it", "app.test", "__Secure-tiergate", "pr-4.app.test", CIRCLE_DOMAIN, "app.test"},
        {"two below it", "app.test", "__Secure-tiergate", "a.b.app.test", CIRCLE_DOMAIN, "app.test"},
        {"only ends alike", "app.test", "__Secure-tiergate", "myapp.test", CIRCLE_HOST, "myapp.test"},
        {"above it", "app.test", "__Secure-tiergate", "test", CIRCLE_HOST, "test"},
        {"elsewhere", "app.test", "__Secure-tiergate", "other.test", CIRCLE_HOST, "other.test"},
        {"elsewhere, of the same length", "app.test", "__Secure-tiergate", "bpp.test", CIRCLE_HOST, "bpp.test"},
        {"below another of that length", "app.test", "__Secure-tiergate", "a.bpp.test", CIRCLE_HOST, "a.bpp.test"},
        {"a short cookie", "app.test", "s", "app.test", CIRCLE_DOMAIN, "app.test"},
        {"a __Host- cookie has no domain", "app.test", "__Host-x", "app.test", CIRCLE_HOST, "app.test"},
    };
    for (size_t i = 0; i < COUNT(circles); i++) {
        const struct session_config s = {.domain = span_of(circles[i].domain), .cookie = span_of(circles[i].cookie)};
        struct circle c = circle_of(&s, span_of(circles[i].host));
        CHECK(circles[i].name, c.kind == circles[i].kind);
        CHECK_SPAN(circles[i].name, c.name, span_of(circles[i].circle));
    }
}

/* A name that only begins like the prefix, with nothing behind it. */
static void test_cut_cookie_name(void **state)
{
    struct span prefix = SPAN("__Host-");
    for (size_t n = 1; n <= prefix.n; n++) {
        uint8_t *copy = malloc(n);
        memcpy(copy, prefix.p, n);
        const struct session_config s = {.domain = SPAN("app.test"), .cookie = span_make(copy, n)};
        assert_int_equal(circle_of(&s, SPAN("app.test")).kind, n == prefix.n ? CIRCLE_HOST : CIRCLE_DOMAIN);
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_tampering),
        cmocka_unit_test(test_splicing),
        cmocka_unit_test(test_elsewhere),
        cmocka_unit_test(test_credential_kinds),
        cmocka_unit_test(test_rotation),
        cmocka_unit_test(test_signed_by_us),
        cmocka_unit_test(test_signed_by_us_but),
        cmocka_unit_test(test_not_made),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_longest_names),
        cmocka_unit_test(test_circles),
        cmocka_unit_test(test_cut_cookie_name),
        cmocka_unit_test(test_own_end),
        cmocka_unit_test(test_ways_with_their_own_end),
        cmocka_unit_test(test_no_circle),
        cmocka_unit_test(test_short),
        cmocka_unit_test(test_lifetime_made_longer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
