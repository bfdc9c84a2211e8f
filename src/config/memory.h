/* What a snapshot's parts live in: one arena, and secrets apart from it, wiped at the end. */
#ifndef TG_CONFIG_MEMORY_H
#define TG_CONFIG_MEMORY_H

#include "base/arena.h"

struct config_secret;
struct config_deferred;

struct config_memory {
    struct slab slab;
    struct arena arena;
    struct config_secret *secrets;    /* owns: a list */
    struct config_deferred *deferred; /* owns: the last one first */
};

struct config_memory *config_memory_new(void);
/* Runs what was deferred, the last first, and wipes the secrets. NULL is allowed. */
void config_memory_free(struct config_memory *m);
/* A copy that is wiped when the memory is freed, NUL-terminated behind its bytes. p == NULL: no memory. */
struct span config_memory_secret(struct config_memory *m, struct span s);
/* Calls fn(arg) when the memory is freed, while arena and secrets are still there. False: no memory. */
bool config_memory_defer(struct config_memory *m, void (*fn)(const void *arg), const void *arg);

#endif
