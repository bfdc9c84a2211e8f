/* Reads JSON into the structs that the key tables describe, and says everything that does not fit. */
#ifndef TG_CONFIG_READER_H
#define TG_CONFIG_READER_H

#include "base/arena.h"
#include "base/json.h"
#include "config/diag.h"
#include "config/key.h"

/* What to do with references; both set name (and v) of the field. They say themselves what is wrong. */
struct reader_references {
    void (*on_secret)(void *arg, struct secret_field *f, struct span written);
    void (*on_file)(void *arg, struct file_field *f, struct span written);
    void *arg;
};

struct reader {
    struct arena *arena; /* borrows: everything read lives here */
    struct diags *d;     /* borrows; NULL: says nothing */
    const char *file;    /* borrows: for places */
    struct reader_references references;
    bool failed; /* no memory: what was read is incomplete */
};

/* An object of the section, zeroed and with the defaults of numbers; NULL: no memory. */
void *reader_new_object(struct reader *r, const struct section *s, struct place at);
/* Reads a whole file's root into an object of section_root. */
void reader_read_root(struct reader *r, const struct json_value *root, void *object);
/* printf into the arena; never NULL. */
const char *reader_path(struct reader *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Messages at a place; d may be NULL. */
void place_error(struct diags *d, struct place at, const char *format, ...) __attribute__((format(printf, 3, 4)));
void place_warning(struct diags *d, struct place at, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* What of a span a message shows: at most 80 bytes. For "%.*s". */
#define SHOW(s) (int)((s).n > 80 ? 80 : (s).n), (const char *)((s).n ? (const char *)(s).p : "")

/* "rules/a.json", "../certs/x.pem" → "rules/../certs/x.pem"; an absolute one stays. p == NULL: no memory. */
struct span reader_resolve(struct arena *a, const char *file, struct span written);

#endif
