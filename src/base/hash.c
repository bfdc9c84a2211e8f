#include "base/hash.h"

#include <endian.h>
#include <stdlib.h>
#include <sys/random.h>

struct hash_key hash_key_random(void)
{
    struct hash_key key;

    /* Up to 256 bytes getrandom() neither fails nor is interrupted once the pool is ready; without it a peer could
     * choose colliding keys, so nothing may go on. */
    if (getrandom(&key, sizeof(key), 0) != (ssize_t)sizeof(key))
        abort();
    return key;
}

struct sip {
    uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotl(uint64_t x, int b)
{
    return (x << b) | (x >> (64 - b));
}

static inline void sip_round(struct sip *s)
{
    s->v0 += s->v1;
    s->v1 = rotl(s->v1, 13) ^ s->v0;
    s->v0 = rotl(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = rotl(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = rotl(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = rotl(s->v1, 17) ^ s->v2;
    s->v2 = rotl(s->v2, 32);
}

static inline void sip_word(struct sip *s, uint64_t m)
{
    s->v3 ^= m;
    sip_round(s);
    s->v0 ^= m;
}

/* The last 0..7 bytes, little endian, under the length's low byte. */
static uint64_t last_word(const uint8_t *p, size_t left, size_t n)
{
    uint64_t m = (uint64_t)n << 56;

    for (size_t i = 0; i < left; i++)
        m |= (uint64_t)p[i] << (8 * i);
    return m;
}

/* That of s; without a loop where eight bytes are there. */
static uint64_t last_word_of(struct span s)
{
    size_t left = s.n % 8;
    uint64_t m;

    if (s.n < 8)
        return last_word(s.p, s.n, s.n);
    memcpy(&m, s.p + s.n - 8, sizeof(m));
    return (left ? le64toh(m) >> (64 - 8 * left) : 0) | (uint64_t)s.n << 56;
}

static struct sip sip_begin(struct hash_key key)
{
    return (struct sip){key.k0 ^ 0x736f6d6570736575u, key.k1 ^ 0x646f72616e646f6du, key.k0 ^ 0x6c7967656e657261u,
                        key.k1 ^ 0x7465646279746573u};
}

uint64_t hash_span(struct hash_key key, struct span s)
{
    struct sip sip = sip_begin(key);
    size_t i = 0;

    for (; i + 8 <= s.n; i += 8) {
        uint64_t m;

        memcpy(&m, s.p + i, sizeof(m));
        sip_word(&sip, le64toh(m));
    }
    sip_word(&sip, last_word_of(s));
    sip.v2 ^= 0xff;
    for (int round = 0; round < 3; round++)
        sip_round(&sip);
    return sip.v0 ^ sip.v1 ^ sip.v2 ^ sip.v3;
}

#define ROOM 512 /* for the parts of what most requests ask */

/* --- 128 bits ------------------------------------------------------------------------------------------------------- */

struct sip_stream {
    struct sip sip;
    uint8_t word[8]; /* bytes that do not make a word yet */
    size_t n;        /* all bytes so far */
};

static void stream_word(struct sip_stream *s, uint64_t m)
{
    s->sip.v3 ^= m;
    sip_round(&s->sip);
    sip_round(&s->sip);
    s->sip.v0 ^= m;
}

static void stream_add(struct sip_stream *s, struct span part)
{
    size_t i = 0;
    uint64_t m;

    for (; i < part.n && s->n % 8 != 0; i++) {
        s->word[s->n++ % 8] = part.p[i];
        if (s->n % 8 == 0) {
            memcpy(&m, s->word, sizeof(m));
            stream_word(s, le64toh(m));
        }
    }
    for (; i + 8 <= part.n; i += 8, s->n += 8) {
        memcpy(&m, part.p + i, sizeof(m));
        stream_word(s, le64toh(m));
    }
    for (; i < part.n; i++)
        s->word[s->n++ % 8] = part.p[i];
}

static void stream_out(struct sip_stream *s, uint8_t out[8])
{
    for (int round = 0; round < 4; round++)
        sip_round(&s->sip);

    uint64_t half = htole64(s->sip.v0 ^ s->sip.v1 ^ s->sip.v2 ^ s->sip.v3);

    memcpy(out, &half, sizeof(half));
}

/* All parts one behind the other; 0: there is no room. */
static size_t gather(const struct span *parts, size_t count, uint8_t room[ROOM])
{
    size_t n = 0;

    for (size_t i = 0; i < count; i++) {
        if (parts[i].n > ROOM - n)
            return 0;
        if (parts[i].n)
            memcpy(room + n, parts[i].p, parts[i].n);
        n += parts[i].n;
    }
    return n;
}

/* Words that begin in one part and end in another cost as much as ten others, and requests come with many short parts. */
static void stream_add_all(struct sip_stream *s, const struct span *parts, size_t count)
{
    uint8_t room[ROOM];
    size_t n = gather(parts, count, room);

    if (n > 0) {
        stream_add(s, span_make(room, n));
        explicit_bzero(room, n); /* there may be secrets among them */
        return;
    }
    for (size_t i = 0; i < count; i++)
        stream_add(s, parts[i]);
}

void hash_tag(struct hash_key key, const struct span *parts, size_t count, uint8_t out[HASH_TAG])
{
    struct sip_stream s = {.sip = sip_begin(key)};

    s.sip.v1 ^= 0xee;
    stream_add_all(&s, parts, count);
    stream_word(&s, last_word(s.word, s.n % 8, s.n));
    s.sip.v2 ^= 0xee;
    stream_out(&s, out);
    s.sip.v1 ^= 0xdd;
    stream_out(&s, out + 8);
}
