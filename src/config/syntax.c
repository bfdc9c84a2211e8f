#include "config/syntax.h"

#include "http/host.h"
#include "net/addr.h"
#include "net/mail.h"

#define LOGIN_MAX 39
#define REPOSITORY_MAX 100
#define URL_MAX 300

static bool is_alnum(uint8_t c)
{
    return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z');
}

static bool consists_of(struct span s, const char *more)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!is_alnum(s.p[i]) && (s.p[i] == '\0' || !strchr(more, s.p[i])))
            return false;
    }
    return s.n > 0;
}

static bool is_name_with_dots(struct span s)
{
    struct host h;
    struct addr a;

    return host_parse(s, &h) && h.port < 0 && h.n == s.n && s.p[0] != '[' && !addr_parse_ip(s, &a);
}

bool syntax_is_mail_domain(struct span s)
{
    return is_name_with_dots(s);
}

bool syntax_is_address(struct span s)
{
    /* One that no mail could be sent to or from would be found out by the first who signs in. */
    return mail_is_address(s) && syntax_is_mail_domain(span_from(s, span_find(s, '@') + 1));
}

bool syntax_is_login(struct span s)
{
    return s.n <= LOGIN_MAX && consists_of(s, "-_");
}

bool syntax_is_team(struct span s)
{
    struct span org, slug;

    return span_cut(s, '/', &org, &slug) && syntax_is_login(org) && slug.n <= REPOSITORY_MAX &&
           consists_of(slug, "-_.");
}

bool syntax_is_repository(struct span s)
{
    struct span owner, name;

    return span_cut(s, '/', &owner, &name) && syntax_is_login(owner) && name.n <= REPOSITORY_MAX &&
           consists_of(name, "-_.");
}

bool syntax_is_visible(struct span s, size_t max)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] <= 0x20 || s.p[i] > 0x7e)
            return false;
    }
    return s.n > 0 && s.n <= max;
}

bool syntax_is_https_origin(struct span s, struct span *out)
{
    struct span rest = span_has_prefix(s, SPAN("https://")) ? span_from(s, 8) : SPAN_NONE;
    struct host h;

    if (s.n > URL_MAX)
        return false;
    if (rest.n && rest.p[rest.n - 1] == '/')
        rest.n--;
    *out = span_make(s.p, s.n - (s.n && s.p[s.n - 1] == '/' ? 1 : 0));
    /* As it stands, so that it is compared and shown as it is sent: lower case, no dot behind the name. */
    return rest.n && host_parse(rest, &h) && span_has_prefix(rest, host_span(&h)) &&
           (h.port < 0 ? rest.n == h.n : rest.p[h.n] == ':');
}
