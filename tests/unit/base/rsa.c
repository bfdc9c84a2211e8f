/* RS256: RFC 7515's own example, and keys that nobody should have. */
#include "base/crypto/rsa.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "base/crypto/base64.h"
#include "base/crypto/x509.h"
#include "check.h"

/* RFC 7515 appendix A.2 */
static const char rfc_n[] =
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-"
    "pCgNMsD1W_YpRP"
    "EwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-"
    "UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qC"
    "o5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
static const char rfc_input[] =
    "eyJhbGciOiJSUzI1NiJ9."
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
static const char rfc_signature[] =
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_"
    "O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKB"
    "YNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-"
    "eOkHWEsqtFZESc6Bf"
    "I7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";

static const uint8_t rfc_e[] = {1, 0, 1};

struct rfc {
    uint8_t n[600], signature[600];
    size_t n_len, signature_len;
};

static size_t decode(const char *text, uint8_t *out, size_t cap)
{
    size_t n = 0;
    assert_true(base64url_decode(span_of(text), out, cap, &n));
    return n;
}

static void rfc_init(struct rfc *r)
{
    r->n_len = decode(rfc_n, r->n, sizeof r->n);
    r->signature_len = decode(rfc_signature, r->signature, sizeof r->signature);
    assert_int_equal(r->n_len, 256);
    assert_int_equal(r->signature_len, 256);
}

static struct rsa_key *rfc_key(const struct rfc *r)
{
    struct rsa_key *k = rsa_from_parts(span_make(r->n, r->n_len), span_make(rfc_e, sizeof rfc_e));
    assert_non_null(k);
    return k;
}

static void test_rfc(void **state)
{
    struct rfc r;
    rfc_init(&r);
    struct rsa_key *k = rfc_key(&r);
    struct span signature = span_make(r.signature, r.signature_len), input = span_of(rfc_input);
    uint8_t n[RSA_BYTES_MAX], e[8], own[RSA_BYTES_MAX];
    size_t n_len = sizeof n, e_len = sizeof e, len;
    assert_true(rsa_verify(k, input, signature));
    assert_false(rsa_verify(k, span_make(input.p, input.n - 1), signature));
    assert_false(rsa_verify(k, SPAN_NONE, signature));
    assert_true(rsa_parts(k, n, &n_len, e, &e_len));
    assert_true(span_eq(span_make(n, n_len), span_make(r.n, r.n_len)));
    assert_true(span_eq(span_make(e, e_len), span_make(rfc_e, sizeof rfc_e)));
    assert_false(res_ok(rsa_sign(k, input, own, sizeof own, &len))); /* who has the public part alone */
    assert_int_equal(len, 0);
    rsa_key_free(k);
}

static void test_damaged(void **state)
{
    struct rfc r;
    rfc_init(&r);
    struct rsa_key *k = rfc_key(&r);
    for (size_t i = 0; i < 256; i++) {
        r.signature[i] ^= 1;
        assert_false(rsa_verify(k, span_of(rfc_input), span_make(r.signature, 256)));
        r.signature[i] ^= 1;
    }
    r.signature[256] = 0;
    for (size_t n = 0; n <= 257; n++)
        assert_true(rsa_verify(k, span_of(rfc_input), span_make(r.signature, n)) == (n == 256));
    memset(r.signature, 0, 256);
    assert_false(rsa_verify(k, span_of(rfc_input), span_make(r.signature, 256)));
    r.signature[255] = 1; /* 1 is its own power */
    assert_false(rsa_verify(k, span_of(rfc_input), span_make(r.signature, 256)));
    memset(r.signature, 0xff, 256); /* beyond the modulus */
    assert_false(rsa_verify(k, span_of(rfc_input), span_make(r.signature, 256)));
    rsa_key_free(k);
}

static void test_hostile_parts(void **state)
{
    static uint8_t big[100000];
    struct rfc r;
    rfc_init(&r);
    memset(big, 0xff, sizeof big);
    uint8_t even[256], zero_first[257] = {0};
    memcpy(even, r.n, 256);
    even[255] &= 0xfe;
    memcpy(zero_first + 1, r.n, 256);
    const struct span n = span_make(r.n, 256), e = span_make(rfc_e, 3);
    const struct {
        const char *name;
        struct span n, e;
        bool ok;
    } cases[] = {
        {"as it should be", n, e, true},
        {"exponent 3", n, SPAN("\x03"), true},
        {"4096 bits", span_make(big, 512), e, true},
        {"no modulus", SPAN_NONE, e, false},
        {"modulus 1", SPAN("\x01"), e, false},
        {"512 bits", span_make(big, 64), e, false},
        {"1024 bits", span_make(big, 128), e, false},
        {"2040 bits", span_make(big, 255), e, false},
        {"4104 bits", span_make(big, 513), e, false},
        {"800,000 bits", span_make(big, sizeof big), e, false},
        {"even modulus", span_make(even, 256), e, false},
        {"modulus 0", span_make(zero_first, 1), e, false},
        {"modulus that begins with a zero", span_make(zero_first, 257), e, false},
        {"no exponent", n, SPAN_NONE, false},
        {"exponent 0", n, SPAN("\x00"), false},
        {"exponent 1", n, SPAN("\x01"), false},
        {"exponent 2", n, SPAN("\x02"), false},
        {"exponent 65536", n, SPAN("\x01\x00\x00"), false},
        {"exponent that begins with a zero", n, SPAN("\x00\x01\x00\x01"), false},
        {"exponent of 9 bytes", n, span_make(big, 9), false},
        {"exponent as long as the modulus", n, span_make(big, 256), false},
        {"exponent of 800,000 bits", n, span_make(big, sizeof big), false},
        {"both the other way round", e, n, false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rsa_key *k = rsa_from_parts(cases[i].n, cases[i].e);
        if ((k != NULL) != cases[i].ok)
            fail_msg("%s", cases[i].name);
        rsa_key_free(k);
    }
    r.n[0] = 0x7f; /* 2047 bits in 256 bytes */
    assert_null(rsa_from_parts(n, e));
}

/* --- our own ------------------------------------------------------------------------------------------------------ */

static void test_own(void **state)
{
    struct text pem, again;
    uint8_t signature[RSA_SIGNATURE], n[RSA_BYTES_MAX], e[8];
    size_t len, n_len = sizeof n, e_len = sizeof e;
    text_init(&pem);
    text_init(&again);
    assert_true(res_ok(rsa_make_pem(&pem)) && res_ok(rsa_make_pem(&again)));
    assert_true(span_has_prefix(text_span(&pem), SPAN("-----BEGIN PRIVATE KEY-----\n")));
    assert_false(span_eq(text_span(&pem), text_span(&again)));
    struct rsa_key *k = rsa_from_pem(text_span(&pem)), *other = rsa_from_pem(text_span(&again));
    assert_true(k != NULL && other != NULL);
    assert_true(res_ok(rsa_sign(k, SPAN("a.b"), signature, sizeof signature, &len)));
    assert_int_equal(len, RSA_SIGNATURE);
    assert_false(rsa_verify(other, SPAN("a.b"), span_make(signature, len)));
    assert_true(rsa_parts(k, n, &n_len, e, &e_len));
    assert_true(n_len == 256 && n[0] >= 0x80);
    struct rsa_key *public = rsa_from_parts(span_make(n, n_len), span_make(e, e_len));
    assert_true(public != NULL && rsa_verify(public, SPAN("a.b"), span_make(signature, len)));
    assert_false(rsa_verify(public, SPAN("a.c"), span_make(signature, len)));
    assert_false(res_ok(rsa_sign(k, SPAN("a.b"), signature, sizeof signature - 1, &len)));
    n_len = 255;
    assert_false(rsa_parts(k, n, &n_len, e, &e_len));
    rsa_key_free(public);
    rsa_key_free(k);
    rsa_key_free(other);
    text_fini(&pem);
    text_fini(&again);
}

static void test_certificate(void **state)
{
    static const struct span wrong[] = {SPAN(""), SPAN("a\nb"),
                                        SPAN("01234567890123456789012345678901234567890123456789012345678901234"),
                                        SPAN("\xff\xfe")};
    struct text pem, cert, none;
    struct rfc r;
    text_init(&pem);
    text_init(&cert);
    text_init(&none);
    assert_true(res_ok(rsa_make_pem(&pem)));
    struct rsa_key *k = rsa_from_pem(text_span(&pem));
    assert_true(res_ok(rsa_certificate_pem(k, SPAN("gate.example.test"), &cert)));
    assert_true(span_has_prefix(text_span(&cert), SPAN("-----BEGIN CERTIFICATE-----\n")));
    assert_true(res_ok(x509_key_matches(text_span(&cert), text_span(&pem))));
    for (size_t i = 0; i < COUNT(wrong); i++)
        assert_false(res_ok(rsa_certificate_pem(k, wrong[i], &none)));
    rsa_key_free(k);
    rfc_init(&r);
    k = rfc_key(&r);
    assert_false(res_ok(rsa_certificate_pem(k, SPAN("a"), &none))); /* without the private part */
    assert_int_equal(none.n, 0);
    rsa_key_free(k);
    text_fini(&pem);
    text_fini(&cert);
}

static void test_foreign_pem(void **state)
{
    struct x509_pair ec;
    x509_pair_init(&ec);
    assert_true(res_ok(x509_make_ca(SPAN("a.test"), &ec)));
    assert_null(rsa_from_pem(text_span(&ec.key))); /* no RSA */
    assert_null(rsa_from_pem(text_span(&ec.cert)));
    assert_null(rsa_from_pem(SPAN("")));
    assert_null(rsa_from_pem(SPAN("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")));
    x509_pair_fini(&ec);
}

static void test_memory(void **state)
{
    struct rfc r;
    rfc_init(&r);
    alloc_fail_after(0);
    assert_null(rsa_from_parts(span_make(r.n, r.n_len), span_make(rfc_e, sizeof rfc_e)));
    alloc_fail_never();
    rsa_key_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc),    cmocka_unit_test(test_damaged),     cmocka_unit_test(test_hostile_parts),
        cmocka_unit_test(test_own),    cmocka_unit_test(test_certificate), cmocka_unit_test(test_foreign_pem),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
