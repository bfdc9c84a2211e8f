/* Requests that must be refused, whole and split at every byte, with what they must be answered. */
#include "support.h"

static const struct h1_limits limits = {32768, 100};

#define LINE "GET / HTTP/1.1\r\n"
#define HOST "Host: a.test\r\n"
#define POST "POST / HTTP/1.1\r\n" HOST
#define END "\r\n"

#define V(name, status, bytes) {name, S(bytes), status},
static const struct {
    const char *name;
    struct span head;
    unsigned status;
} cases[] = {
#include "../../vectors/requests-refused.inc"
};

struct outcome {
    unsigned status; /* 0: accepted */
    const char *why;
};

/* Scans and parses as a connection would that reads `piece` bytes at a time after a first read of `first`. */
static struct outcome run(struct span bytes, size_t first, size_t piece)
{
    struct memory m;
    struct chunkq q;
    struct http_request r;
    struct h1_error err = {0, NULL};
    size_t scanned = 0, head_n = 0, fed = 0, n = first;
    enum h1_scan scan = H1_SCAN_MORE;
    memory_init(&m);
    chunkq_init(&q, &m.chunks);
    while (scan == H1_SCAN_MORE && fed < bytes.n) {
        n = n < bytes.n - fed ? n : bytes.n - fed;
        feed(&q, span_make(bytes.p + fed, n));
        fed += n;
        n = piece;
        scan = h1_scan_head(&q, limits.head_bytes, &scanned, &head_n);
    }
    struct outcome outcome = {scan == H1_SCAN_BAD ? 400 : scan == H1_SCAN_TOO_LARGE ? 431 : 999, "scan"};
    if (scan == H1_SCAN_DONE) {
        void *p = malloc(head_n);
        assert_non_null(p);
        chunkq_copy(&q, head_n, p);
        outcome.status = h1_parse_request(span_make(p, head_n), &limits, &m.arena, &r, &err) ? 0 : err.status;
        outcome.why = err.why;
        free(p);
    }
    chunkq_clear(&q);
    memory_fini(&m);
    return outcome;
}

static void test_whole(void **state)
{
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct outcome got = run(cases[i].head, cases[i].head.n, 1);
        if (got.status != cases[i].status)
            fail_msg("%s: %u (%s), not %u", cases[i].name, got.status, got.why, cases[i].status);
    }
}

static void test_split(void **state)
{
    for (size_t i = 0; i < COUNT(cases); i++) {
        for (size_t cut = 1; cut < cases[i].head.n; cut++) {
            struct outcome got = run(cases[i].head, cut, cases[i].head.n);
            if (got.status != cases[i].status)
                fail_msg("%s, cut at %zu: %u", cases[i].name, cut, got.status);
        }
        CHECK(cases[i].name, run(cases[i].head, 1, 1).status == cases[i].status);
    }
}

/* The table refuses for the reason in the name, not for a mistake in its frame. */
static void test_frame_is_good(void **state)
{
    assert_int_equal(run(SPAN(LINE HOST END), 8, 8).status, 0);
    assert_int_equal(run(SPAN(POST "Content-Length: 5\r\n" END), 8, 8).status, 0);
    assert_int_equal(run(SPAN(POST "Transfer-Encoding: chunked\r\n" END), 8, 8).status, 0);
    assert_int_equal(run(SPAN("POST / HTTP/1.0\r\n" HOST END), 8, 8).status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_whole), cmocka_unit_test(test_split),
                                       cmocka_unit_test(test_frame_is_good)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
