/* The keys of the rules file as tables: each section is one `static const struct key[]` in its section_*.c. The same
 * tables read the file, find what the loader must read, and are compared with the JSON Schema and docs/rules.md. */
#ifndef TG_CONFIG_KEY_H
#define TG_CONFIG_KEY_H

#include <stddef.h>

#include "base/count.h"
#include "base/span.h"
#include "base/text.h"

/* What a value is, and which field of key's struct takes it. */
enum key_type {
    KEY_TEXT = 0,        /* struct text_field */
    KEY_BOOL,            /* struct num_field: 0, 1 */
    KEY_INT,             /* struct num_field */
    KEY_DURATION,        /* struct num_field: milliseconds */
    KEY_SIZE,            /* struct num_field: bytes */
    KEY_CHOICE,          /* struct num_field: index in choices */
    KEY_SECRET,          /* struct secret_field */
    KEY_SECRETS,         /* struct secrets_field: one secret or a list */
    KEY_SECRET_MAP,      /* struct objects_field of struct named_secret */
    KEY_FILE,            /* struct file_field */
    KEY_TEXTS,           /* struct texts_field */
    KEY_TEXT_OR_LIST,    /* struct texts_field */
    KEY_TEXTS_MAP,       /* struct objects_field of struct named_texts */
    KEY_OBJECT,          /* struct object_field of sub */
    KEY_OBJECTS,         /* struct objects_field of sub */
    KEY_MAP,             /* struct objects_field of sub, each with its name */
    KEY_SHORT_MAP,       /* the same, where a secret or a list of them may stand for an object with the key `alone` */
    KEY_OBJECTS_MAP,     /* struct objects_field of struct named_objects of sub */
    KEY_NAME_OR_OBJECTS, /* struct name_or_objects_field of sub */
    KEY_LATER,           /* known, not supported yet: refused */
    KEY_IGNORED,         /* for editors */
    KEY_TYPES
};

/* Where something stands; for messages. */
struct place {
    const char *file; /* borrows: the bundle or the arena */
    unsigned line;
    const char *path; /* in the arena; "hosts[1].rules[0]" */
};

/* Every field begins with one. */
struct field {
    struct place at; /* of the value; of the object it is missing from when not given */
    bool given;
    bool bad; /* given, but could not be read: told already */
};

struct text_field {
    struct field f;
    struct span v; /* NUL-terminated behind its bytes */
};

struct num_field {
    struct field f;
    uint64_t v;
};

struct texts_field {
    struct field f;
    struct text_field *v;
    size_t n;
};

enum reference_kind { REFERENCE_LITERAL = 0, REFERENCE_ENV, REFERENCE_FILE };

struct secret_field {
    struct field f;
    enum reference_kind kind;
    struct span name; /* variable, or file as resolved from the rules file */
    struct span v;    /* wiped with the reader's memory; empty: missing */
    bool plain;       /* nothing to hide: may stand in the rules file itself */
};

struct secrets_field {
    struct field f;
    struct secret_field *v;
    size_t n;
};

struct file_field {
    struct field f;
    struct span name; /* as resolved from the rules file */
    struct span v;    /* the bytes; borrows: the bundle */
    bool missing;
};

struct object_field {
    struct field f;
    void *v;
};

struct objects_field {
    struct field f;
    void *v;
    size_t n;
};

struct name_or_objects_field {
    struct field f;
    struct span name; /* empty: a list of objects */
    struct objects_field list;
};

/* Every struct that a section describes begins with one. */
struct entry {
    struct place at;
    struct text_field name; /* its key in a map; empty in a list */
    bool later;             /* held a key that is not supported yet: what is missing besides is not worth telling */
};

struct named_secret {
    struct entry e;
    struct secret_field secret;
};

struct named_texts {
    struct entry e;
    struct texts_field list;
};

struct named_objects {
    struct entry e;
    struct objects_field list;
};

struct section;

struct key {
    const char *name;
    enum key_type type;
    bool required;
    size_t offset, size;        /* of the field */
    uint64_t def, min, max;     /* numbers; min == max: no range */
    bool plain;                 /* KEY_SECRET, KEY_SECRETS: nothing to hide */
    const char *alone;          /* KEY_SHORT_MAP */
    bool depends;               /* the default depends on other keys: docs/rules.md says on which */
    const char *text_def;       /* texts */
    const char *const *choices; /* NULL-terminated */
    const struct section *sub;
};

struct section {
    const struct key *keys;
    size_t count;
    size_t size; /* of the struct */
};

/* One row of a table: KEY(struct raw_host, origin, KEY_TEXT, .required = true). */
#define KEY(type_, field_, key_type_, ...)                                                                             \
    {                                                                                                                  \
        .name = #field_, .type = key_type_, .offset = offsetof(type_, field_), .size = sizeof(((type_ *)0)->field_),   \
        __VA_ARGS__                                                                                                    \
    }
#define KEY_NOT_YET(name_)                                                                                             \
    {                                                                                                                  \
        .name = name_, .type = KEY_LATER                                                                               \
    }
#define SECTION(type_, table_)                                                                                         \
    {                                                                                                                  \
        .keys = table_, .count = COUNT(table_), .size = sizeof(type_)                                                  \
    }

/* Durations in the tables. */
#define SECONDS(n) ((uint64_t)(n)*1000)
#define HOURS(n) SECONDS((n)*3600)
#define DAYS(n) HOURS((n)*24)

/* The field of an object. */
static inline void *key_field(const struct key *k, void *object)
{
    return (char *)object + k->offset;
}

bool key_is_number(enum key_type t);
/* Bytes of the field that a type reads into; 0 for KEY_LATER and KEY_IGNORED. */
size_t key_field_size(enum key_type t);
/* "duration", "list of strings" … for messages, docs and the schema's test. */
const char *key_type_name(enum key_type t);

extern const struct section section_root;

/* One line per key, sorted by the order of the tables, fields divided by tabs:
 * `hosts[].cors.edge  boolean  optional  true  -  -  -` (path, type, need, default, least, most, choices by commas). */
void config_describe_keys(struct text *out);

#endif
