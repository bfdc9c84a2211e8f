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
        cmocka_unit_test(test_table),   cmocka_unit_test(test_digest),        cmocka_unit_test(test_users),
        cmocka_unit_test(test_lengths), cmocka_unit_test(test_without_basic), cmocka_unit_test(test_dummy),
        cmocka_unit_test(test_keys),    cmocka_unit_test(test_fingerprints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
