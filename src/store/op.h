/* One operation on its way: made on the loop, carried out on the store's thread, answered on the loop. Only src/store/ includes this. */
#ifndef TG_STORE_OP_H
#define TG_STORE_OP_H

#include "store/store.h"

enum op_kind { OP_PUT = 0, OP_GET, OP_TAKE, OP_ONCE, OP_COUNT, OP_DELETE, OP_LIST, OP_KINDS };

/* What was found: a value, or the records of a list one behind the other. */
struct found {
    uint8_t *p;
    size_t n, cap;
};

struct op {
    struct op *next;
    enum op_kind kind;
    enum store_table table;
    bool spare; /* memory was out: it only carries a refusal, and goes back to its place */
    store_done done;
    store_each each; /* list */
    void *arg;
    int64_t ends_s;           /* put, once */
    uint32_t window_s;        /* count */
    uint64_t limit;           /* count */
    struct store_reply reply; /* value: of `found`, set last */
    struct found found;
    size_t key_n, value_n;
    uint8_t *bytes; /* key, value: behind it, in the same allocation */
};

/* A queue: first come, first served. */
struct op_list {
    struct op *head, *tail;
};

/* NULL: no memory. Copies. */
struct op *op_new(enum op_kind kind, enum store_table table, struct span key, struct span value);
void op_free(struct op *o);
void op_list_add(struct op_list *l, struct op *o);
struct op *op_list_take(struct op_list *l);

static inline struct span op_key(const struct op *o)
{
    return span_make(o->bytes, o->key_n);
}

static inline struct span op_value(const struct op *o)
{
    return span_make(o->bytes + o->key_n, o->value_n);
}

static inline bool op_writes(const struct op *o)
{
    return o->kind != OP_GET && o->kind != OP_LIST;
}

/* False: no memory, or more than a list may hold. */
bool found_add(struct found *f, const void *p, size_t n) MUSTUSE;
bool found_add_record(struct found *f, struct span key, struct span value, int64_t ends_s) MUSTUSE;
/* each() for every record. */
void found_tell(const struct found *f, store_each each, void *arg);

#endif
