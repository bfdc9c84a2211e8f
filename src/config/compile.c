/* bundle → snapshot. Pure: nothing is read but the bundle (and the clock, for dates of certificates). */
#include "config/build.h"

#include "base/count.h"
#include "base/crypto/mac.h"
#include "config/merge.h"
#include "config/references.h"

#include <stdlib.h>

static void on_secret(void *arg, struct secret_field *f, struct span written)
{
    references_of_build(arg, f, written);
}

static void on_file(void *arg, struct file_field *f, struct span written)
{
    references_file_of_build(arg, f, written);
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

static void read_file(struct build *b, struct reader *r, struct span name, struct span text)
{
    struct json_error err;
    struct place at = {(const char *)build_copy(b, name).p, 0, ""};
    struct json_doc *doc = json_parse(text, &err);

    if (!doc && err.no_memory) {
        b->failed = true;
        return;
    }
    if (!doc) {
        at.line = err.line;
        place_error(b->d, at, "not JSON (column %u): %s", err.column, err.message);
        b->unread = true;
        return;
    }
    r->file = at.file;
    void *root = at.file ? reader_new_object(r, &section_root, at) : NULL;

    if (root) {
        reader_read_root(r, json_root(doc), root);
        if (b->raw->e.at.file)
            merge_roots(r, b->raw, root);
        else
            memcpy(b->raw, root, section_root.size);
    }
    json_free(doc);
}

static void read_all(struct build *b)
{
    struct reader r = {.arena = b->arena, .d = b->d, .references = {on_secret, on_file, b}};
    size_t files = 0;

    for (size_t i = 0; i < bundle_count(b->bundle); i++) {
        enum blob_kind kind;
        struct span name, text;

        bundle_at(b->bundle, i, &kind, &name, &text);
        if (kind != BLOB_RULES)
            continue;
        files++;
        read_file(b, &r, name, text);
    }
    if (!files && diags_ok(b->d))
        place_error(b->d, (struct place){0}, "there is no rules file");
    b->failed |= r.failed;
}

/* --- the steps ---------------------------------------------------------------------------------------------------- */

/* In this order: later ones look at what earlier ones made. */
static void (*const steps[])(struct build *b) = {
    build_limits,  build_log,    build_pages,    build_client_address, build_listen,  build_gates,
    build_origins, build_groups, build_rulesets, build_hosts,          build_circles, build_ways,
    build_expect,  build_lint,   build_tls,      build_access_keys,
};

static void wipe_gates(const void *p)
{
    const struct snapshot *s = p;

    for (size_t i = 0; i < s->gate_count; i++) {
        struct session_config *session = (struct session_config *)(uintptr_t)&s->gates[i].session;

        wipe(session->keys, sizeof(session->keys));
    }
}

static bool prepare(struct build *b)
{
    struct span mode;

    b->arena = &b->mem->arena;
    bool has_mode = bundle_find(b->bundle, BLOB_OPTION, SPAN("mode"), &mode);

    b->check = has_mode && span_eq(mode, SPAN("check"));
    b->serves = !has_mode || span_eq(mode, SPAN("serve"));
    b->raw = build_alloc(b, 1, sizeof(*b->raw));
    b->snapshot->memory = b->mem;
    atomic_init(&b->snapshot->refs, 1);
    return b->raw && config_memory_defer(b->mem, wipe_gates, b->snapshot);
}

static void run(struct build *b)
{
    read_all(b);
    /* What else is wrong cannot be told while a part of the whole is unknown. */
    if (b->unread || !b->raw->e.at.file)
        return;
    b->snapshot->tier = b->raw->tier.v;
    for (size_t i = 0; i < COUNT(steps) && !b->failed; i++)
        steps[i](b);
}

static void drop(struct snapshot *s, struct config_memory *mem)
{
    config_memory_free(mem);
    free(s);
}

struct snapshot *config_compile(const struct bundle *bundle, struct diags *d)
{
    struct build b = {.bundle = bundle, .d = d, .mem = config_memory_new(), .snapshot = calloc(1, sizeof(*b.snapshot))};

    if (!b.mem || !b.snapshot || !prepare(&b))
        b.failed = true;
    else
        run(&b);
    if (b.failed)
        diags_addf(d, DIAG_ERROR, NULL, 0, NULL, "out of memory");
    if (diags_ok(d))
        return b.snapshot;
    drop(b.snapshot, b.mem);
    return NULL;
}
