#include "config/htpasswd.h"

#include "base/count.h"
#include "gate/basic.h"
#include "gate/crypt_hash.h"

const char *basic_name_problem(struct span name)
{
    if (!name.n)
        return "a user needs a name";
    if (span_find(name, ':') < name.n)
        return "a user name cannot hold ':' (Basic puts it between name and password)";
    if (span_has_control(name))
        return "a user name cannot hold control characters";
    if (name.n > BASIC_USER_MAX)
        return "a user name has at most 128 bytes";
    return NULL;
}

size_t htpasswd_count_lines(struct span text)
{
    size_t n = 1;

    for (size_t i = 0; i < text.n; i++)
        n += text.p[i] == '\n';
    return n;
}

/* Known but too weak, by how they begin; what to do is the same for all. */
static const struct {
    struct span prefix;
    const char *name;
} weak[] = {
    {{(const uint8_t *)"$apr1$", 6}, "MD5 (apr1)"}, {{(const uint8_t *)"$1$", 3}, "MD5"},
    {{(const uint8_t *)"{SHA}", 5}, "SHA-1"},       {{(const uint8_t *)"{SSHA}", 6}, "SHA-1"},
    {{(const uint8_t *)"{PLAIN}", 7}, "plain"},     {{(const uint8_t *)"$5$", 3}, "SHA-256"},
};

static const char *weak_name(struct span hash)
{
    for (size_t i = 0; i < COUNT(weak); i++)
        if (span_has_prefix(hash, weak[i].prefix))
            return weak[i].name;
    return NULL;
}

static bool is_taken(struct span hash)
{
    enum crypt_kind k = crypt_hash_kind(hash);

    return k == CRYPT_KIND_BCRYPT || k == CRYPT_KIND_YESCRYPT || k == CRYPT_KIND_SHA512;
}

#define ADVICE "write a bcrypt, yescrypt or sha512-crypt hash: `tiergate passwd NAME` makes one"

static void bad_hash(struct build *b, struct place at, struct span name, struct span hash)
{
    const char *kind = weak_name(hash);

    if (kind)
        place_error(b->d, at, "user %.*s: %s hashes are refused: " ADVICE, SHOW(name), kind);
    else
        place_error(b->d, at, "user %.*s: not a usable password hash: " ADVICE, SHOW(name));
}

static void read_line(struct build *b, struct place at, struct span line, struct basic_user *users, size_t *n)
{
    struct span name, hash;

    if (!span_cut(line, ':', &name, &hash)) {
        place_error(b->d, at, "not `user:hash`: " ADVICE);
        return;
    }
    const char *problem = basic_name_problem(name);

    if (problem)
        place_error(b->d, at, "%s", problem);
    else if (!is_taken(hash))
        bad_hash(b, at, name, hash);
    else
        users[(*n)++] = (struct basic_user){.name = build_copy(b, name), .hash = build_secret(b, hash)};
}

/* The file is not the rules file: its own name and line stand in front, the key that named it behind. */
void htpasswd_read(struct build *b, const struct file_field *f, struct basic_user *users, size_t *n)
{
    struct span rest = f->v, line;
    struct place at = {(const char *)f->name.p, 0, f->f.at.path};

    while (rest.n) {
        span_cut(rest, '\n', &line, &rest);
        at.line++;
        line = span_trim(line.n && line.p[line.n - 1] == '\r' ? span_make(line.p, line.n - 1) : line);
        if (line.n && line.p[0] != '#')
            read_line(b, at, line, users, n);
    }
}
