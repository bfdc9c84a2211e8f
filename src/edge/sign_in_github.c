/* Signing in with GitHub: there and back (RFC 6749 §4.1, PKCE by RFC 7636). */
#include "base/clock.h"
#include "base/crypto/mac.h"
#include "base/crypto/random.h"
#include "edge/sign_in.h"
#include "http/form.h"

#define NONCE 16

static struct span redirect_uri(struct exchange *x)
{
    const struct span parts[] = {sign_in_site(x), SPAN(CALLBACK_PATH)};
    return parts[0].p ? arena_join(&x->arena, parts, 2) : SPAN_NONE;
}

/* As little as will do: who somebody is, his addresses, and memberships where rules ask for them. */
static struct span scope_of(const struct github_config *g)
{
    return g->org_count || g->team_count ? SPAN("user:email read:org") : SPAN("user:email");
}

/* --- there ------------------------------------------------------------------------------------------------------------ */

/* Who is signed in at GitHub is sent back at once, as the same account, unless GitHub is told to ask. */
static struct span prompt_of(struct exchange *x)
{
    return sign_in_wants_another(x) ? SPAN("&prompt=select_account") : SPAN("");
}

static struct span authorize_url(struct exchange *x, struct span state, struct span verifier)
{
    const struct github_config *g = x->site->gate->github;
    struct arena *a = &x->arena;
    struct span uri = redirect_uri(x), challenge = errand_challenge(verifier, a), prompt = prompt_of(x);
    if (!uri.p || !challenge.p)
        return SPAN_NONE;
    struct span id = form_escape(g->client_id, a), to = form_escape(uri, a), scope = form_escape(scope_of(g), a);
    if (!id.p || !to.p || !scope.p)
        return SPAN_NONE;
    return arena_printf(a,
                        "%.*s/login/oauth/authorize?client_id=%.*s&redirect_uri=%.*s&scope=%.*s&state=%.*s"
                        "&code_challenge=%.*s&code_challenge_method=S256&allow_signup=false%.*s",
                        SPAN_ARG(g->web), SPAN_ARG(id), SPAN_ARG(to), SPAN_ARG(scope), SPAN_ARG(state),
                        SPAN_ARG(challenge), SPAN_ARG(prompt));
}

static bool begin(struct exchange *x, struct span to, struct span *set_cookie, struct errand *e)
{
    uint8_t *nonce = arena_alloc(&x->arena, NONCE);
    *e = (struct errand){.kind = ERRAND_GITHUB, .to = to, .made_s = clock_wall_s()};
    if (!nonce || !res_ok(random_bytes(nonce, NONCE)) || !sign_in_browser(x, &e->browser, set_cookie))
        return false;
    e->nonce = span_make(nonce, NONCE);
    e->verifier = errand_random(&x->arena);
    return e->verifier.p != NULL;
}

enum ex_next endpoint_github(struct exchange *x, enum gate_result gate)
{
    struct way_back w;
    struct errand e;
    struct answer_request q;
    struct answer a;
    struct span sealed, set_cookie, state, url;
    if (!x->site->gate || !x->site->gate->github || !sign_in_is_here(x))
        return exchange_refuse(x, 404, "no-such-endpoint");
    if (x->req.method != M_GET)
        return exchange_refuse(x, 405, "method");
    sign_in_way_back(x, form_query(x->req.path_query), &w, &sealed);
    if (sign_in_has_session(x, &w))
        return sign_in_go_back(x, &w, sealed);
    if (!begin(x, sealed, &set_cookie, &e) || !(state = errand_seal(x->site->gate, &e, &x->arena)).p ||
        !(url = authorize_url(x, state, e.verifier)).p)
        return exchange_refuse(x, 503, "out-of-memory");
    exchange_answer_request(x, "to-github", &q);
    q.set_cookies = &set_cookie;
    q.set_cookie_count = 1;
    return answer_redirect(&q, 302, url, &a) ? exchange_reply(x, &a, "to-github") : exchange_end(x, true);
}

/* --- and back --------------------------------------------------------------------------------------------------------- */

/* Of the state that came back, when it is young enough and of this browser: STATE_NO_COOKIE says that this one has no cookie of ours at all. */
enum state_result { STATE_FITS, STATE_BAD, STATE_NO_COOKIE };

static enum state_result open_state(struct exchange *x, struct span fields, struct errand *e)
{
    struct span state = sign_in_field(x, fields, "state"), browser = browser_hash(&x->req, &x->arena);
    if (!state.n || !errand_open(x->site->gate, ERRAND_GITHUB, state, clock_wall_s(), &x->arena, e))
        return STATE_BAD;
    if (!browser_has_cookie(&x->req))
        return STATE_NO_COOKIE;
    bool same = browser.n == BROWSER_HASH && equal_const_time(browser.p, e->browser.p, BROWSER_HASH);
    return same ? STATE_FITS : STATE_BAD;
}

/* A valid session beats a stale state: who pressed "back", or had two tabs open, is simply in. */
static enum ex_next without_state(struct exchange *x, struct span to, enum page_note note)
{
    struct way_back w;
    struct span sealed;
    sign_in_way_back_of(x, to, &w, &sealed);
    return sign_in_has_session(x, &w) ? sign_in_go_back(x, &w, sealed)
                                      : sign_in_page_with(x, sealed, SPAN_NONE, note, 0);
}

static enum ex_next github_said(struct exchange *x, const struct signin_reply *r)
{
    struct errand e;
    if (open_state(x, form_query(x->req.path_query), &e) != STATE_FITS) /* ten minutes may end between two steps */
        return without_state(x, SPAN_NONE, NOTE_EXPIRED);
    return sign_in_done(x, r, e.to);
}

static enum ex_next nonce_said(struct exchange *x, const struct signin_reply *r)
{
    struct errand e;
    struct span fields = form_query(x->req.path_query);
    if (open_state(x, fields, &e) != STATE_FITS)
        return without_state(x, SPAN_NONE, NOTE_EXPIRED);
    if (r->outcome == SIGNIN_WRONG)
        return without_state(x, e.to, NOTE_EXPIRED);
    if (r->outcome != SIGNIN_OK)
        return sign_in_done(x, r, e.to);
    struct signin_question q = {.kind = SIGNIN_GITHUB,
                                .browser = e.browser,
                                .code = sign_in_field(x, fields, "code"),
                                .verifier = e.verifier,
                                .redirect_uri = redirect_uri(x)};
    return own_ask(x, &q, github_said);
}

/* GitHub says why there is no code (RFC 6749 §4.1.2.1); that the person said no is the only one that is nobody's fault. */
static enum ex_next without_code(struct exchange *x, struct span fields, struct span to)
{
    struct span error = sign_in_field(x, fields, "error");
    if (span_eq(error, SPAN("access_denied")))
        return sign_in_page_with(x, to, SPAN_NONE, NOTE_CANCELLED, 0);
    if (!error.n)
        return sign_in_page_with(x, to, SPAN_NONE, NOTE_EXPIRED, 0);
    x->detail = "GitHub sent an error instead of a code";
    return sign_in_page_with(x, to, SPAN_NONE, NOTE_FAILED, 0);
}

enum ex_next endpoint_callback(struct exchange *x, enum gate_result gate)
{
    struct errand e;
    struct span fields = form_query(x->req.path_query);
    enum state_result state;
    if (!x->site->gate || !x->site->gate->github || !sign_in_is_here(x))
        return exchange_refuse(x, 404, "no-such-endpoint");
    if (x->req.method != M_GET)
        return exchange_refuse(x, 405, "method");
    if ((state = open_state(x, fields, &e)) != STATE_FITS)
        return state == STATE_NO_COOKIE ? without_state(x, e.to, NOTE_NO_COOKIE)
                                        : without_state(x, SPAN_NONE, NOTE_EXPIRED);
    if (!sign_in_field(x, fields, "code").n || sign_in_field(x, fields, "error").n)
        return without_code(x, fields, e.to);
    struct signin_question q = {.kind = SIGNIN_ONCE, .nonce = e.nonce, .nonce_ends_s = e.made_s + STATE_MAX_S + 1};
    return own_ask(x, &q, nonce_said);
}
