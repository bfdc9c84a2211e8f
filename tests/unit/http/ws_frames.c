/* Frame boundaries (RFC 6455 §5.2), whole and split at every byte. */
#include "http/ws_frames.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

/* Appends one unmasked frame to out; returns its length. */
static size_t frame(uint8_t *out, uint8_t first, uint64_t length, unsigned form)
{
    size_t n = 2;
    out[0] = first;
    if (form == 7) {
        out[1] = (uint8_t)length;
    } else if (form == 16) {
        out[1] = 126;
        out[2] = (uint8_t)(length >> 8);
        out[3] = (uint8_t)length;
        n = 4;
    } else {
        out[1] = 127;
        for (unsigned i = 0; i < 8; i++)
            out[2 + i] = (uint8_t)(length >> (56 - 8 * i));
        n = 10;
    }
    memset(out + n, 0x81, length);
    return n + length;
}

struct conversation {
    uint8_t bytes[70000];
    size_t n;
    size_t ends[8];
    size_t count;
};

static void add(struct conversation *c, uint8_t first, uint64_t length, unsigned form)
{
    c->n += frame(c->bytes + c->n, first, length, form);
    c->ends[c->count++] = c->n;
}

static struct conversation *make(void)
{
    struct conversation *c = calloc(1, sizeof *c);
    assert_non_null(c);
    add(c, 0x82, 0, 7);
    add(c, 0x01, 125, 7);
    add(c, 0x80, 126, 16);
    add(c, 0x89, 3, 7);
    add(c, 0x82, 300, 64);
    add(c, 0x82, 65000, 16);
    return c;
}

static void test_stops_at_each_boundary(void **state)
{
    struct conversation *c = make();
    struct ws_frames f = {0};
    size_t at = 0;
    assert_true(ws_frames_at_boundary(&f));
    for (size_t i = 0; i < c->count; i++) {
        assert_int_equal(ws_frames_take(&f, span_make(c->bytes + at, c->n - at), true), 0);
        assert_int_equal(ws_frames_take(&f, span_make(c->bytes + at, 1), false), 1);
        at++;
        assert_false(ws_frames_at_boundary(&f));
        at += ws_frames_take(&f, span_make(c->bytes + at, c->n - at), true);
        assert_int_equal(at, c->ends[i]);
        assert_true(ws_frames_at_boundary(&f));
    }
    free(c);
}

static bool is_end(const struct conversation *c, size_t at)
{
    for (size_t i = 0; i < c->count; i++)
        if (c->ends[i] == at)
            return true;
    return at == 0;
}

static void test_split_at_every_byte(void **state)
{
    struct conversation *c = make();
    for (size_t cut = 0; cut <= 1200; cut++) {
        struct ws_frames f = {0};
        assert_int_equal(ws_frames_take(&f, span_make(c->bytes, cut), false), cut);
        if (ws_frames_at_boundary(&f) != is_end(c, cut))
            fail_msg("cut %zu", cut);
        ws_frames_take(&f, span_make(c->bytes + cut, c->n - cut), false);
        assert_true(ws_frames_at_boundary(&f));
    }
    struct ws_frames f = {0};
    for (size_t i = 0; i < c->n; i++) {
        assert_int_equal(ws_frames_take(&f, span_make(c->bytes + i, 1), false), 1);
        if (ws_frames_at_boundary(&f) != is_end(c, i + 1))
            fail_msg("byte %zu", i);
    }
    free(c);
}

static void test_no_frames_of_a_server(void **state)
{
    static const struct {
        const char *name;
        uint8_t bytes[12];
    } cases[] = {
        {"masked", {0x82, 0x80, 1, 2, 3, 4}},
        {"negative length", {0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 1, 1, 1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ws_frames f = {0};
        assert_int_equal(ws_frames_take(&f, span_make(cases[i].bytes, 12), false), 12);
        if (ws_frames_at_boundary(&f))
            fail_msg("%s: a boundary", cases[i].name);
        assert_int_equal(ws_frames_take(&f, span_make(cases[i].bytes, 12), true), 12);
    }
}

static void test_close_frame(void **state)
{
    uint8_t out[WS_CLOSE_MAX + 2], long_reason[400];
    assert_int_equal(ws_close_frame(1012, SPAN("restart"), out), 11);
    assert_memory_equal(out, "\x88\x09\x03\xf4restart", 11);
    memset(long_reason, 'x', sizeof long_reason);
    assert_int_equal(ws_close_frame(4401, span_make(long_reason, sizeof long_reason), out), WS_CLOSE_MAX + 2);
    assert_int_equal(out[1], WS_CLOSE_MAX);
    struct ws_frames f = {0};
    assert_int_equal(ws_frames_take(&f, span_make(out, sizeof out), false), sizeof out);
    assert_true(ws_frames_at_boundary(&f));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stops_at_each_boundary),
        cmocka_unit_test(test_split_at_every_byte),
        cmocka_unit_test(test_no_frames_of_a_server),
        cmocka_unit_test(test_close_frame),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
