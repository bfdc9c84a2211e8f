/* Any bytes where a service token may stand. The first byte chooses: 0: the value of Authorization at a gate that takes tokens there as JSON; else a
 * target that may hold the bypass secret. Nobody is taken for a token without its secret, and a cleaned address is the same but for
 * two parameters. */
#include "base/crypto/mac.h"
#include "base/json.h"
#include "gate/service_token.h"
#include "must.h"

#define SECRET "s"
#define BYPASS "x-vercel-protection-bypass="
#define COOKIE "x-vercel-set-bypass-cookie"

struct fixture {
    uint8_t sum[32];
    struct span hash;
    struct service_token token;
    struct gate_config gate;
    struct slab blocks;
    struct arena arena;
    struct http_request request;
};

static void begin(struct fixture *f)
{
    *f = (struct fixture){.token = {.name = SPAN("ci"), .client_id = SPAN("c"), .hash_count = 1}};
    MUST(res_ok(sha256(SPAN(SECRET), f->sum)));
    f->hash = span_make(f->sum, sizeof f->sum);
    f->token.hashes = &f->hash;
    f->gate = (struct gate_config){.tokens = &f->token, .token_count = 1, .token_in_authorization = true};
    slab_init(&f->blocks, 4096, 4);
    arena_init(&f->arena, &f->blocks);
    MUST(headers_init(&f->request.headers, &f->arena, 4));
}

static void end(struct fixture *f)
{
    arena_fini(&f->arena);
    slab_fini(&f->blocks);
}

static bool says_all(struct span value)
{
    struct json_error err;
    struct json_doc *doc = json_parse(value, &err);
    const struct json_value *root = doc ? json_root(doc) : NULL;
    bool all = span_eq(json_as_string(json_get(root, "cf-access-client-id")), SPAN("c")) &&
               span_eq(json_as_string(json_get(root, "cf-access-client-secret")), SPAN(SECRET));
    json_free(doc);
    return all;
}

static void check_json(struct fixture *f, struct span value)
{
    struct headers *h = &f->request.headers;
    MUST(headers_add(h, &f->arena, SPAN("Authorization"), value));
    bool is_json = service_token_is_json(&f->gate, value);
    const struct service_token *t = service_token_check(&f->gate, h);
    MUST(service_token_is_there(&f->gate, h) == is_json);
    MUST(is_json == (span_trim(value).n > 0 && span_trim(value).p[0] == '{'));
    MUST((t == &f->token) == (is_json && span_trim(value).n <= 1024 && says_all(span_trim(value))));
    f->gate.token_in_authorization = false;
    MUST(!service_token_is_there(&f->gate, h) && !service_token_check(&f->gate, h));
}

/* How often the name stands as a parameter: written anew, with other means than the code has. */
static unsigned count_of(const char *target, const char *name)
{
    unsigned count = 0;
    size_t n = strlen(name);
    const char *at = strchr(target, '?');
    for (; at; at = strchr(at + 1, '&'))
        count += strncmp(at + 1, name, n) == 0 && strchr("=&", at[1 + n]);
    return count;
}

static void check_target(struct fixture *f, struct span bytes)
{
    char *target = (char *)arena_zalloc(&f->arena, bytes.n + 1);
    struct bypass b;
    MUST(target);
    memcpy(target, bytes.p, bytes.n);
    size_t n = strlen(target); /* no NUL comes through the parser of heads, and nothing without a slash */
    if (target[0] != '/')
        return;
    f->request.path_query = span_make(target, n);
    MUST(bypass_find(&f->gate, &f->request, &f->arena, &b));
    unsigned secrets = count_of(target, "x-vercel-protection-bypass"), cookies = count_of(target, COOKIE);
    bool has = strstr(target, "?" BYPASS SECRET "&") || strstr(target, "&" BYPASS SECRET "&") ||
               (n > sizeof(BYPASS SECRET) && strcmp(target + n - strlen(BYPASS SECRET), BYPASS SECRET) == 0);
    MUST(!b.token || (secrets == 1 && has));
    MUST(b.wants == BYPASS_COOKIE_NONE || (secrets > 0 && cookies == 1));
    MUST((b.clean_target.n > 0) == (b.wants != BYPASS_COOKIE_NONE));
    struct span clean = bypass_clean(f->request.path_query, &f->arena);
    MUST(clean.p && clean.n <= n && (clean.p == (uint8_t *)target) == (secrets + cookies == 0));
    MUST(span_eq(bypass_clean(clean, &f->arena), clean));
    char *text = (char *)arena_zalloc(&f->arena, clean.n + 1);
    MUST(text);
    memcpy(text, clean.p, clean.n);
    MUST(count_of(text, "x-vercel-protection-bypass") == 0 && count_of(text, COOKIE) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fixture f;
    if (size == 0 || size > 4000)
        return 0;
    begin(&f);
    uint8_t *exact = malloc(size); /* so that a byte too far is seen */
    MUST(exact);
    memcpy(exact, data + 1, size - 1);
    if (data[0] == 0)
        check_json(&f, span_make(exact, size - 1));
    else
        check_target(&f, span_make(exact, size - 1));
    free(exact);
    end(&f);
    return 0;
}
