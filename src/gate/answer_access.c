#include "gate/answer_access.h"

#include "gate/answer_head.h"

#define KEPT "public, max-age=300" /* far less than a key is shown after its last signature */

bool answer_certs(const struct answer_request *q, const struct assertion_keys *keys, struct answer *out)
{
    struct draft d;
    draft_begin_kept(&d, q, 200, out);
    draft_field(&d, "Cache-Control", SPAN(KEPT));
    draft_json_type(&d);
    bool made = draft_end(&d);
    out->head.content_length = keys->certs.n;
    out->body = q->request && q->request->method == M_HEAD ? SPAN_NONE : keys->certs;
    return made;
}

/* Access's names for the two ways that it has too. */
static const char *provider_of(enum identity_way way)
{
    return way == WAY_EMAIL ? "onetimepin" : identity_way_name(way);
}

static void add_machine(struct draft *d, struct span name, enum identity_way way)
{
    draft_json_string(d, "common_name", name);
    draft_json_string(d, "service_token_id", way == WAY_SERVICE_TOKEN ? name : SPAN(""));
    text_addf(&d->body, ",\"service_token_status\":%s", way == WAY_SERVICE_TOKEN ? "true" : "false");
}

static void add_person(struct draft *d, const struct assertion_keys *keys, const struct identity *who)
{
    char sub[ASSERTION_SUB];
    if (!assertion_sub(keys, who, sub)) {
        d->failed = true;
        return;
    }
    draft_json_string(d, "user_uuid", span_make(sub, sizeof(sub)));
    draft_json_string(d, "id", who->subject);
    draft_json_string(d, "name", who->login.n ? who->login : who->subject);
    if (who->email.n)
        draft_json_string(d, "email", who->email);
}

static void add_client(struct draft *d, const struct addr *client)
{
    char ip[ADDR_TEXT];
    if (client->family)
        draft_json_string(d, "ip", span_make(ip, addr_format_ip(client, ip)));
}

bool answer_identity(const struct answer_request *q, const struct assertion_keys *keys, const struct gate_check *check,
                     struct answer *out)
{
    const struct identity *who = &check->identity;
    struct span machine = assertion_common_name(check->gate, who);
    struct draft d;
    draft_begin(&d, q, 200, out);
    add_person(&d, keys, who);
    add_machine(&d, machine, who->way);
    text_addf(&d.body, ",\"idp\":{\"id\":\"");
    text_add_json(&d.body, who->gate);
    text_addf(&d.body, "\",\"type\":\"%s\"},\"iat\":%lld", provider_of(who->way), (long long)who->proven_s);
    add_client(&d, &check->client);
    text_add(&d.body, SPAN(",\"auth_status\":\"NONE\",\"is_warp\":false,\"is_gateway\":false,\"version\":2}\n"));
    draft_json_type(&d);
    return draft_end(&d);
}

bool answer_sold_session(const struct answer_request *q, const struct sold_session *s, struct answer *out)
{
    struct draft d;
    draft_begin(&d, q, 200, out);
    draft_json_string(&d, "name", s->name);
    draft_json_string(&d, "value", s->value);
    text_addf(&d.body, ",\"expires\":%lld}\n", (long long)s->ends_s);
    draft_json_type(&d);
    return draft_end(&d);
}

bool answer_problem(const struct answer_request *q, unsigned status, const char *error, const char *detail,
                    struct answer *out)
{
    struct draft d;
    draft_begin(&d, q, status, out);
    draft_json_string(&d, "error", span_of(error));
    if (detail)
        draft_json_string(&d, "detail", span_of(detail));
    text_add(&d.body, SPAN("}\n"));
    draft_json_type(&d);
    return draft_end(&d);
}
