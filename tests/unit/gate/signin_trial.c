#include "signin_trial.h"

#include "base/crypto/mac.h"
#include "base/crypto/random.h"

struct plan {
    bool set;
    enum trial_call what;
    unsigned skip;
};

static struct {
    struct plan fail, answer, meanwhile;
    struct store_reply reply;
    void (*run)(struct service_kit *k);
    struct service_kit *kit;
    bool hit;
    const uint32_t *drawn; /* borrows */
    size_t drawn_n;
    struct text heard;
} trial;

static _Thread_local bool on; /* here, and nowhere else */

void trial_begin(void)
{
    trial_end();
    on = true;
}

void trial_end(void)
{
    on = false;
    text_fini(&trial.heard);
    memset(&trial, 0, sizeof(trial));
}

static void plan(struct plan *p, enum trial_call what, unsigned skip)
{
    *p = (struct plan){.set = true, .what = what, .skip = skip};
    trial.hit = false;
}

void trial_fail(enum trial_call what, unsigned skip)
{
    plan(&trial.fail, what, skip);
}

void trial_answer(enum trial_call what, unsigned skip, const struct store_reply *r)
{
    trial.reply = *r;
    plan(&trial.answer, what, skip);
}

void trial_meanwhile(enum trial_call what, unsigned skip, void (*run)(struct service_kit *k), struct service_kit *k)
{
    trial.run = run;
    trial.kit = k;
    plan(&trial.meanwhile, what, skip);
}

void trial_draw(const uint32_t *numbers, size_t n)
{
    trial.drawn = numbers;
    trial.drawn_n = n;
}

bool trial_was_hit(void)
{
    return trial.hit;
}

const char *trial_heard(void)
{
    return trial.heard.p ? trial.heard.p : "";
}

/* Is it this one? */
static bool meets(struct plan *p, enum trial_call what)
{
    if (!on || !p->set || p->what != what)
        return false;
    if (p->skip-- > 0)
        return false;
    p->set = false;
    trial.hit = true;
    return true;
}

/* --- calls that fail ---------------------------------------------------------------------------------------------- */

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
struct res __real_sha256(struct span s, uint8_t out[32]);
struct res __wrap_sha256(struct span s, uint8_t out[32]);
struct res __real_mac_sum(struct mac *m, const struct span *parts, size_t count, uint8_t out[MAC_SIZE]);
struct res __wrap_mac_sum(struct mac *m, const struct span *parts, size_t count, uint8_t out[MAC_SIZE]);
struct res __real_hkdf_sha256(struct span secret, struct span salt, struct span info, uint8_t *out, size_t out_n);
struct res __wrap_hkdf_sha256(struct span secret, struct span salt, struct span info, uint8_t *out, size_t out_n);
struct res __real_random_bytes(uint8_t *out, size_t n);
struct res __wrap_random_bytes(uint8_t *out, size_t n);

void *__wrap_malloc(size_t n)
{
    return meets(&trial.fail, TRIAL_MEMORY) ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return meets(&trial.fail, TRIAL_MEMORY) ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
    return meets(&trial.fail, TRIAL_MEMORY) ? NULL : __real_realloc(p, n);
}

/* What failed leaves zeros, so that two failures look alike. */
struct res __wrap_sha256(struct span s, uint8_t out[32])
{
    memset(out, 0, 32);
    return meets(&trial.fail, TRIAL_SHA256) ? res_err("no digest") : __real_sha256(s, out);
}

struct res __wrap_mac_sum(struct mac *m, const struct span *parts, size_t count, uint8_t out[MAC_SIZE])
{
    memset(out, 0, MAC_SIZE);
    return meets(&trial.fail, TRIAL_MAC) ? res_err("no digest") : __real_mac_sum(m, parts, count, out);
}

struct res __wrap_hkdf_sha256(struct span secret, struct span salt, struct span info, uint8_t *out, size_t out_n)
{
    memset(out, 0, out_n);
    return meets(&trial.fail, TRIAL_HKDF) ? res_err("no key") : __real_hkdf_sha256(secret, salt, info, out, out_n);
}

struct res __wrap_random_bytes(uint8_t *out, size_t n)
{
    if (meets(&trial.fail, TRIAL_RANDOM))
        return res_err("no random bytes");
    if (!on || trial.drawn_n == 0 || n != sizeof(*trial.drawn))
        return __real_random_bytes(out, n);
    memcpy(out, trial.drawn++, n);
    trial.drawn_n--;
    return RES_OK;
}

/* --- the store ---------------------------------------------------------------------------------------------------- */

static const char *table_name(enum store_table t)
{
    static const char *const names[] = {
        [STORE_REVOKED] = "revoked", [STORE_PEOPLE] = "people", [STORE_LOGINS] = "logins",
        [STORE_PINS] = "pins",       [STORE_CODES] = "codes",   [STORE_USED] = "used",
        [STORE_COUNTS] = "counts",   [STORE_TOKENS] = "tokens", [STORE_SINCE] = "since"};
    return (size_t)t < COUNT(names) ? names[t] : "none";
}

/* Takes nothing of what is to fail. */
static void hear(const char *format, ...)
{
    const struct plan kept = trial.fail;
    va_list ap;
    trial.fail.set = false;
    va_start(ap, format);
    if (on)
        text_vaddf(&trial.heard, format, ap);
    va_end(ap);
    trial.fail = kept;
}

/* A reply that is made up, or one that is heard after something else was done. */
struct late {
    struct loop *loop;
    struct store_reply reply;
    store_done done;
    void *arg;
    void (*run)(struct service_kit *k);
    struct service_kit *kit;
};

static struct late *late_new(store_done done, void *arg)
{
    struct late *l = __real_calloc(1, sizeof(*l));
    assert_non_null(l);
    l->done = done;
    l->arg = arg;
    return l;
}

static void on_late(void *arg)
{
    struct late *l = arg;
    if (l->done)
        l->done(l->arg, &l->reply);
    free(l);
}

static void on_meanwhile(void *arg, const struct store_reply *r)
{
    struct late *l = arg;
    l->run(l->kit);
    l->done(l->arg, r);
    free(l);
}

/* True: answered without the store. Else what to ask it with. */
static bool plays(enum trial_call what, store_done *done, void **arg)
{
    if (meets(&trial.answer, what)) {
        struct late *l = late_new(*done, *arg);
        l->reply = trial.reply;
        assert_true(loop_post(service_current()->base.loop, on_late, free, l));
        return true;
    }
    if (meets(&trial.meanwhile, what)) {
        struct late *l = late_new(*done, *arg);
        assert_non_null(*done);
        l->run = trial.run;
        l->kit = trial.kit;
        *done = on_meanwhile;
        *arg = l;
    }
    return false;
}

void __real_store_put(struct store *s, enum store_table t, struct span key, struct span value, int64_t ends_s,
                      store_done done, void *arg);
void __wrap_store_put(struct store *s, enum store_table t, struct span key, struct span value, int64_t ends_s,
                      store_done done, void *arg);
void __real_store_get(struct store *s, enum store_table t, struct span key, store_done done, void *arg);
void __wrap_store_get(struct store *s, enum store_table t, struct span key, store_done done, void *arg);
void __real_store_take(struct store *s, enum store_table t, struct span key, store_done done, void *arg);
void __wrap_store_take(struct store *s, enum store_table t, struct span key, store_done done, void *arg);
void __real_store_once(struct store *s, enum store_table t, struct span key, struct span value, int64_t ends_s,
                       store_done done, void *arg);
void __wrap_store_once(struct store *s, enum store_table t, struct span key, struct span value, int64_t ends_s,
                       store_done done, void *arg);
void __real_store_count(struct store *s, enum store_table t, struct span key, uint32_t window_s, uint64_t limit,
                        store_done done, void *arg);
void __wrap_store_count(struct store *s, enum store_table t, struct span key, uint32_t window_s, uint64_t limit,
                        store_done done, void *arg);
void __real_store_delete(struct store *s, enum store_table t, struct span key, store_done done, void *arg);
void __wrap_store_delete(struct store *s, enum store_table t, struct span key, store_done done, void *arg);

void __wrap_store_put(struct store *s, enum store_table t, struct span key, struct span value, int64_t ends_s,
                      store_done done, void *arg)
{
    hear("put %s\n", table_name(t));
    if (!plays(TRIAL_PUT, &done, &arg))
        __real_store_put(s, t, key, value, ends_s, done, arg);
}

void __wrap_store_get(struct store *s, enum store_table t, struct span key, store_done done, void *arg)
{
    hear("get %s\n", table_name(t));
    if (!plays(TRIAL_GET, &done, &arg))
        __real_store_get(s, t, key, done, arg);
}

void __wrap_store_take(struct store *s, enum store_table t, struct span key, store_done done, void *arg)
{
    hear("take %s\n", table_name(t));
    if (!plays(TRIAL_TAKE, &done, &arg))
        __real_store_take(s, t, key, done, arg);
}

void __wrap_store_once(struct store *s, enum store_table t, struct span key, struct span value, int64_t ends_s,
                       store_done done, void *arg)
{
    hear("once %s\n", table_name(t));
    if (!plays(TRIAL_ONCE, &done, &arg))
        __real_store_once(s, t, key, value, ends_s, done, arg);
}

void __wrap_store_count(struct store *s, enum store_table t, struct span key, uint32_t window_s, uint64_t limit,
                        store_done done, void *arg)
{
    hear("count %s %u %llu\n", table_name(t), window_s, (unsigned long long)limit);
    if (!plays(TRIAL_COUNT, &done, &arg))
        __real_store_count(s, t, key, window_s, limit, done, arg);
}

void __wrap_store_delete(struct store *s, enum store_table t, struct span key, store_done done, void *arg)
{
    hear("delete %s\n", table_name(t));
    if (!plays(TRIAL_DELETE, &done, &arg))
        __real_store_delete(s, t, key, done, arg);
}
