#include "base/crypto/base64.h"

enum base64_kind { BASE64_STANDARD = 0, BASE64_URL };

static const char alphabets[2][65] = {
    [BASE64_STANDARD] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    [BASE64_URL] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
};

static size_t encode(struct span s, char *out, enum base64_kind kind)
{
    const char *alphabet = alphabets[kind];
    char *at = out;
    size_t i = 0;

    for (; i + 3 <= s.n; i += 3) {
        unsigned v = (unsigned)s.p[i] << 16 | (unsigned)s.p[i + 1] << 8 | s.p[i + 2];

        *at++ = alphabet[v >> 18];
        *at++ = alphabet[v >> 12 & 63];
        *at++ = alphabet[v >> 6 & 63];
        *at++ = alphabet[v & 63];
    }
    if (i < s.n) {
        bool two = i + 2 == s.n;
        unsigned v = (unsigned)s.p[i] << 16 | (two ? (unsigned)s.p[i + 1] << 8 : 0);

        *at++ = alphabet[v >> 18];
        *at++ = alphabet[v >> 12 & 63];
        if (two)
            *at++ = alphabet[v >> 6 & 63];
        for (unsigned pad = two ? 1 : 2; kind == BASE64_STANDARD && pad; pad--)
            *at++ = '=';
    }
    return (size_t)(at - out);
}

size_t base64_encode(struct span s, char *out)
{
    return encode(s, out, BASE64_STANDARD);
}

size_t base64url_encode(struct span s, char *out)
{
    return encode(s, out, BASE64_URL);
}

/* 0..63, or 64 for a byte that is not of the alphabet. By ranges: no table is indexed by a secret. */
static unsigned value_of(uint8_t c, enum base64_kind kind)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26u;
    if (c >= '0' && c <= '9')
        return c - '0' + 52u;
    if (c == (kind == BASE64_URL ? '-' : '+'))
        return 62;
    if (c == (kind == BASE64_URL ? '_' : '/'))
        return 63;
    return 64;
}

/* s without padding. */
static bool decode(struct span s, uint8_t *out, size_t cap, size_t *n, enum base64_kind kind)
{
    size_t size = s.n / 4 * 3 + (s.n % 4 ? s.n % 4 - 1 : 0), done = 0;
    uint32_t bits = 0;
    unsigned have = 0;

    if (s.n % 4 == 1 || size > cap)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned v = value_of(s.p[i], kind);

        if (v > 63)
            return false;
        bits = bits << 6 | v;
        have += 6;
        if (have >= 8) {
            have -= 8;
            out[done++] = (uint8_t)(bits >> have);
        }
    }
    if (bits & ((1u << have) - 1))
        return false; /* stray bits: a second spelling of the same bytes */
    *n = done;
    return true;
}

bool base64_decode(struct span s, uint8_t *out, size_t cap, size_t *n)
{
    if (s.n % 4)
        return false;
    for (unsigned pad = 0; pad < 2 && s.n && s.p[s.n - 1] == '='; pad++)
        s.n--;
    return decode(s, out, cap, n, BASE64_STANDARD);
}

bool base64url_decode(struct span s, uint8_t *out, size_t cap, size_t *n)
{
    return decode(s, out, cap, n, BASE64_URL);
}
