/* A store in a folder of its own, and questions that wait for their answer. */
#ifndef TG_TESTS_UNIT_STORE_KIT_H
#define TG_TESTS_UNIT_STORE_KIT_H

#include "store/store.h"

struct kit {
    char folder[64];
    struct loop *loop;
    struct store *store; /* NULL: closed */
    unsigned changes;    /* told by on_change */
};

struct kit_answer {
    struct loop *loop;
    unsigned *left; /* of all that are waited for; the loop stops at 0 */
    unsigned times;
    enum store_outcome outcome;
    uint8_t value[STORE_VALUE_MAX];
    size_t n;
    uint64_t count;
    int64_t ends_s;
    const char *detail;
};

void kit_make(struct kit *k);   /* folder and loop */
void kit_open(struct kit *k);   /* and the store, which must open */
void kit_close(struct kit *k);  /* the store */
void kit_remove(struct kit *k); /* all of it */
void kit_path(const struct kit *k, const char *file, char out[128]);
/* Opens and must fail; the reason. */
const char *kit_refused(struct kit *k);
/* store_done: takes the answer down. */
void kit_take_down(void *answer, const struct store_reply *r);
/* One that is waited for by kit_wait(k, &left). */
void kit_expect(struct kit *k, struct kit_answer *a, unsigned *left);
void kit_wait(struct kit *k, const unsigned *left);
/* Lets the loop turn for a while. */
void kit_idle(struct kit *k, unsigned ms);

enum store_outcome kit_put(struct kit *k, enum store_table t, const char *key, const char *value, int64_t ends_s);
enum store_outcome kit_once(struct kit *k, enum store_table t, const char *key, const char *value, int64_t ends_s);
enum store_outcome kit_get(struct kit *k, enum store_table t, const char *key, struct kit_answer *a);
enum store_outcome kit_take(struct kit *k, enum store_table t, const char *key, struct kit_answer *a);
enum store_outcome kit_delete(struct kit *k, enum store_table t, const char *key);
enum store_outcome kit_count(struct kit *k, const char *key, uint32_t window_s, uint64_t limit, struct kit_answer *a);
/* "key=value@ends " of each record into out. */
enum store_outcome kit_list(struct kit *k, enum store_table t, char *out, size_t cap);
/* How many records the file holds, ended ones among them. */
unsigned kit_records(const struct kit *k);
/* The file, past the store; the caller closes it. */
struct sqlite3 *kit_file(const struct kit *k);
/* Runs SQL on it. */
void kit_sql(const struct kit *k, const char *sql);

#endif
