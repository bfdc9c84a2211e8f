#include "base/crypto/mac.h"

#include "alloc.h"
#include "check.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

static const char *hex(const uint8_t *p, size_t n)
{
    static char out[200];

    for (size_t i = 0; i < n; i++)
        snprintf(out + 2 * i, 3, "%02x", p[i]);
    return out;
}

/* Expected values by Python's hmac over the parts with their lengths in front. */
static void mac_vectors(void **state)
{
    static const struct span three[] = {SPAN("ab"), SPAN(""), SPAN("c")},
                             none_inside[] = {SPAN("ab"), {NULL, 0}, SPAN("c")};
    static const struct {
        const char *name, *key;
        const struct span *parts;
        size_t count;
        const char *want;
    } cases[] = {
        {"three parts", "Jefe", three, 3, "eceb2714e2361bb4e2f955921e017ffdece810342f330d70b303ed247493d8e9"},
        {"a NULL part", "Jefe", none_inside, 3, "eceb2714e2361bb4e2f955921e017ffdece810342f330d70b303ed247493d8e9"},
        {"no part", "Jefe", NULL, 0, "923598ca6d64af2a5dba79dcd021a8a0fe5c5f557519adaaf0ad532d4506dd30"},
        {"key longer than a block",
         "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk", NULL,
         0, "d46761768ee3c864fc76c08b3d73c8092853ae3fefa01b990963dfa2d56e7334"},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct mac *m = mac_new(span_of(cases[i].key));
        uint8_t out[MAC_SIZE];

        CHECK(cases[i].name, m != NULL);
        for (int again = 0; again < 3; again++) { /* each message begins afresh */
            CHECK(cases[i].name, res_ok(mac_sum(m, cases[i].parts, cases[i].count, out)));
            CHECK(cases[i].name, strcmp(hex(out, sizeof(out)), cases[i].want) == 0);
        }
        mac_free(m);
    }
    mac_free(NULL);
}

static void parts_cannot_run_together(void **state)
{
    const struct span a[] = {SPAN("ab"), SPAN("c")}, b[] = {SPAN("a"), SPAN("bc")}, c[] = {SPAN("abc")};
    struct mac *m = mac_new(SPAN("key"));
    uint8_t x[MAC_SIZE], y[MAC_SIZE], z[MAC_SIZE];

    assert_true(res_ok(mac_sum(m, a, 2, x)));
    assert_true(res_ok(mac_sum(m, b, 2, y)));
    assert_true(res_ok(mac_sum(m, c, 1, z)));
    assert_memory_not_equal(x, y, MAC_SIZE);
    assert_memory_not_equal(x, z, MAC_SIZE);
    mac_free(m);
}

static void mac_refusals(void **state)
{
    assert_null(mac_new(SPAN_NONE));
    assert_null(mac_new(SPAN("")));
    alloc_fail_after(0);
    assert_null(mac_new(SPAN("key")));
    alloc_fail_never();
}

/* RFC 5869 appendix A, test cases 1 and 3. */
static void hkdf_vectors(void **state)
{
    uint8_t secret[22], salt[13], info[10], out[42];

    memset(secret, 0x0b, sizeof(secret));
    for (size_t i = 0; i < sizeof(salt); i++)
        salt[i] = (uint8_t)i;
    for (size_t i = 0; i < sizeof(info); i++)
        info[i] = (uint8_t)(0xf0 + i);
    assert_true(res_ok(hkdf_sha256(span_make(secret, 22), span_make(salt, 13), span_make(info, 10), out, 42)));
    assert_string_equal(hex(out, 42),
                        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
    assert_true(res_ok(hkdf_sha256(span_make(secret, 22), SPAN_NONE, SPAN_NONE, out, 42)));
    assert_string_equal(hex(out, 42),
                        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}

static void hkdf_refusals(void **state)
{
    static uint8_t out[255 * MAC_SIZE + 1];

    assert_false(res_ok(hkdf_sha256(SPAN_NONE, SPAN("s"), SPAN("i"), out, 32)));
    assert_false(res_ok(hkdf_sha256(SPAN("secret"), SPAN("s"), SPAN("i"), out, 0)));
    assert_false(res_ok(hkdf_sha256(SPAN("secret"), SPAN("s"), SPAN("i"), out, sizeof(out))));
    assert_true(res_ok(hkdf_sha256(SPAN("secret"), SPAN("s"), SPAN("i"), out, sizeof(out) - 1)));
}

static void digests(void **state)
{
    uint8_t out[32];

    assert_true(res_ok(sha256(SPAN("abc"), out)));
    assert_string_equal(hex(out, 32), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_true(res_ok(sha256(SPAN_NONE, out)));
    assert_string_equal(hex(out, 32), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    /* RFC 6455 §1.3: what a Sec-WebSocket-Key becomes */
    assert_true(res_ok(sha1(SPAN("dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11"), out)));
    assert_string_equal(hex(out, 20), "b37a4f2cc0624f1690f64606cf385945b2bec4ea");
}

static void comparing_and_wiping(void **state)
{
    uint8_t a[4] = {1, 2, 3, 4}, b[4] = {1, 2, 3, 5};
    static const uint8_t zero[4];

    assert_true(equal_const_time(a, b, 3));
    assert_false(equal_const_time(a, b, 4));
    assert_true(equal_const_time(a, b, 0));
    wipe(a, sizeof(a));
    assert_memory_equal(a, zero, 4);
}

/* libcrypto's own memory, failing at each allocation in turn: an error comes back, and never a wrong sum. */
static long crypto_left = -1;

static bool crypto_may(void)
{
    if (crypto_left < 0)
        return true;
    return crypto_left > 0 && crypto_left--;
}

static void *crypto_malloc(size_t n, const char *file, int line)
{
    return crypto_may() ? malloc(n) : NULL;
}

static void *crypto_realloc(void *p, size_t n, const char *file, int line)
{
    return crypto_may() ? realloc(p, n) : NULL;
}

static void crypto_free(void *p, const char *file, int line)
{
    free(p);
}

static void libcrypto_out_of_memory(void **state)
{
    const struct span part = SPAN("part");
    uint8_t want[MAC_SIZE], got[MAC_SIZE];
    struct mac *m = mac_new(SPAN("key"));
    int failed = 0;

    assert_true(res_ok(mac_sum(m, &part, 1, want)));
    for (long allowed = 0; allowed < 50; allowed++) {
        crypto_left = allowed;

        struct res r = mac_sum(m, &part, 1, got);

        crypto_left = -1;
        if (res_ok(r))
            assert_memory_equal(got, want, MAC_SIZE);
        failed += !res_ok(r);
        assert_true(res_ok(mac_sum(m, &part, 1, got))); /* and the mac is still good */
        assert_memory_equal(got, want, MAC_SIZE);
    }
    mac_free(m);
    for (long allowed = 0; allowed < 50; allowed++) {
        crypto_left = allowed;
        m = mac_new(SPAN("key"));
        struct res r = hkdf_sha256(SPAN("secret"), SPAN("s"), SPAN("i"), got, MAC_SIZE);
        crypto_left = -1;
        failed += !m + !res_ok(r);
        mac_free(m);
    }
    assert_true(failed > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mac_vectors),          cmocka_unit_test(parts_cannot_run_together),
        cmocka_unit_test(mac_refusals),         cmocka_unit_test(hkdf_vectors),
        cmocka_unit_test(hkdf_refusals),        cmocka_unit_test(digests),
        cmocka_unit_test(comparing_and_wiping), cmocka_unit_test(libcrypto_out_of_memory),
    };

    if (!CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc, crypto_free))
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
