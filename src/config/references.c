#include "config/references.h"

#include "config/build.h"

#define ENV SPAN("env:")
#define FILE_ SPAN("file:")

static bool is_variable(struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = ascii_lower(s.p[i]);

        if (!(c == '_' || (c >= 'a' && c <= 'z') || (i && c >= '0' && c <= '9')))
            return false;
    }
    return s.n > 0;
}

bool reference_parse(struct arena *a, struct span written, struct secret_field *f, const char **why)
{
    if (span_has_prefix(written, ENV)) {
        f->kind = REFERENCE_ENV;
        f->name = arena_printf(a, "%.*s", SPAN_ARG(span_from(written, ENV.n)));
        *why = "write the name of a variable behind env: letters, digits and '_', no digit first";
        return is_variable(span_from(written, ENV.n));
    }
    if (span_has_prefix(written, FILE_)) {
        f->kind = REFERENCE_FILE;
        f->name = reader_resolve(a, f->f.at.file, span_from(written, FILE_.n));
        *why = "write the path of a file behind file:";
        return written.n > FILE_.n;
    }
    f->kind = REFERENCE_LITERAL;
    *why = "the secret is empty: write \"env:NAME\" or \"file:PATH\"";
    return written.n > 0;
}

struct span reference_trim(struct span s)
{
    if (s.n && s.p[s.n - 1] == '\n')
        s.n--;
    if (s.n && s.p[s.n - 1] == '\r')
        s.n--;
    return s;
}

static void literal(struct build *b, struct secret_field *f, struct span written)
{
    f->v = build_secret(b, written);
    if (f->plain)
        return;
    place_warning(b->d, f->f.at,
                  "a secret stands in the rules file itself: write \"env:NAME\" or \"file:PATH\" instead");
}

/* The loader has said what it could not read; this is for bundles whose loader was not asked. */
static void missing(struct build *b, struct place at, struct span name, const char *what)
{
    if (!b->check && !diags_mentions(b->d, (const char *)name.p))
        place_error(b->d, at, "the %s %.*s is missing", what, SPAN_ARG(name));
}

void references_of_build(struct build *b, struct secret_field *f, struct span written)
{
    const char *why;
    struct span bytes;

    if (!reference_parse(b->arena, written, f, &why)) {
        place_error(b->d, f->f.at, "%s", why);
        return;
    }
    if (f->kind == REFERENCE_LITERAL) {
        literal(b, f, written);
        return;
    }
    if (!f->name.p) {
        b->failed = true;
        return;
    }
    bool env = f->kind == REFERENCE_ENV;

    if (!bundle_find(b->bundle, env ? BLOB_ENV : BLOB_FILE, f->name, &bytes)) {
        missing(b, f->f.at, f->name, env ? "environment variable" : "file");
        return;
    }
    f->v = env ? bytes : reference_trim(bytes);
    if (!f->v.n)
        place_error(b->d, f->f.at, "the %s %.*s is empty: a secret must not be", env ? "environment variable" : "file",
                    SPAN_ARG(f->name));
}

void references_file_of_build(struct build *b, struct file_field *f, struct span written)
{
    f->missing = true;
    if (!written.n) {
        place_error(b->d, f->f.at, "the path is empty: write the path of a file, relative to the rules file");
        return;
    }
    f->name = reader_resolve(b->arena, f->f.at.file, written);
    if (!f->name.p) {
        b->failed = true;
        return;
    }
    f->missing = !bundle_find(b->bundle, BLOB_FILE, f->name, &f->v);
    if (f->missing)
        missing(b, f->f.at, f->name, "file");
}
