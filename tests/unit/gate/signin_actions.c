/* A job's token, while the rules change under it. */
#include "signin_kit.h"

#include "base/clock.h"
#include "base/count.h"
#include "base/crypto/base64.h"
#include "base/crypto/rsa.h"
#include "gate/jwks.h"

static const struct selector jobs[] = {{.kind = SEL_ACTIONS, .subject = {(const uint8_t *)"acme/shop", 9}}};
static const struct span repositories[] = {{(const uint8_t *)"acme/shop", 9}};

static void add64(struct text *t, struct span s)
{
    char room[1000];
    assert_true(BASE64_SIZE(s.n) < sizeof(room));
    text_add(t, span_make(room, base64url_encode(s, room)));
}

/* Of the issuer "https://new.test", whoever signed it. */
static void make_token(struct text *out, const struct rsa_key *k)
{
    uint8_t signature[RSA_SIGNATURE];
    size_t n;
    struct text claims;
    long long now = clock_wall_s();
    text_init(&claims);
    text_init(out);
    text_addf(&claims,
              "{\"iss\":\"https://new.test\",\"aud\":\"https://us.test\",\"exp\":%lld,\"nbf\":%lld,\"iat\":%lld,"
              "\"jti\":\"one\",\"repository\":\"acme/shop\",\"ref\":\"refs/heads/main\"}",
              now + 300, now, now);
    add64(out, SPAN("{\"alg\":\"RS256\",\"kid\":\"k1\",\"typ\":\"JWT\"}"));
    text_add(out, SPAN("."));
    add64(out, text_span(&claims));
    assert_true(res_ok(rsa_sign(k, text_span(out), signature, sizeof(signature), &n)));
    text_add(out, SPAN("."));
    add64(out, span_make(signature, n));
    text_fini(&claims);
}

/* Asked while the gate believes `asked`; it believes the new one when the keys come. */
static struct answered ask(struct service_kit *k, const char *asked, const struct rsa_key *key)
{
    struct actions_config a = {.issuer = span_of(asked),
                               .audience = SPAN("https://us.test"),
                               .repositories = repositories,
                               .repository_count = COUNT(repositories),
                               .lifetime_s = 600};
    struct text token, set;
    struct answered out;
    make_token(&token, key);
    text_init(&set);
    text_add(&set, SPAN("{\"keys\":["));
    jwks_add(&set, key, SPAN("k1"));
    text_add(&set, SPAN("]}"));
    k->fixture.gate.actions = &a;
    service_play(k, "/.well-known/jwks", 200, set.p);
    const struct signin_question q = {
        .kind = SIGNIN_ACTIONS, .gate = SPAN("g"), .host = SPAN("stg.app.test"), .code = text_span(&token)};
    service_ask(k, &q, &out);
    for (unsigned i = 0; i < 1000 && k->asked_count == 0; i++)
        kit_idle(&k->base, 0);
    a.issuer = SPAN("https://new.test");
    service_wait(k, &out, 1);
    text_fini(&token);
    text_fini(&set);
    return out;
}

/* Keys of an issuer that is believed no more say nothing about the tokens of the one that is. */
static void test_issuer_changes(void **state)
{
    struct text pem;
    (void)state;
    text_init(&pem);
    assert_true(res_ok(rsa_make_pem(&pem)));
    struct rsa_key *key = rsa_from_pem(text_span(&pem));
    assert_non_null(key);
    for (int changes = 0; changes < 2; changes++) {
        struct service_kit k;
        service_open(&k, jobs, COUNT(jobs));
        struct answered a = ask(&k, changes ? "https://old.test" : "https://new.test", key);
        assert_int_equal(a.outcome, changes ? SIGNIN_WRONG : SIGNIN_OK);
        service_close(&k);
    }
    rsa_key_free(key);
    text_fini(&pem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_issuer_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
