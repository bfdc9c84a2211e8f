#include "pattern.h"

uint64_t pattern_mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static uint64_t word_at(uint64_t key, size_t at)
{
    return pattern_mix(key + at / 8);
}

void pattern_add(struct bytes *to, uint64_t key, size_t n)
{
    uint8_t *p = bytes_room(to, n);
    uint64_t word = 0;
    for (size_t i = 0; i < n; i++, word >>= 8) {
        if (i % 8 == 0)
            word = word_at(key, i);
        p[i] = (uint8_t)word;
    }
    to->end += n;
}

bool pattern_is(uint64_t key, size_t at, const uint8_t *p, size_t n)
{
    uint64_t word = n ? word_at(key, at) >> (at % 8 * 8) : 0;
    for (size_t i = 0; i < n; i++, word >>= 8) {
        if (i > 0 && (at + i) % 8 == 0)
            word = word_at(key, at + i);
        if (p[i] != (uint8_t)word)
            return false;
    }
    return true;
}
