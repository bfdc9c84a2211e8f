#include "base/chunkq.h"

#include "alloc.h"
#include "check.h"

#include <stdlib.h>

#define BIG (3 * CHUNK_SIZE + 100)

struct fixture {
    struct slab slab;
    struct chunkq a, b;
    uint8_t *pattern; /* BIG bytes that do not repeat at chunk distance */
};

static int open_queues(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    uint32_t x = 1;

    f->pattern = malloc(BIG);
    for (size_t i = 0; i < BIG; i++) {
        x = x * 1664525u + 1013904223u;
        f->pattern[i] = (uint8_t)(x >> 24);
    }
    slab_init(&f->slab, CHUNK_BLOCK, 4);
    chunkq_init(&f->a, &f->slab);
    chunkq_init(&f->b, &f->slab);
    *state = f;
    return 0;
}

static int close_queues(void **state)
{
    struct fixture *f = *state;

    alloc_fail_never();
    chunkq_clear(&f->a);
    chunkq_clear(&f->b);
    assert_int_equal(f->slab.used, 0);
    slab_fini(&f->slab);
    free(f->pattern);
    free(f);
    return 0;
}

/* The queue holds exactly want, is well formed, and no chunk of it is empty. */
static void check_holds(const char *name, const struct chunkq *q, struct span want)
{
    static uint8_t out[BIG];
    struct iovec iov[64];
    size_t pieces = chunkq_iov(q, iov, COUNT(iov)), at = 0, chunks = 0;
    const struct chunk *last = NULL;

    CHECK(name, q->bytes == want.n);
    chunkq_copy(q, want.n, out);
    CHECK(name, span_eq(span_make(out, want.n), want));
    for (size_t i = 0; i < pieces; i++) {
        CHECK(name, at + iov[i].iov_len <= want.n);
        CHECK(name, memcmp(iov[i].iov_base, want.p + at, iov[i].iov_len) == 0);
        at += iov[i].iov_len;
    }
    CHECK(name, at == want.n);
    for (const struct chunk *c = q->head; c; c = c->next) {
        CHECK(name, c->off < c->end && c->end <= c->size && c->size <= CHUNK_SIZE);
        chunks++;
        last = c;
    }
    CHECK(name, q->tail == last);
    CHECK(name, chunks == pieces);
    CHECK(name, span_eq(chunkq_peek(q), want.n ? span_make(want.p, iov[0].iov_len) : SPAN_NONE));
}

static struct span part(const struct fixture *f, size_t from, size_t n)
{
    return span_make(f->pattern + from, n);
}

static void append_and_drop(void **state)
{
    static const size_t sizes[] = {0, 1, 100, CHUNK_SIZE - 1, CHUNK_SIZE, CHUNK_SIZE + 1, 2 * CHUNK_SIZE, BIG};
    struct fixture *f = *state;

    for (size_t i = 0; i < COUNT(sizes); i++) {
        for (size_t k = 0; k < COUNT(sizes) && sizes[k] <= sizes[i]; k++) {
            assert_true(chunkq_append(&f->a, part(f, 0, sizes[i])));
            check_holds("appended", &f->a, part(f, 0, sizes[i]));
            chunkq_drop(&f->a, sizes[k]);
            check_holds("dropped", &f->a, part(f, sizes[k], sizes[i] - sizes[k]));
            chunkq_clear(&f->a);
            check_holds("cleared", &f->a, SPAN_NONE);
        }
    }
}

static void holds_nothing_when_empty(void **state)
{
    struct fixture *f = *state;
    size_t room;

    assert_true(chunkq_append(&f->a, part(f, 0, BIG)));
    chunkq_drop(&f->a, BIG);
    assert_int_equal(f->slab.used, 0);
    assert_non_null(chunkq_reserve(&f->a, 1, &room));
    assert_int_equal(room, CHUNK_SIZE);
    chunkq_commit(&f->a, 0);
    assert_int_equal(f->slab.used, 0);
    assert_true(chunkq_append(&f->a, SPAN_NONE));
    assert_int_equal(f->slab.used, 0);
    assert_null(f->a.head);
}

static void reserve_and_commit(void **state)
{
    static const struct {
        const char *name;
        size_t before, min, commit;
        bool same_chunk;
    } cases[] = {
        {"empty queue", 0, 1, 10, false},
        {"whole chunk", 0, CHUNK_SIZE, CHUNK_SIZE, false},
        {"behind what is there", 100, 200, 200, true},
        {"exactly the rest", CHUNK_SIZE - 50, 50, 50, true},
        {"rest too short", CHUNK_SIZE - 50, 51, 51, false},
        {"full tail, no minimum", CHUNK_SIZE, 0, 5, false},
        {"given back", CHUNK_SIZE, 1, 0, false},
        {"nothing read", 10, 1, 0, true},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *name = cases[i].name;
        size_t room = 0;

        assert_true(chunkq_append(&f->a, part(f, 0, cases[i].before)));

        size_t used = f->slab.used;
        uint8_t *p = chunkq_reserve(&f->a, cases[i].min, &room);

        CHECK(name, p && room >= cases[i].min && room > 0);
        CHECK(name, (f->slab.used == used) == cases[i].same_chunk);
        memcpy(p, f->pattern + cases[i].before, cases[i].commit);
        chunkq_commit(&f->a, cases[i].commit);
        check_holds(name, &f->a, part(f, 0, cases[i].before + cases[i].commit));
        chunkq_clear(&f->a);
    }
}

/* Whoever wants few gets memory for few, which counts for as long as it is held. */
static void reserve_at_most(void **state)
{
    static const struct {
        const char *name;
        size_t before, min, most, room, held;
    } cases[] = {
        {"one byte", 0, 1, 1, 1, 1},
        {"few", 0, 4096, 5000, 5000, 5000},
        {"half a chunk", 0, 1, CHUNK_SIZE / 2, CHUNK_SIZE / 2, CHUNK_SIZE / 2},
        {"more than half a chunk", 0, 1, CHUNK_SIZE / 2 + 1, CHUNK_SIZE / 2 + 1, CHUNK_SIZE},
        {"any number", 0, 1, 10 * CHUNK_SIZE, CHUNK_SIZE, CHUNK_SIZE},
        {"behind what is there", 100, 1, 50, 50, CHUNK_SIZE},
        {"behind what leaves less", CHUNK_SIZE - 50, 1, 80, 50, CHUNK_SIZE},
        {"behind what leaves too little", CHUNK_SIZE - 50, 51, 80, 80, CHUNK_SIZE + sizeof(struct chunk) + 80},
    };
    struct fixture *f = *state;
    struct meter meter = {0};
    f->slab.meter = &meter;
    f->slab.keep = 0;

    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *name = cases[i].name;
        size_t room = 0, before = cases[i].before;

        assert_true(chunkq_append(&f->a, part(f, 0, before)));
        uint8_t *p = chunkq_reserve_at_most(&f->a, cases[i].min, cases[i].most, &room);
        CHECK(name, p && room == cases[i].room);
        CHECK(name, meter.held == sizeof(struct chunk) + cases[i].held);
        memcpy(p, f->pattern + before, room);
        chunkq_commit(&f->a, room);
        check_holds(name, &f->a, part(f, 0, before + room));
        assert_true(chunkq_append(&f->a, part(f, before + room, 300)));
        assert_true(chunkq_move(&f->b, &f->a, before + room + 300));
        check_holds(name, &f->b, part(f, 0, before + room + 300));
        chunkq_drop(&f->b, 1);
        chunkq_clear(&f->b);
        CHECK(name, meter.held == 0);

        assert_non_null(chunkq_reserve_at_most(&f->a, cases[i].min, cases[i].most, &room));
        chunkq_commit(&f->a, 0);
        CHECK(name, meter.held == 0 && !f->a.head);
    }
    f->slab.meter = NULL;
}

/* Single bytes, one by one, fill a small chunk before there is another. */
static void few_by_few(void **state)
{
    struct fixture *f = *state;
    struct meter meter = {0};
    size_t room;
    f->slab.meter = &meter;

    for (size_t i = 0; i < 5000; i++) {
        uint8_t *p = chunkq_reserve_at_most(&f->a, 1000, 1000, &room);
        assert_non_null(p);
        *p = f->pattern[i];
        chunkq_commit(&f->a, 1);
    }
    check_holds("five chunks", &f->a, part(f, 0, 5000));
    assert_int_equal(meter.held, 5 * (sizeof(struct chunk) + 1000));
    chunkq_clear(&f->a);
    assert_int_equal(meter.held, 0);
    f->slab.meter = NULL;
}

/* What a part that is copied takes: of memory from malloc no more than may come, and not a chunk for each byte. */
static void move_at_most(void **state)
{
    static const struct {
        const char *name;
        size_t before, n, most, held; /* of dst, without the chunks' heads */
        size_t chunks;
    } cases[] = {
        {"a byte", 0, 1, 1, 1024, 1},
        {"few", 0, 1000, 5000, 5000, 1},
        {"all that may come", 0, 5000, 5000, 5000, 1},
        {"half a chunk", 0, 1, CHUNK_SIZE / 2, CHUNK_SIZE / 2, 1},
        {"more", 0, 1, CHUNK_SIZE / 2 + 1, CHUNK_SIZE, 1},
        {"any number", 0, 1, SIZE_MAX, CHUNK_SIZE, 1},
        {"behind what has room", 100, 5000, 5000, CHUNK_SIZE, 1},
        {"behind what has too little", CHUNK_SIZE - 50, 80, 80, CHUNK_SIZE + 1024, 2},
    };
    struct fixture *f = *state;
    struct meter meter = {0};
    f->slab.meter = &meter;
    f->slab.keep = 0;

    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *name = cases[i].name;
        size_t before = cases[i].before, n = cases[i].n, want = cases[i].held + cases[i].chunks * sizeof(struct chunk);

        assert_true(chunkq_append(&f->b, part(f, 0, before)));
        assert_true(chunkq_append(&f->a, part(f, before, n + 1)));
        CHECK(name, chunkq_move_at_most(&f->b, &f->a, n, cases[i].most));
        check_holds(name, &f->b, part(f, 0, before + n));
        check_holds(name, &f->a, part(f, before + n, 1));
        CHECK(name, chunkq_holds(&f->b) == want);
        CHECK(name, meter.held == want + chunkq_holds(&f->a));
        chunkq_clear(&f->a);
        chunkq_clear(&f->b);
        CHECK(name, chunkq_holds(&f->b) == 0 && meter.held == 0);
    }

    assert_true(chunkq_append(&f->a, part(f, 0, 5000)));
    for (size_t i = 0; i < 4000; i++)
        assert_true(chunkq_move_at_most(&f->b, &f->a, 1, 1));
    check_holds("one by one", &f->b, part(f, 0, 4000));
    assert_int_equal(chunkq_holds(&f->b), 4 * (sizeof(struct chunk) + 1024));
    chunkq_clear(&f->a);
    chunkq_clear(&f->b);
    f->slab.meter = NULL;
}

static void iov_limit(void **state)
{
    struct fixture *f = *state;
    struct iovec iov[2];

    assert_true(chunkq_append(&f->a, part(f, 0, BIG)));
    assert_int_equal(chunkq_iov(&f->a, iov, 2), 2);
    assert_int_equal(iov[0].iov_len + iov[1].iov_len, 2 * CHUNK_SIZE);
    assert_int_equal(chunkq_iov(&f->a, iov, 0), 0);
}

static void move_all_sizes(void **state)
{
    static const size_t sizes[] = {
        0, 1, 500, 1023, 1024, 1025, 5000, CHUNK_SIZE, 2 * CHUNK_SIZE - 7, CHUNK_SIZE + 1, 3 * CHUNK_SIZE};
    static const size_t befores[] = {0, 10, CHUNK_SIZE - 600, CHUNK_SIZE};
    static const size_t dropped[] = {0, 1, 40};
    struct fixture *f = *state;

    for (size_t i = 0; i < COUNT(sizes); i++) {
        for (size_t k = 0; k < COUNT(befores); k++) {
            for (size_t d = 0; d < COUNT(dropped); d++) {
                static uint8_t want[BIG + CHUNK_SIZE];
                size_t before = befores[k], n = sizes[i], off = dropped[d];

                assert_true(chunkq_append(&f->b, part(f, 7, before)));
                assert_true(chunkq_append(&f->a, part(f, 0, BIG)));
                chunkq_drop(&f->a, off);
                assert_true(chunkq_move(&f->b, &f->a, n));
                memcpy(want, f->pattern + 7, before);
                memcpy(want + before, f->pattern + off, n);
                if (before + n <= BIG)
                    check_holds("target", &f->b, span_make(want, before + n));
                check_holds("source", &f->a, part(f, off + n, BIG - off - n));
                chunkq_clear(&f->a);
                chunkq_clear(&f->b);
            }
        }
    }
}

/* Whole chunks change hands without a copy, also when the head has been read in part. */
static void move_by_pointer(void **state)
{
    static const size_t dropped[] = {0, 1, 1000};
    struct fixture *f = *state;

    for (size_t i = 0; i < COUNT(dropped); i++) {
        assert_true(chunkq_append(&f->b, SPAN("head")));
        assert_true(chunkq_append(&f->a, part(f, 0, 2 * CHUNK_SIZE)));
        chunkq_drop(&f->a, dropped[i]);

        const struct chunk *first = f->a.head, *second = first->next;

        alloc_fail_after(0);
        assert_true(chunkq_move(&f->b, &f->a, f->a.bytes));
        alloc_fail_never();
        assert_ptr_equal(f->b.head->next, first);
        assert_ptr_equal(f->b.tail, second);
        assert_null(f->a.head);
        assert_null(f->a.tail);
        assert_int_equal(f->b.bytes, 4 + 2 * CHUNK_SIZE - dropped[i]);
        chunkq_clear(&f->b);
    }
}

/* Many small writes must not become a queue of nearly empty chunks. */
static void small_moves_gather(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < 100; i++) {
        assert_true(chunkq_append(&f->a, part(f, i * 100, 100)));
        assert_true(chunkq_move(&f->b, &f->a, 100));
    }
    assert_int_equal(f->slab.used, 1);
    check_holds("gathered", &f->b, part(f, 0, 10000));
}

/* Nor moves of more, one by one: memory is at most about twice what is held in it, whatever the size of the pieces. */
static void moves_of_any_size_gather(void **state)
{
    static const size_t sizes[] = {
        1, 1024, 1025, 1400, 5000, CHUNK_SIZE / 2 - 1, CHUNK_SIZE / 2, CHUNK_SIZE / 2 + 1, CHUNK_SIZE};
    struct fixture *f = *state;

    for (size_t i = 0; i < COUNT(sizes); i++) {
        size_t n = sizes[i], all = 0;

        for (; all + n <= 2 * CHUNK_SIZE; all += n) {
            assert_true(chunkq_append(&f->a, part(f, all, n)));
            assert_true(chunkq_move(&f->b, &f->a, n));
        }
        check_holds("gathered", &f->b, part(f, 0, all));
        assert_in_range(chunkq_holds(&f->b), all, 2 * all + 2 * CHUNK_BLOCK);
        chunkq_clear(&f->b);
    }
}

static void move_behind_an_unused_reservation(void **state)
{
    struct fixture *f = *state;
    size_t room;

    assert_true(chunkq_append(&f->a, part(f, 0, 5000)));
    assert_non_null(chunkq_reserve(&f->b, 1, &room));
    assert_true(chunkq_move(&f->b, &f->a, 5000));
    check_holds("moved", &f->b, part(f, 0, 5000));
}

static void out_of_memory(void **state)
{
    struct fixture *f = *state;
    size_t room;

    f->slab.keep = 0;
    for (long allowed = 0; allowed < 4; allowed++) {
        alloc_fail_never();
        assert_true(chunkq_append(&f->a, part(f, 0, 100)));
        alloc_fail_after(allowed);

        bool done = chunkq_append(&f->a, part(f, 100, 3 * CHUNK_SIZE));

        assert_int_equal(done, allowed >= 3);
        alloc_fail_never();
        check_holds("all or nothing", &f->a, part(f, 0, done ? 100 + 3 * CHUNK_SIZE : 100));
        chunkq_clear(&f->a);
    }
    alloc_fail_after(0);
    assert_false(chunkq_append(&f->a, SPAN("x")));
    assert_null(f->a.head);
    assert_null(chunkq_reserve(&f->a, 1, &room));
    assert_null(chunkq_reserve_at_most(&f->a, 1, 10, &room));
    check_holds("still empty", &f->a, SPAN_NONE);
}

static void move_out_of_memory(void **state)
{
    struct fixture *f = *state;

    f->slab.keep = 0;
    assert_true(chunkq_append(&f->a, part(f, 0, CHUNK_SIZE + 5000)));
    alloc_fail_after(0);
    assert_false(chunkq_move(&f->b, &f->a, CHUNK_SIZE + 4000));
    alloc_fail_never();
    check_holds("what moved", &f->b, part(f, 0, CHUNK_SIZE));
    check_holds("what stayed", &f->a, part(f, CHUNK_SIZE, 5000));
    assert_true(chunkq_move(&f->b, &f->a, 4000));
    check_holds("moved later", &f->b, part(f, 0, CHUNK_SIZE + 4000));
}

struct model {
    uint8_t data[BIG];
    size_t n;
};

static uint32_t next(uint32_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 17;
    *x ^= *x << 5;
    return *x;
}

static void model_add(struct model *m, const uint8_t *p, size_t n)
{
    memcpy(m->data + m->n, p, n);
    m->n += n;
}

static void model_drop(struct model *m, size_t n)
{
    memmove(m->data, m->data + n, m->n - n);
    m->n -= n;
}

static void random_step(struct fixture *f, struct model *a, struct model *b, uint32_t *x)
{
    size_t max = next(x) % 3 ? 300 : 2 * CHUNK_SIZE, n = next(x) % max, room;
    const uint8_t *from = f->pattern + next(x) % 1000;
    uint8_t *p;

    switch (next(x) % 5) {
    case 0:
        if (a->n + n <= BIG / 2 && chunkq_append(&f->a, span_make(from, n)))
            model_add(a, from, n);
        break;
    case 1:
        n = n < CHUNK_SIZE ? n : CHUNK_SIZE;
        p = next(x) % 2 ? chunkq_reserve(&f->a, n, &room)
                        : chunkq_reserve_at_most(&f->a, n, n + next(x) % 2000 + 1, &room);
        if (p) {
            n = a->n + n <= BIG / 2 ? (n < room ? n : room) : 0;
            memcpy(p, from, n);
            chunkq_commit(&f->a, n);
            model_add(a, from, n);
        }
        break;
    case 2:
        n = n < a->n ? n : a->n;
        if (b->n + n <= BIG) {
            size_t before = f->a.bytes;

            if (next(x) % 2 ? chunkq_move(&f->b, &f->a, n) : chunkq_move_at_most(&f->b, &f->a, n, n + next(x) % 9000))
                assert_int_equal(before - f->a.bytes, n);
            n = before - f->a.bytes;
            model_add(b, a->data, n);
            model_drop(a, n);
        }
        break;
    default:
        n = n < b->n ? n : b->n;
        chunkq_drop(&f->b, n);
        model_drop(b, n);
    }
}

/* Random use with memory that now and then runs out, against two flat arrays. */
static void random_use(void **state)
{
    struct fixture *f = *state;
    struct model *a = calloc(1, sizeof(*a)), *b = calloc(1, sizeof(*b));
    uint32_t x = 2463534242u;

    f->slab.keep = 1;
    for (int i = 0; i < 20000; i++) {
        if (next(&x) % 10 == 0)
            alloc_fail_after(next(&x) % 2);
        random_step(f, a, b, &x);
        alloc_fail_never();
        if (i % 7 == 0) {
            check_holds("a", &f->a, span_make(a->data, a->n));
            check_holds("b", &f->b, span_make(b->data, b->n));
        }
    }
    free(a);
    free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(append_and_drop, open_queues, close_queues),
        cmocka_unit_test_setup_teardown(holds_nothing_when_empty, open_queues, close_queues),
        cmocka_unit_test_setup_teardown(reserve_and_commit, open_queues, close_queues),
        cmocka_unit_test_setup_teardown(reserve_at_most, open_queues, close_queues),
        cmocka_unit_test_setup_teardown(few_by_few, open_queues, close_queues),
        cmocka_unit_test_setup_teardown(move_at_most, open_queues, close_queues),
        cmocka_unit_test_setup_teardown(iov_limit, open_queues, close_queues),
        cmocka_unit_test_setup_teardown(move_all_sizes, open_queues, close_queues),
        cmocka_unit_test_setup_teardown(move_by_pointer, open_queues, close_queues),
        cmocka_unit_test_setup_teardown(small_moves_gather, open_queues, close_queues),
        cmocka_unit_test_setup_teardown(moves_of_any_size_gather, open_queues, close_queues),
        cmocka_unit_test_setup_teardown(move_behind_an_unused_reservation, open_queues, close_queues),
        cmocka_unit_test_setup_teardown(out_of_memory, open_queues, close_queues),
        cmocka_unit_test_setup_teardown(move_out_of_memory, open_queues, close_queues),
        cmocka_unit_test_setup_teardown(random_use, open_queues, close_queues),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
