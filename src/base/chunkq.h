/* A queue of bytes in slab chunks: what a stream has read or has still to write. It holds no memory while it is empty.
 * The chunk that is being offered to SSL_write is the head and is dropped only after success, so a retry presents the
 * same bytes. thread: the slab's. */
#ifndef TG_BASE_CHUNKQ_H
#define TG_BASE_CHUNKQ_H

#include <sys/uio.h>

#include "base/slab.h"
#include "base/span.h"

#define CHUNK_BLOCK 16640u /* a slab block for chunks: header + CHUNK_SIZE */

struct chunk {
    struct chunk *next;
    uint32_t off;  /* first byte still queued */
    uint32_t end;  /* behind the last byte queued */
    uint32_t size; /* room for so many; less than CHUNK_SIZE: malloc'ed for who wants few */
    uint8_t data[];
};

#define CHUNK_SIZE (CHUNK_BLOCK - sizeof(struct chunk)) /* >= 16384: one TLS record fits whole */

struct chunkq {
    struct slab *slab;
    struct chunk *head, *tail;
    size_t bytes;
};

void chunkq_init(struct chunkq *q, struct slab *slab);
/* Gives all chunks back; q stays usable. */
void chunkq_clear(struct chunkq *q);
/* The contiguous bytes at the head; empty when the queue is. */
struct span chunkq_peek(const struct chunkq *q);
/* Contiguous room of at least `min` (<= CHUNK_SIZE) bytes at the tail; *room says how much there is. NULL: no memory.
 * Only chunkq_commit may follow, before any other change of q. */
uint8_t *chunkq_reserve(struct chunkq *q, size_t min, size_t *room);
/* As chunkq_reserve, for at most `most` (>= min) bytes: *room is no more, and a new chunk for up to half of CHUNK_SIZE is only that large. Such a
 * small one is filled to its end, however little room that is. */
uint8_t *chunkq_reserve_at_most(struct chunkq *q, size_t min, size_t most, size_t *room);
/* Makes n bytes of the last reservation part of the queue. With n == 0 an empty chunk is given back. */
void chunkq_commit(struct chunkq *q, size_t n);
/* Removes n (<= q->bytes) bytes from the head. */
void chunkq_drop(struct chunkq *q, size_t n);
/* Copies s to the tail, all or nothing. False: no memory. */
bool chunkq_append(struct chunkq *q, struct span s);
/* Moves n (<= src->bytes) bytes: whole chunks change hands; parts are copied, and so are chunks that are less than half
 * full where they fit behind what there is. Both queues on one slab. False: no memory, then the bytes not moved are
 * still in src. */
bool chunkq_move(struct chunkq *dst, struct chunkq *src, size_t n);
/* As chunkq_move, into a dst that is to take at most `most` (>= n) bytes before some leave: a new chunk for a part that is copied is as of
 * chunkq_reserve_at_most, and a KiB at least. */
bool chunkq_move_at_most(struct chunkq *dst, struct chunkq *src, size_t n, size_t most);
/* Copies the first n (<= q->bytes) bytes to out without removing them. */
void chunkq_copy(const struct chunkq *q, size_t n, uint8_t *out);
/* Up to max pieces for writev; returns how many. */
size_t chunkq_iov(const struct chunkq *q, struct iovec *iov, size_t max);
/* The memory of its chunks. Walks along them: for sweeps. */
size_t chunkq_holds(const struct chunkq *q);

#endif
