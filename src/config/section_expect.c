#include "config/build.h"

#include "config/as.h"
#include "http/headers.h"
#include "http/host.h"
#include "http/path.h"

static const char *const results[] = {"bypass", "gate", "allow", "block", NULL};

static const struct key keys[] = {
    KEY(struct raw_expect, request, KEY_TEXT, .required = true),
    KEY(struct raw_expect, as, KEY_TEXT, .text_def = "anonymous"),
    KEY(struct raw_expect, is, KEY_CHOICE, .choices = results, .required = true),
};

const struct section section_expect = SECTION(struct raw_expect, keys);

#define EXAMPLE "write \"GET https://name.example/path\""

static void check_host(struct build *b, struct place at, struct span authority)
{
    struct host h;
    struct host_match m;

    if (!host_parse(authority, &h))
        place_error(b->d, at, "the host is malformed: " EXAMPLE);
    else if (b->snapshot->table && !host_table_find(b->snapshot->table, host_span(&h), &m))
        place_error(b->d, at, "no host is called %.*s, so the answer is always 421", SHOW(host_span(&h)));
}

static void check_target(struct build *b, struct place at, struct span target)
{
    uint8_t *room = arena_alloc(b->arena, target.n + 1);
    struct path p;

    if (!room) {
        b->failed = true;
        return;
    }
    path_parse(target, room, &p);
    if (p.kind == PATH_MALFORMED)
        place_error(b->d, at, "the path is malformed (%s), so the answer is always 400", p.why);
}

static void check_request(struct build *b, const struct text_field *t)
{
    struct span method, url, rest;

    if (!t->f.given || t->f.bad)
        return;
    if (!span_cut(t->v, ' ', &method, &url) || !http_is_token(method)) {
        place_error(b->d, t->f.at, "\"%.*s\" is no request: " EXAMPLE, SHOW(t->v));
        return;
    }
    rest = span_has_prefix(url, SPAN("https://")) ? span_from(url, 8) : SPAN_NONE;
    size_t slash = span_find(rest, '/');

    if (!rest.n || slash == rest.n) {
        place_error(b->d, t->f.at, "\"%.*s\" must be a whole https:// URL with a path: " EXAMPLE, SHOW(url));
        return;
    }
    check_host(b, t->f.at, span_make(rest.p, slash));
    check_target(b, t->f.at, span_from(rest, slash));
}

static void check_basic(struct build *b, const struct text_field *t, struct span who)
{
    struct span gate, user;
    const struct objects_field *map = &b->raw->gates;

    if (!span_cut(who, '/', &gate, &user) || !user.n) {
        place_error(b->d, t->f.at, "write the gate, too: \"basic:GATE/USER\"");
        return;
    }
    size_t i = build_find(map, sizeof(struct raw_gate), gate);
    const struct raw_gate *raw = i < map->n ? (const struct raw_gate *)map->v + i : NULL;
    const struct raw_basic *basic = raw ? raw->basic.v : NULL;

    if (!raw)
        place_error(b->d, t->f.at, "there is no gate \"%.*s\"%s", SHOW(gate),
                    build_suggest(b, map, sizeof(struct raw_gate), gate));
    else if (basic && !basic->htpasswd.missing && !raw->basic.f.bad && !build_gate_has_user(&b->gates[i], user))
        place_error(b->d, t->f.at, "gate %.*s has no user \"%.*s\"", SHOW(gate), SHOW(user));
}

static bool has_token(const struct build *b, struct span name)
{
    for (size_t i = 0; i < b->raw->gates.n; i++) {
        const struct objects_field *map = &b->build_gates[i].raw->service_tokens;

        if (map->f.bad || build_find(map, sizeof(struct raw_service_token), name) < map->n)
            return true;
    }
    return false;
}

static void check_as(struct build *b, const struct text_field *t)
{
    struct as_room room;
    struct identity who;

    if (!t->f.given || t->f.bad)
        return;
    if (span_has_prefix(t->v, SPAN("basic:"))) {
        check_basic(b, t, span_from(t->v, 6));
        return;
    }
    const char *problem = as_parse(t->v, &room, &who);

    if (problem)
        place_error(b->d, t->f.at, "\"%.*s\": %s", SHOW(t->v), problem);
    else if (who.way == WAY_SERVICE_TOKEN && !has_token(b, who.subject))
        place_error(b->d, t->f.at, "no gate has a service token \"%.*s\"", SHOW(who.subject));
}

void build_expect(struct build *b)
{
    const struct objects_field *list = &b->raw->expect;
    const struct raw_expect *raw = list->v;
    struct expect_config *all = build_alloc(b, list->n, sizeof(*all));

    for (size_t i = 0; all && i < list->n; i++) {
        check_request(b, &raw[i].request);
        check_as(b, &raw[i].as);
        all[i] = (struct expect_config){
            .request = raw[i].request.v,
            .as = raw[i].as.f.given ? raw[i].as.v : SPAN("anonymous"),
            .is = span_of(results[raw[i].is.v]),
            .where = span_of(raw[i].e.at.path),
            .file = raw[i].e.at.file,
            .line = raw[i].e.at.line,
        };
    }
    b->snapshot->expects = all;
    b->snapshot->expect_count = all ? list->n : 0;
}
