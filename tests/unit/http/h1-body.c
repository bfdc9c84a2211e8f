/* Bodies: framing taken off and put on, at every split, with every size of outlet. */
#include "support.h"

#include <stdio.h>

#define CHUNKED BODY_CHUNKED
#define BAD H1_BODY_BAD
#define MORE H1_BODY_MORE
#define DONE H1_BODY_END

#define V(name, want, payload, rest, bytes) {name, S(bytes), want, payload, rest},
static const struct {
    const char *name;
    struct span in;
    enum h1_body_state want;
    const char *payload; /* what may have gone out */
    size_t rest;         /* bytes behind the end, left alone */
} cases[] = {
#include "../../vectors/chunks.inc"
};

struct reading {
    struct memory m;
    struct h1_body body;
    struct chunkq in, out, sink; /* sink: what a slow reader has taken from out */
    uint64_t payload;
};

static void reading_init(struct reading *r, enum body_kind kind, uint64_t length)
{
    memory_init(&r->m);
    chunkq_init(&r->in, &r->m.chunks);
    chunkq_init(&r->out, &r->m.chunks);
    chunkq_init(&r->sink, &r->m.chunks);
    h1_body_init(&r->body, kind, length);
    r->payload = 0;
}

static void reading_fini(struct reading *r)
{
    chunkq_clear(&r->in);
    chunkq_clear(&r->out);
    chunkq_clear(&r->sink);
    memory_fini(&r->m);
}

/* Reads what there is through an outlet of `high` bytes, emptied as often as it fills. */
static void pump(struct reading *r, size_t high)
{
    size_t before;
    do {
        before = r->in.bytes;
        assert_true(h1_body_read(&r->body, &r->in, &r->out, high, &r->payload));
        assert_true(r->out.bytes <= high);
        assert_true(chunkq_move(&r->sink, &r->out, r->out.bytes));
    } while (r->in.bytes > 0 && r->in.bytes < before && r->body.state == H1_BODY_MORE);
}

static void check(struct reading *r, size_t i, const char *how)
{
    if (r->body.state != cases[i].want)
        fail_msg("%s, %s: state %d, %s", cases[i].name, how, (int)r->body.state, r->body.why ? r->body.why : "");
    CHECK_SPAN(cases[i].name, queue_text(&r->m, &r->sink), span_of(cases[i].payload));
    CHECK(cases[i].name, r->payload == r->sink.bytes);
    CHECK(cases[i].name, (r->body.why != NULL) == (cases[i].want == BAD));
    if (cases[i].want == DONE)
        CHECK(cases[i].name, r->in.bytes == cases[i].rest);
}

static void test_splits(void **state)
{
    static const size_t highs[] = {1, 3, 1 << 20};
    for (size_t i = 0; i < COUNT(cases); i++) {
        for (size_t cut = 0; cut < cases[i].in.n; cut++) {
            for (size_t h = 0; h < COUNT(highs); h++) {
                struct reading r;
                reading_init(&r, CHUNKED, 0);
                feed(&r.in, span_make(cases[i].in.p, cut));
                pump(&r, highs[h]);
                feed(&r.in, span_from(cases[i].in, cut));
                pump(&r, highs[h]);
                check(&r, i, cut ? "cut" : "whole");
                reading_fini(&r);
            }
        }
    }
}

static void test_byte_by_byte(void **state)
{
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct reading r;
        reading_init(&r, CHUNKED, 0);
        for (size_t at = 0; at < cases[i].in.n; at++) {
            feed(&r.in, span_make(cases[i].in.p + at, 1));
            pump(&r, 1 << 20);
        }
        check(&r, i, "byte by byte");
        reading_fini(&r);
    }
}

static enum h1_body_state read_text(const char *text, size_t n)
{
    struct reading r;
    struct arena a;
    reading_init(&r, CHUNKED, 0);
    arena_init(&a, &r.m.blocks);
    r.body.keep_in = &a;
    feed(&r.in, span_make(text, n));
    pump(&r, 1 << 20);
    enum h1_body_state got = r.body.state;
    arena_fini(&a);
    reading_fini(&r);
    return got;
}

static void test_trailer_limits(void **state)
{
    char text[9000];
    size_t n = 3;
    memcpy(text, "0\r\n", 3);
    for (int fields = 1; fields <= 33; fields++) {
        n += (size_t)snprintf(text + n, sizeof(text) - n, "x%d: y\r\n", fields);
        memcpy(text + n, "\r\n", 2);
        assert_int_equal(read_text(text, n + 2), fields <= 32 ? DONE : BAD);
    }
    /* 8192 bytes before the very last one, then one more */
    for (size_t over = 0; over <= 1; over++) {
        memset(text, 'v', sizeof(text));
        memcpy(text, "0\r\nA: ", 6);
        memcpy(text + 3 + 8189 + over, "\r\n\r\n", 4);
        assert_int_equal(read_text(text, 3 + 8193 + over), over ? BAD : DONE);
    }
}

static void say_trailers(struct reading *r, char *text, size_t cap)
{
    struct headers h;
    *text = '\0';
    if (!h1_body_trailers(&r->body, &h))
        return;
    for (size_t i = 0; i < h.n; i++) {
        size_t n = strlen(text);
        (void)snprintf(text + n, cap - n, "%.*s=%.*s;", SPAN_ARG(h.v[i].name), SPAN_ARG(h.v[i].value));
    }
}

static void test_kept_trailers(void **state)
{
    static const struct {
        const char *in, *kept;
        bool wanted;
    } rows[] = {
        {"0\r\n\r\n", "", true},
        {"0\r\nA: b\r\n\r\n", "", false},
        {"1\r\nx\r\n0\r\nA: b\r\nServer-Timing:db;dur=1 \r\n\r\nHTTP/1.1", "A=b;Server-Timing=db;dur=1;", true},
        {"0\r\nA:\r\n\r\n", "A=;", true},
        {"0\r\nA: b\r\nTransfer_Encoding: x\r\n\r\n", "", true}, /* a head with it would be refused */
        {"0\r\nA: b\r\n", "", true},                             /* more may come */
        {"0\r\nA: b\r\nB\r\n\r\n", "", true},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        for (size_t cut = 0; cut <= strlen(rows[i].in); cut++) {
            char text[100];
            struct reading r;
            struct arena a;
            struct span in = span_of(rows[i].in);
            reading_init(&r, CHUNKED, 0);
            arena_init(&a, &r.m.blocks);
            r.body.keep_in = rows[i].wanted ? &a : NULL;
            feed(&r.in, span_make(in.p, cut));
            pump(&r, 1 << 20);
            feed(&r.in, span_from(in, cut));
            pump(&r, 1 << 20);
            say_trailers(&r, text, sizeof text);
            assert_string_equal(text, rows[i].kept);
            arena_fini(&a);
            reading_fini(&r);
        }
}

static void test_length(void **state)
{
    struct reading r;
    reading_init(&r, BODY_LENGTH, 5);
    feed(&r.in, SPAN("hel"));
    pump(&r, 2);
    assert_int_equal(r.body.state, MORE);
    feed(&r.in, SPAN("loGET"));
    pump(&r, 2);
    assert_int_equal(r.body.state, DONE);
    assert_int_equal(r.payload, 5);
    CHECK_SPAN("payload", queue_text(&r.m, &r.sink), SPAN("hello"));
    CHECK_SPAN("next request", queue_text(&r.m, &r.in), SPAN("GET"));
    pump(&r, 100);
    assert_int_equal(r.in.bytes, 3);
    reading_fini(&r);
}

static void test_other_kinds(void **state)
{
    struct reading r;
    reading_init(&r, BODY_LENGTH, 0);
    assert_int_equal(r.body.state, DONE);
    reading_fini(&r);
    reading_init(&r, BODY_NONE, 7);
    feed(&r.in, SPAN("x"));
    pump(&r, 100);
    assert_int_equal(r.body.state, DONE);
    assert_int_equal(r.in.bytes, 1);
    reading_fini(&r);
    reading_init(&r, BODY_UNTIL_CLOSE, 0);
    feed(&r.in, SPAN("0\r\n\r\n"));
    pump(&r, 100);
    assert_int_equal(r.body.state, MORE);
    assert_int_equal(r.payload, 5);
    reading_fini(&r);
}

/* The outlet is full: nothing is taken, nothing is lost. */
static void test_backpressure(void **state)
{
    struct reading r;
    reading_init(&r, CHUNKED, 0);
    feed(&r.in, SPAN("5\r\nhello\r\n0\r\n\r\n"));
    assert_true(h1_body_read(&r.body, &r.in, &r.out, 4, &r.payload));
    assert_int_equal(r.out.bytes, 4);
    assert_int_equal(r.body.state, MORE);
    assert_true(h1_body_read(&r.body, &r.in, &r.out, 4, &r.payload));
    assert_int_equal(r.out.bytes, 4);
    assert_true(h1_body_read(&r.body, &r.in, &r.out, 5, &r.payload));
    assert_int_equal(r.body.state, DONE); /* a full outlet does not keep the end from being seen */
    assert_int_equal(r.payload, 5);
    reading_fini(&r);
}

/* A part that is copied takes no more memory than the outlet has room for. */
static void test_memory_of_parts(void **state)
{
    struct reading r;
    reading_init(&r, CHUNKED, 0);
    feed(&r.in, SPAN("3\r\none\r\n3\r\ntwo\r\n3\r\nthree"));
    assert_true(h1_body_read(&r.body, &r.in, &r.out, 2000, &r.payload));
    assert_int_equal(r.out.bytes, 9);
    assert_in_range(chunkq_holds(&r.out), 9, 2100);
    reading_fini(&r);
}

/* Framing put on, taken off: the same bytes, whatever the pieces. */
static void test_round_trip(void **state)
{
    static const size_t sizes[] = {1, 2, 15, 16, 255, 4096, 8192, 8193, 16384, 40000, 100000};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        struct reading r;
        struct chunkq src;
        uint8_t *text = malloc(sizes[i]);
        assert_non_null(text);
        for (size_t at = 0; at < sizes[i]; at++)
            text[at] = (uint8_t)(at * 7 + at / 251);
        reading_init(&r, CHUNKED, 0);
        chunkq_init(&src, &r.m.chunks);
        for (int round = 0; round < 3; round++) {
            assert_true(chunkq_append(&src, span_make(text, sizes[i])));
            assert_true(h1_body_write(CHUNKED, &r.in, &src, sizes[i]));
            assert_true(h1_body_write(CHUNKED, &r.in, &src, 0));
            assert_int_equal(src.bytes, 0);
        }
        assert_true(h1_body_write_end(CHUNKED, &r.in));
        pump(&r, 10000);
        assert_int_equal(r.body.state, DONE);
        assert_int_equal(r.payload, 3 * sizes[i]);
        struct span got = queue_text(&r.m, &r.sink);
        for (int round = 0; round < 3; round++)
            assert_memory_equal(got.p + (size_t)round * sizes[i], text, sizes[i]);
        free(text);
        reading_fini(&r);
    }
}

static void test_write(void **state)
{
    struct reading r;
    reading_init(&r, CHUNKED, 0);
    feed(&r.in, SPAN("hello world, hello moon"));
    assert_true(h1_body_write(CHUNKED, &r.out, &r.in, 17));
    assert_true(h1_body_write(CHUNKED, &r.out, &r.in, r.in.bytes));
    assert_true(h1_body_write_end(CHUNKED, &r.out));
    CHECK_SPAN("chunks", queue_text(&r.m, &r.out), SPAN("11\r\nhello world, hell\r\n6\r\no moon\r\n0\r\n\r\n"));
    chunkq_clear(&r.out);
    feed(&r.in, SPAN("as it is"));
    assert_true(h1_body_write(BODY_LENGTH, &r.out, &r.in, 5));
    assert_true(h1_body_write_end(BODY_LENGTH, &r.out));
    CHECK_SPAN("length", queue_text(&r.m, &r.out), SPAN("as it"));
    reading_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_splits),         cmocka_unit_test(test_byte_by_byte),
        cmocka_unit_test(test_trailer_limits), cmocka_unit_test(test_kept_trailers),
        cmocka_unit_test(test_length),         cmocka_unit_test(test_other_kinds),
        cmocka_unit_test(test_backpressure),   cmocka_unit_test(test_memory_of_parts),
        cmocka_unit_test(test_round_trip),     cmocka_unit_test(test_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
