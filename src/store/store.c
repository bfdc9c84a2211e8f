#include "store/store.h"

#include "base/crypto/mac.h"
#include "base/thread.h"
#include "store/store_impl.h"

#include <stdio.h>
#include <stdlib.h>

/* --- answers ------------------------------------------------------------------------------------------------------ */

static void let_go(struct store *s, struct op *o)
{
    if (o->spare) {
        op_list_add(&s->free_spares, o);
        return;
    }
    op_free(o);
}

static size_t weight(const struct op *o)
{
    return sizeof(*o) + o->key_n + o->value_n;
}

static void tell(const struct op *o)
{
    struct store_reply r = o->reply;
    if (o->kind == OP_LIST && r.outcome == STORE_OK && o->each)
        found_tell(&o->found, o->each, o->arg);
    else if (r.outcome == STORE_OK)
        r.value = span_make(o->found.p, o->found.n);
    if (o->done)
        o->done(o->arg, &r);
}

/* False: one of them has closed the store. */
static bool tell_all(struct store *s)
{
    bool closed = false;
    s->closed_meanwhile = &closed;
    for (struct op *o; !closed && (o = op_list_take(&s->telling)) != NULL;) {
        tell(o);
        if (closed) {
            if (!o->spare)
                op_free(o);
            return false;
        }
        let_go(s, o);
    }
    s->closed_meanwhile = NULL;
    return true;
}

static void append_all(struct op_list *to, struct op_list *from)
{
    for (struct op *o; (o = op_list_take(from)) != NULL;)
        op_list_add(to, o);
}

void store_on_message(void *arg)
{
    struct store_link *link = arg;
    struct store *s = link->store;
    if (!s) {
        free(link);
        return;
    }
    pthread_mutex_lock(&s->lock);
    bool changed = s->shared.changed;
    struct op_list done = s->shared.finished;
    s->shared.finished = (struct op_list){NULL, NULL};
    s->shared.changed = s->shared.posted = false;
    pthread_mutex_unlock(&s->lock);
    for (const struct op *o = done.head; o; o = o->next) {
        s->under_way--;
        s->bytes -= weight(o);
    }
    append_all(&s->telling, &done);
    if (tell_all(s) && changed && s->on_change)
        s->on_change(s->arg);
}

static void tell_refusals(void *arg)
{
    struct store *s = arg;
    append_all(&s->telling, &s->refused);
    (void)tell_all(s);
}

/* --- questions ---------------------------------------------------------------------------------------------------- */

/* Memory is out; a place to note who is to be told so is not. */
static struct op *spare_of(struct store *s, enum op_kind kind)
{
    struct op *o = op_list_take(&s->free_spares);
    if (!o) { /* after many refusals within one turn: this process can do nothing any more */
        (void)fputs("tiergate: store: out of memory\n", stderr);
        abort();
    }
    *o = (struct op){.kind = kind, .spare = true};
    return o;
}

static void refuse(struct store *s, struct op *o, const char *why)
{
    o->reply = (struct store_reply){.outcome = STORE_FAILED, .detail = why};
    op_list_add(&s->refused, o);
    loop_task_queue(s->loop, &s->refusals);
}

static bool fits(struct span key, struct span value, enum store_table t)
{
    return key.n <= STORE_KEY_MAX && value.n <= STORE_VALUE_MAX && (unsigned)t < STORE_TABLES;
}

/* With room for what the kind needs besides. */
static struct op *make(struct store *s, enum op_kind kind, enum store_table t, struct span key, struct span value,
                       const char **why)
{
    bool good = fits(key, value, t);
    struct op *o = good ? op_new(kind, t, key, value) : op_new(kind, STORE_REVOKED, SPAN_NONE, SPAN_NONE);
    *why = !good ? "too long for the store" : !o ? "out of memory" : NULL;
    return o ? o : spare_of(s, kind);
}

static bool has_room(const struct store *s, const struct op *o)
{
    bool all = o->table == STORE_REVOKED;
    size_t ops = all ? STORE_QUEUE : STORE_QUEUE / 8 * 7, bytes = all ? STORE_QUEUE_BYTES : STORE_QUEUE_BYTES / 8 * 7;
    return s->under_way < ops && s->bytes <= bytes && weight(o) <= bytes - s->bytes;
}

static void send(struct store *s, struct op *o, store_done done, void *arg, const char *why)
{
    o->done = done;
    o->arg = arg;
    if (!why && !has_room(s, o))
        why = "too much is under way in the store";
    if (why) {
        refuse(s, o, why);
        return;
    }
    s->under_way++;
    s->bytes += weight(o);
    pthread_mutex_lock(&s->lock);
    op_list_add(&s->shared.queue, o);
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
}

void store_put(struct store *s, enum store_table t, struct span key, struct span value, int64_t ends_s, store_done done,
               void *arg)
{
    const char *why;
    struct op *o = make(s, OP_PUT, t, key, value, &why);
    o->ends_s = ends_s;
    send(s, o, done, arg, why);
}

void store_get(struct store *s, enum store_table t, struct span key, store_done done, void *arg)
{
    const char *why;
    struct op *o = make(s, OP_GET, t, key, SPAN_NONE, &why);
    send(s, o, done, arg, why);
}

void store_take(struct store *s, enum store_table t, struct span key, store_done done, void *arg)
{
    const char *why;
    struct op *o = make(s, OP_TAKE, t, key, SPAN_NONE, &why);
    send(s, o, done, arg, why);
}

void store_once(struct store *s, enum store_table t, struct span key, struct span value, int64_t ends_s,
                store_done done, void *arg)
{
    const char *why;
    struct op *o = make(s, OP_ONCE, t, key, value, &why);
    o->ends_s = ends_s;
    send(s, o, done, arg, why);
}

void store_count(struct store *s, enum store_table t, struct span key, uint32_t window_s, uint64_t limit,
                 store_done done, void *arg)
{
    const char *why;
    struct op *o = make(s, OP_COUNT, t, key, SPAN_NONE, &why);
    o->window_s = window_s;
    o->limit = limit;
    send(s, o, done, arg, why);
}

void store_delete(struct store *s, enum store_table t, struct span key, store_done done, void *arg)
{
    const char *why;
    struct op *o = make(s, OP_DELETE, t, key, SPAN_NONE, &why);
    send(s, o, done, arg, why);
}

void store_list(struct store *s, enum store_table t, store_each each, store_done done, void *arg)
{
    const char *why;
    struct op *o = make(s, OP_LIST, t, SPAN_NONE, SPAN_NONE, &why);
    o->each = each;
    send(s, o, done, arg, why);
}

/* --- life --------------------------------------------------------------------------------------------------------- */

static bool init_locks(struct store *s)
{
    pthread_condattr_t a;
    if (pthread_condattr_init(&a) != 0)
        return false;
    pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->wake, &a);
    pthread_condattr_destroy(&a);
    return true;
}

static void destroy(struct store *s)
{
    pthread_cond_destroy(&s->wake);
    pthread_mutex_destroy(&s->lock);
    db_close(s->writer.db);
    free(s);
}

static struct store *start(struct store *s, struct res *why)
{
    s->link = malloc(sizeof(*s->link));
    if (s->link && thread_start(&s->thread, store_writer, s)) {
        s->link->store = s;
        return s;
    }
    *why = res_err(s->link ? "the store's thread cannot be started" : "out of memory");
    free(s->link);
    destroy(s);
    return NULL;
}

struct store *store_open(const char *folder, struct loop *loop, void (*on_change)(void *arg), void *arg,
                         struct res *why)
{
    struct db *db = db_open(folder, why);
    if (!db)
        return NULL;
    struct store *s = calloc(1, sizeof(*s));
    if (!s || !init_locks(s)) {
        *why = res_err("out of memory");
        db_close(db);
        free(s);
        return NULL;
    }
    s->loop = loop;
    s->on_change = on_change;
    s->arg = arg;
    s->writer.db = db;
    loop_task_init(&s->refusals, tell_refusals, s);
    for (size_t i = 0; i < STORE_SPARES; i++)
        op_list_add(&s->free_spares, &s->spares[i]);
    return start(s, why);
}

/* Those of the reserve are part of the store. */
static void drop_all(struct op_list *l)
{
    for (struct op *o; (o = op_list_take(l)) != NULL;)
        if (!o->spare)
            op_free(o);
}

void store_close(struct store *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    s->shared.stopping = true;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    if (s->closed_meanwhile)
        *s->closed_meanwhile = true;
    s->link->store = NULL;
    if (!s->shared.posted)
        free(s->link); /* else whoever empties the mailbox does */
    loop_task_cancel(&s->refusals);
    drop_all(&s->shared.queue);
    drop_all(&s->shared.finished);
    drop_all(&s->refused);
    drop_all(&s->telling);
    destroy(s);
}
