#include "gate/answer_head.h"

#define FIELDS 16

bool wants_page(const struct answer_request *q)
{
    return q->request && (q->asker == ASKER_NAVIGATION || q->asker == ASKER_POST_NAVIGATION);
}

/* Nothing that comes from a peer may end a line, whoever checked it before. */
void draft_field(struct draft *d, const char *name, struct span value)
{
    d->failed =
        d->failed || span_has_control(value) || !headers_add(&d->out->head.headers, d->q->arena, span_of(name), value);
}

static void add_cors(struct draft *d)
{
    draft_field(d, "Access-Control-Allow-Origin", d->q->cors.origin);
    draft_field(d, "Access-Control-Allow-Credentials", SPAN("true"));
    draft_field(d, "Access-Control-Expose-Headers", SPAN("Tiergate"));
}

static void add_retry_after(struct draft *d)
{
    struct span s = arena_printf(d->q->arena, "%u", (unsigned)d->q->retry_after_s);
    d->failed = d->failed || !s.p;
    draft_field(d, "Retry-After", s);
}

void draft_begin(struct draft *d, const struct answer_request *q, unsigned status, struct answer *out)
{
    *out = (struct answer){.head = {.status = status, .version = HTTP_1_1, .body = BODY_LENGTH, .keep_alive = true}};
    *d = (struct draft){.q = q, .out = out};
    text_init(&d->body);
    d->failed = !headers_init(&out->head.headers, q->arena, FIELDS + q->set_cookie_count);
    draft_field(d, "Tiergate", span_of(q->reason));
    draft_field(d, "Cache-Control", SPAN("no-store"));
    draft_field(d, "Vary", q->cors.origin.n ? SPAN("Cookie, Authorization, Origin") : SPAN("Cookie, Authorization"));
    if (q->cors.origin.n)
        add_cors(d);
    if (q->retry_after_s)
        add_retry_after(d);
    if (q->clear_cache)
        draft_field(d, "Clear-Site-Data", SPAN("\"cache\""));
    for (size_t i = 0; i < q->set_cookie_count; i++)
        if (q->set_cookies[i].n)
            draft_field(d, "Set-Cookie", q->set_cookies[i]);
}

void draft_page(struct draft *d, const struct page *p)
{
    page_render(p, &d->body);
    draft_field(d, "Content-Type", SPAN("text/html; charset=utf-8"));
    draft_field(d, "Content-Security-Policy", page_policy());
    draft_field(d, "X-Content-Type-Options", SPAN("nosniff"));
    /* Not "no-referrer": a form would be sent with `Origin: null` (Fetch, "serializing a request origin"), and be refused as foreign. */
    draft_field(d, "Referrer-Policy", SPAN("same-origin"));
}

void draft_json_type(struct draft *d)
{
    draft_field(d, "Content-Type", SPAN("application/json"));
    draft_field(d, "X-Content-Type-Options", SPAN("nosniff"));
}

void draft_json_string(struct draft *d, const char *key, struct span value)
{
    text_addf(&d->body, "%s\"%s\":\"", d->body.n ? "," : "{", key);
    text_add_json(&d->body, value);
    text_add(&d->body, SPAN("\""));
}

bool draft_end(struct draft *d)
{
    struct span body = SPAN_NONE;
    d->failed = d->failed || d->body.failed;
    if (!d->failed && d->body.n) {
        body = arena_copy(d->q->arena, text_span(&d->body));
        d->failed = !body.p;
    }
    text_fini(&d->body);
    d->out->head.content_length = body.n;
    bool head_only = d->q->request && d->q->request->method == M_HEAD;
    d->out->body = head_only ? SPAN_NONE : body;
    return !d->failed;
}

struct span draft_url(struct draft *d, const char *path)
{
    struct host host;
    if (!d->q->request || !host_parse(d->q->request->authority, &host))
        return SPAN_NONE;
    struct span name = host_span(&host);
    struct span url = host.port < 0 ? arena_printf(d->q->arena, "https://%.*s%s", SPAN_ARG(name), path)
                                    : arena_printf(d->q->arena, "https://%.*s:%d%s", SPAN_ARG(name), host.port, path);
    d->failed = d->failed || !url.p;
    return url;
}
