#include "support.h"

#include "gate/crypt_hash.h"

#define YES(parameters) "$y$" parameters "$k2XAnEHBqQ1Ct2aMXFKNa/$XHuqBDG.B1kMSA1CeriOCRR7sEFF6foXgi9Tw2jZJF/"
#define SHA(rounds)                                                                                                    \
    "$6$rounds=" rounds                                                                                                \
    "$saltsalt$/IiX/CoEcxCZ9SksEXnbjfCT1LGvD4z5OpJkaFYl/T37OAwuKZ8I8BixDhruhPLkw6lS7dw/6wQWgQnGo7lLg/"

static const struct {
    const char *name, *hash;
    enum crypt_kind kind;
} kinds[] = {
    {"bcrypt", BCRYPT, CRYPT_KIND_BCRYPT},
    {"bcrypt of htpasswd", BCRYPT_10, CRYPT_KIND_BCRYPT},
    {"yescrypt", YESCRYPT, CRYPT_KIND_YESCRYPT},
    {"yescrypt of Debian", YESCRYPT_5, CRYPT_KIND_YESCRYPT},
    {"sha512-crypt", SHA512, CRYPT_KIND_SHA512},
    {"sha512-crypt with rounds", SHA512_ROUNDS, CRYPT_KIND_SHA512},
    {"sha256-crypt", SHA256, CRYPT_KIND_SHA256},
    {"md5-crypt", MD5, CRYPT_KIND_NONE},
    {"apr1", "$apr1$saltsalt$IQRsoDSJhvGPGnO1SdXtd/", CRYPT_KIND_NONE},
    {"DES", "ab1SfKsc1ZbzI", CRYPT_KIND_NONE},
    {"the SHA-1 of htpasswd", "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", CRYPT_KIND_NONE},
    {"plain", "open sesame", CRYPT_KIND_NONE},
    {"empty", "", CRYPT_KIND_NONE},
    {"locked", "!" BCRYPT, CRYPT_KIND_NONE},
    {"failure token", "*0", CRYPT_KIND_NONE},
    {"a setting without digest", "$2b$04$abcdefghijklmnopqrstuu", CRYPT_KIND_NONE},
    {"bcrypt cut short", "$2b$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/c", CRYPT_KIND_NONE},
    {"bcrypt of a year", "$2b$31$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy", CRYPT_KIND_NONE},
    {"bcrypt without cost", "$2b$xx$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy", CRYPT_KIND_NONE},
    {"the broken bcrypt", "$2x$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy", CRYPT_KIND_NONE},
    {"yescrypt, least N", YES("j/T"), CRYPT_KIND_YESCRYPT},
    {"yescrypt, N in capitals", YES("jAT"), CRYPT_KIND_YESCRYPT},
    {"yescrypt, least r", YES("jA."), CRYPT_KIND_YESCRYPT},
    {"yescrypt, r in small letters", YES("jAa"), CRYPT_KIND_YESCRYPT},
    {"yescrypt, N beyond all", YES("jZT"), CRYPT_KIND_NONE},
    {"yescrypt, N in small letters", YES("jaT"), CRYPT_KIND_NONE},
    {"yescrypt, N unreadable", YES("j-T"), CRYPT_KIND_NONE},
    {"yescrypt, r unreadable", YES("jA-"), CRYPT_KIND_NONE},
    {"yescrypt, r before the capitals", YES("jA@"), CRYPT_KIND_NONE},
    {"yescrypt, r behind the digits", YES("jA;"), CRYPT_KIND_NONE},
    {"yescrypt, r behind the capitals", YES("jA["), CRYPT_KIND_NONE},
    {"yescrypt, r before the small letters", YES("jA`"), CRYPT_KIND_NONE},
    {"yescrypt, r behind the small letters", YES("jA{"), CRYPT_KIND_NONE},
    {"yescrypt, r before the digits", YES("jA-"), CRYPT_KIND_NONE},
    {"yescrypt, another flavour", YES("kAT"), CRYPT_KIND_NONE},
    {"yescrypt, further parameters", YES("jATA"), CRYPT_KIND_NONE},
    {"yescrypt of minutes", YES("jNz"), CRYPT_KIND_NONE},
    {"yescrypt cut short", "$y$j75$k2XAnEHBqQ1Ct2aMXFKNa/$XHuqBDG.B1kMSA1Ceri", CRYPT_KIND_NONE},
    {"sha512-crypt of 20 s", SHA("39999998"), CRYPT_KIND_SHA512},
    {"sha512-crypt of more", SHA("40000000"), CRYPT_KIND_NONE},
    {"sha512-crypt, rounds unreadable", SHA("1000x"), CRYPT_KIND_NONE},
    {"sha512-crypt, rounds beyond all", SHA("1000000000"), CRYPT_KIND_NONE},
    {"bcrypt, a byte too many", BCRYPT "y", CRYPT_KIND_NONE},
    {"bcrypt, cost of three digits", "$2b$104$abcdefghijklmnopqrstu/LVz6MZlItEy42I2juLihZ66HnQx/cy", CRYPT_KIND_NONE},
    {"bcrypt too cheap", "$2b$03$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy", CRYPT_KIND_NONE},
    {"a byte above ASCII", "$2b$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/c\xe9", CRYPT_KIND_NONE},
    {"a space inside", "$2b$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/ y", CRYPT_KIND_NONE},
    {"a colon inside",
     "$6$salt:alt$e/5XKibXPLqVcfjpD.ouauaJrAOL5V0uo80Lt7n7EbRdRiCx3HbQ90yjOHr.G0T.mx79PEMRy8nmtr0qSYhQp1",
     CRYPT_KIND_NONE},
};

static void test_kinds(void **state)
{
    for (size_t i = 0; i < COUNT(kinds); i++) {
        CHECK(kinds[i].name, crypt_hash_kind(span_of(kinds[i].hash)) == kinds[i].kind);
        CHECK(kinds[i].name, gate_hash_is_known(span_of(kinds[i].hash)) == (kinds[i].kind != CRYPT_KIND_NONE));
    }
}

static void test_costs(void **state)
{
    static const char *const cheap_first[] = {SHA512_ROUNDS, BCRYPT, SHA512, YESCRYPT_5, BCRYPT_10};
    for (size_t i = 1; i < COUNT(cheap_first); i++)
        CHECK(cheap_first[i], crypt_hash_cost(span_of(cheap_first[i - 1])) < crypt_hash_cost(span_of(cheap_first[i])));
}

/* Each digit of libcrypt's alphabet has its value: 64 of them, in one row. */
static void test_digits(void **state)
{
    static const char digits[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    for (size_t i = 0; i < 64; i++) {
        char hash[] = YES("jA.");
        hash[5] = digits[i];
        assert_int_equal(crypt_hash_cost(span_of(hash)), ((uint64_t)(i + 1) << 13) / 5);
        hash[5] = '.';
        hash[4] = digits[i];
        assert_int_equal(crypt_hash_cost(span_of(hash)), i > 30 ? 0 : ((uint64_t)1 << (i + 1)) / 5);
    }
}

/* What is no hash costs nothing, and too long a one is none. */
static void test_unclean(void **state)
{
    char text[CRYPT_HASH_MAX + 1];
    assert_int_equal(crypt_hash_cost(SPAN(BCRYPT "\n")), 0);
    assert_int_equal(crypt_hash_cost(SPAN("$6$sa lt$e/5XKibXPLqVcfjpD.ouauaJrAOL5V0uo80Lt7n7EbRdRiCx3HbQ90yjOHr.G0T."
                                          "mx79PEMRy8nmtr0qSYhQp1aaaaaaaaaaaa")),
                     0);
    memset(text, 'a', sizeof(text));
    memcpy(text, "$6$", 3);
    assert_int_equal(crypt_hash_kind(span_make(text, CRYPT_HASH_MAX - 1)), CRYPT_KIND_SHA512);
    assert_int_equal(crypt_hash_kind(span_make(text, CRYPT_HASH_MAX)), CRYPT_KIND_NONE);
    assert_int_equal(crypt_hash_cost(span_make(text, CRYPT_HASH_MAX)), 0);
    crypt_room_free(NULL);
}

static const struct {
    const char *name, *password, *hash;
    enum crypt_verdict verdict;
} checks[] = {
    {"bcrypt", "open sesame", BCRYPT, CRYPT_MATCH},
    {"bcrypt, wrong", "open sesamf", BCRYPT, CRYPT_MISMATCH},
    {"yescrypt", "open sesame", YESCRYPT, CRYPT_MATCH},
    {"yescrypt, wrong", "open sesam", YESCRYPT, CRYPT_MISMATCH},
    {"sha512", "open sesame", SHA512, CRYPT_MATCH},
    {"sha512, wrong", "Open sesame", SHA512, CRYPT_MISMATCH},
    {"sha256", "open sesame", SHA256, CRYPT_MATCH},
    {"sha256, wrong", "", SHA256, CRYPT_MISMATCH},
    {"a hash cut short", "open sesame", "$5$rounds=1000$saltsalt$nKsyTQBmKz4GdCft0Sv/FbzLiu0y3wFdEXOzudLQLJ",
     CRYPT_MISMATCH},
    {"a setting alone", "open sesame", "$5$rounds=1000$saltsalt$", CRYPT_MISMATCH},
    {"no hash", "open sesame", "", CRYPT_FAILED},
    {"a failure token is no match for itself", "x", "*0", CRYPT_FAILED},
    {"broken setting", "x", "$2b$04$!", CRYPT_FAILED},
    {"a DES hash", "x", "ab1SfKsc1ZbzI", CRYPT_FAILED},
};

static void test_checks(void **state)
{
    struct crypt_room *room = crypt_room_new();
    assert_non_null(room);
    for (size_t i = 0; i < COUNT(checks); i++)
        CHECK(checks[i].name, crypt_hash_check(room, checks[i].password, checks[i].hash) == checks[i].verdict);
    crypt_room_free(room);
}

static void test_make(void **state)
{
    static const struct {
        const char *name;
        enum crypt_kind kind;
        unsigned cost;
        bool ok;
    } makes[] = {
        {"bcrypt", CRYPT_KIND_BCRYPT, 4, true},
        {"yescrypt", CRYPT_KIND_YESCRYPT, 1, true},
        {"yescrypt as usual", CRYPT_KIND_YESCRYPT, 0, true},
        {"bcrypt too cheap", CRYPT_KIND_BCRYPT, 3, false},
        {"bcrypt too costly", CRYPT_KIND_BCRYPT, 18, false},
        {"yescrypt too costly", CRYPT_KIND_YESCRYPT, 12, false},
        {"sha512", CRYPT_KIND_SHA512, 0, false},
    };
    struct crypt_room *room = crypt_room_new();
    assert_non_null(room);
    for (size_t i = 0; i < COUNT(makes); i++) {
        char one[CRYPT_HASH_MAX], two[CRYPT_HASH_MAX];
        CHECK(makes[i].name, res_ok(crypt_hash_make(makes[i].kind, makes[i].cost, "pw", one)) == makes[i].ok);
        if (!makes[i].ok)
            continue;
        CHECK(makes[i].name, crypt_hash_kind(span_of(one)) == makes[i].kind);
        CHECK(makes[i].name, crypt_hash_check(room, "pw", one) == CRYPT_MATCH);
        CHECK(makes[i].name, crypt_hash_check(room, "pv", one) == CRYPT_MISMATCH);
        CHECK(makes[i].name, res_ok(crypt_hash_make(makes[i].kind, makes[i].cost, "pw", two)));
        CHECK(makes[i].name, strcmp(one, two) != 0);
    }
    crypt_room_free(room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds), cmocka_unit_test(test_digits), cmocka_unit_test(test_unclean),
        cmocka_unit_test(test_costs), cmocka_unit_test(test_checks), cmocka_unit_test(test_make),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
