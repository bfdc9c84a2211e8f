#include "config/diag.h"

#include <stdarg.h>
#include <stdlib.h>

void diags_init(struct diags *d)
{
    *d = (struct diags){0};
}

static void entry_fini(struct diag *e)
{
    free(e->file);
    free(e->path);
    free(e->message);
}

void diags_fini(struct diags *d)
{
    for (size_t i = 0; i < d->n; i++)
        entry_fini(&d->v[i]);
    free(d->v);
    diags_init(d);
}

static void lost(struct diags *d)
{
    d->failed = true;
    d->errors++;
}

static bool grow(struct diags *d)
{
    if (d->n < d->cap)
        return true;
    size_t cap = d->cap ? d->cap * 2 : 16;
    struct diag *v = realloc(d->v, cap * sizeof(*v));

    if (!v)
        return false;
    d->v = v;
    d->cap = cap;
    return true;
}

static char *copy_or_null(const char *s)
{
    return s ? strdup(s) : NULL;
}

void diags_addf(struct diags *d, enum diag_level level, const char *file, unsigned line, const char *path,
                const char *format, ...)
{
    struct diag e = {.level = level, .file = copy_or_null(file), .line = line, .path = copy_or_null(path)};
    va_list ap;

    va_start(ap, format);
    int n = vasprintf(&e.message, format, ap);

    va_end(ap);
    if (n < 0)
        e.message = NULL;
    if (!e.message || (file && !e.file) || (path && !e.path) || !grow(d)) {
        entry_fini(&e);
        lost(d);
        return;
    }
    d->v[d->n++] = e;
    if (level == DIAG_ERROR)
        d->errors++;
    else
        d->warnings++;
}

bool diags_ok(const struct diags *d)
{
    return !d->failed && d->errors == 0;
}

bool diags_mentions(const struct diags *d, const char *words)
{
    for (size_t i = 0; i < d->n; i++)
        if (d->v[i].level == DIAG_ERROR && strstr(d->v[i].message, words))
            return true;
    return false;
}

/* Texts of the rules file come back in messages: a control byte in them must not reach a terminal. U+0080–U+009F are
 * controls, too. */
static void add_safe(struct text *out, const char *s)
{
    for (const uint8_t *p = (const uint8_t *)s; *p; p++) {
        if (*p < 0x20 || *p == 0x7f)
            text_addf(out, "\\x%02x", *p);
        else if (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0)
            text_addf(out, "\\x%02x", *++p);
        else
            text_add(out, span_make(p, 1));
    }
}

static void print_one(const struct diag *e, bool colour, struct text *out)
{
    bool error = e->level == DIAG_ERROR;

    if (e->file) {
        add_safe(out, e->file);
        if (e->line)
            text_addf(out, ":%u", e->line);
        text_addf(out, ": ");
    }
    text_addf(out, "%s%s:%s ", colour ? error ? "\033[31m" : "\033[33m" : "", error ? "error" : "warning",
              colour ? "\033[0m" : "");
    if (e->path && *e->path) {
        add_safe(out, e->path);
        text_addf(out, ": ");
    }
    add_safe(out, e->message);
    text_addf(out, "\n");
}

static void print_level(const struct diags *d, enum diag_level level, bool colour, struct text *out)
{
    for (size_t i = 0; i < d->n; i++)
        if (d->v[i].level == level)
            print_one(&d->v[i], colour, out);
}

void diags_print(const struct diags *d, bool colour, struct text *out)
{
    print_level(d, DIAG_ERROR, colour, out);
    if (d->failed)
        text_addf(out, "error: out of memory: some messages are lost\n");
    print_level(d, DIAG_WARNING, colour, out);
}

void diags_tell(const struct diags *d, bool colour, FILE *f)
{
    struct text out;

    text_init(&out);
    diags_print(d, colour, &out);
    if (out.n)
        fwrite(out.p, 1, out.n, f);
    text_fini(&out);
}

static void json_text(struct text *out, const char *key, const char *s)
{
    text_addf(out, "\"%s\":", key);
    if (!s) {
        text_addf(out, "null");
        return;
    }
    text_addf(out, "\"");
    text_add_json(out, span_of(s));
    text_addf(out, "\"");
}

static void json_level(const struct diags *d, enum diag_level level, struct text *out)
{
    const char *comma = "";

    for (size_t i = 0; i < d->n; i++) {
        const struct diag *e = &d->v[i];

        if (e->level != level)
            continue;
        text_addf(out, "%s{", comma);
        json_text(out, "file", e->file);
        if (e->line)
            text_addf(out, ",\"line\":%u,", e->line);
        else
            text_addf(out, ",\"line\":null,");
        json_text(out, "path", e->path);
        text_addf(out, ",");
        json_text(out, "message", e->message);
        text_addf(out, "}");
        comma = ",";
    }
}

void diags_json(const struct diags *d, struct text *out)
{
    text_addf(out, "{\"ok\":%s,\"errors\":[", diags_ok(d) ? "true" : "false");
    json_level(d, DIAG_ERROR, out);
    text_addf(out, "],\"warnings\":[");
    json_level(d, DIAG_WARNING, out);
    text_addf(out, "]}\n");
}
