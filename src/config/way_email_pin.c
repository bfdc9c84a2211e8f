/* gates{}.email_pin */
#include "config/build.h"

#include "config/syntax.h"
#include "http/host.h"

#define SMTP_EXAMPLE "write \"smtps://smtp.example.com:465\" (TLS) or \"smtp://smtp.example.com:587\" (STARTTLS)"
#define FROM_EXAMPLE "write \"gate@example.com\" or \"Example staging <gate@example.com>\""
#define NAME_MAX_BYTES 100

static const struct key keys[] = {
    KEY(struct raw_email_pin, smtp, KEY_TEXT, .required = true),
    KEY(struct raw_email_pin, username, KEY_SECRET, .plain = true),
    KEY(struct raw_email_pin, password, KEY_SECRET),
    KEY(struct raw_email_pin, from, KEY_TEXT, .required = true),
};

const struct section section_email_pin = SECTION(struct raw_email_pin, keys);

static bool is_smtp_url(struct span s)
{
    struct span rest = span_has_prefix(s, SPAN("smtps://"))  ? span_from(s, 8)
                       : span_has_prefix(s, SPAN("smtp://")) ? span_from(s, 7)
                                                             : SPAN_NONE;
    struct host h;

    return rest.n && host_parse(rest, &h) && span_has_prefix(rest, host_span(&h));
}

static void read_server(struct build *b, const struct raw_email_pin *raw, struct email_pin_config *c)
{
    if (raw->smtp.v.p && span_find(raw->smtp.v, '@') < raw->smtp.v.n)
        place_error(b->d, raw->smtp.f.at, "no user or password in the url: they are \"username\" and \"password\"");
    else if (raw->smtp.v.p && !is_smtp_url(raw->smtp.v))
        place_error(b->d, raw->smtp.f.at, "\"%.*s\": " SMTP_EXAMPLE ", nothing behind the port, lower case",
                    SHOW(raw->smtp.v));
    c->smtp = raw->smtp.v;
}

/* A user without a password, or the reverse, was forgotten by somebody. */
static void read_login(struct build *b, const struct raw_email_pin *raw, struct email_pin_config *c)
{
    const struct secret_field *user = &raw->username, *password = &raw->password;

    if (user->f.given != password->f.given) {
        place_error(b->d, user->f.given ? user->f.at : password->f.at,
                    "\"username\" and \"password\" belong together: write both, or none when the server asks for none");
        return;
    }
    if (!user->f.given)
        return;
    if (span_has_control(user->v) || span_has_control(password->v))
        place_error(b->d, user->f.at, "user or password hold a line end or another control character");
    c->username = user->v.n ? build_secret(b, user->v) : build_unusable_secret(b);
    c->password = password->v.n ? build_secret(b, password->v) : build_unusable_secret(b);
}

/* It goes into the mail's header as it stands: only what needs no encoding and no quotes there (RFC 5322 §3.2.3). */
static bool is_plain_name(struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < 0x20 || s.p[i] > 0x7e || strchr("()<>[]:;@\\,\"", s.p[i]))
            return false;
    }
    return s.n > 0 && s.n <= NAME_MAX_BYTES;
}

/* "name <address>", or the address alone. */
static bool cut_from(struct span s, struct span *address)
{
    struct span name, rest;

    *address = s;
    if (!span_cut(s, '<', &name, &rest))
        return true;
    if (!rest.n || rest.p[rest.n - 1] != '>' || !is_plain_name(span_trim(name)))
        return false;
    *address = span_make(rest.p, rest.n - 1);
    return true;
}

static void read_from(struct build *b, const struct text_field *t, struct email_pin_config *c)
{
    c->from = t->v;
    if (t->v.p && (!cut_from(t->v, &c->from_address) || !syntax_is_address(c->from_address)))
        place_error(b->d, t->f.at, "\"%.*s\" is no sender: " FROM_EXAMPLE ", in ASCII, without quotes", SHOW(t->v));
}

void build_email_pin(struct build *b, const struct build_gate *g, struct gate_config *gate)
{
    const struct raw_email_pin *raw = g->raw->email_pin.v;
    struct email_pin_config *c = raw ? build_alloc(b, 1, sizeof(*c)) : NULL;

    if (!c)
        return;
    read_server(b, raw, c);
    read_login(b, raw, c);
    read_from(b, &raw->from, c);
    gate->email_pin = c;
}
