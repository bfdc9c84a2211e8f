#include "base/chunkq.h"

#include <assert.h>
#include <stdlib.h>

#define CHUNK_SMALL (CHUNK_SIZE / 2) /* more is worth a block of the slab */

void chunkq_init(struct chunkq *q, struct slab *slab)
{
    assert(slab->size == CHUNK_BLOCK);
    *q = (struct chunkq){.slab = slab};
}

/* From malloc, apart from the common case, and counted like what the slab holds. */
static __attribute__((noinline)) struct chunk *take_small(const struct chunkq *q, size_t size)
{
    struct chunk *c = malloc(sizeof *c + size);

    if (c)
        meter_add(q->slab->meter, sizeof *c + size);
    return c;
}

static __attribute__((noinline)) void give_small(const struct chunkq *q, struct chunk *c)
{
    meter_sub(q->slab->meter, sizeof *c + c->size);
    free(c);
}

static void give(const struct chunkq *q, struct chunk *c)
{
    if (c->size == CHUNK_SIZE)
        slab_give(q->slab, c);
    else
        give_small(q, c);
}

void chunkq_clear(struct chunkq *q)
{
    while (q->head) {
        struct chunk *c = q->head;

        q->head = c->next;
        give(q, c);
    }
    q->tail = NULL;
    q->bytes = 0;
}

struct span chunkq_peek(const struct chunkq *q)
{
    const struct chunk *c = q->head;

    return c ? span_make(c->data + c->off, c->end - c->off) : SPAN_NONE;
}

static struct chunk *add_chunk(struct chunkq *q, size_t size)
{
    struct chunk *c = size == CHUNK_SIZE ? slab_take(q->slab) : take_small(q, size);

    if (!c)
        return NULL;
    *c = (struct chunk){.size = (uint32_t)size};
    if (q->tail)
        q->tail->next = c;
    else
        q->head = c;
    q->tail = c;
    return c;
}

static uint8_t *reserve(struct chunkq *q, size_t min, size_t size, size_t *room)
{
    struct chunk *c = q->tail;

    assert(min <= size && size <= CHUNK_SIZE);
    if (!c || c->size - c->end < min || c->end == c->size) {
        /* Reservations that were not used are gone, so no empty chunk can come to stand before another. */
        c = add_chunk(q, size);
        if (!c)
            return NULL;
    }
    *room = c->size - c->end;
    return c->data + c->end;
}

uint8_t *chunkq_reserve(struct chunkq *q, size_t min, size_t *room)
{
    return reserve(q, min, CHUNK_SIZE, room);
}

static bool ends_small(const struct chunkq *q)
{
    return q->tail && q->tail->size < CHUNK_SIZE;
}

/* Of a new chunk for at most so many bytes. */
static size_t size_for(size_t most)
{
    return most <= CHUNK_SMALL ? most : CHUNK_SIZE;
}

uint8_t *chunkq_reserve_at_most(struct chunkq *q, size_t min, size_t most, size_t *room)
{
    /* Or single bytes that come one by one would have a chunk each. */
    uint8_t *at = reserve(q, ends_small(q) ? 1 : min, size_for(most), room);

    if (at && *room > most)
        *room = most;
    return at;
}

/* The tail alone can be empty: a reservation that was not used. */
static void drop_empty_tail(struct chunkq *q)
{
    struct chunk *c = q->tail, *before = q->head;

    if (!c || c->end > c->off)
        return;
    if (before == c) {
        q->head = q->tail = NULL;
    } else {
        while (before->next != c)
            before = before->next;
        before->next = NULL;
        q->tail = before;
    }
    give(q, c);
}

void chunkq_commit(struct chunkq *q, size_t n)
{
    if (!n) {
        drop_empty_tail(q);
        return;
    }
    assert(q->tail && n <= q->tail->size - q->tail->end);
    q->tail->end += (uint32_t)n;
    q->bytes += n;
}

static void drop_head(struct chunkq *q)
{
    struct chunk *c = q->head;

    q->head = c->next;
    if (!q->head)
        q->tail = NULL;
    give(q, c);
}

void chunkq_drop(struct chunkq *q, size_t n)
{
    assert(n <= q->bytes);
    q->bytes -= n;
    while (n) {
        struct chunk *c = q->head;
        size_t have = c->end - c->off;

        if (n < have) {
            c->off += (uint32_t)n;
            return;
        }
        n -= have;
        drop_head(q);
    }
}

/* What add_chunk() added behind `tail` goes back: the queue is again as it was when its tail was `tail`. */
static void cut_behind(struct chunkq *q, struct chunk *tail)
{
    struct chunk *c = tail ? tail->next : q->head;

    if (tail)
        tail->next = NULL;
    else
        q->head = NULL;
    q->tail = tail;
    while (c) {
        struct chunk *next = c->next;

        give(q, c);
        c = next;
    }
}

static void fill(struct chunk *c, struct span *s)
{
    size_t room = c->size - c->end, n = room < s->n ? room : s->n;

    if (n) {
        memcpy(c->data + c->end, s->p, n);
        c->end += (uint32_t)n;
        *s = span_from(*s, n);
    }
}

/* New chunks for what does not fit have that size. */
static bool append(struct chunkq *q, struct span s, size_t size)
{
    struct chunk *tail = q->tail;
    uint32_t end = tail ? tail->end : 0;
    size_t n = s.n;

    if (tail)
        fill(tail, &s);
    while (s.n) {
        struct chunk *c = add_chunk(q, size);

        if (!c) {
            cut_behind(q, tail);
            if (tail)
                tail->end = end;
            return false;
        }
        fill(c, &s);
    }
    q->bytes += n;
    return true;
}

bool chunkq_append(struct chunkq *q, struct span s)
{
    return append(q, s, CHUNK_SIZE);
}

static void move_head(struct chunkq *dst, struct chunkq *src)
{
    struct chunk *c = src->head;
    size_t n = c->end - c->off;

    src->head = c->next;
    if (!src->head)
        src->tail = NULL;
    src->bytes -= n;

    c->next = NULL;
    if (dst->tail)
        dst->tail->next = c;
    else
        dst->head = c;
    dst->tail = c;
    dst->bytes += n;
}

/* So little is copied when it fits behind what dst already has, and what fills less than half of its chunk: a queue of many nearly empty chunks
 * would hold far more memory than its bytes count, and cost one write each. */
#define CHUNK_COPY_MAX 1024u

static bool is_worth_copying(const struct chunkq *dst, const struct chunk *c)
{
    size_t n = c->end - c->off, room = dst->tail ? dst->tail->size - dst->tail->end : 0;

    return n <= room && (n <= CHUNK_COPY_MAX || n < c->size / 2);
}

/* New chunks for parts have that size. */
static bool move(struct chunkq *dst, struct chunkq *src, size_t n, size_t size)
{
    assert(n <= src->bytes && dst->slab == src->slab);
    drop_empty_tail(dst);
    while (n) {
        struct span head = chunkq_peek(src);

        if (head.n <= n && !is_worth_copying(dst, src->head)) {
            n -= head.n;
            move_head(dst, src);
            continue;
        }
        if (head.n > n)
            head.n = n;
        if (!append(dst, head, size))
            return false;
        chunkq_drop(src, head.n);
        n -= head.n;
    }
    return true;
}

bool chunkq_move(struct chunkq *dst, struct chunkq *src, size_t n)
{
    return move(dst, src, n, CHUNK_SIZE);
}

bool chunkq_move_at_most(struct chunkq *dst, struct chunkq *src, size_t n, size_t most)
{
    assert(n <= most);
    return move(dst, src, n, size_for(most < CHUNK_COPY_MAX ? CHUNK_COPY_MAX : most));
}

void chunkq_copy(const struct chunkq *q, size_t n, uint8_t *out)
{
    assert(n <= q->bytes);
    for (const struct chunk *c = q->head; n; c = c->next) {
        size_t part = c->end - c->off < n ? c->end - c->off : n;

        memcpy(out, c->data + c->off, part);
        out += part;
        n -= part;
    }
}

size_t chunkq_iov(const struct chunkq *q, struct iovec *iov, size_t max)
{
    size_t count = 0;

    for (struct chunk *c = q->head; c && count < max; c = c->next)
        if (c->end > c->off)
            iov[count++] = (struct iovec){.iov_base = c->data + c->off, .iov_len = c->end - c->off};
    return count;
}

size_t chunkq_holds(const struct chunkq *q)
{
    size_t n = 0;

    for (const struct chunk *c = q->head; c; c = c->next)
        n += sizeof *c + c->size;
    return n;
}
