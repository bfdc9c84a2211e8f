#include "config/build.h"

#include "config/htpasswd.h"
#include "gate/basic.h"
#include "gate/crypt_hash.h"

#include <stdlib.h>

static const struct key basic_keys[] = {
    KEY(struct raw_basic, realm, KEY_TEXT, .depends = true),
    KEY(struct raw_basic, users, KEY_SECRET_MAP),
    KEY(struct raw_basic, htpasswd, KEY_FILE),
};

const struct section section_basic = SECTION(struct raw_basic, basic_keys);

static const char *const token_headers[] = {"Authorization", NULL};

static const struct key gate_keys[] = {
    KEY(struct raw_gate, basic, KEY_OBJECT, .sub = &section_basic),
    KEY(struct raw_gate, github, KEY_OBJECT, .sub = &section_github),
    KEY(struct raw_gate, email_pin, KEY_OBJECT, .sub = &section_email_pin),
    KEY(struct raw_gate, service_tokens, KEY_SHORT_MAP, .sub = &section_service_token, .alone = "hash"),
    KEY(struct raw_gate, service_token_header, KEY_CHOICE, .choices = token_headers, .depends = true),
    KEY(struct raw_gate, github_actions, KEY_OBJECT, .sub = &section_actions),
    KEY(struct raw_gate, share_links, KEY_BOOL),
    KEY(struct raw_gate, session, KEY_OBJECT, .sub = &section_session),
};

const struct section section_gate = SECTION(struct raw_gate, gate_keys);

/* --- users -------------------------------------------------------------------------------------------------------- */

static void check_password(struct build *b, const struct secret_field *s)
{
    if (span_has_control(s->v))
        place_error(b->d, s->f.at,
                    "the password holds a line end or another control character, which Basic cannot carry");
    else if (s->v.n > BASIC_PASSWORD_MAX)
        place_error(b->d, s->f.at, "the password has %zu bytes: at most %d are taken", s->v.n, BASIC_PASSWORD_MAX);
    else if (crypt_hash_kind(s->v) != CRYPT_KIND_NONE)
        place_warning(b->d, s->f.at,
                      "looks like a password hash, but is compared as the password itself: hashes belong "
                      "into the file of \"htpasswd\"");
}

static void read_user(struct build *b, const struct named_secret *raw, struct basic_user *users, size_t *n)
{
    const char *problem = basic_name_problem(raw->e.name.v);

    if (problem)
        place_error(b->d, raw->e.at, "%s", problem);
    check_password(b, &raw->secret);
    users[(*n)++] = (struct basic_user){
        .name = raw->e.name.v,
        .secret = raw->secret.v.n ? build_secret(b, raw->secret.v) : build_unusable_secret(b),
    };
}

static int by_name(const void *a, const void *b)
{
    return span_cmp(((const struct basic_user *)a)->name, ((const struct basic_user *)b)->name);
}

static void check_twice(struct build *b, const struct raw_basic *raw, const struct basic_user *users, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (span_eq(users[i].name, users[i - 1].name))
            place_error(b->d, raw->e.at, "user %.*s is defined twice: keep one of both", SHOW(users[i].name));
}

static void read_users(struct build *b, const struct raw_basic *raw, struct basic_config *basic)
{
    size_t room = raw->users.n + htpasswd_count_lines(raw->htpasswd.v);
    struct basic_user *users = build_alloc(b, room, sizeof(*users));
    const struct named_secret *named = raw->users.v;
    size_t n = 0;

    if (!users)
        return;
    for (size_t i = 0; i < raw->users.n; i++)
        read_user(b, &named[i], users, &n);
    if (raw->htpasswd.v.n)
        htpasswd_read(b, &raw->htpasswd, users, &n);
    qsort(users, n, sizeof(*users), by_name);
    check_twice(b, raw, users, n);
    basic->users = users;
    basic->user_count = n;
}

bool build_gate_has_user(const struct gate_config *gate, struct span user)
{
    for (size_t i = 0; gate->basic && i < gate->basic->user_count; i++)
        if (span_eq(gate->basic->users[i].name, user))
            return true;
    return false;
}

/* --- realm -------------------------------------------------------------------------------------------------------- */

/* It goes between quotes into a header: what would need escaping is refused, clients disagree on it. */
static void check_realm(struct build *b, const struct text_field *t)
{
    for (size_t i = 0; i < t->v.n; i++)
        if (t->v.p[i] < 0x20 || t->v.p[i] > 0x7e || t->v.p[i] == '"' || t->v.p[i] == '\\') {
            place_error(b->d, t->f.at, "the realm is printable ASCII without '\"' and '\\'");
            return;
        }
    if (!t->v.n || t->v.n > 128)
        place_error(b->d, t->f.at, "the realm has 1 to 128 characters, or is left out (then it is the gate's name)");
}

/* --- the whole ---------------------------------------------------------------------------------------------------- */

static void read_basic(struct build *b, const struct raw_basic *raw, struct gate_config *gate)
{
    gate->basic = build_alloc(b, 1, sizeof(*gate->basic));
    if (!gate->basic)
        return;
    gate->basic->realm = raw->realm.f.given && raw->realm.v.p ? raw->realm.v : gate->name;
    if (raw->realm.v.p)
        check_realm(b, &raw->realm);
    read_users(b, raw, gate->basic);
    if (!raw->users.n && !raw->htpasswd.f.given && !raw->e.later)
        place_error(b->d, raw->e.at,
                    "nobody could sign in: write \"users\": {\"name\": \"env:NAME\"} or \"htpasswd\": "
                    "\"FILE\"");
    else if (!gate->basic->user_count && raw->htpasswd.f.given && !raw->htpasswd.missing && diags_ok(b->d))
        place_error(b->d, raw->htpasswd.f.at, "the file holds no users: `tiergate passwd NAME` makes a line for it");
}

bool build_is_interactive(const struct raw_gate *raw)
{
    return raw->github.f.given || raw->email_pin.f.given;
}

/* Share links alone are no way in: somebody must be in to make one. */
static void check_ways(struct build *b, const struct raw_gate *raw)
{
    if (raw->basic.f.given || build_is_interactive(raw) || raw->service_tokens.f.given || raw->github_actions.f.given ||
        raw->e.later)
        return;
    place_error(b->d, raw->e.at,
                "the gate has no way in: write \"basic\": {\"users\": {\"name\": \"env:NAME\"}}, \"github\", "
                "\"email_pin\" or \"service_tokens\"");
}

static void build_one(struct build *b, struct build_gate *g, struct gate_config *gate)
{
    const struct raw_gate *raw = g->raw;

    gate->name = raw->e.name.v;
    check_ways(b, raw);
    if (raw->basic.v)
        read_basic(b, raw->basic.v, gate);
    build_github(b, g, gate);
    build_email_pin(b, g, gate);
    build_service_tokens(b, g, gate);
    build_actions(b, g, gate);
    gate->share_links = raw->share_links.v;
    build_session(b, g, gate);
}

void build_gates(struct build *b)
{
    const struct objects_field *map = &b->raw->gates;

    b->gates = build_alloc(b, map->n, sizeof(*b->gates));
    b->gate_used = build_alloc(b, map->n, sizeof(*b->gate_used));
    b->build_gates = build_alloc(b, map->n, sizeof(*b->build_gates));
    if (!b->gates || !b->gate_used || !b->build_gates)
        return;
    build_check_names(b, map, sizeof(struct raw_gate), "a gate");
    build_session_top(b);
    for (size_t i = 0; i < map->n && !b->failed; i++) {
        b->build_gates[i].raw = (const struct raw_gate *)map->v + i;
        build_one(b, &b->build_gates[i], &b->gates[i]);
    }
    b->snapshot->gates = b->gates;
    b->snapshot->gate_count = map->n;
}
