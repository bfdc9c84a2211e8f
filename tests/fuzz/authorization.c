/* Any bytes as an Authorization value: what is taken is exactly one spelling of what is read
 * out of it, and within its bounds. */
#include "base/crypto/base64.h"
#include "gate/basic.h"
#include "must.h"

static void check_part(struct span s, size_t max)
{
    MUST(s.n > 0 && s.n <= max);
    for (size_t i = 0; i < s.n; i++)
        MUST(s.p[i] >= 0x20 && s.p[i] != 0x7f);
}

static void check_found(struct span value, const struct basic_credentials *c)
{
    uint8_t pair[BASIC_DECODED_MAX];
    char text[BASE64_SIZE(BASIC_DECODED_MAX)];
    check_part(c->user, BASIC_USER_MAX);
    check_part(c->password, BASIC_PASSWORD_MAX);
    MUST(span_find(c->user, ':') == c->user.n);
    memcpy(pair, c->user.p, c->user.n);
    pair[c->user.n] = ':';
    memcpy(pair + c->user.n + 1, c->password.p, c->password.n);
    size_t n = base64_encode(span_make(pair, c->user.n + 1 + c->password.n), text);
    MUST(span_has_suffix(span_trim(value), span_make(text, n)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct basic_credentials c;
    uint8_t *in = malloc(size ? size : 1);
    MUST(in);
    if (size)
        memcpy(in, data, size);
    struct span value = span_make(in, size);
    basic_parse(value, &c);
    MUST(c.state == BASIC_FOUND || c.state == BASIC_BAD);
    if (c.state == BASIC_FOUND) {
        MUST(basic_is_scheme(value));
        check_found(value, &c);
    } else {
        MUST(c.user.n == 0 && c.password.n == 0);
    }
    free(in);
    return 0;
}
