/* One pattern at a time: what it takes when case is folded, what it covers, whether it is nearly everything. */
#include "policy/pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/count.h"

/* Copies are of just that size, so that nothing behind them is read. */
static uint8_t *make(struct pattern *p, const char *text)
{
    char error[200] = "";
    size_t n = strlen(text);
    uint8_t *copy = malloc(n);
    memcpy(copy, text, n);
    if (!pattern_parse(span_make(copy, n), p, error, sizeof(error)) || !pattern_prepare_folded(p, error, sizeof(error)))
        fail_msg("%s: %s", text, error);
    return copy;
}

static void unmake(struct pattern *p, uint8_t *copy)
{
    pattern_fini(p);
    free(copy);
}

static enum match folded(const struct pattern *p, const char *path, struct regex_room *room)
{
    size_t n = strlen(path);
    uint8_t *copy = malloc(n ? n : 1), *room_text = malloc(n ? n : 1);
    memcpy(copy, path, n);
    enum match m = pattern_match_folded(p, subject_of(span_make(copy, n)), room, room_text);
    free(copy);
    free(room_text);
    return m;
}

static const struct {
    const char *pattern, *path;
    enum match want;
} folds[] = {
    {"/a.b", "/A.B", MATCH_YES},
    {"/a.b", "/axb", MATCH_NO},
    {"/a.b", "/a.bc", MATCH_NO},
    {"/ab/*", "/AB/c", MATCH_YES},
    {"/ab/*", "/AB/", MATCH_YES},
    {"/ab/*", "/AB", MATCH_NO},
    {"/ab/*", "/", MATCH_NO},
    {"/ab/*", "/xab/", MATCH_NO},
    {"/a*z/*", "/AxZ/y", MATCH_YES},
    {"/a*z/*", "/AxZ", MATCH_NO},
    {"/a*z", "/AxZ", MATCH_YES},
    {"/a*z", "/azb", MATCH_NO},
    {"/a*z", "/AxZ/y", MATCH_NO},
    {"/a*z", "/Ax/Z", MATCH_NO},
    {"/z", "/[", MATCH_NO}, /* beside the letters */
    {"/@", "/`", MATCH_NO},
    {"/0", "/p", MATCH_NO},
    /* the same through expressions, since something is not ASCII */
    {"/é.b", "/É.B", MATCH_YES},
    {"/é.b", "/ÉxB", MATCH_NO},
    {"/é/*", "/É/", MATCH_YES},
    {"/é/*", "/É/x/y", MATCH_YES},
    {"/é/*", "/É", MATCH_NO},
    {"/é", "/Éx", MATCH_NO},
    {"/é*z", "/ÉaZ", MATCH_YES},
    {"/é*z", "/Éa/Z", MATCH_NO},
    {"/é*z/*", "/ÉaZ/b", MATCH_YES},
    {"/é*z/*", "/ÉaZ", MATCH_NO},
    {"/é[0-9]", "/É5", MATCH_NO},
    {"/é[0-9]", "/É0", MATCH_NO},
    {"/é|b", "/É", MATCH_NO},
    {"/é(1)+b", "/É(1)+B", MATCH_YES},
    {"/éz9A", "/ÉZ9a", MATCH_YES},
    {"/key", "/Key", MATCH_YES},
    {"/key", "/Kex", MATCH_NO},
    /* expressions */
    {"re:/v\\d+", "/V7", MATCH_YES},
    {"re:/v\\d+", "/W7", MATCH_NO},
    {"re:/vX", "/Vx", MATCH_YES},
    {"re:/a[^b]", "/ac", MATCH_YES},
    {"re:(^/a|/b)", "/x", MATCH_NO},
    {"re:/ab?c", "/x", MATCH_NO},
    {"re:/(?:a|b)c", "/BC", MATCH_YES},
    {"re:/(?:a|b)c", "/CC", MATCH_NO},
    {"re:/x(?:a)", "/x", MATCH_NO},
    {"re:/a[^b]", "/1", MATCH_NO}, /* no letter, no doubt */
    {"re:/a[^b]", "/x", MATCH_ERROR},
    {"re:/a[^b]", "/é", MATCH_ERROR},
    {"re:/a[^b]", "/Z", MATCH_ERROR},
    {"re:/a[^b]", "/A", MATCH_ERROR},
    {"re:/a[^b]", "/@[`{", MATCH_NO},
    {"re:/a[[:^upper:]]", "/x", MATCH_ERROR},
    {"re:/a(?!b).", "/x", MATCH_ERROR},
    {"re:/a(?-i:b)", "/x", MATCH_ERROR},
    {"re:/a\\p{Lu}", "/x", MATCH_ERROR},
    {"re:/a\\P{Lu}", "/x", MATCH_ERROR},
    {"re:/a\\d", "/x", MATCH_NO},
    {"re:/a:b", "/x", MATCH_NO},
    {"re:/a[b]", "/x", MATCH_NO},
    {"re:/a(b)", "/x", MATCH_NO},
    {"re:/ap", "/x", MATCH_NO},
    {"re:/(a+a+)+", "/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB", MATCH_ERROR},
};

static void folds_case(void **state)
{
    struct regex_room *room = regex_room_new();
    for (size_t i = 0; i < COUNT(folds); i++) {
        struct pattern p;
        uint8_t *copy = make(&p, folds[i].pattern);
        enum match got = folded(&p, folds[i].path, room);
        if (got != folds[i].want)
            fail_msg("%s on %s: %d", folds[i].pattern, folds[i].path, (int)got);
        unmake(&p, copy);
    }
    regex_room_free(room);
}

/* What was never prepared, or is of no known kind, can't be answered. */
static void doubts_are_errors(void **state)
{
    struct regex_room *room = regex_room_new();
    struct pattern p, unknown = {.kind = (enum pattern_kind)77};
    char error[200];
    assert_true(pattern_parse(SPAN("/é"), &p, error, sizeof(error)));
    assert_int_equal(folded(&p, "/x", room), MATCH_ERROR);
    assert_int_equal(pattern_match(&unknown, SPAN("/x"), room), MATCH_ERROR);
    pattern_fini(&p);
    regex_room_free(room);
}

/* What an expression found before says nothing of the path that it gives up on. */
static void giving_up_is_no_match(void **state)
{
    static const char good[] = "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                      bad[] = "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab";
    struct regex_room *room = regex_room_new();
    struct pattern p;
    uint8_t *copy = make(&p, "re:/(a+a+)+");
    assert_int_equal(sizeof(good), sizeof(bad));
    assert_int_equal(pattern_match(&p, SPAN(good), room), MATCH_YES);
    assert_int_equal(pattern_match(&p, SPAN(bad), room), MATCH_ERROR);
    assert_int_equal(pattern_match(&p, SPAN("/\xff"), room), MATCH_ERROR); /* no UTF-8 */
    assert_int_equal(pattern_match(&p, SPAN("/b"), room), MATCH_NO);
    unmake(&p, copy);
    regex_room_free(room);
}

static const struct {
    const char *a, *b;
    bool want;
} covers[] = {
    {"/a", "/a", true},         {"/a", "/b", false},      {"/a/*", "/a/b", true},      {"/a/*", "/a/b/*", true},
    {"/a/*", "/a*", false},     {"/a*/*", "/a*/*", true}, {"/a*/*", "/a*", false},     {"/a*", "/a*/*", false},
    {"/a*/", "/a*/*", false},   {"/a*b", "/a*bb", false}, {"re:/a", "/a", true},       {"/*", "re:/a", true},
    {"/a/*", "re:/a/b", false}, {"/a", "re:/a", false},   {"re:/a/.*", "/a/*", false}, {"/a/*", "/a/", true},
    {"/a/", "/a/*", false},     {"/a*", "/a*b", false},   {"/a/*", "re:/a/*", false},
};

static void covers_others(void **state)
{
    struct regex_room *room = regex_room_new();
    for (size_t i = 0; i < COUNT(covers); i++) {
        struct pattern a, b;
        uint8_t *copy_a = make(&a, covers[i].a), *copy_b = make(&b, covers[i].b);
        if (pattern_covers(&a, &b, room) != covers[i].want)
            fail_msg("%s covers %s", covers[i].a, covers[i].b);
        unmake(&a, copy_a);
        unmake(&b, copy_b);
    }
    regex_room_free(room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(folds_case), cmocka_unit_test(doubts_are_errors),
                                       cmocka_unit_test(giving_up_is_no_match), cmocka_unit_test(covers_others)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
