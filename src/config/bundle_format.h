/* The bytes behind a bundle: for sealing, opening and the fuzzer. */
#ifndef TG_CONFIG_BUNDLE_FORMAT_H
#define TG_CONFIG_BUNDLE_FORMAT_H

#include "config/bundle.h"

#define BUNDLE_MAX ((size_t)256 << 20)

struct span bundle_bytes(const struct bundle *b);
/* Copies; refuses what is not exactly a list of blobs. */
struct res bundle_parse(struct span bytes, struct bundle **out) MUSTUSE;

#endif
