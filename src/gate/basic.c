#include "gate/basic.h"

#include "base/count.h"
#include "base/crypto/base64.h"

static const struct span scheme = {(const uint8_t *)"Basic", 5};

bool basic_is_scheme(struct span value)
{
    struct span v = span_trim(value);
    if (v.n < scheme.n || !span_eq_nocase(span_make(v.p, scheme.n), scheme))
        return false;
    return v.n == scheme.n || v.p[scheme.n] == ' ' || v.p[scheme.n] == '\t';
}

static bool split(struct span pair, struct basic_credentials *out)
{
    if (span_has_control(pair) || !span_cut(pair, ':', &out->user, &out->password))
        return false;
    /* An empty password is never right, whatever is configured: a secret that was never set must not let anybody in. */
    return out->user.n > 0 && out->user.n <= BASIC_USER_MAX && out->password.n > 0 &&
           out->password.n <= BASIC_PASSWORD_MAX;
}

void basic_parse(struct span value, struct basic_credentials *out)
{
    size_t n = 0;
    struct span v = span_trim(value);
    out->user = out->password = SPAN_NONE;
    out->state = BASIC_BAD;
    if (!basic_is_scheme(v) || v.n == scheme.n)
        return;
    struct span encoded = span_trim(span_from(v, scheme.n));
    if (!base64_decode(encoded, out->room, sizeof(out->room), &n) || !split(span_make(out->room, n), out))
        out->user = out->password = SPAN_NONE;
    else
        out->state = BASIC_FOUND;
}

/* Also fields already marked as hop-by-hop: Proxy-Authorization is meant for us. */
static enum basic_state find_in(const struct headers *h, enum header_id id, struct span *field)
{
    size_t fields = 0, of_scheme = 0;
    for (size_t i = 0; i < h->n; i++) {
        if (h->v[i].id != id)
            continue;
        fields++;
        if (basic_is_scheme(h->v[i].value)) {
            of_scheme++;
            *field = h->v[i].value;
        }
    }
    if (!of_scheme)
        return BASIC_NONE;
    return fields == 1 ? BASIC_FOUND : BASIC_BAD; /* two readers could choose two different ones */
}

enum basic_state basic_find(const struct headers *h, struct span *field)
{
    static const enum header_id places[] = {H_AUTHORIZATION, H_TIERGATE_AUTHORIZATION, H_PROXY_AUTHORIZATION};
    enum basic_state state = BASIC_NONE;
    for (size_t i = 0; i < COUNT(places) && state == BASIC_NONE; i++)
        state = find_in(h, places[i], field);
    return state;
}

const struct basic_user *basic_user_find(const struct basic_config *b, struct span name)
{
    size_t low = 0, high = b ? b->user_count : 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = span_cmp(b->users[middle].name, name);
        if (order == 0)
            return &b->users[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}
