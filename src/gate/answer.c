#include "gate/answer.h"

#include "base/count.h"
#include "gate/answer_head.h"
#include "gate/page_notes.h"
#include "gate/sign_in_pages.h"

/* --- 401 ---------------------------------------------------------------------------------------------------------- */

/* RFC 7617 §2, exactly as Playwright needs it. */
static void add_challenge(struct draft *d)
{
    struct text t;
    struct span realm = d->q->gate->basic->realm;
    text_init(&t);
    text_add(&t, SPAN("Basic realm=\""));
    for (size_t i = 0; i < realm.n; i++) {
        if (realm.p[i] == '"' || realm.p[i] == '\\')
            text_add(&t, SPAN("\\"));
        text_add(&t, span_make(realm.p + i, 1));
    }
    text_add(&t, SPAN("\", charset=\"UTF-8\""));
    struct span value = t.failed ? SPAN_NONE : arena_copy(d->q->arena, text_span(&t));
    text_fini(&t);
    d->failed = d->failed || !value.p;
    draft_field(d, "WWW-Authenticate", value);
}

/* Also one that was already taken off. */
static bool has_authorization(const struct http_request *r)
{
    for (size_t i = 0; i < r->headers.n; i++)
        if (r->headers.v[i].id == H_AUTHORIZATION)
            return true;
    return false;
}

/* Where a challenge would pop a dialog in the middle of an app, there is none. */
static bool wants_challenge(const struct answer_request *q, bool tried_basic)
{
    if (!q->gate || !q->gate->basic || !q->request)
        return false;
    switch (q->asker) {
    case ASKER_NAVIGATION:
    case ASKER_CLIENT:
        return true;
    case ASKER_SCRIPT:
        return !tried_basic && !has_authorization(q->request);
    case ASKER_TOKEN:
    case ASKER_PREFLIGHT:
    case ASKER_WEBSOCKET:
    case ASKER_POST_NAVIGATION:
        break;
    }
    return false;
}

static bool basic_alone(const struct gate_config *g)
{
    return g && g->basic && !g->github && !g->email_pin;
}

static struct page first_asked(const struct answer_request *q)
{
    if (!basic_alone(q->gate))
        return (struct page){.title = "Sign in", .text = {.words = "This site is not public."}};
    return (struct page){
        .title = "Sign in",
        .text = {"This site is not public. You need a user name and a password for #.", {q->gate->basic->realm}}};
}

static struct page form_held(void)
{
    return (struct page){.title = "Sign in first",
                         .text = {.words = "This form needs you to be signed in. Nothing was sent on."},
                         .advice = {.words = "Sign in, go back to the form, and send it again."}};
}

static struct page not_let_in(void)
{
    return (struct page){.title = "That did not let you in",
                         .text = {.words = "The user name or the password is wrong."}};
}

static void sign_in_page(struct draft *d, bool tried_basic)
{
    bool held = d->q->asker == ASKER_POST_NAVIGATION;
    struct page p = held ? form_held() : tried_basic ? not_let_in() : first_asked(d->q);
    p.link = d->q->sign_in.n ? d->q->sign_in : SPAN(SIGN_IN_PATH);
    p.link_text = tried_basic && !held ? "Try again" : "Sign in";
    draft_page(d, &p);
}

static void sign_in_json(struct draft *d)
{
    struct span url = d->q->sign_in.n ? d->q->sign_in : draft_url(d, SIGN_IN_PATH);
    bool token = d->q->asker == ASKER_TOKEN;
    draft_json_string(d, "error", token ? SPAN("service_token_invalid") : SPAN("sign_in_required"));
    if (url.n && !token)
        draft_json_string(d, "sign_in", url);
    text_add(&d->body, SPAN("}\n"));
    draft_json_type(d);
}

bool answer_sign_in(const struct answer_request *q, bool tried_basic, struct answer *out)
{
    struct draft d;
    if (q->asker == ASKER_PREFLIGHT && q->request)
        return answer_preflight(q, out);
    draft_begin(&d, q, 401, out);
    if (wants_challenge(q, tried_basic))
        add_challenge(&d);
    if (wants_page(q))
        sign_in_page(&d, tried_basic);
    else
        sign_in_json(&d);
    return draft_end(&d);
}

/* --- refusals and failures ---------------------------------------------------------------------------------------- */

struct status_text {
    unsigned status;
    const char *code;  /* for scripts */
    const char *text;  /* for people */
    const char *title; /* NULL: the status has a name that people understand */
    bool passes;       /* the same request may do better later */
};

static const struct status_text *text_of(unsigned status)
{
    static const struct status_text texts[] = {
        {400, "bad_request", "The request could not be understood.", "That cannot be understood", false},
        {401, "sign_in_required", "You need to sign in first.", "Sign in first", false},
        {403, "not_allowed", "You may not see this page.", "Not allowed", false},
        {404, "not_found", "There is nothing here.", "Nothing here", false},
        {405, "method_not_allowed", "This address cannot be used that way.", "Not that way", false},
        {408, "request_timeout", "The request took too long to arrive.", "That took too long", true},
        {413, "too_large", "The request is too large.", "Too large", false},
        {414, "address_too_long", "The address is too long.", "Too long", false},
        {417, "expectation_failed", "The request expects something that is not done here.", NULL, false},
        {421, "unknown_host", "No site of that name is served here.", "No such site", false},
        {429, "too_many_attempts", "There were too many wrong passwords.", "Too many tries", true},
        {431, "header_too_large", "The request's header is too large. Clearing this site's cookies may help.",
         "Too large", false},
        {500, "internal_error", "Something went wrong here.", "Something went wrong", true},
        {501, "not_implemented", "That is not done here.", NULL, false},
        {502, "origin_failed", "The site behind this gate could not be reached, or its answer was broken.",
         "The site does not answer", true},
        {503, "busy", "There is too much to do just now.", "Busy just now", true},
        {504, "origin_timeout", "The site behind this gate did not answer in time.", "The site does not answer", true},
        {505, "version_not_supported", "That version of HTTP is not spoken here.", NULL, false},
    };
    static const struct status_text other = {0, "refused", "The request was refused.", NULL, false};
    for (size_t i = 0; i < COUNT(texts); i++)
        if (texts[i].status == status)
            return &texts[i];
    return &other;
}

static void status_json(struct draft *d, unsigned status, const struct status_text *t)
{
    draft_json_string(d, "error", span_of(t->code));
    text_addf(&d->body, ",\"status\":%u", status);
    draft_json_string(d, "reason", span_of(d->q->reason));
    draft_json_string(d, "message", span_of(t->text));
    if (d->q->request_id.n)
        draft_json_string(d, "request_id", d->q->request_id);
    text_add(&d->body, SPAN("}\n"));
    draft_json_type(d);
}

/* Signed in, but no rule lets that identity in. Of other refusals another account changes nothing. */
static bool by_identity(const struct answer_request *q, unsigned status)
{
    return status == 403 && q->gate && span_eq(span_of(q->reason), SPAN("not-allowed"));
}

/* As people know themselves; empty: nothing that they would know. */
static struct span name_of(const struct identity *who)
{
    if (!who)
        return SPAN_NONE;
    if (who->way == WAY_GITHUB)
        return who->login;
    return who->way == WAY_BASIC || who->way == WAY_EMAIL ? who->subject : SPAN_NONE;
}

static void status_page(struct draft *d, unsigned status, const struct status_text *t)
{
    char wait[32];
    struct page p = {.title = t->title ? t->title : http_reason(status), .text = {.words = t->text}};
    if (t->passes)
        p.advice = (struct page_words){"Try again #.", {page_notes_wait(d->q->retry_after_s, wait)}};
    if (t->passes && d->q->asker == ASKER_NAVIGATION)
        p.link_text = "Try again";
    if (by_identity(d->q, status)) {
        p.text.names[0] = name_of(d->q->who);
        p.text.words = p.text.names[0].n ? "You are signed in as #, who may not see this page."
                                         : "You are signed in, but not as somebody who may see this page.";
        p.advice.words = "Ask whoever runs this site to let you in, or sign out and use another account.";
        p.link = SPAN(SIGN_OUT_PATH);
        p.link_text = "Sign out";
    }
    draft_page(d, &p);
}

bool answer_status(const struct answer_request *q, unsigned status, struct answer *out)
{
    const struct status_text *t = text_of(status);
    struct draft d;
    draft_begin(&d, q, status, out);
    if (status == 405)
        draft_field(&d, "Allow", q->allow.n ? q->allow : SPAN("GET, HEAD"));
    if (wants_page(q))
        status_page(&d, status, t);
    else
        status_json(&d, status, t);
    return draft_end(&d);
}

/* --- redirects and preflights ------------------------------------------------------------------------------------- */

bool answer_redirect(const struct answer_request *q, unsigned status, struct span location, struct answer *out)
{
    struct draft d;
    draft_begin(&d, q, status, out);
    draft_field(&d, "Location", location);
    draft_field(&d, "Referrer-Policy", SPAN("no-referrer")); /* the address that sends on is nobody's business there */
    return draft_end(&d);
}

/* A method is a token; the field list is echoed as it is, free of control bytes. Several fields of one name would be
 * read as one list by some and not by others. */
static bool preflight_fields(struct draft *d)
{
    const struct headers *h = &d->q->request->headers;
    struct span method = headers_only(h, H_ACCESS_CONTROL_REQUEST_METHOD);
    if (!http_is_token(method) || headers_count(h, H_ACCESS_CONTROL_REQUEST_HEADERS) > 1)
        return false;
    struct span fields = headers_only(h, H_ACCESS_CONTROL_REQUEST_HEADERS);
    draft_field(d, "Access-Control-Allow-Methods", method);
    if (fields.n)
        draft_field(d, "Access-Control-Allow-Headers", fields);
    draft_field(d, "Access-Control-Max-Age", SPAN("600"));
    return true;
}

bool answer_preflight(const struct answer_request *q, struct answer *out)
{
    struct draft d;
    if (!q->request || !q->cors.origin.n)
        return answer_status(q, 403, out);
    draft_begin(&d, q, 204, out);
    if (!preflight_fields(&d)) {
        text_fini(&d.body);
        return answer_status(q, 403, out);
    }
    out->head.body = BODY_NONE;
    return draft_end(&d);
}
