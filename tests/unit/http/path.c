#include "support.h"

#include "http/path.h"

#include <stdio.h>

#define BAD PATH_MALFORMED
#define AMB PATH_AMBIGUOUS
#define OK PATH_CANONICAL

#define V(want, decoded, query, bytes) {S(bytes), want, decoded, query},
static const struct {
    struct span in;
    enum path_kind want;
    const char *decoded; /* canonical only */
    const char *query;
} cases[] = {
#include "../../vectors/paths.inc"
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
