#include "gate/crypt_hash.h"

#include "base/count.h"
#include "base/crypto/mac.h"
#include "base/crypto/random.h"

#include <crypt.h>

#include <stdio.h>
#include <stdlib.h>

#define BCRYPT_COST_MIN 4u
#define BCRYPT_COST_MAX 17u
#define BCRYPT_LENGTH 60
#define YESCRYPT_COST_MAX 11u
#define SHA_ROUNDS_DEFAULT 5000u
#define COST_MAX_US 20000000u

struct crypt_room {
    struct crypt_data data;
};

/* libcrypt's digits: the number that `c` stands for, 64 for a byte that is none. */
static unsigned ascii64(uint8_t c)
{
    if (c == '.' || c == '/')
        return c - '.';
    if (c >= '0' && c <= '9')
        return c - '0' + 2u;
    if (c >= 'A' && c <= 'Z')
        return c - 'A' + 12u;
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 38u;
    return 64;
}

/* "$2b$10$…": a round costs some 50 µs at 2^0. */
static uint64_t bcrypt_cost(struct span rest)
{
    uint64_t log2 = 0;
    if (rest.n != BCRYPT_LENGTH - 4 || rest.p[2] != '$' ||
        !span_parse_u64(span_make(rest.p, 2), BCRYPT_COST_MAX, &log2))
        return 0;
    return log2 >= BCRYPT_COST_MIN ? (uint64_t)50 << log2 : 0;
}

/* "$y$j9T$…": flavour, log2 N - 1, r - 1 (further parameters follow in long forms only). */
static uint64_t yescrypt_cost(struct span rest)
{
    unsigned log2 = ascii64(rest.p[1]), r = ascii64(rest.p[2]);
    if (rest.p[0] != 'j' || rest.p[3] != '$' || log2 > 30 || r > 63)
        return 0;
    return ((uint64_t)(r + 1) << (log2 + 1)) / 5;
}

/* "$6$salt$…" or "$6$rounds=N$salt$…". */
static uint64_t sha_cost(struct span rest)
{
    uint64_t rounds = SHA_ROUNDS_DEFAULT;
    if (span_has_prefix(rest, SPAN("rounds="))) {
        struct span number, tail;
        span_cut(span_from(rest, 7), '$', &number, &tail);
        if (!span_parse_u64(number, 999999999, &rounds))
            return 0;
    }
    return rounds / 2 + 1;
}

struct crypt_method {
    const char *prefix;
    enum crypt_kind kind;
    uint64_t (*cost)(struct span rest); /* of min bytes or more behind the prefix; 0: malformed */
    size_t min;                         /* salt, `$` and digest */
};

static const struct crypt_method methods[] = {
    {"$2b$", CRYPT_KIND_BCRYPT, bcrypt_cost, 56}, {"$2y$", CRYPT_KIND_BCRYPT, bcrypt_cost, 56},
    {"$2a$", CRYPT_KIND_BCRYPT, bcrypt_cost, 56}, {"$y$", CRYPT_KIND_YESCRYPT, yescrypt_cost, 48},
    {"$6$", CRYPT_KIND_SHA512, sha_cost, 1 + 86}, {"$5$", CRYPT_KIND_SHA256, sha_cost, 1 + 43},
};

static const struct crypt_method *method_of(struct span hash, struct span *rest)
{
    for (size_t i = 0; i < COUNT(methods); i++) {
        struct span prefix = span_of(methods[i].prefix);
        if (!span_has_prefix(hash, prefix))
            continue;
        *rest = span_from(hash, prefix.n);
        return rest->n >= methods[i].min ? &methods[i] : NULL;
    }
    return NULL;
}

/* Printable, and nothing that would end a line of an htpasswd file early. */
static bool is_clean(struct span hash)
{
    for (size_t i = 0; i < hash.n; i++)
        if (hash.p[i] <= ' ' || hash.p[i] >= 0x7f || hash.p[i] == ':')
            return false;
    return hash.n > 0 && hash.n < CRYPT_HASH_MAX;
}

uint64_t crypt_hash_cost(struct span hash)
{
    struct span rest = SPAN_NONE;
    const struct crypt_method *m = is_clean(hash) ? method_of(hash, &rest) : NULL;
    return m ? m->cost(rest) : 0;
}

enum crypt_kind crypt_hash_kind(struct span hash)
{
    struct span rest = SPAN_NONE;
    const struct crypt_method *m = is_clean(hash) ? method_of(hash, &rest) : NULL;
    uint64_t cost = m ? m->cost(rest) : 0;
    return cost > 0 && cost <= COST_MAX_US ? m->kind : CRYPT_KIND_NONE;
}

struct crypt_room *crypt_room_new(void)
{
    return calloc(1, sizeof(struct crypt_room));
}

void crypt_room_free(struct crypt_room *r)
{
    if (!r)
        return;
    wipe(r, sizeof(*r));
    free(r);
}

enum crypt_verdict crypt_hash_check(struct crypt_room *r, const char *password, const char *hash)
{
    const char *got = crypt_rn(password, hash, &r->data, (int)sizeof(r->data));
    size_t n = strlen(hash);
    /* A failure token begins with '*', which no hash that is taken does: it can never look like a match. */
    if (!got || got[0] == '*' || n == 0 || hash[0] != '$')
        return CRYPT_FAILED;
    bool same = strlen(got) == n && equal_const_time((const uint8_t *)got, (const uint8_t *)hash, n);
    return same ? CRYPT_MATCH : CRYPT_MISMATCH;
}

struct crypt_recipe {
    const char *prefix;
    unsigned min, max, standard;
};

static const struct crypt_recipe *recipe_of(enum crypt_kind kind)
{
    static const struct crypt_recipe bcrypt = {"$2b$", BCRYPT_COST_MIN, BCRYPT_COST_MAX, 10};
    static const struct crypt_recipe yescrypt = {"$y$", 1, YESCRYPT_COST_MAX, 5};
    return kind == CRYPT_KIND_BCRYPT ? &bcrypt : kind == CRYPT_KIND_YESCRYPT ? &yescrypt : NULL;
}

static struct res make_with(struct crypt_room *room, const char *setting, const char *password, char *out)
{
    const char *hash = crypt_rn(password, setting, &room->data, (int)sizeof(room->data));
    if (!hash || hash[0] == '*')
        return res_err("the password could not be hashed");
    int n = snprintf(out, CRYPT_HASH_MAX, "%s", hash);
    return n > 0 && n < CRYPT_HASH_MAX ? RES_OK : res_err("the password could not be hashed");
}

struct res crypt_hash_make(enum crypt_kind kind, unsigned cost, const char *password, char out[CRYPT_HASH_MAX])
{
    const struct crypt_recipe *recipe = recipe_of(kind);
    uint8_t salt[16];
    char setting[CRYPT_GENSALT_OUTPUT_SIZE];
    if (!recipe)
        return res_err("only bcrypt and yescrypt hashes are made");
    cost = cost ? cost : recipe->standard;
    if (cost < recipe->min || cost > recipe->max)
        return res_err("the cost is out of range");
    struct res r = random_bytes(salt, sizeof(salt));
    if (!res_ok(r))
        return r;
    if (!crypt_gensalt_rn(recipe->prefix, cost, (const char *)salt, sizeof(salt), setting, sizeof(setting)))
        return res_err("no salt could be made");
    struct crypt_room *room = crypt_room_new();
    r = room ? make_with(room, setting, password, out) : res_err("out of memory");
    crypt_room_free(room);
    return r;
}
