/* Bounded look-up table of one thread: bytes -> bytes, with an expiry. Keys may be secrets or come from peers: they are
 * looked up by a keyed hash, so that time tells nothing of other keys, and wiped. A full set loses its longest unused entry;
 * where there are too many bytes, whichever come next go. Each new entry looks for some that have expired.
 * thread: the one that owns it. */
#ifndef TG_GATE_CACHE_H
#define TG_GATE_CACHE_H

#include "base/span.h"

struct cache;

/* Room for at least `entries`, while their keys and values are no more than `bytes` all together. NULL: no memory. */
struct cache *cache_new(size_t entries, size_t bytes);
void cache_free(struct cache *c);
/* False: not there, or expired. *value is borrowed until the next change of the cache. */
bool cache_get(struct cache *c, struct span key, uint64_t now_ms, struct span *value);
/* Copies, of its own as well; replaces what has the same key, whose room it takes first. Without memory, and of more than all bytes, nothing is remembered. */
void cache_put(struct cache *c, struct span key, struct span value, uint64_t now_ms, uint64_t expires_ms);

#endif
