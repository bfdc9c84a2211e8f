/* What is to be taken back, in words: the same code reads them on the command line and in the worker, which believes nobody. */
#include "base/count.h"
#include "base/hex.h"
#include "control/admin.h"
#include "http/host.h"

#define REVOKE "revoke"
#define LINK_ID 32u /* as text */

static const char *parse_session(struct span id, struct admin_revoke *out)
{
    static const uint8_t zeros[SESSION_ID];
    if (id.n != 2 * LEDGER_SHORT_ID && id.n != 2 * SESSION_ID) {
        return "a session is named by 8 hex digits, as logs show it, or by all 32";
    }
    if (!hex_take(id, out->room, id.n / 2)) {
        return "a session is named by hex digits";
    }
    out->entry = (struct ledger_entry){.kind = LEDGER_SESSION, .name = span_make(out->room, id.n / 2)};
    return memcmp(out->room, zeros, id.n / 2) == 0 ? "no session is named by zeros" : NULL;
}

static const char *parse_host(struct span name, struct admin_revoke *out)
{
    if (!host_parse(name, &out->host) || out->host.port != -1) {
        return "that is no host name";
    }
    out->entry = (struct ledger_entry){.kind = LEDGER_HOST, .name = host_span(&out->host)};
    return NULL;
}

static const char *parse_email(struct span address, struct admin_revoke *out)
{
    size_t at = span_find(address, '@');
    if (at == 0 || at + 1 >= address.n || span_find(span_from(address, at + 1), '@') < address.n - at - 1) {
        return "that is no e-mail address";
    }
    out->entry = (struct ledger_entry){.kind = LEDGER_EMAIL, .name = address};
    return NULL;
}

static bool is_number(struct span s)
{
    uint64_t n;
    return span_parse_u64(s, UINT64_MAX, &n);
}

static const char *parse_github(struct span id, struct admin_revoke *out)
{
    out->entry = (struct ledger_entry){.kind = LEDGER_IDENTITY, .way = WAY_GITHUB, .name = id};
    return is_number(id) ? NULL
                         : "GitHub accounts are named by their number here (\"identity\" in the log): a login may "
                           "change hands. Or name the e-mail address";
}

static const char *identity(enum identity_way way, struct span name, struct admin_revoke *out)
{
    out->entry = (struct ledger_entry){.kind = LEDGER_IDENTITY, .way = way, .name = name};
    return NULL;
}

static const char *parse_basic(struct span name, struct admin_revoke *out)
{
    return identity(WAY_BASIC, name, out);
}

static const char *parse_token(struct span name, struct admin_revoke *out)
{
    return identity(WAY_SERVICE_TOKEN, name, out);
}

static const char *parse_actions(struct span name, struct admin_revoke *out)
{
    return identity(WAY_ACTIONS, name, out);
}

static const char *parse_link(struct span name, struct admin_revoke *out)
{
    bool good = name.n == LINK_ID;
    for (size_t i = 0; good && i < name.n; i++) {
        good = hex_digit(name.p[i]) >= 0 && name.p[i] == ascii_lower(name.p[i]);
    }
    (void)identity(WAY_SHARE_LINK, name, out);
    return good ? NULL : "a share link is named by 32 hex digits, as logs show them (\"identity\")";
}

static const struct {
    const char *word;
    const char *(*parse)(struct span name, struct admin_revoke *out);
    bool of_gate; /* a gate may be named beside it */
} kinds[] = {
    {"session", parse_session, false},       {"host", parse_host, false},      {"email", parse_email, true},
    {"github", parse_github, true},          {"basic", parse_basic, true},     {"service_token", parse_token, true},
    {"github_actions", parse_actions, true}, {"share_link", parse_link, true},
};

static const char *parse_named(struct span word, struct span name, struct span gate, struct admin_revoke *out)
{
    for (size_t i = 0; i < COUNT(kinds); i++) {
        if (!span_eq(word, span_of(kinds[i].word))) {
            continue;
        }
        if (gate.n > 0 && !kinds[i].of_gate) {
            return "a gate is named for people and tokens alone";
        }
        const char *why = name.n > 0 ? kinds[i].parse(name, out) : "there is no name behind it";
        out->entry.gate = gate;
        return why;
    }
    return "name session:, basic:, email:, github:, service_token:, github_actions:, share_link: or host:, or \"all\"";
}

const char *admin_revoke_parse(struct span what, struct span gate, struct admin_revoke *out)
{
    struct span word, name;
    if (span_has_control(what) || span_has_control(gate) || what.n + gate.n > ADMIN_WORDS_MAX / 2) {
        return "that is too long, or holds control characters";
    }
    if (span_eq(what, SPAN("all"))) {
        out->entry = (struct ledger_entry){.kind = LEDGER_ALL};
        return gate.n > 0 ? "\"all\" is of all gates" : NULL;
    }
    (void)span_cut(what, ':', &word, &name);
    return parse_named(word, name, gate, out);
}

void admin_revoke_words(struct span what, struct span gate, struct text *out)
{
    text_addf(out, REVOKE "\n%.*s\n%.*s", SPAN_ARG(what), SPAN_ARG(gate));
}

bool admin_revoke_split(struct span words, struct span *what, struct span *gate)
{
    struct span verb, rest;
    return span_cut(words, '\n', &verb, &rest) && span_eq(verb, SPAN(REVOKE)) && span_cut(rest, '\n', what, gate);
}
