/* The inside of the origin layer. thread.c keeps it together; target.c knows the places that connections lead to;
 * pool.c keeps the idle ones; attempt.c makes new ones; host.c writes names. thread: the loop's. */
#ifndef TG_ORIGIN_IMPL_H
#define TG_ORIGIN_IMPL_H

#include "base/hash.h"
#include "origin/lane.h"

#define TARGETS_MAX 1024u
#define TARGET_BUCKETS 1024u
#define IDLE_MAX 1024u /* of all targets together: a thousand previews share it */
#define ORIGIN_HOST_MAX 255u
#define ORIGIN_READ_HIGH (64u * 1024) /* of a connection that nobody has */

/* What tells targets apart, as bytes: the configuration's key, port, enum origin_http, host, name to verify (none: plain). */
struct target_id {
    size_t n, host_n;
    uint8_t bytes[8 + 2 + 1 + 1 + 2 * ORIGIN_HOST_MAX];
};

#define TARGET_ID_HTTP 10u
#define TARGET_ID_HOST 12u /* where the host begins */

struct pooled {
    struct origin_conn conn;      /* next is older, prev is newer, among the idle ones of its target */
    struct pooled *older, *newer; /* among all idle ones */
    uint64_t generation;
    uint64_t due_ms;          /* idle: closed then */
    struct origin_shared *h2; /* owns; NULL: HTTP/1 */
};

/* What a connection with HTTP/2 has besides. */
struct origin_shared {
    struct pooled *pooled;             /* back */
    struct origin_shared *next, *prev; /* of its target, oldest first */
    struct h2_session *session;        /* owns */
    struct origin_attempt *attempt;    /* until the origin has greeted; NULL: it has */
    struct loop_task task;             /* writes what waits; at last: freeing */
    struct origin_lane *first;         /* those lent */
    bool idle;                         /* in the pool */
    bool condemned;                    /* nothing was heard for long, or too much cancelled: no new lanes */
    unsigned cancels;                  /* streams of it that we have reset */
    uint64_t heard_ms;
    const char *why; /* static: why it ended */
};

struct origin_target {
    struct origin_thread *thread;        /* back */
    struct origin_target *next;          /* in its bucket */
    struct origin_target *older, *newer; /* by last use */
    uint64_t hash;
    struct tls_client *tls;      /* owned reference; NULL: plain */
    struct tls_session *session; /* owned: the newest */
    uint32_t pool_size, pool_idle_ms, connect_timeout_ms;
    uint16_t port;
    enum origin_http http;
    bool speaks_http1; /* AUTO: its last connection did */
    size_t users;      /* attempts and lent connections; a shared one counts while it is not idle */
    size_t attempts;
    struct origin_shared *shared, *newest_shared;
    unsigned lanes_each; /* what a connection with HTTP/2 is good for */
    struct origin_wait *parked, *last_parked;
    size_t parked_count;
    size_t idle_count;
    struct origin_conn *idle; /* newest first */
    size_t host_n, id_n;
    uint8_t id[];
};

struct origin_thread {
    struct loop *loop;         /* borrowed */
    struct resolver *resolver; /* borrowed */
    struct hash_key key;
    struct origin_target *buckets[TARGET_BUCKETS];
    struct origin_target *oldest, *newest;
    size_t targets, targets_max;
    struct pooled *idle_oldest, *idle_newest;
    size_t idle_count, idle_max;
    uint64_t generation;
    struct timer sweep;
    uint64_t sweep_ms;               /* when the sweep is due; 0: not set */
    struct origin_attempt *attempts; /* all that are under way */
};

/* host.c. 0: longer than a name can be. */
size_t host_write(const struct origin_config *o, struct span captured, uint8_t out[ORIGIN_HOST_MAX]);

/* target.c */

/* False: a name is too long, or there is none. */
bool target_id_make(const struct origin_ask *ask, struct target_id *id);
/* NULL: there is none yet. It becomes the most recently used. */
struct origin_target *target_find(struct origin_thread *t, const struct target_id *id);
/* NULL: no memory, or all that there may be are in use (*why). */
struct origin_target *target_new(struct origin_thread *t, const struct target_id *id, enum origin_error *why);
/* Settings of the newest snapshot that asks. */
void target_adopt(struct origin_target *g, const struct origin_config *o);
void target_use_tls(struct origin_target *g, struct tls_client *tls);
void target_keep_session(struct origin_target *g, struct stream *s);
void target_forget_session(struct origin_target *g);
void target_free(struct origin_target *g);
struct span target_host(const struct origin_target *g);
struct span target_tls_name(const struct origin_target *g);

/* pool.c */

/* Of HTTP/1. */
struct pooled *pool_take(struct origin_target *g);
/* False: it cannot be kept; it is still the caller's. */
bool pool_give(struct pooled *p);
/* The same without a look at its streams. */
bool pool_keep(struct pooled *p);
void pool_remove(struct pooled *p);
/* Closes one idle connection. */
void pool_evict(struct pooled *p, enum stream_close how);
void pool_evict_all(struct origin_thread *t);
void pool_on_sweep(void *arg);
/* The end of a connection, idle or lent. */
void pooled_free(struct pooled *p, enum stream_close how);

/* attempt.c */

/* Never calls back from inside. */
void attempt_start(struct origin_target *g, struct origin_wait *w);
/* Without telling whoever waits. */
void attempt_end(struct origin_attempt *a);
/* Whoever waits for it has gone: it goes on for somebody parked, or ends. */
void attempt_leave(struct origin_attempt *a);
/* The connection that it opened has greeted: whoever waits is told. May run anything. */
void attempt_greeted(struct origin_attempt *a);
/* It has not, and ended: p is the caller's. */
void attempt_not_greeted(struct origin_attempt *a, const char *detail);
/* Tells w later that it failed. */
void origin_fail(struct origin_thread *t, struct origin_wait *w, enum origin_error error, const char *detail);

/* park.c: who waits for another's attempt. */

/* True: w waits for one that is under way. */
bool park(struct origin_target *g, struct origin_wait *w);
struct origin_wait *park_pop(struct origin_target *g);
void park_leave(struct origin_wait *w);
/* As many as there is room for get a lane each, the others an attempt. */
void park_serve(struct origin_target *g);
/* All of them fail as an attempt did, unless another one is under way. */
void park_fail(struct origin_target *g, enum origin_error error, const char *detail);
void park_forget(struct origin_target *g);

/* shared.c: connections with HTTP/2. */

/* p->conn.stream is open. False: no memory. */
bool shared_open(struct pooled *p, struct origin_attempt *a);
/* A lane on a connection that has room, the newest or the oldest; NULL: there is none, or (*memory false) no memory. */
struct origin_conn *shared_take(struct origin_target *g, bool newest, bool *memory);
/* The same on c, which has just greeted, for whom it was opened for: if pools were flushed meanwhile it serves this one all the same, as a
 * connection with HTTP/1 does. */
struct origin_conn *shared_take_first(struct origin_shared *c, bool *memory);
/* The rest of pooled_free. */
void shared_free(struct origin_shared *c, bool politely);
void shared_close_all(struct origin_target *g);
void lane_free(struct origin_lane *l);

#endif
