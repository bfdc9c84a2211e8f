/* The answers of our own endpoints: signing out, who is signed in, health. */
#include "gate/answer_head.h"

#define SIGN_OUT_PATH "/.tiergate/sign-out"

bool answer_signed_out(const struct answer_request *q, struct answer *out)
{
    struct draft d;
    struct answer_request clearing = *q;
    clearing.clear_cache = true;
    draft_begin(&d, &clearing, 200, out);
    if (wants_page(q)) {
        draft_page(&d, &(struct page){
                           .title = "Signed out",
                           .text = "Your session has ended. Your browser may still know the password: close all of its "
                                   "windows to make it forget.",
                           .link = SPAN("/.tiergate/sign-in"),
                           .link_text = "Sign in again",
                           .id = q->request_id});
    } else {
        text_add(&d.body, SPAN("{\"signed_in\":false}\n"));
        draft_json_type(&d);
    }
    return draft_end(&d);
}

bool answer_sign_out_form(const struct answer_request *q, struct answer *out)
{
    struct draft d;
    draft_begin(&d, q, 200, out);
    draft_page(&d, &(struct page){.title = "Sign out",
                                  .text = "This ends your session on this site and on those that share its sign-in.",
                                  .form = SIGN_OUT_PATH,
                                  .button = "Sign out",
                                  .id = q->request_id});
    return draft_end(&d);
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

static const char *way_name(enum identity_way way)
{
    return way == WAY_BASIC ? "basic" : "none";
}

bool answer_session(const struct answer_request *q, const struct identity *who, struct answer *out)
{
    struct draft d;
    draft_begin(&d, q, 200, out);
    if (who && who->way != WAY_NONE) {
        text_add(&d.body, SPAN("{\"signed_in\":true"));
        draft_json_string(&d, "way", span_of(way_name(who->way)));
        draft_json_string(&d, "gate", who->gate);
        draft_json_string(&d, "user", who->subject);
        text_add(&d.body, SPAN("}\n"));
    } else {
        text_add(&d.body, SPAN("{\"signed_in\":false}\n"));
    }
    draft_json_type(&d);
    return draft_end(&d);
}
