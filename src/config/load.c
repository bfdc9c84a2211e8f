#include "config/load.h"

#include "base/clock.h"
#include "base/crypto/mac.h"
#include "base/crypto/random.h"
#include "config/access_keys.h"
#include "config/load_file.h"
#include "config/raw.h"
#include "config/reader.h"
#include "config/references.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define RULES_MAX ((size_t)4 << 20)
#define SECRET_MAX ((size_t)64 << 10)
#define FILE_MAX ((size_t)4 << 20)

struct loader {
    const struct load_request *q;
    struct bundle *bundle;
    struct diags *d;
    struct slab slab;
    struct arena arena;
    bool has_session_secret; /* at the top of some file */
    bool has_gates;
    bool failed; /* no memory */
};

static void add(struct loader *l, enum blob_kind kind, struct span name, struct span bytes)
{
    struct res r = bundle_add(l->bundle, kind, name, bytes);

    if (!res_ok(r))
        diags_addf(l->d, DIAG_ERROR, NULL, 0, NULL, "%.*s: %s", SPAN_ARG(name), r.err);
}

/* --- rules files -------------------------------------------------------------------------------------------------- */

static void load_rules_file(struct loader *l, const char *path)
{
    struct file_bytes f;
    struct span have;
    const char *problem;

    if (bundle_find(l->bundle, BLOB_RULES, span_of(path), &have)) {
        diags_addf(l->d, DIAG_ERROR, path, 0, NULL, "is named twice");
        return;
    }
    problem = load_file_read(path, RULES_MAX, &f);
    if (problem) {
        diags_addf(l->d, DIAG_ERROR, path, 0, NULL, "cannot be read: %s", problem);
        return;
    }
    add(l, BLOB_RULES, span_of(path), span_make(f.p, f.n));
    load_file_fini(&f);
}

/* The schema that stands beside the rules, and what editors leave behind, is no rules file. */
static int is_rules_name(const struct dirent *e)
{
    struct span name = span_of(e->d_name);

    return name.p[0] != '.' && span_has_suffix(name, SPAN(".json")) && !span_has_suffix(name, SPAN(".schema.json"));
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void load_folder(struct loader *l, const char *path)
{
    struct dirent **names = NULL;
    int n = scandir(path, &names, is_rules_name, by_name);
    size_t length = strlen(path);
    const char *slash = length && path[length - 1] == '/' ? "" : "/";

    if (n < 0) {
        const char *why = strerrordesc_np(errno);

        diags_addf(l->d, DIAG_ERROR, path, 0, NULL, "cannot be read: %s", why ? why : "unknown error");
        return;
    }
    if (n == 0)
        diags_addf(l->d, DIAG_ERROR, path, 0, NULL, "holds no *.json file (*.schema.json does not count)");
    for (int i = 0; i < n; i++) {
        struct span file = arena_printf(&l->arena, "%s%s%s", path, slash, names[i]->d_name);

        if (file.p)
            load_rules_file(l, (const char *)file.p);
        else
            l->failed = true;
        free(names[i]);
    }
    free(names);
}

static void load_path(struct loader *l, const char *path)
{
    struct stat st;

    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        load_folder(l, path);
    else
        load_rules_file(l, path);
}

/* --- what they name ----------------------------------------------------------------------------------------------- */

/* Bad once: the same name further down is not told again. */
static bool was_told(const struct loader *l, const char *message)
{
    for (size_t i = 0; i < l->d->n; i++)
        if (strcmp(l->d->v[i].message, message) == 0)
            return true;
    return false;
}

static void missing(struct loader *l, struct place at, struct span message)
{
    bool check = l->q->mode == LOAD_CHECK;

    if (!message.p) {
        l->failed = true;
        return;
    }
    if (was_told(l, (const char *)message.p))
        return;
    if (check)
        place_warning(l->d, at, "%.*s", SPAN_ARG(message));
    else
        place_error(l->d, at, "%.*s", SPAN_ARG(message));
}

static void load_variable(struct loader *l, const struct secret_field *f)
{
    struct span have;
    const char *value = f->name.p ? getenv((const char *)f->name.p) : NULL;

    if (bundle_find(l->bundle, BLOB_ENV, f->name, &have))
        return;
    if (value)
        add(l, BLOB_ENV, f->name, span_of(value));
    else
        missing(l, f->f.at, arena_printf(&l->arena, "the environment variable %.*s is not set", SPAN_ARG(f->name)));
}

static void load_named_file(struct loader *l, struct place at, struct span name, size_t max)
{
    struct file_bytes f;
    struct span have;

    if (!name.p) {
        l->failed = true;
        return;
    }
    if (bundle_find(l->bundle, BLOB_FILE, name, &have))
        return;
    const char *problem = load_file_read((const char *)name.p, max, &f);

    if (problem) {
        missing(l, at, arena_printf(&l->arena, "the file %.*s cannot be read: %s", SPAN_ARG(name), problem));
        return;
    }
    add(l, BLOB_FILE, name, span_make(f.p, f.n));
    load_file_fini(&f);
}

/* What is malformed is told by config_compile. */
static void on_secret(void *arg, struct secret_field *f, struct span written)
{
    struct loader *l = arg;
    const char *why;

    if (!reference_parse(&l->arena, written, f, &why))
        return;
    if (f->kind == REFERENCE_ENV)
        load_variable(l, f);
    else if (f->kind == REFERENCE_FILE)
        load_named_file(l, f->f.at, f->name, SECRET_MAX);
}

static void on_file(void *arg, struct file_field *f, struct span written)
{
    struct loader *l = arg;

    if (written.n)
        load_named_file(l, f->f.at, reader_resolve(&l->arena, f->f.at.file, written), FILE_MAX);
}

static void load_references(struct loader *l, struct span name, struct span text)
{
    struct reader r = {.arena = &l->arena, .references = {on_secret, on_file, l}};
    struct json_error err;
    struct json_doc *doc = json_parse(text, &err);
    struct span file = arena_printf(&l->arena, "%.*s", SPAN_ARG(name));
    struct raw_root *root = file.p ? reader_new_object(&r, &section_root, (struct place){0}) : NULL;

    if (doc && root) {
        r.file = (const char *)file.p;
        reader_read_root(&r, json_root(doc), root);
        const struct raw_session *session = root->session.v;

        l->has_session_secret |= session && session->secret.f.given;
        l->has_gates |= root->gates.n > 0;
    }
    l->failed |= !root || r.failed || (!doc && err.no_memory); /* else compiling tells what is no JSON */
    json_free(doc);
}

/* Adding a blob may move the bundle's bytes, so the text is copied first. */
static void load_all_references(struct loader *l)
{
    size_t n = bundle_count(l->bundle);

    for (size_t i = 0; i < n; i++) {
        enum blob_kind kind;
        struct span name, text;

        bundle_at(l->bundle, i, &kind, &name, &text);
        if (kind != BLOB_RULES)
            continue;
        name = arena_copy(&l->arena, name);
        text = arena_copy(&l->arena, text);
        if (name.p && text.p)
            load_references(l, name, text);
        else
            l->failed = true;
    }
}

/* --- the rest ----------------------------------------------------------------------------------------------------- */

/* `check` makes and needs none; without a state directory one serves this run alone. */
static void load_key(struct loader *l)
{
    uint8_t key[32];
    bool keep = l->q->mode != LOAD_CHECK && l->q->state_dir;
    const char *problem = NULL;

    if (l->has_session_secret)
        return;
    if (keep)
        problem = load_session_key(l->q->state_dir, l->q->mode == LOAD_SERVE, key);
    else if (!res_ok(random_bytes(key, sizeof(key))))
        problem = "no random bytes";
    if (problem)
        diags_addf(l->d, DIAG_ERROR, l->q->state_dir, 0, NULL,
                   "session.key in this state folder: %s; or write \"session\": {\"secret\": \"env:NAME\"}", problem);
    else
        add(l, BLOB_STATE, SPAN("session.key"), span_make(key, sizeof(key)));
    wipe(key, sizeof(key));
}

/* Without a state folder there are none: keys that are others after each start would make origins refuse what is good. */
static void load_access_keys(struct loader *l)
{
    struct file_bytes f;

    if (!l->has_gates || !l->q->state_dir || l->q->mode != LOAD_SERVE)
        return;
    const char *problem = access_keys_load(l->q->state_dir, clock_wall_s(), &f);

    if (problem)
        diags_addf(l->d, DIAG_ERROR, l->q->state_dir, 0, NULL, ACCESS_KEYS_FILE " in this state folder: %s", problem);
    else
        add(l, BLOB_STATE, SPAN(ACCESS_KEYS_FILE), span_make(f.p, f.n));
    load_file_fini(&f);
}

static void run(struct loader *l)
{
    static const struct span modes[] = {[LOAD_SERVE] = {(const uint8_t *)"serve", 5},
                                        [LOAD_CHECK] = {(const uint8_t *)"check", 5},
                                        [LOAD_DEPLOY] = {(const uint8_t *)"deploy", 6}};

    add(l, BLOB_OPTION, SPAN("mode"), modes[l->q->mode]);
    if (l->q->state_dir)
        add(l, BLOB_OPTION, SPAN("state"), span_of(l->q->state_dir));
    for (size_t i = 0; i < l->q->path_count; i++)
        load_path(l, l->q->paths[i]);
    load_all_references(l);
    if (l->failed) /* nor is it known then whether a key is to be made */
        return;
    load_key(l);
    load_access_keys(l);
}

struct bundle *config_load(const struct load_request *q, struct diags *d)
{
    struct loader l = {.q = q, .d = d, .bundle = bundle_new()};

    if (!l.bundle) {
        diags_addf(d, DIAG_ERROR, NULL, 0, NULL, "out of memory");
        return NULL;
    }
    slab_init(&l.slab, 16384, 0);
    arena_init(&l.arena, &l.slab);
    run(&l);
    if (l.failed)
        diags_addf(d, DIAG_ERROR, NULL, 0, NULL, "out of memory");
    arena_fini(&l.arena);
    slab_fini(&l.slab);
    return l.bundle;
}
