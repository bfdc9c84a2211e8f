/* Bodies: framing taken off and put on, at every split, with every size of outlet. */
#include "support.h"

#include <stdio.h>

#define CHUNKED BODY_CHUNKED
#define BAD H1_BODY_BAD
#define MORE H1_BODY_MORE
#define DONE H1_BODY_END

#define EXT_64 ";aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb" /* 64 bytes with its ';' */

static const struct {
    const char *name;
    struct span in;
    enum h1_body_state want;
    const char *payload; /* what may have gone out */
    size_t rest;         /* bytes behind the end, left alone */
} cases[] = {
    {"nothing", S("0\r\n\r\n"), DONE, "", 0},
    {"one chunk", S("5\r\nhello\r\n0\r\n\r\n"), DONE, "hello", 0},
    {"two chunks", S("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"), DONE, "hello world", 0},
    {"hexadecimal", S("a\r\n0123456789\r\nB\r\n0123456789a\r\n0\r\n\r\n"), DONE, "01234567890123456789a", 0},
    {"zeros in front", S("0000000000000005\r\nhello\r\n000\r\n\r\n"), DONE, "hello", 0},
    {"CRLF as data", S("4\r\n\r\n\r\n\r\n0\r\n\r\n"), DONE, "\r\n\r\n", 0},
    {"the next request stays", S("1\r\na\r\n0\r\n\r\nGET / HTTP/1.1\r\n"), DONE, "a", 16},
    {"an empty line behind stays", S("0\r\n\r\n\r\n"), DONE, "", 2},
    {"extension", S("5;a=b\r\nhello\r\n0;c\r\n\r\n"), DONE, "hello", 0},
    {"quoted extension", S("5;a=\"b;\\\"\t\\\\ c\";d\r\nhello\r\n0\r\n\r\n"), DONE, "hello", 0},
    {"256 bytes of extensions", S("1" EXT_64 EXT_64 "\r\na\r\n0" EXT_64 EXT_64 "\r\n\r\n"), DONE, "a", 0},
    {"trailers are dropped", S("0\r\nHost: x\r\nContent-Length: 9\r\nAuthorization:\r\nCookie: \xff\r\n\r\nG"), DONE,
     "", 1},
    {"a request as trailer is dropped", S("0\r\nX:POST / HTTP/1.1\r\n\r\n"), DONE, "", 0},

    {"so far so good", S("5\r\nhel"), MORE, "hel", 0},
    {"data without its end", S("5\r\nhello\r"), MORE, "hello", 0},
    {"no last chunk", S("5\r\nhello\r\n"), MORE, "hello", 0},
    {"no end of trailers", S("0\r\nA: b\r\n"), MORE, "", 0},
    {"largest size", S("7ffffffffffffff\r\nabc"), MORE, "abc", 0},
    {"sizes with sixteen digits", S("0fffffffffffffff\r\nabc"), MORE, "abc", 0},

    {"0x5", S("0x5\r\nhello\r\n0\r\n\r\n"), BAD, "", 0},
    {"+5", S("+5\r\nhello\r\n0\r\n\r\n"), BAD, "", 0},
    {"-5", S("-5\r\nhello\r\n0\r\n\r\n"), BAD, "", 0},
    {"0_2e", S("0_2e\r\nhello\r\n0\r\n\r\n"), BAD, "", 0},
    {"space behind", S("5 \r\nhello\r\n0\r\n\r\n"), BAD, "", 0},
    {"tab behind", S("5\t\r\nhello\r\n0\r\n\r\n"), BAD, "", 0},
    {"space in front", S(" 5\r\nhello\r\n0\r\n\r\n"), BAD, "", 0},
    {"empty size", S("\r\nhello\r\n0\r\n\r\n"), BAD, "", 0},
    {"a backtick", S("`\r\nhello\r\n0\r\n\r\n"), BAD, "", 0},
    {"1these", S("1these\r\nhello\r\n0\r\n\r\n"), BAD, "", 0},
    {"Z", S("Z\r\nhello\r\n0\r\n\r\n"), BAD, "", 0},
    {"17 digits", S("00000000000000005\r\nhello\r\n0\r\n\r\n"), BAD, "", 0},
    {"overflow", S("10000000000000000\r\nhello\r\n"), BAD, "", 0},
    {"beyond 2^63", S("ffffffffffffffff\r\nhello\r\n"), BAD, "", 0},
    {"nul in the size", S("5\0\r\nhello\r\n"), BAD, "", 0},
    {"extension alone", S(";a\r\nhello\r\n"), BAD, "", 0},

    {"bare LF behind the size", S("5\nhello\r\n0\r\n\r\n"), BAD, "", 0},
    {"bare LF behind an extension", S("5;\nhello\r\n0\r\n\r\n"), BAD, "", 0},
    {"bare LF behind a named extension", S("5;a\nhello\r\n0\r\n\r\n"), BAD, "", 0},
    {"CR CR in an extension", S("5;a=b\r\rX\r\nhello\r\n"), BAD, "", 0},
    {"CR CR behind the size", S("5\r\r;ABCD\r\nhello\r\n"), BAD, "", 0},
    {"CR X behind the size", S("2\rXx\r\n0\r\n\r\n"), BAD, "", 0},
    {"nul in an extension", S("5;\0\r\nhello\r\n"), BAD, "", 0},
    {"nul in a quoted extension", S("5;a=\"\0\"\r\nhello\r\n"), BAD, "", 0},
    {"obs-text in a quoted extension", S("5;a=\"\xff\"\r\nhello\r\n"), BAD, "", 0},
    {"quote in a name", S("5;\"def\r\nhello\r\n"), BAD, "", 0},
    {"quote without end", S("5;a=\"def\r\nhello\r\n"), BAD, "", 0},
    {"text behind a quote", S("5;a=\"b\"c\r\nhello\r\n"), BAD, "", 0},
    {"escaped CR", S("5;a=\"\\\r\nhello\r\n"), BAD, "", 0},
    {"empty extension", S("5;\r\nhello\r\n"), BAD, "", 0},
    {"empty extension value", S("5;a=\r\nhello\r\n"), BAD, "", 0},
    {"two semicolons", S("5;;a\r\nhello\r\n"), BAD, "", 0},
    {"space before an extension", S("5 ;a\r\nhello\r\n"), BAD, "", 0},
    {"space within an extension", S("5; a=b\r\nhello\r\n"), BAD, "", 0},
    {"257 bytes of extensions", S("1" EXT_64 EXT_64 "\r\na\r\n0" EXT_64 EXT_64 "b\r\n\r\n"), BAD, "a", 0},

    {"no CRLF behind the data", S("5\r\nhello0\r\n\r\n"), BAD, "hello", 0},
    {"two bytes too many", S("5\r\nhelloab\r\n0\r\n\r\n"), BAD, "hello", 0},
    {"bare LF behind the data", S("5\r\nhello\n0\r\n\r\n"), BAD, "hello", 0},
    {"CR behind the data", S("5\r\nhello\r0\r\n\r\n"), BAD, "hello", 0},
    {"bare LF behind the last chunk", S("0\n\r\n"), BAD, "", 0},
    {"bare LF at the end", S("0\r\n\n"), BAD, "", 0},
    {"CR X at the end", S("0\r\n\rX"), BAD, "", 0},
    {"an empty line before the last chunk", S("5\r\nhello\r\n\r\n0\r\n\r\n"), BAD, "hello", 0},
    {"trailer without a colon", S("0\r\nPOST / HTTP/1.1\r\n\r\n"), BAD, "", 0},
    {"trailer with an empty name", S("0\r\n: x\r\n\r\n"), BAD, "", 0},
    {"trailer with a space before the colon", S("0\r\nA : x\r\n\r\n"), BAD, "", 0},
    {"trailer folded", S("0\r\nA: x\r\n y\r\n\r\n"), BAD, "", 0},
    {"trailer with a nul", S("0\r\nA: \0\r\n\r\n"), BAD, "", 0},
    {"trailer with a bare LF", S("0\r\nA: x\nB: y\r\n\r\n"), BAD, "", 0},
    {"trailer with a bare CR", S("0\r\nA: x\rB: y\r\n\r\n"), BAD, "", 0},
    {"trailer with an 8-bit name", S("0\r\n\xc3\xa9: x\r\n\r\n"), BAD, "", 0},
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
    reading_init(&r, CHUNKED, 0);
    feed(&r.in, span_make(text, n));
    pump(&r, 1 << 20);
    enum h1_body_state got = r.body.state;
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
        cmocka_unit_test(test_splits),     cmocka_unit_test(test_byte_by_byte), cmocka_unit_test(test_trailer_limits),
        cmocka_unit_test(test_length),     cmocka_unit_test(test_other_kinds),  cmocka_unit_test(test_backpressure),
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
