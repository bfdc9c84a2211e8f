/* Any bytes as a rules file: a snapshot comes out exactly when no error was told, and it stands without its bundle. */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/crypto/x509.h"
#include "config/snapshot.h"
#include "must.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);

/* Each https origin reads the authorities that the system trusts, a third of a second under the sanitizers: one will do. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct x509_pair ca;
    char path[40];
    int fd = memfd_create("authority", 0);
    x509_pair_init(&ca);
    MUST(fd >= 0 && res_ok(x509_make_ca(SPAN("fuzz"), &ca)));
    MUST(write(fd, ca.cert.p, ca.cert.n) == (ssize_t)ca.cert.n);
    x509_pair_fini(&ca);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    MUST(setenv("SSL_CERT_FILE", path, 1) == 0);
    return 0;
}

static struct bundle *make_bundle(struct span rules)
{
    static const struct {
        enum blob_kind kind;
        const char *name, *bytes;
    } blobs[] = {{BLOB_OPTION, "mode", "check"},
                 {BLOB_ENV, "A", "some bytes that may be a secret, too"},
                 {BLOB_ENV, "EMPTY", ""},
                 {BLOB_FILE, "a", "u:hash\n"},
                 {BLOB_FILE, "p", "\x89PNG\r\n\x1a\n"}};
    struct bundle *b = bundle_new();

    MUST(b);
    MUST(res_ok(bundle_add(b, BLOB_RULES, SPAN("r.json"), rules)));
    for (size_t i = 0; i < sizeof(blobs) / sizeof(blobs[0]); i++)
        MUST(res_ok(bundle_add(b, blobs[i].kind, span_of(blobs[i].name), span_of(blobs[i].bytes))));
    return b;
}

/* Nobody is let in without a gate, nor the whole world because nothing was said. */
static void check_rule(const struct gate_config *gate, const struct rule_spec *r)
{
    if (r->action != ACTION_ALLOW)
        return;
    MUST(gate);
    MUST(r->who.n > 0 || (!gate->github && !gate->email_pin));
}

static void check_gate(const struct gate_config *g)
{
    MUST(g->basic || g->github || g->email_pin || g->token_count || g->actions);
    MUST(!g->github || g->policy_count == 0 || g->session.sign_in_host.n > 0);
    MUST(!g->actions || g->policy_count == 0 || (g->actions->audience.n > 0 && g->actions->repository_count > 0));
    for (size_t i = 0; i < g->token_count; i++) {
        MUST(g->tokens[i].hash_count > 0);
        for (size_t k = 0; k < g->tokens[i].hash_count; k++)
            MUST(g->tokens[i].hashes[k].n == 32);
    }
}

/* What a bypass opens must be called public: the one promise that no rules text may break. */
static void check_snapshot(const struct snapshot *s)
{
    MUST(s->host_count > 0 && s->listen_count > 0);
    for (size_t i = 0; i < s->gate_count; i++)
        check_gate(&s->gates[i]);
    for (size_t i = 0; i < s->host_count; i++) {
        const struct host_config *h = &s->hosts[i];

        MUST(h->origin && h->policy);
        MUST(h->is_public || !policy_is_open(h->policy));
        for (size_t k = 0; k < policy_rule_count(h->policy); k++)
            check_rule(h->gate, policy_rule_spec(h->policy, k));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bundle *b = make_bundle(span_make(data, size));
    struct diags d;
    struct text out;

    diags_init(&d);
    text_init(&out);
    struct snapshot *s = config_compile(b, &d);

    bundle_free(b);
    MUST((s != NULL) == diags_ok(&d));
    if (s)
        check_snapshot(s);
    diags_print(&d, false, &out);
    for (size_t i = 0; i < out.n; i++)
        MUST((uint8_t)out.p[i] >= 0x20 || out.p[i] == '\n');
    diags_json(&d, &out);
    text_fini(&out);
    snapshot_unref(s);
    diags_fini(&d);
    return 0;
}
