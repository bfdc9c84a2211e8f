/* access.keys on the disk: found, made, changed in time. Two loaders may come at once: one of them waits. */
#include "config/access_keys.h"

#include "base/crypto/mac.h"
#include "base/crypto/random.h"
#include "base/crypto/rsa.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#define FILE_MAX 65536
#define LOCK_TRIES 500 /* of 20 ms: a key is made in less */
#define NAME_IN_CERTIFICATE "tiergate"

#define AND_THEN "remove it, new ones are made (origins fetch them; people get another `sub`)"

static const struct kept_file file = {
    .name = ACCESS_KEYS_FILE,
    .max = FILE_MAX,
    .is_link = "it is a symbolic link: " AND_THEN,
    .is_others = "it belongs to another user, who could have put it there: " AND_THEN,
    .is_open = "others may read or write it: chmod 600, or, if they may have, " AND_THEN,
};

/* --- one new key ------------------------------------------------------------------------------------------------------ */

static struct res certify(struct span pem, struct text *out)
{
    struct rsa_key *k = rsa_from_pem(pem);
    struct res r = k ? rsa_certificate_pem(k, SPAN(NAME_IN_CERTIFICATE), out) : res_err("the new key cannot be read");

    rsa_key_free(k);
    return r;
}

/* The new one first; the one that was first is shown for a while, those behind it are forgotten. */
static void put_first(struct access_keys *k, struct span pem, struct span certificate, int64_t now_s)
{
    if (k->n) {
        k->v[1] = k->v[0];
        k->v[1].until_s = now_s + ACCESS_KEY_KNOWN_S;
    }
    k->n = k->n ? 2 : 1;
    k->v[0] = (struct access_key){.made_s = now_s, .key = pem, .certificate = certificate};
}

static const char *replace_file(int dir, const struct access_keys *k)
{
    struct text t;

    text_init(&t);
    access_keys_write(k, &t);
    const char *problem = t.failed ? "out of memory" : load_file_keep(dir, file.name, text_span(&t), true);

    text_wipe(&t);
    return problem;
}

static const char *add_key(int dir, struct access_keys *k, int64_t now_s)
{
    struct text pem, certificate;

    text_init(&pem);
    text_init(&certificate);
    struct res r = rsa_make_pem(&pem);

    if (res_ok(r))
        r = certify(text_span(&pem), &certificate);
    const char *problem = r.err;

    if (res_ok(r)) {
        put_first(k, text_span(&pem), text_span(&certificate), now_s);
        problem = replace_file(dir, k);
    }
    text_wipe(&pem);
    text_fini(&certificate);
    return problem;
}

/* --- what is there ---------------------------------------------------------------------------------------------------- */

static const char *make_first(int dir, int64_t now_s)
{
    struct access_keys k = {.n = 0};
    const char *problem = "no random bytes";

    if (res_ok(random_bytes(k.subject, sizeof(k.subject))))
        problem = add_key(dir, &k, now_s);
    wipe(&k, sizeof(k));
    return problem;
}

/* A clock that was wrong when the key was made must not let it sign for years. */
static bool is_due(const struct access_key *k, int64_t now_s)
{
    return now_s - k->made_s >= ACCESS_KEY_S || k->made_s - now_s > 86400;
}

static const char *keep_fresh(int dir, int64_t now_s, const struct file_bytes *f)
{
    struct access_keys k;
    struct json_doc *doc;
    const char *problem = NULL;

    if (!access_keys_read(span_make(f->p, f->n), &k, &doc))
        return "it is damaged: " AND_THEN;
    if (is_due(&k.v[0], now_s))
        problem = add_key(dir, &k, now_s);
    else if (k.n > 1 && k.v[1].until_s <= now_s) {
        k.n = 1;
        problem = replace_file(dir, &k);
    }
    json_free(doc);
    wipe(&k, sizeof(k));
    return problem;
}

static const char *read_fresh(int dir, int64_t now_s, struct file_bytes *out)
{
    const char *problem = load_file_is_missing(dir, file.name) ? make_first(dir, now_s) : NULL;

    if (!problem)
        problem = load_file_kept(dir, &file, out);
    if (problem)
        return problem;
    problem = keep_fresh(dir, now_s, out);
    load_file_fini(out);
    return problem ? problem : load_file_kept(dir, &file, out);
}

/* --- one at a time ---------------------------------------------------------------------------------------------------- */

static const char *lock(int dir)
{
    const struct timespec pause = {.tv_nsec = 20000000};

    for (int i = 0; i < LOCK_TRIES; i++) {
        if (flock(dir, LOCK_EX | LOCK_NB) == 0)
            return NULL;
        if (errno != EWOULDBLOCK && errno != EINTR)
            return load_file_reason(errno);
        (void)nanosleep(&pause, NULL);
    }
    return "somebody keeps the state folder locked";
}

const char *access_keys_load(const char *state_dir, int64_t now_s, struct file_bytes *out)
{
    int dir = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const char *problem;

    *out = (struct file_bytes){NULL, 0};
    if (dir < 0)
        return load_file_reason(errno);
    problem = lock(dir);
    if (!problem)
        problem = read_fresh(dir, now_s, out);
    close(dir); /* the lock goes with it */
    return problem;
}
