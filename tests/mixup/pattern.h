/* Bytes that belong to one message alone: each follows from a key and its place, so that every byte of another's shows. */
#ifndef MIXUP_PATTERN_H
#define MIXUP_PATTERN_H

#include "bytes.h"

#include <stdbool.h>

/* A good mix of all bits (splitmix64). */
uint64_t pattern_mix(uint64_t x);
void pattern_add(struct bytes *to, uint64_t key, size_t n);
/* Are these the n bytes from `at` on? */
bool pattern_is(uint64_t key, size_t at, const uint8_t *p, size_t n);

#endif
