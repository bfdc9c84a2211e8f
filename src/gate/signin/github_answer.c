#include "gate/signin/github_answer.h"

#include "base/count.h"
#include "base/json.h"
#include "net/mail.h"

#include <stdio.h>

#define RETRY_S 60u
#define RETRY_MAX_S 3600u

/* What is missing is as what is of another type. */
static struct span text_in(const struct json_value *v, const char *key)
{
    return json_as_string(json_get(v, key));
}

static bool is_true_in(const struct json_value *v, const char *key)
{
    return json_as_bool(json_get(v, key));
}

/* --- the token ---------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *error;
    enum signin_outcome outcome;
    const char *detail;
} errors[] = {
    {"bad_verification_code", SIGNIN_WRONG, "GitHub: the code is wrong, used up or too old"},
    {"incorrect_client_credentials", SIGNIN_FAILED, "GitHub: client_id or client_secret of the gate is wrong"},
    {"redirect_uri_mismatch", SIGNIN_FAILED, "GitHub: the application has another callback address"},
    {"application_suspended", SIGNIN_FAILED, "GitHub: the application is suspended"},
    {"unverified_user_email", SIGNIN_NOT_ADMITTED, "GitHub: the primary e-mail address is not verified"},
    {"access_denied", SIGNIN_WRONG, "GitHub: access was denied"},
};

static enum signin_outcome read_error(struct span error, const char **detail)
{
    for (size_t i = 0; i < COUNT(errors); i++) {
        if (span_eq(error, span_of(errors[i].error))) {
            *detail = errors[i].detail;
            return errors[i].outcome;
        }
    }
    *detail = "GitHub did not give a token: an error that is not known here";
    return SIGNIN_FAILED;
}

/* It becomes part of a header field. */
static bool is_token(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= 0x20 || s.p[i] >= 0x7f)
            return false;
    return s.n > 0 && s.n <= GITHUB_TOKEN_MAX;
}

static bool is_one_of(struct span s, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (span_eq(s, span_of(names[i])))
            return true;
    return false;
}

/* GitHub gives a list without what a wider scope implies. */
static void read_scopes(struct span scopes, struct github_grant *out)
{
    static const char *const email[] = {"user:email", "user"};
    static const char *const groups[] = {"read:org", "write:org", "admin:org"};
    struct span one;
    bool more = true;
    while (more) {
        more = span_cut(scopes, ',', &one, &scopes);
        one = span_trim(one);
        out->email = out->email || is_one_of(one, email, COUNT(email));
        out->groups = out->groups || is_one_of(one, groups, COUNT(groups));
    }
}

static enum signin_outcome read_grant(const struct json_value *v, struct github_grant *out, const char **detail)
{
    struct span token = text_in(v, "access_token");
    struct span type = text_in(v, "token_type");
    if (json_get(v, "error"))
        return read_error(text_in(v, "error"), detail);
    if (!is_token(token) || !span_eq_nocase(type, SPAN("bearer"))) {
        *detail = "GitHub's answer holds no bearer token";
        return SIGNIN_UNREACHABLE;
    }
    memcpy(out->token, token.p, token.n);
    out->token_n = token.n;
    out->fine_grained = span_has_prefix(token, SPAN("ghu_"));
    read_scopes(text_in(v, "scope"), out);
    return SIGNIN_OK;
}

enum signin_outcome github_read_grant(struct span body, struct github_grant *out, const char **detail)
{
    struct json_error err;
    struct json_doc *doc = json_parse(body, &err);
    enum signin_outcome outcome = SIGNIN_UNREACHABLE;
    *out = (struct github_grant){.token_n = 0};
    *detail = "GitHub's answer is no JSON";
    if (doc) {
        *detail = NULL;
        outcome = read_grant(json_root(doc), out, detail);
    }
    json_free(doc);
    return outcome;
}

/* --- who it is ---------------------------------------------------------------------------------------------------------- */

/* Letters, digits, hyphens, and for accounts that a company manages an underscore. It becomes part of an address. */
static bool is_login(struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = ascii_lower(s.p[i]);
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
            return false;
    }
    return s.n > 0 && s.n <= GITHUB_LOGIN_MAX;
}

static size_t fold(struct span s, char *out)
{
    for (size_t i = 0; i < s.n; i++)
        out[i] = (char)ascii_lower(s.p[i]);
    return s.n;
}

static bool read_user(const struct json_value *v, struct github_user *out)
{
    int64_t id = json_as_int(json_get(v, "id"));
    struct span login = text_in(v, "login");
    char digits[GITHUB_ID_MAX + 1];
    if (id <= 0 || !is_login(login))
        return false;
    out->id_n = (size_t)snprintf(digits, sizeof(digits), "%lld", (long long)id);
    memcpy(out->id, digits, out->id_n);
    out->login_n = fold(login, out->login);
    return true;
}

bool github_read_user(struct span body, struct github_user *out)
{
    struct json_error err;
    struct json_doc *doc = json_parse(body, &err);
    bool ok = doc && read_user(json_root(doc), out);
    json_free(doc);
    return ok;
}

static void read_email(const struct json_value *v, struct github_user *out)
{
    struct span email = text_in(v, "email");
    bool counts = is_true_in(v, "primary") && is_true_in(v, "verified");
    if (counts && email.n <= GITHUB_EMAIL_MAX && mail_is_address(email))
        out->email_n = fold(email, out->email);
}

bool github_read_emails(struct span body, struct github_user *out)
{
    struct json_error err;
    struct json_doc *doc = json_parse(body, &err);
    const struct json_value *root = doc ? json_root(doc) : NULL;
    bool ok = json_type_of(root) == JSON_T_ARRAY;
    for (size_t i = 0; ok && i < json_count(root); i++)
        read_email(json_at(root, i), out);
    json_free(doc);
    return ok;
}

bool github_has_next(struct span link)
{
    struct span one;
    bool more = true;
    while (more) {
        struct span target, rest;
        more = span_cut(link, ',', &one, &link);
        (void)span_cut(one, ';', &target, &rest);
        if (span_eq(span_trim(rest), SPAN("rel=\"next\"")))
            return true;
    }
    return false;
}

enum github_member github_read_member(struct span body)
{
    struct json_error err;
    struct json_doc *doc = json_parse(body, &err);
    struct span state = doc ? text_in(json_root(doc), "state") : SPAN_NONE;
    enum github_member is = span_eq(state, SPAN("active"))    ? GITHUB_MEMBER_ACTIVE
                            : span_eq(state, SPAN("pending")) ? GITHUB_MEMBER_PENDING
                                                              : GITHUB_MEMBER_BAD;
    json_free(doc);
    return is;
}

/* --- limits ------------------------------------------------------------------------------------------------------------- */

static uint64_t number_in(const struct fetch_reply *r, const char *name, uint64_t otherwise)
{
    uint64_t n;
    return span_parse_u64(r->field(r, name), INT64_MAX, &n) ? n : otherwise;
}

static uint32_t bounded(uint64_t wait_s)
{
    return wait_s < 1 ? 1 : wait_s > RETRY_MAX_S ? RETRY_MAX_S : (uint32_t)wait_s;
}

/* GitHub tells it by fields; of its second kind of limit sometimes by the text alone. */
static bool says_limit(const struct fetch_reply *r)
{
    static const char want[] = "rate limit";
    for (size_t i = 0; i + sizeof(want) - 1 <= r->body.n; i++)
        if (span_eq_nocase(span_make(r->body.p + i, sizeof(want) - 1), SPAN(want)))
            return true;
    return false;
}

bool github_is_limited(const struct fetch_reply *r, int64_t now_s, uint32_t *retry_after_s)
{
    if (r->status != 403 && r->status != 429)
        return false;
    uint64_t after_s = number_in(r, "Retry-After", UINT64_MAX), reset_s = number_in(r, "X-RateLimit-Reset", 0);
    bool has_after = after_s != UINT64_MAX, used_up = number_in(r, "X-RateLimit-Remaining", 1) == 0;
    *retry_after_s = RETRY_S;
    if (has_after)
        *retry_after_s = bounded(after_s);
    else if (used_up && reset_s > (uint64_t)now_s)
        *retry_after_s = bounded(reset_s - (uint64_t)now_s);
    return has_after || used_up || r->status == 429 || says_limit(r);
}
