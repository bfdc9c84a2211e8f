/* Reads a golden table (policy.table says how): rules, then requests with the decision that each must get. A change of
 * policy shows as a change of that file. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/count.h"
#include "base/text.h"
#include "policy/policy.h"

#define NOW 1000000
#define MAX_TOKENS 16
#define MAX_RULES 16
#define MAX_ITEMS 8

struct table_rule {
    struct span paths[MAX_ITEMS], methods[MAX_ITEMS];
    struct selector lists[3][MAX_ITEMS]; /* who, require, except */
    struct selector members[3][MAX_ITEMS][MAX_ITEMS];
};

struct table {
    struct span text; /* whole file */
    unsigned line;
    struct span host, gate;
    bool is_public;
    struct rule_spec specs[MAX_RULES];
    struct table_rule rules[MAX_RULES];
    size_t rule_count;
    const struct policy *policy; /* of the rules above; NULL: not compiled yet */
    struct policy_scratch *scratch;
    size_t rows, failures;
};

static void die(const struct table *t, const char *what, struct span token)
{
    fprintf(stderr, "line %u: %s: %.*s\n", t->line, what, SPAN_ARG(token));
    exit(2);
}

static size_t split(struct span s, uint8_t sep, struct span *out, size_t max)
{
    size_t n = 0;
    struct span head;
    while (s.n && n < max) {
        span_cut(s, sep, &head, &s);
        if (head.n)
            out[n++] = head;
    }
    return n;
}

/* --- rules -------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *prefix;
    enum selector_kind kind;
} prefixes[] = {{"basic:", SEL_BASIC},
                {"email:", SEL_EMAIL},
                {"email_domain:", SEL_EMAIL_DOMAIN},
                {"github:", SEL_GITHUB},
                {"github_org:", SEL_GITHUB_ORG},
                {"github_team:", SEL_GITHUB_TEAM},
                {"service_token:", SEL_SERVICE_TOKEN},
                {"github_actions:", SEL_ACTIONS}};

static void read_simple(struct table *t, struct span s, struct selector *out)
{
    *out = (struct selector){.kind = SEL_EVERYONE};
    if (span_eq(s, SPAN("everyone")))
        return;
    for (size_t i = 0; i < COUNT(prefixes); i++) {
        struct span prefix = span_of(prefixes[i].prefix);
        if (!span_has_prefix(s, prefix))
            continue;
        *out = (struct selector){.kind = prefixes[i].kind, .subject = span_from(s, prefix.n)};
        return;
    }
    out->kind = SEL_IP;
    if (!span_has_prefix(s, SPAN("ip:")) || !res_ok(cidr_parse(span_from(s, 3), &out->range)))
        die(t, "no selector", s);
}

/* a+b is a group */
static void read_selector(struct table *t, struct table_rule *r, size_t list, size_t item, struct span s)
{
    struct span parts[MAX_ITEMS];
    struct selector *out = &r->lists[list][item];
    if (span_find(s, '+') == s.n) {
        read_simple(t, s, out);
        return;
    }
    size_t n = split(s, '+', parts, MAX_ITEMS);
    for (size_t i = 0; i < n; i++)
        read_simple(t, parts[i], &r->members[list][item][i]);
    *out = (struct selector){.kind = SEL_GROUP, .members = r->members[list][item], .member_count = n};
}

static bool read_list(struct table *t, struct table_rule *r, struct rule_spec *spec, struct span token)
{
    static const char *const keys[] = {"who=", "require=", "except="};
    struct selectors *lists[] = {&spec->who, &spec->require, &spec->except};
    for (size_t k = 0; k < 3; k++) {
        struct span items[MAX_ITEMS], key = span_of(keys[k]);
        if (!span_has_prefix(token, key))
            continue;
        lists[k]->v = r->lists[k];
        lists[k]->n = split(span_from(token, key.n), ',', items, MAX_ITEMS);
        for (size_t i = 0; i < lists[k]->n; i++)
            read_selector(t, r, k, i, items[i]);
        return true;
    }
    return false;
}

static bool read_lifetime(struct table *t, struct rule_spec *spec, struct span token)
{
    uint64_t seconds;
    if (!span_has_prefix(token, SPAN("lifetime=")))
        return false;
    if (!span_parse_u64(span_from(token, 9), UINT32_MAX, &seconds))
        die(t, "no lifetime", token);
    spec->lifetime_s = (uint32_t)seconds;
    return true;
}

static enum action read_action(struct table *t, struct span s)
{
    for (enum action a = ACTION_BLOCK; a <= ACTION_ALLOW; a++) {
        if (span_eq(s, span_of(action_name(a))))
            return a;
    }
    die(t, "no action", s);
    return ACTION_BLOCK;
}

static void read_rule(struct table *t, const struct span *tokens, size_t n)
{
    if (t->rule_count == MAX_RULES || n < 4)
        die(t, "too many rules, or a short one", tokens[0]);
    struct table_rule *r = &t->rules[t->rule_count];
    struct rule_spec *spec = &t->specs[t->rule_count++];
    *r = (struct table_rule){0};
    *spec = (struct rule_spec){.action = read_action(t, tokens[1]), .paths = r->paths, .methods = r->methods};
    if (!span_eq(tokens[2], SPAN("*")))
        spec->method_count = split(tokens[2], ',', r->methods, MAX_ITEMS);
    for (size_t i = 3; i < n; i++) {
        if (!read_list(t, r, spec, tokens[i]) && !read_lifetime(t, spec, tokens[i]))
            r->paths[spec->path_count++] = tokens[i];
    }
}

static void read_host(struct table *t, const struct span *tokens, size_t n)
{
    policy_free(t->policy);
    t->policy = NULL;
    t->rule_count = 0;
    t->host = tokens[1];
    t->gate = n > 2 && !span_eq(tokens[2], SPAN("-")) ? tokens[2] : SPAN_NONE;
    t->is_public = n > 3 && span_eq(tokens[3], SPAN("public"));
}

/* --- rows --------------------------------------------------------------------------------------------------------- */

static void print_error(void *arg, const struct policy_error *e)
{
    struct table *t = arg;
    fprintf(stderr, "line %u: rule %zu %s[%zu]: %s\n", t->line, e->rule, e->key, e->item, e->message);
}

static void compile(struct table *t)
{
    if (!t->policy)
        t->policy = policy_compile(t->specs, t->rule_count, t->is_public, print_error, t);
    if (!t->policy)
        die(t, "rules do not compile", t->host);
}

static void add_group(const struct table *t, struct span name, struct text *groups)
{
    text_addf(groups, "%.*s\n", SPAN_ARG(name));
    if (groups->failed)
        die(t, "out of memory", name);
}

static void read_age(const struct table *t, struct span s, struct identity *out)
{
    uint64_t age;
    if (!span_parse_u64(s, NOW, &age))
        die(t, "no age", s);
    out->proven_s = NOW - (int64_t)age;
}

/* One `key:value` of an identity. */
static bool read_fact(const struct table *t, struct span s, struct identity *out, struct text *groups)
{
    static const struct {
        const char *key;
        enum identity_way way;
        size_t field;
    } ways[] = {{"user:", WAY_BASIC, offsetof(struct identity, subject)},
                {"github:", WAY_GITHUB, offsetof(struct identity, login)},
                {"email:", WAY_EMAIL, offsetof(struct identity, email)},
                {"token:", WAY_SERVICE_TOKEN, offsetof(struct identity, subject)},
                {"actions:", WAY_ACTIONS, offsetof(struct identity, subject)},
                {"share:", WAY_SHARE_LINK, offsetof(struct identity, scope)}};
    if (span_has_prefix(s, SPAN("group:")))
        add_group(t, span_from(s, 6), groups);
    else if (span_has_prefix(s, SPAN("gate:")))
        out->gate = span_from(s, 5);
    else if (span_has_prefix(s, SPAN("age:")))
        read_age(t, span_from(s, 4), out);
    for (size_t i = 0; i < COUNT(ways); i++) {
        struct span key = span_of(ways[i].key);
        if (!span_has_prefix(s, key))
            continue;
        /* A later one adds to what the first is: a mail address of a GitHub account. */
        out->way = out->way ? out->way : ways[i].way;
        *(struct span *)(void *)((char *)out + ways[i].field) = span_from(s, key.n);
        return true;
    }
    return span_has_prefix(s, SPAN("group:")) || span_has_prefix(s, SPAN("gate:")) || span_has_prefix(s, SPAN("age:"));
}

/* As the table's head says. */
static const struct identity *read_who(const struct table *t, struct span s, struct identity *out, struct text *groups)
{
    struct span facts[MAX_ITEMS];
    if (span_eq(s, SPAN("-")))
        return NULL;
    *out = (struct identity){.gate = t->gate, .subject = s, .proven_s = NOW};
    size_t n = split(s, ',', facts, MAX_ITEMS);
    for (size_t i = 0; i < n; i++)
        if (!read_fact(t, facts[i], out, groups) && i == 0)
            out->subject = facts[0];
    out->groups = text_span(groups);
    if (out->way)
        return out;
    out->way = WAY_BASIC;
    if (span_find(out->subject, '/') < out->subject.n)
        span_cut(out->subject, '/', &out->gate, &out->subject);
    return out;
}

static void judge(struct table *t, struct span method, const struct path *path, const struct span *asker, char *got)
{
    struct identity identity;
    struct policy_query q = {.path = path, .method = method, .gate = t->gate, .now_s = NOW};
    struct text groups;
    text_init(&groups);
    q.who = read_who(t, asker[0], &identity, &groups);
    if (!span_eq(asker[1], SPAN("-")) && !addr_parse_ip(asker[1], &q.client))
        die(t, "no address", asker[1]);
    struct decision d = policy_decide(t->policy, &q, t->scratch, NULL);
    text_fini(&groups);
    if (d.rule < 0)
        snprintf(got, 64, "%s - %s", verdict_name(d.verdict), d.reason);
    else
        snprintf(got, 64, "%s %d %s", verdict_name(d.verdict), d.rule, d.reason);
}

static void run_row(struct table *t, const struct span *tokens, size_t n)
{
    uint8_t room[2048];
    char got[64] = "malformed", want[128] = "malformed";
    struct path path;
    if (n < 6 || !span_eq(tokens[4], SPAN("=")) || tokens[1].n > sizeof(room))
        die(t, "no row", tokens[0]);
    compile(t);
    path_parse(tokens[1], room, &path);
    if (path.kind != PATH_MALFORMED)
        judge(t, tokens[0], &path, tokens + 2, got);
    if (n == 8)
        snprintf(want, sizeof(want), "%.*s %.*s %.*s", SPAN_ARG(tokens[5]), SPAN_ARG(tokens[6]), SPAN_ARG(tokens[7]));
    t->rows++;
    if (strcmp(got, want) == 0)
        return;
    t->failures++;
    fprintf(stderr, "line %u: host %.*s: %.*s %.*s as %.*s from %.*s: got %s, want %s\n", t->line, SPAN_ARG(t->host),
            SPAN_ARG(tokens[0]), SPAN_ARG(tokens[1]), SPAN_ARG(tokens[2]), SPAN_ARG(tokens[3]), got, want);
}

static void run_line(struct table *t, struct span line)
{
    struct span tokens[MAX_TOKENS];
    size_t n = split(line, ' ', tokens, MAX_TOKENS);
    if (n == 0 || tokens[0].p[0] == '#')
        return;
    if (span_eq(tokens[0], SPAN("host")))
        read_host(t, tokens, n);
    else if (span_eq(tokens[0], SPAN("rule")))
        read_rule(t, tokens, n);
    else
        run_row(t, tokens, n);
}

static struct span read_file(const char *name)
{
    FILE *f = fopen(name, "rb");
    size_t cap = 1 << 20;
    uint8_t *p = malloc(cap);
    if (!f || !p) {
        fprintf(stderr, "%s cannot be read\n", name);
        exit(2);
    }
    size_t n = fread(p, 1, cap, f);
    fclose(f);
    return span_make(p, n);
}

int main(int argc, char **argv)
{
    static struct table t; /* too large for the stack */
    struct span rest, line;
    if (argc != 2)
        return 2;
    t.text = rest = read_file(argv[1]);
    t.scratch = policy_scratch_new();
    while (rest.n) {
        span_cut(rest, '\n', &line, &rest);
        t.line++;
        run_line(&t, line);
    }
    printf("%zu rows, %zu failures\n", t.rows, t.failures);
    policy_free(t.policy);
    policy_scratch_free(t.scratch);
    free((void *)(uintptr_t)t.text.p);
    return t.failures || t.rows == 0 ? 1 : 0;
}
