#include "cli/cert_files.h"

#include <stdio.h>
#include <unistd.h>

#include "base/crypto/x509.h"
#include "cli/file.h"

#define PEM_MAX 65536u

static bool tell(const char *what, const char *name, struct res r)
{
    (void)fprintf(stderr, "tiergate: %s%s%s: %s\n", what, name[0] != '\0' ? " " : "", name, r.err);
    return false;
}

/* dir/name+suffix; "" when there is no memory. */
static const char *path_in(struct text *t, const char *dir, const char *name, const char *suffix)
{
    text_init(t);
    text_addf(t, "%s/%s%s", dir, name, suffix);
    return t->failed ? "" : t->p;
}

static struct res read_pem(const char *dir, const char *name, const char *suffix, struct text *out)
{
    struct text path;
    struct res r = file_read(path_in(&path, dir, name, suffix), PEM_MAX, out);
    text_fini(&path);
    return r;
}

static struct res write_pem(const char *dir, const char *name, const char *suffix, const struct text *pem, mode_t mode)
{
    struct text path;
    struct res r = file_write(path_in(&path, dir, name, suffix), text_span(pem), mode);
    text_fini(&path);
    return r;
}

/* The key first: a certificate without its key would be mistaken for a whole pair. */
static bool write_pair(const char *dir, const char *name, const struct x509_pair *pair)
{
    struct res r = write_pem(dir, name, ".key", &pair->key, 0600);
    if (res_ok(r)) {
        r = write_pem(dir, name, ".pem", &pair->cert, 0644);
    }
    return res_ok(r) || tell("cannot write", name, r);
}

static bool make_ca(const char *dir, struct x509_pair *ca)
{
    char hostname[256] = "";
    if (gethostname(hostname, sizeof(hostname) - 1) == -1 || hostname[0] == '\0') {
        (void)snprintf(hostname, sizeof(hostname), "localhost");
    }
    struct res r = x509_make_ca(span_of(hostname), ca);
    if (!res_ok(r)) {
        return tell("cannot make an authority", "", r);
    }
    return write_pair(dir, "ca", ca);
}

/* Half an authority is not replaced: browsers may trust it. */
static bool load_or_make_ca(const char *dir, struct x509_pair *ca, bool *made)
{
    struct res cert = read_pem(dir, "ca", ".pem", &ca->cert), key = read_pem(dir, "ca", ".key", &ca->key);
    *made = file_is_absent(cert) && file_is_absent(key);
    if (*made) {
        return make_ca(dir, ca);
    }
    if (!res_ok(cert)) {
        return tell("ca.pem", "", cert);
    }
    if (!res_ok(key)) {
        return tell("ca.key", "", key);
    }
    struct res r = x509_key_matches(text_span(&ca->cert), text_span(&ca->key));
    return res_ok(r) || tell("ca.pem and ca.key", "", r);
}

static bool make_leaf(const struct cert_request *q, const struct x509_pair *ca)
{
    struct x509_pair leaf;
    x509_pair_init(&leaf);
    struct res r = x509_make_leaf(ca, q->names, q->count, &leaf);
    bool good = res_ok(r) ? write_pair(q->dir, q->leaf, &leaf) : tell("cannot make the certificate", "", r);
    x509_pair_fini(&leaf);
    return good;
}

bool cert_files_make(const struct cert_request *q, bool *made_ca)
{
    struct x509_pair ca;
    struct res r = file_make_folder(q->dir, 0755);
    if (!res_ok(r)) {
        return tell("folder", q->dir, r);
    }
    x509_pair_init(&ca);
    bool good = load_or_make_ca(q->dir, &ca, made_ca) && make_leaf(q, &ca);
    x509_pair_fini(&ca);
    return good;
}
