/* Memory ends at each allocation in turn while rules are loaded and compiled: then that is told, and nothing that is half there is ever
 * taken for the whole. */
#include "config/access_keys.h"
#include "kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../base/alloc.h"
#include "base/count.h"
#include "base/crypto/rsa.h"

#define HASH "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* Something of every section. */
static const char rules[] =
    "{'listen':[{'address':'[::]:8080','plain':true}],"
    "'client_address':{'trusted_proxies':['127.0.0.0/8'],'header':'Fly-Client-IP'},"
    "'session':{'domain':'in.example.org','secret':['env:KEY','env:OLD']},"
    "'groups':{'team':['github_org:org','github:me']},"
    "'origins':{'o':{'url':'http://origin.example.org','headers':{'X-Lock':'env:S'}}},"
    "'rulesets':{'r':[{'path':['/docs/*','re:^/v[0-9]+$'],'action':'bypass','methods':['GET']},"
    "{'path':'/*','action':'allow','who':['everyone'],'lifetime':'1h'}]},"
    "'gates':{'g':{'basic':{'realm':'x','users':{'u':'env:S'}},"
    "'github':{'client_id':'id','client_secret':'env:S'},"
    "'email_pin':{'smtp':'smtps://s.example.org','from':'A gate <g@example.org>','username':'u','password':'env:S'},"
    "'service_tokens':{'a':'" HASH "','b':{'id':'x.access','hash':['env:H']}},'service_token_header':'Authorization',"
    "'github_actions':{'repository':'a/b','ref':'refs/heads/main','environment':['e'],'own_preview_only':true},"
    "'share_links':true}},"
    "'pages':{'name':'Example'},'log':{'to':'none'},'limits':{'connections':100},"
    "'hosts':[{'host':'a.in.example.org','origin':'o','gate':'g','access':{'aud':'tag'},"
    "'cors':{'origins':['https://b.example.org']},'rules':[{'path':'/*','action':'allow','who':['team','email:x@y.z'],"
    "'require':['ip:10.0.0.0/8'],'except':['github_team:org/bad']}]},"
    "{'host':'pr-{n:int}.example.org','origin':'o','gate':'g','rules':'r'}],"
    "'expect':[{'request':'GET https://a.in.example.org/','as':'github:me','is':'allow'}]}";

static char *as_json(const char *text)
{
    char *json = strdup(text);
    assert_non_null(json);
    for (char *p = json; *p; p++)
        *p = (char)(*p == '\'' ? '"' : *p);
    return json;
}

/* --- compiling ---------------------------------------------------------------------------------------------------- */

static struct text made_keys(void)
{
    struct access_keys k = {.n = 1, .subject = {1}, .v = {{.made_s = 1}}};
    struct text pem, certificate, out;
    text_init(&pem);
    text_init(&certificate);
    text_init(&out);
    assert_true(res_ok(rsa_make_pem(&pem)));
    struct rsa_key *key = rsa_from_pem(text_span(&pem));
    assert_non_null(key);
    assert_true(res_ok(rsa_certificate_pem(key, SPAN("test"), &certificate)));
    rsa_key_free(key);
    k.v[0].key = text_span(&pem);
    k.v[0].certificate = text_span(&certificate);
    access_keys_write(&k, &out);
    text_fini(&pem);
    text_fini(&certificate);
    assert_false(out.failed);
    return out;
}

static void check_gate(const struct gate_config *g)
{
    assert_non_null(g->basic);
    assert_int_equal(g->session.key_count, 2);
    assert_true(g->github->client_secret.n && g->github->api.n);
    assert_int_equal(g->github->org_count, 1);
    assert_int_equal(g->github->team_count, 1);
    assert_int_equal(g->github->login_count, 1);
    assert_true(g->email_pin->from_address.n && g->email_pin->password.n);
    assert_int_equal(g->token_count, 2);
    for (size_t i = 0; i < g->token_count; i++)
        assert_int_equal(g->tokens[i].hashes[0].n, 32);
    assert_true(g->actions->repository_count == 1 && g->actions->ref_count == 1 && g->actions->environment_count == 1);
    assert_true(g->actions->audience.n && g->actions->own_preview_only);
    assert_int_equal(g->policy_count, 2);
    assert_string_equal((const char *)g->session.sign_in_host.p, "a.in.example.org");
}

static void check_whole(const struct snapshot *s)
{
    assert_int_equal(s->gate_count, 1);
    check_gate(&s->gates[0]);
    assert_non_null(s->access.key);
    assert_true(s->access.kid.n && span_find(s->access.certs, '{') < s->access.certs.n);
    assert_int_equal(s->pattern_count, 2);
    for (size_t i = 0; i < 2; i++)
        assert_true(s->hosts[i].policy && s->hosts[i].origin && s->hosts[i].access_aud.n);
    assert_int_equal(s->hosts[0].cors_origin_count, 1);
    assert_int_equal(s->origins[0].header_count, 1);
    assert_int_equal(s->expect_count, 1);
    assert_int_equal(s->pages.name.n, 7);
}

/* False: memory did not end. */
static bool compile_with(const struct bundle *b, void (*end)(long allowed), long allowed)
{
    struct diags d;
    diags_init(&d);
    end(allowed);
    struct snapshot *s = config_compile(b, &d);
    bool ended = alloc_refused() > 0;
    alloc_fail_never();
    assert_true((s != NULL) == diags_ok(&d));
    if (s)
        check_whole(s);
    else if (!ended)
        fail_msg("%s", kit_messages(&d));
    snapshot_unref(s);
    diags_fini(&d);
    return ended;
}

static void test_compiling(void **state)
{
    static void (*const kinds[])(long allowed) = {alloc_fail_one, alloc_fail_after};
    char *json = as_json(rules);
    struct text keys = made_keys();
    const struct kit_blob blobs[] = {{BLOB_RULES, "rules/test.json", json},
                                     {BLOB_ENV, "S", "the-secret"},
                                     {BLOB_ENV, "H", HASH},
                                     {BLOB_ENV, "KEY", "0123456789abcdef0123456789abcdef"},
                                     {BLOB_ENV, "OLD", "fedcba9876543210fedcba9876543210"},
                                     {BLOB_OPTION, "mode", "serve"},
                                     {BLOB_OPTION, "state", "/state"},
                                     {BLOB_STATE, ACCESS_KEYS_FILE, keys.p},
                                     {0, NULL, NULL}};
    struct bundle *b = kit_bundle(blobs);
    for (size_t i = 0; i < COUNT(kinds); i++) {
        long allowed = 0;
        while (compile_with(b, kinds[i], allowed))
            allowed++;
        assert_true(allowed > 50);
    }
    bundle_free(b);
    text_fini(&keys);
    free(json);
}

/* --- reading what lies on the disk -------------------------------------------------------------------------------- */

#define PATH 512

struct place_of_test {
    char dir[PATH], rules[PATH + 20], keys[PATH + 20];
};

static int set_up(void **state)
{
    struct place_of_test *t = calloc(1, sizeof(*t));
    assert_non_null(t);
    (void)snprintf(t->dir, sizeof(t->dir), "%s/tiergate-memory-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    assert_non_null(mkdtemp(t->dir)); /* mode 0700, as the state folder */
    (void)snprintf(t->rules, sizeof(t->rules), "%s/rules.json", t->dir);
    (void)snprintf(t->keys, sizeof(t->keys), "%s/" ACCESS_KEYS_FILE, t->dir);
    *state = t;
    return 0;
}

static int tear_down(void **state)
{
    struct place_of_test *t = *state;
    char key[PATH + 20];
    (void)snprintf(key, sizeof(key), "%s/session.key",
                   t->dir); /* made where the rules, which have their own, could not be read */
    (void)unlink(key);
    (void)unlink(t->rules);
    (void)unlink(t->keys);
    int r = rmdir(t->dir); /* nothing else was left there */
    free(t);
    return r;
}

static void put(const char *path, const char *text)
{
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

/* False: memory did not end. */
static bool load_with(const struct place_of_test *t, void (*end)(long allowed), long allowed)
{
    const char *paths[] = {t->rules};
    const struct load_request q = {.paths = paths, .path_count = 1, .state_dir = t->dir, .mode = LOAD_SERVE};
    struct diags d;
    struct span found;
    diags_init(&d);
    end(allowed);
    struct bundle *b = config_load(&q, &d);
    bool ended = alloc_refused() > 0;
    alloc_fail_never();
    assert_true(b || !diags_ok(&d));
    if (diags_ok(&d)) {
        assert_int_equal(bundle_count(b), 4 + 4); /* rules, keys, what the command line said; secrets */
        assert_true(bundle_find(b, BLOB_STATE, SPAN(ACCESS_KEYS_FILE), &found) && found.n > 1000);
    } else if (!ended) {
        fail_msg("%s", kit_messages(&d));
    }
    bundle_free(b);
    diags_fini(&d);
    return ended;
}

static void test_loading(void **state)
{
    static void (*const kinds[])(long allowed) = {alloc_fail_one, alloc_fail_after};
    const struct place_of_test *t = *state;
    char *json = as_json(rules);
    struct file_bytes f;
    put(t->rules, json);
    assert_int_equal(setenv("S", "the-secret", 1) | setenv("H", HASH, 1), 0);
    assert_int_equal(setenv("KEY", "0123456789abcdef0123456789abcdef", 1), 0);
    assert_int_equal(setenv("OLD", "fedcba9876543210fedcba9876543210", 1), 0);
    assert_null(access_keys_load(t->dir, 1800000000, &f));
    load_file_fini(&f);
    for (size_t i = 0; i < COUNT(kinds); i++) {
        long allowed = 0;
        while (load_with(t, kinds[i], allowed))
            allowed++;
        assert_true(allowed > 20);
    }
    free(json);
}

static void check_keys(const struct place_of_test *t, const char *problem, const struct file_bytes *f)
{
    struct access_keys k;
    struct json_doc *doc = NULL;
    struct file_bytes on_disk;
    if (!problem) {
        assert_true(access_keys_read(span_make(f->p, f->n), &k, &doc));
        json_free(doc);
    }
    if (access(t->keys, F_OK) != 0)
        return;
    assert_null(load_file_read(t->keys, 65536, &on_disk)); /* whole, whoever was told what */
    assert_true(access_keys_read(span_make(on_disk.p, on_disk.n), &k, &doc));
    json_free(doc);
    load_file_fini(&on_disk);
}

static void test_making_keys(void **state)
{
    static void (*const kinds[])(long allowed) = {alloc_fail_one, alloc_fail_after};
    const struct place_of_test *t = *state;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        bool ended = true;
        long allowed = 0;
        for (; ended; allowed++) {
            struct file_bytes f;
            (void)unlink(t->keys);
            kinds[i](allowed);
            const char *problem = access_keys_load(t->dir, 1800000000, &f);
            ended = alloc_refused() > 0;
            alloc_fail_never();
            assert_true(ended || !problem);
            check_keys(t, problem, &f);
            load_file_fini(&f);
        }
        assert_true(allowed > 5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compiling),
        cmocka_unit_test_setup_teardown(test_loading, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_making_keys, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
