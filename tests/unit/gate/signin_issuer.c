/* Whose keys are asked for, when, and what is said when they do not come. */
#include "signin_trial.h"

#include "base/clock.h"
#include "base/count.h"
#include "base/crypto/rsa.h"
#include "gate/signin/issuer.h"

#define TEXT(s)                                                                                                        \
    {                                                                                                                  \
        (const uint8_t *)(s), sizeof(s) - 1                                                                            \
    }
#define ISSUER "https://new.test"
#define PATH "/.well-known/jwks"

static const struct selector admitted[] = {{.kind = SEL_EMAIL_DOMAIN, .subject = TEXT("app.test")}};

/* Sets of keys, by the keys' names. All are one key: making one takes long. */
struct sets {
    struct rsa_key *key;
    struct text none, first, second, both;
};

static void add_set(struct text *out, const struct sets *s, const char *one, const char *other)
{
    text_init(out);
    text_add(out, SPAN("{\"keys\":["));
    if (one)
        jwks_add(out, s->key, span_of(one));
    if (other)
        text_add(out, SPAN(","));
    if (other)
        jwks_add(out, s->key, span_of(other));
    text_add(out, SPAN("]}"));
    assert_false(out->failed);
}

static int make_sets(void **state)
{
    static struct sets s;
    struct text pem;
    text_init(&pem);
    assert_true(res_ok(rsa_make_pem(&pem)));
    s.key = rsa_from_pem(text_span(&pem));
    assert_non_null(s.key);
    text_fini(&pem);
    add_set(&s.none, &s, NULL, NULL);
    add_set(&s.first, &s, "k1", NULL);
    add_set(&s.second, &s, "k2", NULL);
    add_set(&s.both, &s, "k2", "k3");
    *state = &s;
    return 0;
}

static int free_sets(void **state)
{
    struct sets *s = *state;
    rsa_key_free(s->key);
    text_fini(&s->none);
    text_fini(&s->first);
    text_fini(&s->second);
    text_fini(&s->both);
    return 0;
}

/* --- asking ------------------------------------------------------------------------------------------------------- */

struct wanted {
    struct signin_call call; /* first member; nobody looks into it */
    unsigned times;
    enum issuer_answer answer;
    bool has_key;
};

static void on_key(struct signin_call *c, enum issuer_answer a, const struct rsa_key *key)
{
    struct wanted *w = (struct wanted *)c;
    w->times++;
    w->answer = a;
    w->has_key = key != NULL;
    assert_int_equal(w->has_key, a == ISSUER_KEY);
}

static void want(struct service_kit *k, struct wanted *w, struct span issuer, struct span kid)
{
    memset(w, 0, sizeof(*w));
    issuer_key(k->signin, &w->call, issuer, kid, on_key);
}

static void turn(struct service_kit *k)
{
    do
        kit_idle(&k->base, 0);
    while (k->running);
    kit_idle(&k->base, 0);
}

static void open_kit(struct service_kit *k)
{
    service_open(k, admitted, COUNT(admitted));
    service_settle(k);
}

/* --- when --------------------------------------------------------------------------------------------------------- */

#define HOUR 3600
#define DAY 86400

static const struct {
    int64_t at_s; /* a second may go by in any step */
    const char *kid;
    char answers; /* 1, 2: with the first or second set; 0: none; x: fails; -: nobody asks */
    enum issuer_answer want;
    bool at_once;
    unsigned asked; /* by then */
    const char *why;
} steps[] = {
    {0, "k1", '1', ISSUER_KEY, false, 1, "nothing is known"},
    {1, "k1", '-', ISSUER_KEY, true, 1, "it is known"},
    {1, "k2", '1', ISSUER_UNKNOWN, false, 2, "another name"},
    {2, "k2", '-', ISSUER_UNKNOWN, true, 2, "just asked for that"},
    {40, "k3", '-', ISSUER_UNKNOWN, true, 2, "still"},
    {70, "k2", '2', ISSUER_KEY, false, 3, "a minute later, and it is there"},
    {71, "k1", '-', ISSUER_UNKNOWN, true, 3, "the old one is gone"},
    {HOUR, "k2", '-', ISSUER_KEY, true, 3, "fresh"},
    {80 + HOUR, "k2", 'x', ISSUER_KEY, true, 4, "asked anew, and nobody waits for it"},
    {81 + HOUR, "k2", '-', ISSUER_KEY, true, 4, "it failed just now"},
    {82 + HOUR, "k9", '-', ISSUER_UNKNOWN, true, 4, "still"},
    {90 + HOUR, "k2", '0', ISSUER_KEY, true, 5, "again; a set without keys is no answer"},
    {100 + HOUR, "k9", 'x', ISSUER_UNKNOWN, false, 6, "and again"},
    {DAY, "k2", 'x', ISSUER_KEY, true, 7, "believed for a day"},
    {80 + DAY, "k2", 'x', ISSUER_UNREACHABLE, false, 8, "no longer"},
    {82 + DAY, "k2", '-', ISSUER_UNREACHABLE, true, 8, "asked just now"},
    {HOUR, "k2", 'x', ISSUER_UNREACHABLE, false, 9, "the clock was set back, and nothing is known"},
    {90 + DAY, "k1", '1', ISSUER_KEY, false, 10, "back"},
    {70, "k1", '1', ISSUER_KEY, false, 11, "the clock was set back"},
    {72, "k1", '-', ISSUER_KEY, true, 11, "and goes on"},
    {72, "k5", '-', ISSUER_UNKNOWN, true, 11, "by another name was asked just before"},
    {90 + HOUR, "k1", 'x', ISSUER_KEY, true, 12, "asked anew"},
    {80 + HOUR, "k1", 'x', ISSUER_KEY, true, 13, "set back to before that failed"},
};

static void play(struct service_kit *k, const struct sets *s, char what)
{
    service_play(k, PATH, what == 'x' ? 500 : 200, what == '2' ? s->second.p : what == '0' ? s->none.p : s->first.p);
}

static void test_when(void **state)
{
    struct service_kit k;
    open_kit(&k);
    int64_t begin = clock_wall_s() + 1000;
    for (size_t i = 0; i < COUNT(steps); i++) {
        struct wanted w;
        service_set_clock(begin + steps[i].at_s);
        play(&k, *state, steps[i].answers);
        want(&k, &w, SPAN(ISSUER), span_of(steps[i].kid));
        CHECK(steps[i].why, w.times == steps[i].at_once);
        turn(&k);
        CHECK(steps[i].why, w.times == 1);
        CHECK(steps[i].why, w.answer == steps[i].want);
        CHECK(steps[i].why, k.asked_count == steps[i].asked);
    }
    service_close(&k);
}

/* --- what is no answer -------------------------------------------------------------------------------------------- */

static void test_no_answer(void **state)
{
    const struct sets *s = *state;
    const struct {
        const char *name;
        enum fetch_error error;
        unsigned status;
        const char *body;
        enum issuer_answer want; /* where nothing is known */
    } rows[] = {
        {"keys", FETCH_OK, 200, s->first.p, ISSUER_KEY},
        {"an error", FETCH_TLS, 0, NULL, ISSUER_UNREACHABLE},
        {"another status", FETCH_OK, 404, s->first.p, ISSUER_UNREACHABLE},
        {"a redirect", FETCH_OK, 302, s->first.p, ISSUER_UNREACHABLE},
        {"no set", FETCH_OK, 200, "<html>", ISSUER_UNREACHABLE},
        {"nothing", FETCH_OK, 200, "", ISSUER_UNREACHABLE},
        {"no keys", FETCH_OK, 200, s->none.p, ISSUER_UNREACHABLE},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct service_kit k;
        struct wanted w;
        open_kit(&k);
        *service_played(&k, PATH) =
            (struct played){.end = PATH, .error = rows[i].error, .status = rows[i].status, .body = rows[i].body};
        want(&k, &w, SPAN(ISSUER), SPAN("k1"));
        turn(&k);
        CHECK(rows[i].name, w.times == 1 && w.answer == rows[i].want);
        service_close(&k);
    }
}

/* --- many, and too many ------------------------------------------------------------------------------------------- */

/* One request for all who wait, each with the answer to his own question. */
static void test_many_wait(void **state)
{
    const struct sets *s = *state;
    static struct wanted w[ISSUER_WAITING_MAX + 1];
    struct service_kit k;
    open_kit(&k);
    service_play(&k, PATH, 200, s->both.p);
    for (size_t i = 0; i < COUNT(w); i++)
        want(&k, &w[i], SPAN(ISSUER), i % 3 == 0 ? SPAN("k1") : i % 3 == 1 ? SPAN("k2") : SPAN("k3"));
    for (size_t i = 0; i + 1 < COUNT(w); i++)
        assert_int_equal(w[i].times, 0);
    assert_int_equal(w[COUNT(w) - 1].times, 1); /* one too many */
    assert_int_equal(w[COUNT(w) - 1].answer, ISSUER_UNREACHABLE);
    turn(&k);
    for (size_t i = 0; i < COUNT(w); i++) {
        assert_int_equal(w[i].times, 1);
        if (i + 1 < COUNT(w))
            assert_int_equal(w[i].answer, i % 3 == 0 ? ISSUER_UNKNOWN : ISSUER_KEY);
    }
    assert_int_equal(k.asked_count, 1);
    want(&k, &w[0], SPAN(ISSUER), SPAN("k1")); /* there is room again */
    assert_int_equal(w[0].times, 0);
    turn(&k);
    assert_int_equal(w[0].times, 1);
    service_close(&k);
}

/* Who comes while others are asked about waits for the same answer. */
static void test_asked_meanwhile(void **state)
{
    const struct sets *s = *state;
    struct service_kit k;
    struct wanted a, b;
    open_kit(&k);
    service_play(&k, PATH, 200, s->first.p);
    want(&k, &a, SPAN(ISSUER), SPAN("k1"));
    turn(&k);
    service_play(&k, PATH, 200, s->both.p);
    want(&k, &a, SPAN(ISSUER), SPAN("k2"));
    want(&k, &b, SPAN(ISSUER), SPAN("k3"));
    assert_int_equal(a.times + b.times, 0);
    turn(&k);
    assert_int_equal(a.answer, ISSUER_KEY);
    assert_int_equal(b.answer, ISSUER_KEY);
    assert_int_equal(a.times + b.times, 2);
    assert_int_equal(k.asked_count, 2);
    service_close(&k);
}

static void test_long_name(void **state)
{
    const struct sets *s = *state;
    static const char kid[257] = "x";
    struct service_kit k;
    struct wanted w;
    open_kit(&k);
    service_play(&k, PATH, 200, s->first.p);
    for (size_t n = 256; n <= 257; n++) {
        want(&k, &w, SPAN(ISSUER), span_make(kid, n));
        assert_int_equal(w.times, n > 256);
        turn(&k);
        assert_int_equal(w.times, 1);
        assert_int_equal(w.answer, ISSUER_UNKNOWN);
    }
    service_close(&k);
}

/* --- whom --------------------------------------------------------------------------------------------------------- */

static void test_whom(void **state)
{
    static const struct {
        const char *issuer, *asked;
    } rows[] = {{"https://a.test", "GET https://a.test" PATH "\n"},
                {"https://a.test/x", "GET https://a.test/x" PATH "\n"},
                {"https://a.test/", "GET https://a.test" PATH "\n"}};
    const struct sets *s = *state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct service_kit k;
        struct wanted w;
        open_kit(&k);
        service_play(&k, PATH, 200, s->first.p);
        want(&k, &w, span_of(rows[i].issuer), SPAN("k1"));
        turn(&k);
        assert_int_equal(w.times, 1);
        assert_int_equal(w.answer, ISSUER_KEY);
        CHECK(rows[i].issuer, span_has_prefix(text_span(&k.asked), span_of(rows[i].asked)));
        service_close(&k);
    }
}

/* Each has keys of his own, and there is an end to how many there are. */
static void test_many_issuers(void **state)
{
    const struct sets *s = *state;
    struct service_kit k;
    struct wanted w;
    open_kit(&k);
    for (unsigned round = 0; round < 2; round++)
        for (unsigned i = 0; i < 17; i++) {
            char issuer[40];
            (void)snprintf(issuer, sizeof(issuer), "https://i%u.test", i);
            service_play(&k, PATH, 200, i % 2 ? s->first.p : s->second.p);
            want(&k, &w, span_of(issuer), i % 2 ? SPAN("k1") : SPAN("k2"));
            assert_int_equal(w.times, round == 1 || i == 16);
            turn(&k);
            assert_int_equal(w.times, 1);
            assert_int_equal(w.answer, i == 16 ? ISSUER_UNREACHABLE : ISSUER_KEY);
        }
    assert_int_equal(k.asked_count, 16);
    service_close(&k);
}

static void test_long_issuer(void **state)
{
    static const size_t lengths[] = {0, 494, 495, 600};
    const struct sets *s = *state;
    static char issuer[600];
    memset(issuer, 'i', sizeof(issuer));
    for (size_t i = 0; i < COUNT(lengths); i++) {
        size_t n = lengths[i];
        struct service_kit k;
        struct wanted w;
        open_kit(&k);
        service_play(&k, PATH, 200, s->first.p);
        want(&k, &w, n ? span_make(issuer, n) : SPAN_NONE, SPAN("k1"));
        turn(&k);
        assert_int_equal(w.times, 1);
        assert_int_equal(w.answer, n == 494 ? ISSUER_KEY : ISSUER_UNREACHABLE);
        assert_int_equal(k.asked_count, n == 494);
        service_close(&k);
    }
}

/* --- what is missing ---------------------------------------------------------------------------------------------- */

static void test_nobody_to_ask_by(void **state)
{
    struct service_kit k;
    struct wanted w;
    (void)state;
    open_kit(&k);
    k.signin->c.fetcher = NULL;
    want(&k, &w, SPAN(ISSUER), SPAN("k1"));
    assert_int_equal(w.times, 1);
    assert_int_equal(w.answer, ISSUER_UNREACHABLE);
    assert_int_equal(k.asked_count, 0);
    service_close(&k);
}

/* Who cannot wait is told so; nobody waits for ever. */
static void test_no_memory(void **state)
{
    const struct sets *s = *state;
    unsigned skip = 0;
    for (bool hit = true; hit; skip++) {
        struct service_kit k;
        struct wanted w;
        open_kit(&k);
        service_play(&k, PATH, 200, s->first.p);
        text_add(&k.asked, span_make(s->both.p, s->both.n)); /* it has all that it needs */
        trial_begin();
        trial_fail(TRIAL_MEMORY, skip);
        want(&k, &w, SPAN(ISSUER), SPAN("k1"));
        hit = trial_was_hit();
        assert_true(w.times == 0 || (hit && w.answer == ISSUER_UNREACHABLE));
        trial_end();
        turn(&k);
        assert_int_equal(w.times, 1);
        want(&k, &w, SPAN(ISSUER), SPAN("k1")); /* nothing has failed yet at theirs */
        turn(&k);
        assert_int_equal(w.times, 1);
        assert_int_equal(w.answer, ISSUER_KEY);
        service_close(&k);
    }
    assert_true(skip > 4); /* the issuer, the request and its message, who waits */
}

/* The service ends while keys are under way, and several wait. */
static void test_ends_meanwhile(void **state)
{
    const struct sets *s = *state;
    struct service_kit k;
    struct wanted w[3];
    open_kit(&k);
    service_play(&k, PATH, 200, s->first.p);
    want(&k, &w[0], SPAN(ISSUER), SPAN("k1"));
    want(&k, &w[1], SPAN(ISSUER), SPAN("k2"));
    want(&k, &w[2], SPAN("https://other.test"), SPAN("k1"));
    signin_free(k.signin);
    assert_int_equal(k.cancelled, 2);
    const struct signin_config c = {.loop = k.base.loop, .store = k.base.store};
    k.signin = signin_new(&c);
    turn(&k);
    assert_int_equal(w[0].times + w[1].times + w[2].times, 0);
    service_close(&k);
    assert_int_equal(k.cancelled, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_when),           cmocka_unit_test(test_no_answer),
        cmocka_unit_test(test_many_wait),      cmocka_unit_test(test_asked_meanwhile),
        cmocka_unit_test(test_long_name),      cmocka_unit_test(test_whom),
        cmocka_unit_test(test_many_issuers),   cmocka_unit_test(test_long_issuer),
        cmocka_unit_test(test_no_memory),      cmocka_unit_test(test_nobody_to_ask_by),
        cmocka_unit_test(test_ends_meanwhile),
    };
    return cmocka_run_group_tests(tests, make_sets, free_sets);
}
