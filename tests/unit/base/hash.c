#include "base/hash.h"

#include "check.h"

#include <openssl/evp.h>
#include <openssl/params.h>

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

/* Against libcrypto's SipHash-2-4 with 128 bits, whole and cut into parts at every byte; short ones, and those that are just too long to be
 * gathered first. */
static void tags(void **state)
{
    uint8_t secret[16], message[520], want[HASH_TAG], got[HASH_TAG];
    size_t n = 0, tag_size = HASH_TAG;
    OSSL_PARAM params[] = {OSSL_PARAM_construct_size_t("size", &tag_size), OSSL_PARAM_construct_end()};
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "SIPHASH", NULL);

    assert_non_null(mac);
    for (size_t i = 0; i < sizeof(message); i++)
        message[i] = (uint8_t)i;
    memcpy(secret, message, sizeof(secret));
    for (size_t length = 0; length <= sizeof(message); length += length == 64 ? 440 : 1) {
        EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);

        assert_int_equal(EVP_MAC_init(ctx, secret, sizeof(secret), params), 1);
        assert_int_equal(EVP_MAC_update(ctx, message, length), 1);
        assert_int_equal(EVP_MAC_final(ctx, want, &n, sizeof(want)), 1);
        assert_int_equal(n, HASH_TAG);
        EVP_MAC_CTX_free(ctx);
        for (size_t cut = 0; cut <= length; cut++) {
            const struct span parts[] = {span_make(message, cut), SPAN_NONE, span_make(message + cut, length - cut)};

            hash_tag((struct hash_key){0x0706050403020100u, 0x0f0e0d0c0b0a0908u}, parts, 3, got);
            assert_memory_equal(got, want, HASH_TAG);
        }
    }
    EVP_MAC_free(mac);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(vectors), cmocka_unit_test(keys_differ),
                                       cmocka_unit_test(tags)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
