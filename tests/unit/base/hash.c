#include "base/hash.h"

#include "check.h"

/* Key and message of the reference vectors: the bytes 0, 1, 2 … Values by an independent SipHash-1-3, itself proved
 * against the paper's SipHash-2-4 vector. */
static void vectors(void **state)
{
    static const struct {
        const char *name;
        size_t n;
        uint64_t want;
    } cases[] = {
        {"empty", 0, 0xabac0158050fc4dcu},         {"one byte", 1, 0xc9f49bf37d57ca93u},
        {"seven", 7, 0xd3927d989bb11140u},         {"one word", 8, 0x369095118d299a8eu},
        {"word and byte", 9, 0x25a48eb36c063de4u}, {"fifteen", 15, 0xd320d86d2a519956u},
        {"two words", 16, 0xcc4fdd1a7d908b66u},    {"sixty-three", 63, 0x9d199062b7bbb3a8u},
    };
    const struct hash_key key = {0x0706050403020100u, 0x0f0e0d0c0b0a0908u};
    uint8_t message[65];

    for (size_t shift = 0; shift < 2; shift++) { /* also unaligned */
        for (size_t i = 0; i < 64; i++)
            message[i + shift] = (uint8_t)i;
        for (size_t i = 0; i < COUNT(cases); i++)
            CHECK(cases[i].name, hash_span(key, span_make(message + shift, cases[i].n)) == cases[i].want);
    }
    assert_true(hash_span(key, SPAN_NONE) == cases[0].want);
}

static void keys_differ(void **state)
{
    struct hash_key a = hash_key_random(), b = hash_key_random();

    assert_true(a.k0 != b.k0 && a.k1 != b.k1 && a.k0 != a.k1);
    assert_true(hash_span(a, SPAN("host")) != hash_span(b, SPAN("host")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(vectors), cmocka_unit_test(keys_differ)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
