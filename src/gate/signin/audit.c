/* The audit trail: one JSON line for everything that lets somebody in, keeps somebody out or takes access back. Never a secret: no code, PIN,
 * token or cookie, and of session ids eight digits. */
#include "base/clock.h"
#include "base/hex.h"
#include "gate/signin/impl.h"

static void add(struct text *t, const char *key, struct span value)
{
    if (!value.n)
        return;
    text_addf(t, ",\"%s\":\"", key);
    text_add_json(t, value);
    text_add(t, SPAN("\""));
}

static void add_client(struct text *t, const struct addr *client)
{
    char ip[ADDR_TEXT];
    if (client->family)
        add(t, "client", span_make(ip, addr_format_ip(client, ip)));
}

static const char *kind_name(enum ledger_kind kind)
{
    switch (kind) {
    case LEDGER_SESSION:
        return "session";
    case LEDGER_IDENTITY:
        return "identity";
    case LEDGER_EMAIL:
        return "email";
    case LEDGER_HOST:
        return "host";
    case LEDGER_ALL:
        return "all";
    case LEDGER_FACTS:
        return "memberships";
    }
    return "";
}

static void add_revoked(struct text *t, const struct ledger_entry *e)
{
    size_t n = e->name.n < LEDGER_SHORT_ID ? e->name.n : LEDGER_SHORT_ID;
    char id[2 * LEDGER_SHORT_ID];
    add(t, "what", span_of(kind_name(e->kind)));
    if (e->kind != LEDGER_SESSION) {
        add(t, "name", e->name);
        return;
    }
    hex_put(e->name.p, n, id);
    add(t, "session", span_make(id, 2 * n));
}

void audit(struct signin *s, const char *event, const struct signin_question *q, const struct identity *who,
           const char *detail)
{
    char time[24];
    struct text t;
    text_init(&t);
    clock_format_iso(clock_wall_us(), time);
    text_addf(&t, "{\"time\":\"%.*s\",\"event\":\"%s\"", (int)sizeof(time), time, event);
    add(&t, "gate", q->gate.n ? q->gate : who ? who->gate : SPAN_NONE);
    add(&t, "host", q->host);
    if (who && who->way != WAY_NONE) {
        add(&t, "way", span_of(identity_way_name(who->way)));
        add(&t, "identity", who->subject);
        add(&t, "login", who->login);
        add(&t, "email", who->email);
    }
    add_revoked(&t, &q->revoke);
    add(&t, "detail", span_of(detail));
    add_client(&t, &q->client);
    add(&t, "id", q->request_id);
    text_add(&t, SPAN("}\n"));
    if (!t.failed)
        s->c.audit(s->c.arg, text_span(&t));
    text_fini(&t);
}
