#include "support.h"

#define LONG_SECRET "01234567890123456789012345678901"

struct variation {
    const char *name;
    const char *gate;
    const char *cookie;
    uint32_t lifetime;
    const char *user, *secret, *hash;
    const char *second; /* user */
    struct span key;
    size_t keys;
    bool ok;
};

static const struct variation cases[] = {
    {"plain secret", "g", "c", 60, "u", "pw", NULL, "v", {(const uint8_t *)LONG_SECRET, 32}, 1, true},
    {"hash", "g", "c", 60, "u", NULL, BCRYPT, "v", {(const uint8_t *)LONG_SECRET, 32}, 1, true},
    {"neither: nobody's account", "g", "c", 60, "u", NULL, NULL, "v", {(const uint8_t *)LONG_SECRET, 32}, 1, true},
    {"both", "g", "c", 60, "u", "pw", BCRYPT, "v", {(const uint8_t *)LONG_SECRET, 32}, 1, false},
    {"unknown kind of hash", "g", "c", 60, "u", NULL, MD5, "v", {(const uint8_t *)LONG_SECRET, 32}, 1, false},
    {"user twice", "g", "c", 60, "u", "pw", NULL, "u", {(const uint8_t *)LONG_SECRET, 32}, 1, false},
    {"colon in the user", "g", "c", 60, "u:v", "pw", NULL, "v", {(const uint8_t *)LONG_SECRET, 32}, 1, false},
    {"empty user", "g", "c", 60, "", "pw", NULL, "v", {(const uint8_t *)LONG_SECRET, 32}, 1, false},
    {"no name", "", "c", 60, "u", "pw", NULL, "v", {(const uint8_t *)LONG_SECRET, 32}, 1, false},
    {"no cookie", "g", "", 60, "u", "pw", NULL, "v", {(const uint8_t *)LONG_SECRET, 32}, 1, false},
    {"cookie with a semicolon", "g", "c;d", 60, "u", "pw", NULL, "v", {(const uint8_t *)LONG_SECRET, 32}, 1, false},
    {"no lifetime", "g", "c", 0, "u", "pw", NULL, "v", {(const uint8_t *)LONG_SECRET, 32}, 1, false},
    {"short session secret", "g", "c", 60, "u", "pw", NULL, "v", {(const uint8_t *)LONG_SECRET, 31}, 1, false},
    {"no session secret", "g", "c", 60, "u", "pw", NULL, "v", {(const uint8_t *)LONG_SECRET, 32}, 0, false},
    {"five session secrets", "g", "c", 60, "u", "pw", NULL, "v", {(const uint8_t *)LONG_SECRET, 32}, 5, false},
};

static void test_table(void **state)
{
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct variation *v = &cases[i];
        const struct span keys[] = {v->key, v->key, v->key, v->key, v->key};
        struct memory m;
        struct gate_fixture f;
        memory_init(&m);
        fixture_init(&f, v->gate, NULL);
        f.gate.session.cookie = span_of(v->cookie);
        f.gate.session.lifetime_s = v->lifetime;
        fixture_add(&f, v->user, v->secret, v->hash);
        fixture_add(&f, v->second, "pw", NULL);
        CHECK(v->name, res_ok(gate_config_seal(&f.gate, keys, v->keys, &m.arena)) == v->ok);
        memory_fini(&m);
    }
}

/* What changes the digest ends what was remembered under it. */
static void make(struct gate_fixture *f, struct arena *a, unsigned change)
{
    fixture_init(f, change == 1 ? "other" : "g", change == 2 ? "app.test" : NULL);
    if (change == 3)
        f->gate.session.lifetime_s = 100;
    if (change == 4)
        f->gate.session.idle_s = 100;
    if (change == 5)
        f->gate.session.cookie = SPAN("x");
    fixture_add(f, change == 6 ? "v" : "u", change == 7 ? "new" : "old", NULL);
    if (change == 8)
        fixture_add(f, "more", "pw", NULL);
    fixture_seal(f, a, change == 9 ? SECRET_B : SECRET_A);
}

static void test_digest(void **state)
{
    struct memory m;
    struct gate_fixture f[10], again;
    memory_init(&m);
    for (unsigned i = 0; i < COUNT(f); i++)
        make(&f[i], &m.arena, i);
    for (unsigned i = 0; i < COUNT(f); i++)
        for (unsigned k = 0; k < i; k++)
            assert_memory_not_equal(f[i].gate.digest, f[k].gate.digest, sizeof(f[i].gate.digest));
    make(&again, &m.arena, 0);
    assert_memory_equal(f[0].gate.digest, again.gate.digest, sizeof(again.gate.digest));
    memory_fini(&m);
}

static void test_users(void **state)
{
    struct memory m;
    struct gate_fixture f;
    memory_init(&m);
    fixture_init(&f, "g", NULL);
    fixture_add(&f, "zoe", NULL, SHA512);
    fixture_add(&f, "anna", NULL, BCRYPT_10);
    fixture_add(&f, "mia", "secret", NULL);
    fixture_seal(&f, &m.arena, SECRET_A);
    CHECK_SPAN("sorted", f.basic.users[0].name, SPAN("anna"));
    CHECK_SPAN("sorted", f.basic.users[2].name, SPAN("zoe"));
    assert_memory_not_equal(f.basic.users[0].fingerprint, f.basic.users[1].fingerprint, 16);
    /* The costliest, with all its parameters, but nothing fits it. */
    assert_int_equal(f.basic.dummy_hash.n, strlen(BCRYPT_10));
    assert_memory_equal(f.basic.dummy_hash.p, BCRYPT_10, strlen(BCRYPT_10) - 1);
    assert_false(span_eq(f.basic.dummy_hash, SPAN(BCRYPT_10)));
    memory_fini(&m);
}

/* The longest of each that is taken, and one byte more. */
static void test_lengths(void **state)
{
    char text[300];
    memset(text, 'a', sizeof(text));
    for (int over = 0; over < 2; over++) {
        for (int what = 0; what < 6; what++) {
            struct memory m;
            struct gate_fixture f;
            const struct span secret = SECRET_A;
            memory_init(&m);
            fixture_init(&f, "g", NULL);
            fixture_add(&f, "anna", "pw", NULL);
            if (what == 1)
                f.gate.name = span_make(text, 128 + (size_t)over);
            if (what == 2)
                f.gate.session.cookie = span_make(text, 128 + (size_t)over);
            if (what == 3)
                f.gate.session.domain = span_make(text, 253 + (size_t)over);
            if (what == 4)
                f.users[0].name = span_make(text, 128 + (size_t)over);
            if (what == 5)
                f.users[0].secret = span_make(text, 256 + (size_t)over);
            assert_int_equal(res_ok(gate_config_seal(&f.gate, &secret, 1, &m.arena)), what == 0 || !over);
            memory_fini(&m);
        }
    }
}

/* A gate without passwords has keys and a digest, too. */
static void test_without_basic(void **state)
{
    struct memory m;
    struct gate_fixture f, g;
    memory_init(&m);
    fixture_init(&f, "g", NULL);
    g = f;
    f.gate.basic = NULL;
    fixture_seal(&f, &m.arena, SECRET_A);
    g.gate.basic = &g.basic;
    g.basic.users = g.users;
    fixture_seal(&g, &m.arena, SECRET_A);
    assert_memory_equal(f.gate.digest, g.gate.digest, sizeof(f.gate.digest));
    assert_int_equal(g.basic.dummy_hash.n, 0);
    g.basic.users = NULL; /* nobody, nowhere */
    fixture_seal(&g, &m.arena, SECRET_A);
    assert_memory_equal(f.gate.digest, g.gate.digest, sizeof(f.gate.digest));
    memory_fini(&m);
}

/* The dummy is the costliest hash, wherever it stands, and never quite that hash. */
static void test_dummy(void **state)
{
    static const struct {
        const char *name, *first, *second, *dummy;
    } dummies[] = {
        {"costliest last", BCRYPT, BCRYPT_10, "$2y$10$abcdefghijklmnopqrstuu4SuEsu2LsUrAYUpWQHLMMc4GV5pZTx."},
        {"costliest first", BCRYPT_10, BCRYPT, "$2y$10$abcdefghijklmnopqrstuu4SuEsu2LsUrAYUpWQHLMMc4GV5pZTx."},
        {"behind a plain secret", NULL, BCRYPT, "$2b$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/c."},
        {"ends in a dot", NULL, "$2b$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/c.",
         "$2b$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/c/"},
        {"ends in a slash", NULL, "$2b$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/c/",
         "$2b$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/c."},
        {"plain secrets alone", NULL, NULL, ""},
    };
    for (size_t i = 0; i < COUNT(dummies); i++) {
        struct memory m;
        struct gate_fixture f;
        memory_init(&m);
        fixture_init(&f, "g", NULL);
        fixture_add(&f, "anna", dummies[i].first ? NULL : "pw", dummies[i].first);
        fixture_add(&f, "bob", dummies[i].second ? NULL : "pw", dummies[i].second);
        fixture_seal(&f, &m.arena, SECRET_A);
        CHECK_SPAN(dummies[i].name, f.basic.dummy_hash, span_of(dummies[i].dummy));
        CHECK(dummies[i].name, !f.basic.dummy_hash.p == !dummies[i].dummy[0]);
        memory_fini(&m);
    }
}

/* Of every way that the gate has, and of no other; another configuration, another fingerprint and digest. */
static void test_fingerprints(void **state)
{
    static const struct github_config github[] = {{.client_id = SPAN("a"), .web = SPAN("https://github.com")},
                                                  {.client_id = SPAN("b"), .web = SPAN("https://github.com")}};
    static const struct span repositories[] = {SPAN("acme/app"), SPAN("acme/web")};
    static const struct actions_config actions[] = {{.repositories = repositories, .repository_count = 1},
                                                    {.refs = repositories, .ref_count = 1}};
    static const struct email_pin_config pin = {.from = SPAN("x")};
    static const struct {
        enum identity_way way;
        bool changes; /* there are two of them */
    } ways[] = {{WAY_GITHUB, true}, {WAY_EMAIL, false}, {WAY_ACTIONS, true}, {WAY_SHARE_LINK, false}};
    for (size_t i = 0; i < COUNT(ways); i++) {
        struct memory m;
        struct gate_fixture f[3];
        memory_init(&m);
        for (size_t k = 0; k < COUNT(f); k++) { /* without it, with it, and with another */
            fixture_init(&f[k], "g", NULL);
            f[k].gate.github = k && ways[i].way == WAY_GITHUB ? &github[k - 1] : NULL;
            f[k].gate.email_pin = k && ways[i].way == WAY_EMAIL ? &pin : NULL;
            f[k].gate.actions = k && ways[i].way == WAY_ACTIONS ? &actions[k - 1] : NULL;
            f[k].gate.share_links = k && ways[i].way == WAY_SHARE_LINK;
            fixture_seal(&f[k], &m.arena, SECRET_A);
        }
        assert_null(gate_fingerprint(&f[0].gate, ways[i].way, SPAN("x")));
        assert_null(gate_fingerprint(&f[1].gate, ways[i].way, SPAN_NONE));
        const uint8_t *one = gate_fingerprint(&f[1].gate, ways[i].way, SPAN("x"));
        const uint8_t *two = gate_fingerprint(&f[2].gate, ways[i].way, SPAN("x"));
        assert_true(one && two);
        assert_int_equal(memcmp(one, two, 16) != 0, ways[i].changes);
        assert_int_equal(memcmp(f[1].gate.digest, f[2].gate.digest, 16) != 0, ways[i].changes);
        assert_memory_not_equal(f[0].gate.digest, f[1].gate.digest, 16);
        for (int way = WAY_NONE; way <= WAY_COUNT; way++)
            assert_true(way == (int)ways[i].way || !gate_fingerprint(&f[1].gate, (enum identity_way)way, SPAN("x")));
        memory_fini(&m);
    }
}

/* Each of these opens something else, so the sessions of one are none of another. */
static void test_every_part(void **state)
{
    static const struct span ab[] = {SPAN("a"), SPAN("b")}, ba[] = {SPAN("b"), SPAN("a")}, x[] = {SPAN("ab")};
    static const struct actions_config jobs[] = {
        {.issuer = SPAN("i"), .audience = SPAN("a")},
        {.issuer = SPAN("j"), .audience = SPAN("a")},
        {.issuer = SPAN("i"), .audience = SPAN("b")},
        {.issuer = SPAN("i"), .audience = SPAN("a"), .own_preview_only = true},
        {.issuer = SPAN("i"), .audience = SPAN("a"), .repositories = ab, .repository_count = 1},
        {.issuer = SPAN("i"), .audience = SPAN("a"), .repositories = ab, .repository_count = 2},
        {.issuer = SPAN("i"), .audience = SPAN("a"), .repositories = ba, .repository_count = 2},
        {.issuer = SPAN("i"), .audience = SPAN("a"), .repositories = x, .repository_count = 1},
        {.issuer = SPAN("i"), .audience = SPAN("a"), .refs = ab, .ref_count = 1},
        {.issuer = SPAN("i"), .audience = SPAN("a"), .refs = ab, .ref_count = 2},
        {.issuer = SPAN("i"), .audience = SPAN("a"), .environments = ab, .environment_count = 1},
        {.issuer = SPAN("i"), .audience = SPAN("a"), .environments = ab, .environment_count = 2},
    };
    static const struct github_config hub[] = {
        {.client_id = SPAN("a"), .web = SPAN("w")},
        {.client_id = SPAN("b"), .web = SPAN("w")},
        {.client_id = SPAN("a"), .web = SPAN("x")},
        {.client_id = SPAN("a"), .web = SPAN("w"), .excepted = ab, .excepted_count = 1},
        {.client_id = SPAN("a"), .web = SPAN("w"), .excepted = ab, .excepted_count = 2},
        {.client_id = SPAN("a"), .web = SPAN("w"), .excepted = ba, .excepted_count = 1},
    };
    static const struct email_pin_config pin = {.from = SPAN("x")};
    static const enum identity_way ways[] = {WAY_GITHUB, WAY_EMAIL, WAY_ACTIONS, WAY_SHARE_LINK};
    uint8_t seen[64][16] = {{0}}; /* the first: of what was never made */
    size_t n = 1;
    struct memory m;
    memory_init(&m);
    for (size_t i = 0; i < COUNT(jobs) + COUNT(hub) + 1; i++) {
        struct gate_fixture f;
        bool other = i == COUNT(jobs) + COUNT(hub);
        fixture_init(&f, other ? "other" : "g", NULL);
        f.gate.actions = &jobs[i < COUNT(jobs) ? i : 0];
        f.gate.github = &hub[i >= COUNT(jobs) && !other ? i - COUNT(jobs) : 0];
        f.gate.email_pin = &pin;
        f.gate.share_links = true;
        fixture_seal(&f, &m.arena, SECRET_A);
        for (size_t k = 0; k < COUNT(ways); k++) {
            bool is_new = i == 0 || other || (ways[k] == WAY_ACTIONS && i < COUNT(jobs)) ||
                          (ways[k] == WAY_GITHUB && i > COUNT(jobs));
            const uint8_t *sum = gate_fingerprint(&f.gate, ways[k], SPAN("x"));
            assert_non_null(sum);
            size_t at = 0;
            while (at < n && memcmp(seen[at], sum, 16) != 0)
                at++;
            assert_true(at > 0);
            assert_int_equal(at == n, is_new);
            if (at == n)
                memcpy(seen[n++], sum, 16);
        }
    }
    memory_fini(&m);
}

static void test_tokens(void **state)
{
    static const uint8_t sums[2][32] = {{1}, {2}};
    const struct span hashes[] = {span_make(sums[0], 32), span_make(sums[1], 32)};
    const struct service_token tokens[] = {
        {.name = SPAN("probe"), .client_id = SPAN("probe"), .hashes = hashes, .hash_count = 1},
        {.name = SPAN("ci"), .client_id = SPAN("ci"), .hashes = hashes, .hash_count = 1},
        {.name = SPAN("old"), .client_id = SPAN("old")},
    };
    struct memory m;
    struct gate_fixture f;
    memory_init(&m);
    fixture_init(&f, "g", NULL);
    f.gate.tokens = tokens;
    f.gate.token_count = COUNT(tokens);
    fixture_seal(&f, &m.arena, SECRET_A);
    const uint8_t *ci = gate_fingerprint(&f.gate, WAY_SERVICE_TOKEN, SPAN("ci"));
    const uint8_t *probe = gate_fingerprint(&f.gate, WAY_SERVICE_TOKEN, SPAN("probe"));
    const uint8_t *old = gate_fingerprint(&f.gate, WAY_SERVICE_TOKEN, SPAN("old"));
    assert_true(ci && probe && old);
    assert_true(memcmp(ci, probe, 16) != 0 && memcmp(ci, old, 16) != 0 && memcmp(old, probe, 16) != 0);
    assert_null(gate_fingerprint(&f.gate, WAY_SERVICE_TOKEN, SPAN("nobody")));
    assert_null(gate_fingerprint(&f.gate, WAY_SERVICE_TOKEN, SPAN("c")));
    memory_fini(&m);
}

/* Tokens are in the digest, and each part of them that counts. */
static void test_digest_of_tokens(void **state)
{
    const uint8_t sums[2][32] = {{1}, {2}};
    const struct span hashes[] = {span_make(sums[0], 32), span_make(sums[1], 32)};
    const struct service_token tokens[] = {
        {.name = SPAN("a"), .client_id = SPAN("a.id"), .hashes = hashes, .hash_count = 1},
        {.name = SPAN("b"), .client_id = SPAN("a.id"), .hashes = hashes, .hash_count = 1},
        {.name = SPAN("a"), .client_id = SPAN("b.id"), .hashes = hashes, .hash_count = 1},
        {.name = SPAN("a"), .client_id = SPAN("a.id"), .hashes = hashes + 1, .hash_count = 1},
        {.name = SPAN("a"), .client_id = SPAN("a.id"), .hashes = hashes, .hash_count = 2},
    };
    struct memory m;
    struct gate_fixture f[COUNT(tokens) + 2];
    memory_init(&m);
    for (size_t i = 0; i < COUNT(f); i++) {
        fixture_init(&f[i], "g", NULL);
        f[i].gate.tokens = &tokens[i < COUNT(tokens) ? i : 0];
        f[i].gate.token_count = i < COUNT(tokens) ? 1 : 0; /* the last two: none, and none but in Authorization */
        f[i].gate.token_in_authorization = i > COUNT(tokens);
        fixture_seal(&f[i], &m.arena, SECRET_A);
        for (size_t k = 0; k < i; k++)
            assert_memory_not_equal(f[i].gate.digest, f[k].gate.digest, sizeof(f[i].gate.digest));
    }
    memory_fini(&m);
}

static void test_find_key(void **state)
{
    const struct span secrets[] = {SECRET_A, SECRET_B};
    struct memory m;
    struct gate_fixture f;
    memory_init(&m);
    fixture_init(&f, "g", NULL);
    assert_true(res_ok(gate_config_seal(&f.gate, secrets, 2, &m.arena)));
    struct session_config *s = &f.gate.session;
    for (size_t i = 0; i < 2; i++)
        assert_ptr_equal(session_key_find(s, span_make(s->keys[i].id, 4)), &s->keys[i]);
    assert_null(session_key_find(s, span_make(s->keys[0].id, 3)));
    assert_null(session_key_find(s, SPAN_NONE));
    s->key_count = 1; /* what lies behind the last one is none */
    assert_null(session_key_find(s, span_make(s->keys[1].id, 4)));
    memory_fini(&m);
}

static void test_keys(void **state)
{
    const struct span secrets[] = {SECRET_A, SECRET_B};
    struct memory m;
    struct gate_fixture f;
    memory_init(&m);
    fixture_init(&f, "g", NULL);
    assert_true(res_ok(gate_config_seal(&f.gate, secrets, 2, &m.arena)));
    assert_int_equal(f.gate.session.key_count, 2);
    assert_memory_not_equal(f.gate.session.keys[0].key, f.gate.session.keys[1].key, 32);
    assert_memory_not_equal(f.gate.session.keys[0].id, f.gate.session.keys[1].id, 4);
    assert_memory_not_equal(f.gate.session.keys[0].key, SECRET_A.p, 32); /* derived, not copied */
    const struct session_key *k = &f.gate.session.keys[0];
    assert_memory_not_equal(k->seal, k->key, 32); /* a key for each purpose … */
    assert_memory_not_equal(k->link, k->key, 32);
    assert_memory_not_equal(k->link, k->seal, 32);
    struct gate_fixture g;
    fixture_init(&g, "h", NULL);
    assert_true(res_ok(gate_config_seal(&g.gate, secrets, 2, &m.arena)));
    assert_memory_not_equal(g.gate.session.keys[0].seal, k->seal, 32); /* … and for each gate */
    assert_memory_not_equal(g.gate.session.keys[0].link, k->link, 32);
    memory_fini(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_digest),
        cmocka_unit_test(test_users),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_without_basic),
        cmocka_unit_test(test_dummy),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_find_key),
        cmocka_unit_test(test_digest_of_tokens),
        cmocka_unit_test(test_fingerprints),
        cmocka_unit_test(test_every_part),
        cmocka_unit_test(test_tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
