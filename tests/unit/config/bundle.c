/* The sealed bundle: what goes in comes out, and nothing else is taken. */
#include "kit.h"

#include "config/bundle_format.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static struct bundle *example(void)
{
    static const struct kit_blob blobs[] = {{BLOB_RULES, "a.json", "{}"},
                                            {BLOB_ENV, "A", "secret"},
                                            {BLOB_FILE, "A", "same name, other kind"},
                                            {BLOB_ENV, "EMPTY", ""},
                                            {0, NULL, NULL}};

    return kit_bundle(blobs);
}

static void check_example(const struct bundle *b)
{
    struct span bytes;
    enum blob_kind kind;
    struct span name;

    assert_int_equal(bundle_count(b), 5);
    assert_true(bundle_find(b, BLOB_ENV, SPAN("A"), &bytes) && span_eq(bytes, SPAN("secret")));
    assert_true(bundle_find(b, BLOB_FILE, SPAN("A"), &bytes) && span_eq(bytes, SPAN("same name, other kind")));
    assert_true(bundle_find(b, BLOB_ENV, SPAN("EMPTY"), &bytes) && bytes.n == 0);
    assert_false(bundle_find(b, BLOB_ENV, SPAN("B"), &bytes));
    assert_false(bundle_find(b, BLOB_RULES, SPAN("A"), &bytes));
    bundle_at(b, 1, &kind, &name, &bytes);
    assert_true(kind == BLOB_RULES && span_eq(name, SPAN("a.json")) && span_eq(bytes, SPAN("{}")));
    bundle_at(b, 4, &kind, &name, &bytes);
    assert_true(kind == BLOB_ENV && span_eq(name, SPAN("EMPTY")));
}

static void test_add(void **state)
{
    struct bundle *b = example();

    check_example(b);
    assert_false(res_ok(bundle_add(b, BLOB_ENV, SPAN("A"), SPAN("other"))));
    check_example(b);
    bundle_free(b);
    bundle_free(NULL);
}

static void test_seal(void **state)
{
    struct bundle *b = example(), *again = NULL;
    int fd = -1;

    assert_true(res_ok(bundle_seal(b, &fd)));
    assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    /* Nobody can change it any more. */
    assert_int_equal(pwrite(fd, "X", 1, 0), -1);
    assert_int_equal(ftruncate(fd, 0), -1);
    assert_int_equal(ftruncate(fd, 1 << 20), -1);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL), -1);
    assert_true(res_ok(bundle_open(fd, &again)));
    check_example(again);
    bundle_free(again);
    bundle_free(b);
    close(fd);
}

static void test_unsealed(void **state)
{
    static const struct {
        const char *name;
        unsigned flags;
        int seals;
    } cases[] = {
        {"no seals", MFD_ALLOW_SEALING, 0},
        {"writes allowed", MFD_ALLOW_SEALING, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW},
        {"shrinking allowed", MFD_ALLOW_SEALING, F_SEAL_SEAL | F_SEAL_WRITE | F_SEAL_GROW},
        {"growing allowed", MFD_ALLOW_SEALING, F_SEAL_SEAL | F_SEAL_WRITE | F_SEAL_SHRINK},
        {"more seals allowed", MFD_ALLOW_SEALING, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW},
    };
    struct bundle *b = example(), *out = NULL;
    struct span bytes = bundle_bytes(b);

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int fd = memfd_create("test", cases[i].flags);

        assert_int_equal(write(fd, bytes.p, bytes.n), (ssize_t)bytes.n);
        if (cases[i].seals)
            assert_int_equal(fcntl(fd, F_ADD_SEALS, cases[i].seals), 0);
        if (res_ok(bundle_open(fd, &out)))
            fail_msg("%s: opened", cases[i].name);
        close(fd);
    }
    int pipes[2];

    assert_int_equal(pipe(pipes), 0);
    assert_false(res_ok(bundle_open(pipes[0], &out)));
    close(pipes[0]);
    close(pipes[1]);
    assert_false(res_ok(bundle_open(-1, &out)));
    bundle_free(b);
}

/* Cut at every byte: only whole lists of blobs are taken. */
static void test_truncated(void **state)
{
    struct bundle *b = example(), *out = NULL;
    struct span bytes = bundle_bytes(b);
    size_t whole = 0;

    for (size_t n = 0; n <= bytes.n; n++) {
        if (!res_ok(bundle_parse(span_make(bytes.p, n), &out)))
            continue;
        assert_int_equal(bundle_count(out), whole);
        whole++;
        bundle_free(out);
    }
    assert_int_equal(whole, 6);
    bundle_free(b);
}

static void test_malformed(void **state)
{
    static const struct {
        const char *name;
        size_t at; /* which byte becomes which */
        uint8_t byte;
    } cases[] = {{"magic", 0, 'X'}, {"version", 3, '2'},     {"kind 0", 4, 0},
                 {"kind 6", 4, 6},  {"huge name", 11, 0xff}, {"huge bytes", 15, 0xff}};
    struct bundle *b = example(), *out = NULL;
    struct span bytes = bundle_bytes(b);
    uint8_t *copy = malloc(bytes.n);

    assert_non_null(copy);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        memcpy(copy, bytes.p, bytes.n);
        copy[cases[i].at] = cases[i].byte;
        if (res_ok(bundle_parse(span_make(copy, bytes.n), &out)))
            fail_msg("%s: taken", cases[i].name);
    }
    free(copy);
    bundle_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add),       cmocka_unit_test(test_seal),      cmocka_unit_test(test_unsealed),
        cmocka_unit_test(test_truncated), cmocka_unit_test(test_malformed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
