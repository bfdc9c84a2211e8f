/* Answers while memory ends at any allocation: none, or the whole one. */
#include "stage.h"

#include "../base/need.h"
#include "gate/answer_access.h"
#include "gate/sign_in_pages.h"

static const struct identity anna = {
    .way = WAY_BASIC, .gate = {(const uint8_t *)"beta", 4}, .subject = {(const uint8_t *)"anna", 4}};

#define TO SPAN("to")
#define LABEL "a-label-that-fits-into-no-block-of-the-arena-as-it-is-here."
#define SITE SPAN(LABEL LABEL "test")
#define ADDRESS SPAN("a@b.test")

/* What others than people ask for. */
static bool make_data(unsigned kind, const struct answer_request *q, struct answer *out)
{
    static const struct assertion_keys keys = {.subject = {7}, .certs = {(const uint8_t *)"{}", 2}};
    const struct kept_answer kept = {"text/javascript", TO, "\"tag\""};
    const struct sold_session sold = {SITE, SITE, 1};
    const struct gate_check check = {.gate = q->gate, .identity = anna};
    struct answer_request bare = *q;
    switch (kind) {
    case 0:
        return answer_kept(q, &kept, out);
    case 1:
        return answer_certs(q, &keys, out);
    case 2:
        return answer_identity(q, &keys, &check, out);
    case 3:
        return answer_sold_session(q, &sold, out);
    case 4:
        return answer_problem(q, 400, "error", "why", out);
    default:
        bare.look = NULL;
        return answer_logo(&bare, out);
    }
}

#define DATA 6

/* The pages of signing in. */
static bool make_page(unsigned kind, const struct answer_request *q, struct answer *out)
{
    const struct sign_in_page in = {.to = TO,
                                    .site = SITE,
                                    .github = true,
                                    .email_pin = true,
                                    .basic = true,
                                    .address = ADDRESS,
                                    .note = NOTE_LIMITED};
    const struct pin_page code = {.state = TO, .site = SITE, .address = ADDRESS, .to = TO, .retry_after_s = 25};
    const struct denied_page denied = {.why = SIGNIN_ORG_BLOCKS,
                                       .subject = ADDRESS,
                                       .what = SITE,
                                       .site = SITE,
                                       .to = TO,
                                       .approve = SPAN("https://a.test/")};
    const struct pages_config look = {.name = SITE, .logo = TO, .logo_type = "image/png"};
    struct answer_request seen = *q;
    seen.look = &look;
    seen.tier = SITE;
    switch (kind) {
    case 0:
        return answer_sign_in_page(&seen, &in, out);
    case 1:
        return answer_pin_page(&seen, &code, out);
    case 2:
        return answer_denied_page(&seen, &denied, out);
    case 3:
        return answer_signed_in_page(&seen, SITE, out);
    default:
        return answer_logo(&seen, out);
    }
}

#define PAGES 5

static bool make_answer(unsigned kind, const struct answer_request *q, struct answer *out)
{
    switch (kind) {
    case 0:
        return answer_sign_in(q, false, out);
    case 1:
        return answer_status(q, 405, out);
    case 2:
        return answer_redirect(q, 308, SPAN("https://app.test/"), out);
    case 3:
        return answer_preflight(q, out);
    case 4:
        return answer_signed_out(q, out);
    case 5:
        return answer_sign_out_form(q, out);
    case 6:
        return answer_health(q, out);
    case 7: {
        struct answer_request ungranted = *q;
        ungranted.cors.origin = SPAN_NONE;
        return answer_preflight(&ungranted, out);
    }
    case 8: {
        struct answer_request preflight = *q;
        preflight.asker = ASKER_PREFLIGHT;
        return answer_sign_in(&preflight, false, out);
    }
    case 9: {
        struct answer_request doubtful = *q;
        struct http_request r = *q->request;
        doubtful.request = &r;
        r.headers.n--; /* without a method */
        return answer_preflight(&doubtful, out);
    }
    case 10:
        return answer_session(q, &anna, 60, out);
    default:
        return kind < 11 + PAGES ? make_page(kind - 11, q, out) : make_data(kind - 11 - PAGES, q, out);
    }
}

#define ANSWERS (11 + PAGES + DATA)

/* All of it, one behind the other. */
static struct span flat(const struct answer *out, struct arena *a)
{
    struct span all = arena_printf(a, "%u\n", out->head.status);
    for (size_t i = 0; i < out->head.headers.n; i++)
        all = arena_printf(a, "%.*s%.*s: %.*s\n", SPAN_ARG(all), SPAN_ARG(out->head.headers.v[i].name),
                           SPAN_ARG(out->head.headers.v[i].value));
    return arena_printf(a, "%.*s\n%.*s", SPAN_ARG(all), SPAN_ARG(out->body));
}

static bool answer_in_need(struct need *n, unsigned kind, enum asker asker)
{
    static const struct span cookies[] = {{(const uint8_t *)"a=1", 3}, {(const uint8_t *)"b=2", 3}};
    struct stage s;
    struct memory tiny;
    struct http_request r;
    struct answer whole, out;
    memory_init_tiny(&tiny);
    stage_init(&s, NULL);
    request_make(&r, &s.m.arena, "Origin: https://app.test\nAccess-Control-Request-Method: PUT");
    struct answer_request q = {.request = &r,
                               .asker = asker,
                               .gate = &s.f.gate,
                               .cors = {SPAN("https://app.test")},
                               .reason = "r",
                               .retry_after_s = 5,
                               .request_id = SPAN("id"),
                               .set_cookies = cookies,
                               .set_cookie_count = COUNT(cookies),
                               .arena = &s.m.arena};
    assert_true(make_answer(kind, &q, &whole));
    q.arena = &tiny.arena;
    need_begin(n);
    bool made = make_answer(kind, &q, &out);
    assert_true(made || alloc_refused() > 0);
    need_end(n);
    if (made)
        CHECK_SPAN("answer", flat(&out, &s.m.arena), flat(&whole, &s.m.arena));
    memory_fini(&tiny);
    stage_fini(&s);
    return made;
}

static bool answer_page(struct need *n)
{
    bool whole = true;
    for (unsigned kind = 0; kind < ANSWERS; kind++)
        whole = answer_in_need(n, kind, ASKER_NAVIGATION) && whole;
    return whole;
}

static bool answer_json(struct need *n)
{
    bool whole = true;
    for (unsigned kind = 0; kind < ANSWERS; kind++)
        whole = answer_in_need(n, kind, ASKER_CLIENT) && whole;
    return whole;
}

static void test_answers(void **state)
{
    need_sweep("pages", answer_page);
    need_sweep("JSON", answer_json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_answers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
