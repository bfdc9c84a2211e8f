#include "config/build.h"

#include "config/units.h"
#include "http/host.h"

static const struct key cors_keys[] = {
    KEY(struct raw_cors, edge, KEY_BOOL, .def = 1),
    KEY(struct raw_cors, origins, KEY_TEXTS),
};

const struct section section_cors = SECTION(struct raw_cors, cors_keys);

static const struct key keys[] = {
    KEY(struct raw_host, host, KEY_TEXT_OR_LIST, .required = true),
    KEY(struct raw_host, tier, KEY_TEXT, .depends = true),
    KEY(struct raw_host, origin, KEY_TEXT, .required = true),
    KEY(struct raw_host, gate, KEY_TEXT),
    KEY(struct raw_host, rules, KEY_NAME_OR_OBJECTS, .sub = &section_rule, .required = true),
    KEY(struct raw_host, public, KEY_BOOL),
    KEY(struct raw_host, noindex, KEY_BOOL, .depends = true),
    KEY(struct raw_host, clear_cache_until, KEY_TEXT),
    KEY(struct raw_host, cors, KEY_OBJECT, .sub = &section_cors),
    KEY(struct raw_host, access, KEY_OBJECT, .sub = &section_access),
};

const struct section section_host = SECTION(struct raw_host, keys);

/* --- names -------------------------------------------------------------------------------------------------------- */

static void clash(struct build *b, struct place at, struct place other, const char *what)
{
    place_error(b->d, at, "%s %s at %s:%u: a name belongs to one host only", what, other.path, other.file, other.line);
}

static void check_unique(struct build *b, size_t n)
{
    const struct host_pattern *p = &b->patterns[n];

    for (size_t i = 0; i < n; i++) {
        const struct host_pattern *q = &b->patterns[i];

        if (p->kind != q->kind)
            continue;
        if (span_eq(p->text, q->text))
            clash(b, b->pattern_places[n], b->pattern_places[i], "is defined already as");
        else if (p->kind == HOST_TEMPLATE && host_pattern_overlaps(p, q))
            clash(b, b->pattern_places[n], b->pattern_places[i], "overlaps with");
    }
}

static void read_pattern(struct build *b, const struct text_field *t, size_t host)
{
    size_t n = b->pattern_count;

    if (t->f.bad)
        return;
    struct res r = host_pattern_parse(t->v, &b->patterns[n]);

    if (!res_ok(r)) {
        place_error(b->d, t->f.at, "\"%.*s\": %s", SHOW(t->v), r.err);
        return;
    }
    b->pattern_places[n] = t->f.at;
    b->host_of[n] = host;
    check_unique(b, n);
    b->pattern_count++;
}

static void read_patterns(struct build *b, struct build_host *h, size_t host)
{
    const struct texts_field *list = &h->raw->host;

    h->first_pattern = b->pattern_count;
    for (size_t i = 0; i < list->n; i++)
        read_pattern(b, &list->v[i], host);
    h->pattern_count = b->pattern_count - h->first_pattern;
    if (list->v && !list->n)
        place_error(b->d, list->f.at, "is empty: write the name that clients ask for");
}

/* --- what it refers to -------------------------------------------------------------------------------------------- */

static void read_gate(struct build *b, struct build_host *h)
{
    const struct text_field *t = &h->raw->gate;
    const struct objects_field *map = &b->raw->gates;

    if (!t->f.given || t->f.bad)
        return;
    size_t i = build_find(map, sizeof(struct raw_gate), t->v);

    if (i == map->n) {
        place_error(b->d, t->f.at, "there is no gate \"%.*s\"%s", SHOW(t->v),
                    build_suggest(b, map, sizeof(struct raw_gate), t->v));
        return;
    }
    b->gate_used[i] = true;
    h->gate = &b->gates[i];
    h->raw_gate = (const struct raw_gate *)map->v + i;
}

static bool has_capture(const struct build *b, size_t pattern, struct span name)
{
    const struct host_pattern *p = &b->patterns[pattern];

    return p->kind == HOST_TEMPLATE && span_eq(p->capture, name);
}

static void check_captures(struct build *b, const struct build_host *h, const struct text_field *capture)
{
    for (size_t i = h->first_pattern; capture->v.n && i < h->first_pattern + h->pattern_count; i++)
        if (!has_capture(b, i, capture->v))
            place_error(
                b->d, b->pattern_places[i],
                "has no {%.*s}, which the url of its origin %.*s (%s:%u) needs: write it into every name of this "
                "host, or choose another origin",
                SHOW(capture->v), SHOW(h->raw->origin.v), capture->f.at.file, capture->f.at.line);
}

static void read_origin(struct build *b, struct build_host *h)
{
    const struct text_field *t = &h->raw->origin;
    const struct objects_field *map = &b->raw->origins;

    if (!t->f.given || t->f.bad)
        return;
    size_t i = build_find(map, sizeof(struct raw_origin), t->v);

    if (i == map->n) {
        place_error(b->d, t->f.at, "there is no origin \"%.*s\"%s", SHOW(t->v),
                    build_suggest(b, map, sizeof(struct raw_origin), t->v));
        return;
    }
    b->origin_used[i] = true;
    h->origin = &b->origins[i];
    check_captures(b, h, &b->origin_captures[i]);
}

static struct build_rules *find_ruleset(struct build *b, const struct name_or_objects_field *f)
{
    for (size_t i = 0; i < b->ruleset_count; i++)
        if (span_eq(b->rulesets[i].name, f->name))
            return &b->rulesets[i];
    place_error(b->d, f->f.at, "there is no ruleset \"%.*s\"%s", SHOW(f->name),
                build_suggest(b, &b->raw->rulesets, sizeof(struct named_objects), f->name));
    return NULL;
}

static void read_rules(struct build *b, struct build_host *h)
{
    const struct name_or_objects_field *f = &h->raw->rules;

    if (!f->f.given || f->f.bad)
        return;
    if (f->name.p) {
        h->rules = find_ruleset(b, f);
    } else {
        h->rules = build_alloc(b, 1, sizeof(*h->rules));
        if (h->rules)
            build_rules_read(b, h->rules, &f->list);
    }
    if (h->rules)
        h->rules->used = true;
}

/* --- rules as a whole --------------------------------------------------------------------------------------------- */

static void check_public(struct build *b, const struct build_host *h, const struct policy *policy)
{
    bool open = policy_is_open(policy);

    if (open && !h->raw->public.v)
        place_error(b->d, h->raw->e.at,
                    "anonymous requests reach everything on this host: write \"public\": true if that is meant, or "
                    "narrow the bypass rules");
    if (!open && h->raw->public.v)
        place_warning(b->d, h->raw->public.f.at,
                      "says that the host is public, but its rules do not let everybody reach "
                      "everything; \"public\" opens nothing by itself");
}

/* --- CORS --------------------------------------------------------------------------------------------------------- */

/* RFC 6454 §6.2, as browsers send it: scheme, lower-case host, port unless it is the scheme's own. */
static const char *origin_problem(struct span s)
{
    struct span rest = span_has_prefix(s, SPAN("https://"))  ? span_from(s, 8)
                       : span_has_prefix(s, SPAN("http://")) ? span_from(s, 7)
                                                             : SPAN_NONE;
    int own_port = span_has_prefix(s, SPAN("https://")) ? 443 : 80;
    struct host h;

    if (span_eq(s, SPAN("*")))
        return "* is refused: name each origin, answers carry credentials";
    if (!rest.n || !host_parse(rest, &h) || !span_has_prefix(rest, host_span(&h)))
        return "write an origin as browsers send it: \"https://app.example\" or \"http://localhost:5173\", lower case, "
               "nothing behind the port";
    if (h.port == own_port)
        return "browsers leave out the scheme's own port: write the origin without it";
    if (rest.n != h.n && h.port < 0)
        return "write the origin without a dot behind the host";
    return NULL;
}

static void read_cors(struct build *b, const struct raw_host *raw, struct host_config *out)
{
    const struct raw_cors *cors = raw->cors.v;

    if (!cors)
        return;
    struct span *origins = build_alloc(b, cors->origins.n, sizeof(*origins));

    out->cors = cors->edge.v ? CORS_EDGE : CORS_ORIGIN;
    for (size_t i = 0; origins && i < cors->origins.n; i++) {
        const struct text_field *t = &cors->origins.v[i];
        const char *problem = t->f.bad ? NULL : origin_problem(t->v);

        origins[i] = t->v;
        if (problem)
            place_error(b->d, t->f.at, "\"%.*s\": %s", SHOW(t->v), problem);
    }
    out->cors_origins = origins;
    out->cors_origin_count = origins ? cors->origins.n : 0;
    if (!cors->edge.v && cors->origins.n)
        place_warning(b->d, cors->origins.f.at,
                      "with \"edge\": false preflights go to the origin; these origins count for "
                      "the gate's own answers only");
}

/* --- cut-over ----------------------------------------------------------------------------------------------------- */

static void read_clear_cache(struct build *b, const struct raw_host *raw, struct host_config *out)
{
    const struct text_field *t = &raw->clear_cache_until;

    if (!t->f.given || t->f.bad)
        return;
    if (!date_parse_end(t->v, &out->clear_cache_until_s))
        place_error(b->d, t->f.at, "\"%.*s\" is no date: write the last day as year, month and day, \"2026-12-31\"",
                    SHOW(t->v));
    else if (!raw->gate.f.given)
        place_warning(b->d, t->f.at, "does nothing on a host without a gate");
}

/* --- the whole ---------------------------------------------------------------------------------------------------- */

static void finish(struct build *b, const struct build_host *h, struct host_config *out)
{
    const struct raw_host *raw = h->raw;

    out->pattern = raw->host.n ? raw->host.v[0].v : SPAN_NONE;
    out->tier = raw->tier.v.p ? raw->tier.v : b->snapshot->tier;
    out->gate = h->gate;
    out->origin = h->origin;
    out->is_public = raw->public.v;
    out->noindex = raw->noindex.f.given ? raw->noindex.v : h->gate && !raw->public.v;
    read_cors(b, raw, out);
    read_clear_cache(b, raw, out);
    build_access(b, raw, out);
    if (!h->rules)
        return;
    for (size_t i = 0; h->rules->specs && i < h->rules->count; i++)
        build_check_rule(b, h, i);
    out->policy = build_rules_policy(b, h->rules, raw->public.v);
    if (out->policy)
        check_public(b, h, out->policy);
}

static bool alloc_all(struct build *b)
{
    const struct raw_host *raw = b->raw->hosts.v;
    size_t n = b->raw->hosts.n, names = 0;

    for (size_t i = 0; i < n; i++)
        names += raw[i].host.n;
    b->hosts = build_alloc(b, n, sizeof(*b->hosts));
    b->build_hosts = build_alloc(b, n, sizeof(*b->build_hosts));
    b->patterns = build_alloc(b, names, sizeof(*b->patterns));
    b->pattern_places = build_alloc(b, names, sizeof(*b->pattern_places));
    b->host_of = build_alloc(b, names, sizeof(*b->host_of));
    return !b->failed;
}

static void free_table(const void *p)
{
    host_table_free((struct host_table *)(uintptr_t)p); /* const for config_memory_defer alone */
}

static void make_table(struct build *b)
{
    struct snapshot *s = b->snapshot;

    s->patterns = b->patterns;
    s->host_of = b->host_of;
    s->pattern_count = b->pattern_count;
    s->hosts = b->hosts;
    s->host_count = b->raw->hosts.n;
    s->table = host_table_new(b->patterns, b->pattern_count);
    if (!s->table || !config_memory_defer(b->mem, free_table, s->table)) {
        host_table_free(s->table);
        s->table = NULL;
        b->failed = true;
    }
}

void build_hosts(struct build *b)
{
    const struct objects_field *list = &b->raw->hosts;

    if (!alloc_all(b))
        return;
    if (!list->f.given || (list->v && !list->n))
        place_error(b->d, list->f.at,
                    "\"hosts\" is missing: write \"hosts\": [{\"host\": …, \"origin\": …, \"rules\": […]}]");
    for (size_t i = 0; i < list->n && !b->failed; i++) {
        struct build_host *h = &b->build_hosts[i];

        h->raw = (const struct raw_host *)list->v + i;
        read_patterns(b, h, i);
        read_gate(b, h);
        read_origin(b, h);
        read_rules(b, h);
        finish(b, h, &b->hosts[i]);
    }
    if (!b->failed)
        make_table(b);
}
