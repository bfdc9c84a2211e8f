/* The answers of our own endpoints: signing out, who is signed in, health, the logo. */
#include "gate/answer_head.h"
#include "gate/sign_in_pages.h"

/* What else may let the next person at this browser in again. */
static const char *signed_out_advice(const struct gate_config *g)
{
    if (g && g->basic)
        return "Your browser may still know the password: close all of its windows to make it forget.";
    if (g && g->github)
        return "You are still signed in at GitHub. On a computer that others use, sign out there, too.";
    return NULL;
}

bool answer_signed_out(const struct answer_request *q, struct answer *out)
{
    struct draft d;
    struct answer_request clearing = *q;
    clearing.clear_cache = true;
    draft_begin(&d, &clearing, 200, out);
    if (wants_page(q)) {
        draft_page(&d, &(struct page){.title = "Signed out",
                                      .text = {.words = "Your session has ended."},
                                      .advice = {.words = signed_out_advice(q->gate)},
                                      .link = SPAN(SIGN_IN_PATH),
                                      .link_text = "Sign in again"});
    } else {
        text_add(&d.body, SPAN("{\"signed_in\":false}\n"));
        draft_json_type(&d);
    }
    return draft_end(&d);
}

static void add_everywhere(struct text *out)
{
    text_add(out, SPAN("<div class=\"more\">\n"));
    page_paragraph(out, true,
                   (struct page_words){
                       "Lost a device, or used one that is not yours? End your sessions on all of them.", {SPAN_NONE}});
    page_button(out, PAGE_OTHER, "everywhere", "1", "Sign out everywhere");
    text_add(out, SPAN("</div>\n"));
}

bool answer_sign_out_form(const struct answer_request *q, struct answer *out)
{
    struct draft d;
    draft_begin(&d, q, 200, out);
    draft_page_begin(&d, "Sign out", false);
    page_paragraph(
        &d.body, false,
        (struct page_words){"This ends your session in this browser, on this site and on those that share its sign-in.",
                            {SPAN_NONE}});
    page_form(&d.body, SIGN_OUT_PATH);
    page_button(&d.body, PAGE_MAIN, NULL, NULL, "Sign out");
    add_everywhere(&d.body);
    page_form_end(&d.body);
    draft_page_end(&d);
    return draft_end(&d);
}

/* No secret, and the same for everybody; opened by itself it is an image and nothing else. */
bool answer_logo(const struct answer_request *q, struct answer *out)
{
    struct draft d;
    if (!q->look || !q->look->logo.n)
        return answer_status(q, 404, out);
    draft_begin_kept(&d, q, 200, out);
    draft_field(&d, "Cache-Control", SPAN("public, max-age=3600"));
    draft_field(&d, "Content-Type", span_of(q->look->logo_type));
    draft_field(&d, "X-Content-Type-Options", SPAN("nosniff"));
    draft_field(&d, "Content-Security-Policy", SPAN("default-src 'none'; sandbox"));
    draft_field(&d, "Cross-Origin-Resource-Policy", SPAN("same-origin"));
    bool made = draft_end(&d);
    out->head.content_length = q->look->logo.n;
    out->body = q->request && q->request->method == M_HEAD ? SPAN_NONE : q->look->logo;
    return made;
}

bool answer_health(const struct answer_request *q, struct answer *out)
{
    struct draft d;
    draft_begin(&d, q, 200, out);
    draft_field(&d, "Content-Type", SPAN("text/plain; charset=utf-8"));
    draft_field(&d, "X-Content-Type-Options", SPAN("nosniff"));
    text_add(&d.body, SPAN("ok\n"));
    return draft_end(&d);
}

/* RFC 9110 §13.1.2: weak comparison, of which our tags need no more than to be found in the list. */
static bool has_tag(const struct http_request *r, struct span tag)
{
    for (size_t i = 0; r && i < r->headers.n; i++) {
        struct span rest = r->headers.v[i].value, one;
        if (!span_eq_nocase(r->headers.v[i].name, SPAN("If-None-Match")))
            continue;
        for (bool more = true; more;) {
            more = span_cut(rest, ',', &one, &rest);
            one = span_trim(one);
            if (span_eq(span_has_prefix(one, SPAN("W/")) ? span_from(one, 2) : one, tag) || span_eq(one, SPAN("*")))
                return true;
        }
    }
    return false;
}

bool answer_kept(const struct answer_request *q, const struct kept_answer *k, struct answer *out)
{
    struct draft d;
    bool kept = has_tag(q->request, span_of(k->tag));
    draft_begin_kept(&d, q, kept ? 304 : 200, out);
    draft_field(&d, "Cache-Control", SPAN("public, max-age=3600"));
    draft_field(&d, "ETag", span_of(k->tag));
    draft_field(&d, "Content-Type", span_of(k->type));
    draft_field(&d, "X-Content-Type-Options", SPAN("nosniff"));
    draft_field(&d, "Cross-Origin-Resource-Policy", SPAN("same-origin"));
    bool made = draft_end(&d);
    bool body = !kept && !(q->request && q->request->method == M_HEAD);
    out->head.content_length = k->bytes.n; /* of a 304 too: what a 200 would have (RFC 9110 §8.6) */
    out->body = body ? k->bytes : SPAN_NONE;
    return made;
}

bool answer_session(const struct answer_request *q, const struct identity *who, int64_t ends_in_s, struct answer *out)
{
    struct draft d;
    draft_begin(&d, q, 200, out);
    if (who && who->way != WAY_NONE) {
        text_add(&d.body, SPAN("{\"signed_in\":true"));
        draft_json_string(&d, "way", span_of(identity_way_name(who->way)));
        draft_json_string(&d, "gate", who->gate);
        draft_json_string(&d, "user", who->subject);
        text_addf(&d.body, ",\"proven\":%lld,\"ends_in\":%lld}\n", (long long)who->proven_s, (long long)ends_in_s);
    } else {
        text_add(&d.body, SPAN("{\"signed_in\":false}\n"));
    }
    draft_json_type(&d);
    return draft_end(&d);
}
