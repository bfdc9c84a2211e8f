/* gates{}.github */
#include "config/build.h"

#include "config/origin_url.h"
#include "config/syntax.h"

#define GITHUB "https://github.com"
#define VALUE_MAX 256

static const struct key keys[] = {
    KEY(struct raw_github, client_id, KEY_SECRET, .plain = true, .required = true),
    KEY(struct raw_github, client_secret, KEY_SECRET, .required = true),
    KEY(struct raw_github, base_url, KEY_TEXT, .text_def = GITHUB),
};

const struct section section_github = SECTION(struct raw_github, keys);

/* What cannot be read here (`check`) is made up, so that the rest can be judged. */
static struct span credential(struct build *b, const struct secret_field *f, const char *what)
{
    if (!f->v.n)
        return build_unusable_secret(b);
    if (!syntax_is_visible(f->v, VALUE_MAX))
        place_error(b->d, f->f.at, "the client %s is printable ASCII without spaces, as GitHub shows it", what);
    return build_secret(b, f->v);
}

/* Where the API of a server lives: github.com has a host for it, so have tenants below ghe.com; Enterprise Server has a path. */
static struct span api_of(struct build *b, struct span web)
{
    struct span host = span_from(web, 8);

    if (span_eq(web, SPAN(GITHUB)))
        return SPAN("https://api.github.com");
    if (span_has_suffix(host, SPAN(".ghe.com")))
        return arena_printf(b->arena, "https://api.%.*s", SPAN_ARG(host));
    return arena_printf(b->arena, "%.*s/api/v3", SPAN_ARG(web));
}

static void set_urls(struct build *b, const struct text_field *t, struct github_config *c)
{
    c->web = SPAN(GITHUB);
    if (t->f.given && t->v.p && !syntax_is_https_origin(t->v, &c->web)) {
        place_error(b->d, t->f.at,
                    "\"%.*s\": write \"https://\" and the host of the GitHub server in lower case, without a path; "
                    "for github.com leave \"base_url\" out",
                    SHOW(t->v));
        return;
    }
    c->api = api_of(b, c->web);
    b->failed |= !c->api.p;
}

void build_github(struct build *b, struct build_gate *g, struct gate_config *gate)
{
    const struct raw_github *raw = g->raw->github.v;
    struct github_config *c = raw ? build_alloc(b, 1, sizeof(*c)) : NULL;

    if (!c)
        return;
    c->client_id = credential(b, &raw->client_id, "id");
    c->client_secret = credential(b, &raw->client_secret, "secret");
    set_urls(b, &raw->base_url, c);
    gate->github = g->github = c;
}
