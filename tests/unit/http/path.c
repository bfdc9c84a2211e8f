#include "support.h"

#include "http/path.h"

#include <stdio.h>

#define BAD PATH_MALFORMED
#define AMB PATH_AMBIGUOUS
#define OK PATH_CANONICAL

static const struct {
    struct span in;
    enum path_kind want;
    const char *decoded; /* canonical only */
    const char *query;
} cases[] = {
    /* canonical */
    {S("/"), OK, "/", ""},
    {S("/api/health"), OK, "/api/health", ""},
    {S("/api/health/"), OK, "/api/health/", ""},
    {S("/admin?x=/docs/"), OK, "/admin", "?x=/docs/"},
    {S("/admin?/api/health"), OK, "/admin", "?/api/health"},
    {S("/a?"), OK, "/a", "?"},
    {S("/a?b?c=%2e%2e%zz%00;\\//../\"|^"), OK, "/a", "?b?c=%2e%2e%zz%00;\\//../\"|^"},
    {S("/docs../admin"), AMB, NULL, ""},
    {S("/docsX"), OK, "/docsX", ""},
    {S("/DOCS/x"), OK, "/DOCS/x", ""},
    {S("/a.b/c..d/.well-known/...x/-_~!$&'()*+,=:@"), OK, "/a.b/c..d/.well-known/...x/-_~!$&'()*+,=:@", ""},
    {S("/%40user/%3a"), OK, "/@user/:", ""},
    {S("/a%20b"), OK, "/a b", ""},
    {S("/%20a"), OK, "/ a", ""},
    {S("/caf%c3%a9"), OK, "/caf\xc3\xa9", ""},
    {S("/caf%C3%A9/x"), OK, "/caf\xc3\xa9/x", ""},
    {S("/%e4%b8%ad%e6%96%87?%e4"), OK, "/\xe4\xb8\xad\xe6\x96\x87", "?%e4"},
    {S("/%f0%9f%9a%80"), OK, "/\xf0\x9f\x9a\x80", ""},
    {S("/%5b%5d%7b%7d%22%7c%5e%60%3c%3e"), OK, "/[]{}\"|^`<>", ""},
    {S("/%21%24%26%27%28%29%2a%2b%2c%3d"), OK, "/!$&'()*+,=", ""},

    /* dot segments, however spelled */
    {S("/docs/../admin"), AMB, NULL, ""},
    {S("/docs/./../admin"), AMB, NULL, ""},
    {S("/docs/.."), AMB, NULL, ""},
    {S("/docs/."), AMB, NULL, ""},
    {S("/."), AMB, NULL, ""},
    {S("/../../x"), AMB, NULL, ""},
    {S("/docs/%2e%2e/admin"), AMB, NULL, ""},
    {S("/docs/.%2e/"), AMB, NULL, ""},
    {S("/docs/%2E%2E/"), AMB, NULL, ""},
    {S("/docs/%2e"), AMB, NULL, ""},
    {S("/docs%2e%2e/admin"), AMB, NULL, ""},
    {S("/api/health%2ejson"), AMB, NULL, ""},

    /* separators in disguise */
    {S("/docs%2f..%2fadmin"), AMB, NULL, ""},
    {S("/docs/..%2fadmin"), AMB, NULL, ""},
    {S("/docs/..%5cadmin"), AMB, NULL, ""},
    {S("/a%2Fb"), AMB, NULL, ""},
    {S("/a%5Cb"), AMB, NULL, ""},
    {S("/docs/\\..\\admin"), AMB, NULL, ""},
    {S("/docs\\x"), AMB, NULL, ""},
    {S("/docs/..;/admin"), AMB, NULL, ""},
    {S("/docs/..;foo=bar/admin"), AMB, NULL, ""},
    {S("/docs;x/"), AMB, NULL, ""},
    {S("/api/health;/../admin"), AMB, NULL, ""},
    {S("/a%3bb"), AMB, NULL, ""},
    {S("/a%3fb"), AMB, NULL, ""},
    {S("/a%23b"), AMB, NULL, ""},
    {S("/admin%23/docs/"), AMB, NULL, ""},
    {S("/a%25b"), AMB, NULL, ""},
    {S("/docs/%252e%252e/admin"), AMB, NULL, ""},
    {S("/docs/%25252f"), AMB, NULL, ""},
    {S("//"), AMB, NULL, ""},
    {S("//docs/x"), AMB, NULL, ""},
    {S("/docs//x"), AMB, NULL, ""},
    {S("/docs///../admin"), AMB, NULL, ""},
    {S("///"), AMB, NULL, ""},
    {S("/docs//"), AMB, NULL, ""},

    /* escapes that no honest client makes */
    {S("/docs/%41"), AMB, NULL, ""},
    {S("/%61dmin"), AMB, NULL, ""},
    {S("/%7A"), AMB, NULL, ""},
    {S("/%30"), AMB, NULL, ""},
    {S("/%39"), AMB, NULL, ""},
    {S("/a%2db"), AMB, NULL, ""},
    {S("/a%5Fb"), AMB, NULL, ""},
    {S("/a%7eb"), AMB, NULL, ""},
    {S("/a%01b"), AMB, NULL, ""},
    {S("/a%0ab"), AMB, NULL, ""},
    {S("/a%0d%0aX:y"), AMB, NULL, ""},
    {S("/a%1fb"), AMB, NULL, ""},
    {S("/a%7fb"), AMB, NULL, ""},
    {S("/a%c2%85b"), AMB, NULL, ""}, /* NEL, a control too */

    /* not UTF-8 */
    {S("/docs/%c0%ae%c0%ae/"), AMB, NULL, ""},
    {S("/docs/%c0%af"), AMB, NULL, ""},
    {S("/%c1%bf"), AMB, NULL, ""},
    {S("/%e0%80%af"), AMB, NULL, ""},
    {S("/%e0%9f%bf"), AMB, NULL, ""},
    {S("/%f0%80%80%af"), AMB, NULL, ""},
    {S("/%f0%8f%bf%bf"), AMB, NULL, ""},
    {S("/%ed%a0%80"), AMB, NULL, ""},
    {S("/%ed%bf%bf"), AMB, NULL, ""},
    {S("/%f4%90%80%80"), AMB, NULL, ""},
    {S("/%f5%80%80%80"), AMB, NULL, ""},
    {S("/%ff"), AMB, NULL, ""},
    {S("/%80"), AMB, NULL, ""},
    {S("/%c3"), AMB, NULL, ""},
    {S("/%c3/x"), AMB, NULL, ""},
    {S("/%c3x"), AMB, NULL, ""},
    {S("/%c3%20"), AMB, NULL, ""},
    {S("/%e4%b8"), AMB, NULL, ""},
    {S("/%e9"), AMB, NULL, ""},
    {S("/%ed%9f%bf"), OK, "/\xed\x9f\xbf", ""},
    {S("/%ee%80%80"), OK, "/\xee\x80\x80", ""},
    {S("/%f4%8f%bf%bf"), OK, "/\xf4\x8f\xbf\xbf", ""},

    /* compatibility characters */
    {S("/%ef%bc%8fadmin"), AMB, NULL, ""},      /* fullwidth solidus */
    {S("/%ef%bc%8e%ef%bc%8e/"), AMB, NULL, ""}, /* fullwidth full stops */
    {S("/%e2%80%a4%e2%80%a4/"), AMB, NULL, ""}, /* one dot leaders */
    {S("/%e2%80%a5/x"), AMB, NULL, ""},         /* two dot leader */
    {S("/%ef%bd%81dmin"), AMB, NULL, ""},       /* fullwidth a */
    {S("/%e2%84%aa"), AMB, NULL, ""},           /* Kelvin sign */
    {S("/%cd%be"), AMB, NULL, ""},              /* Greek question mark is a semicolon */
    {S("/%c2%bd"), AMB, NULL, ""},              /* one half */
    {S("/a%c2%a0b"), AMB, NULL, ""},            /* no-break space */
    {S("/a%e2%80%a8"), AMB, NULL, ""},          /* line separator */
    {S("/%ef%ac%81"), AMB, NULL, ""},           /* fi ligature */
    {S("/%f0%9d%90%80"), AMB, NULL, ""},        /* mathematical A */

    /* ends of segments */
    {S("/api/health."), AMB, NULL, ""},
    {S("/api./health"), AMB, NULL, ""},
    {S("/..."), AMB, NULL, ""},
    {S("/api/health%20"), AMB, NULL, ""},
    {S("/api%20/health"), AMB, NULL, ""},
    {S("/%20"), AMB, NULL, ""},

    /* bytes without a place */
    {S("/a|b"), AMB, NULL, ""},
    {S("/a^b"), AMB, NULL, ""},
    {S("/a\"b"), AMB, NULL, ""},
    {S("/a<b>"), AMB, NULL, ""},
    {S("/a`b"), AMB, NULL, ""},
    {S("/{a}"), AMB, NULL, ""},
    {S("/[a]"), AMB, NULL, ""},

    /* malformed */
    {S(""), BAD, NULL, ""},
    {S("*"), BAD, NULL, ""},
    {S("?x"), BAD, NULL, "?x"},
    {S("admin"), BAD, NULL, ""},
    {S("http://a.test/"), BAD, NULL, ""},
    {S("%2fadmin"), BAD, NULL, ""},
    {S("\\admin"), BAD, NULL, ""},
    {S("/admin#/docs/"), BAD, NULL, ""},
    {S("/#/../admin"), BAD, NULL, ""},
    {S("/a?b#c"), BAD, NULL, "?b#c"},
    {S("/docs/ /x"), BAD, NULL, ""},
    {S("/a\tb"), BAD, NULL, ""},
    {S("/a\0b"), BAD, NULL, ""},
    {S("/a\x7f"), BAD, NULL, ""},
    {S("/caf\xc3\xa9"), BAD, NULL, ""},
    {S("/a\nb"), BAD, NULL, ""},
    {S("/a?b c"), BAD, NULL, "?b c"},
    {S("/a?\0"), BAD, NULL, "?\0"},
    {S("/a?\x7f"), BAD, NULL, "?\x7f"},
    {S("/a?\xc3\xa9"), BAD, NULL, "?\xc3\xa9"},
    {S("/api/health%"), BAD, NULL, ""},
    {S("/api/health%1"), BAD, NULL, ""},
    {S("/api/health%zz"), BAD, NULL, ""},
    {S("/a%0g"), BAD, NULL, ""},
    {S("/a%%41"), BAD, NULL, ""},
    {S("/a%?41"), BAD, NULL, "?41"},
    {S("/api/health%00"), BAD, NULL, ""},
    {S("/../%00"), BAD, NULL, ""}, /* malformed outweighs ambiguous, whichever comes first */
    {S("/%2e/a%"), BAD, NULL, ""},
    {S("/%c3%"), BAD, NULL, ""},
    {S("/%c3%4"), BAD, NULL, ""},
};

static void test_table(void **state)
{
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct path path;
        void *p, *room;
        const char *name = (const char *)cases[i].in.p;
        struct span in = exact(cases[i].in, &p);
        exact(in, &room);
        path_parse(in, room, &path);
        CHECK(name, path.kind == cases[i].want);
        CHECK(name, (path.why[0] == '\0') == (path.kind == PATH_CANONICAL));
        CHECK_SPAN(name, span_make(in.p, path.raw.n), path.raw);
        CHECK(name, path.raw.n + path.query.n == in.n && (path.query.n == 0 || path.query.p[0] == '?'));
        if (cases[i].query[0] && strlen(cases[i].query) > 1)
            CHECK_SPAN(name, path.query, span_of(cases[i].query));
        if (path.kind == PATH_CANONICAL)
            CHECK_SPAN(name, path.decoded, span_of(cases[i].decoded));
        else
            CHECK(name, path.decoded.n == 0);
        free(p);
        free(room);
    }
}

/* What §3a says of each byte, spelled out a second time: alone in a segment between two harmless ones. */
static enum path_kind raw_kind(int c)
{
    if (c < 0x21 || c >= 0x7f || c == '#' || c == '%')
        return BAD;
    return strchr("\"<>[\\]^`{|};./", c) ? AMB : OK; /* "." is a dot segment, "/" makes "//" */
}

static enum path_kind escaped_kind(int c)
{
    if (c == 0)
        return BAD;
    if (c < 0x20 || c >= 0x7f || (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z'))
        return AMB;                              /* from 0x80 on: alone it is not UTF-8 */
    return strchr("/\\%;?#.-_~ ", c) ? AMB : OK; /* a space ends the segment here */
}

static void test_each_byte(void **state)
{
    for (int c = 0; c < 256; c++) {
        struct path path;
        uint8_t room[16];
        char text[16];
        int n = snprintf(text, sizeof(text), "/a/%c/b", c);
        path_parse(span_make(text, (size_t)n), room, &path);
        if (c != '?' && path.kind != raw_kind(c))
            fail_msg("raw byte 0x%02x: %d", c, path.kind);
        n = snprintf(text, sizeof(text), "/a/%%%02x/b", c);
        path_parse(span_make(text, (size_t)n), room, &path);
        if (path.kind != escaped_kind(c))
            fail_msg("escaped byte 0x%02x: %d", c, path.kind);
    }
}

/* A stand-in for any server that decodes once or twice, and folds what it finds. */
static void decode(char *s)
{
    char *out = s;
    for (char *in = s; *in; in++) {
        unsigned byte;
        if (*in == '%' && sscanf(in + 1, "%2x", &byte) == 1) {
            *out++ = (char)byte;
            in += 2;
        } else {
            *out++ = *in;
        }
    }
    *out = '\0';
}

static bool is_plain(const char *s)
{
    char closed[24];
    snprintf(closed, sizeof(closed), "%s/", s);
    return !strstr(s, "//") && !strstr(closed, "/./") && !strstr(closed, "/../") && !strpbrk(s, "\\;%?#");
}

/* Every word of up to six symbols: a canonical one stays the same path whether it is decoded once, twice or never. */
static void test_small_alphabet(void **state)
{
    static const char symbols[] = "/.%2ef5c;\\ad";
    const size_t base = sizeof(symbols) - 1;
    size_t canonical = 0, total = 1;
    for (size_t length = 0; length <= 6; length++, total *= base) {
        for (size_t word = 0; word < total; word++) {
            char text[16] = "/";
            uint8_t room[16];
            struct path path;
            size_t rest = word;
            for (size_t i = 0; i < length; i++, rest /= base)
                text[i + 1] = symbols[rest % base];
            path_parse(span_of(text), room, &path);
            if (path.kind != PATH_CANONICAL)
                continue;
            canonical++;
            char once[16], twice[16];
            snprintf(once, sizeof(once), "%s", text);
            decode(once);
            snprintf(twice, sizeof(twice), "%s", once);
            decode(twice);
            CHECK_SPAN(text, path.decoded, span_of(once));
            CHECK(text, strcmp(once, twice) == 0 && is_plain(once));
        }
    }
    assert_true(canonical > 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_table), cmocka_unit_test(test_each_byte),
                                       cmocka_unit_test(test_small_alphabet)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
