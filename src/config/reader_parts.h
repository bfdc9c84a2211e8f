/* Between the files of the reader. */
#ifndef TG_CONFIG_READER_PARTS_H
#define TG_CONFIG_READER_PARTS_H

#include "config/reader.h"

/* One value to read. */
struct reader_job {
    const struct key *key;
    const struct json_value *v;
    struct place at;
};

/* Dispatches by the key's type. A value that does not fit counts as given, too, and as bad. */
bool reader_value(struct reader *r, const struct reader_job *j, void *field);

/* Each reads into the field of its type (config/key.h); false: it said what is wrong. */
bool reader_read_text(struct reader *r, const struct reader_job *j, void *field);
bool reader_read_bool(struct reader *r, const struct reader_job *j, void *field);
bool reader_read_int(struct reader *r, const struct reader_job *j, void *field);
bool reader_read_duration(struct reader *r, const struct reader_job *j, void *field);
bool reader_read_size(struct reader *r, const struct reader_job *j, void *field);
bool reader_read_choice(struct reader *r, const struct reader_job *j, void *field);
bool reader_read_secret(struct reader *r, const struct reader_job *j, void *field);
bool reader_read_file(struct reader *r, const struct reader_job *j, void *field);
bool reader_read_texts(struct reader *r, const struct reader_job *j, void *field);
bool reader_read_text_or_list(struct reader *r, const struct reader_job *j, void *field);
bool reader_read_secrets(struct reader *r, const struct reader_job *j, void *field);
bool reader_read_secret_map(struct reader *r, const struct reader_job *j, void *field);
bool reader_read_texts_map(struct reader *r, const struct reader_job *j, void *field);
bool reader_read_objects_map(struct reader *r, const struct reader_job *j, void *field);

/* Sets r->failed and is NULL when memory is out; zeroed. */
void *reader_alloc(struct reader *r, size_t n);
struct span reader_copy(struct reader *r, struct span s);
struct place reader_place(const struct reader *r, const struct json_value *v, const char *path);
/* "hosts[1]" and "path" → "hosts[1].path"; names with other bytes stand in brackets and quotes. */
const char *reader_member_path(struct reader *r, const char *path, struct span name);
/* Says so; false. */
bool reader_wrong_type(struct reader *r, struct place at, const struct json_value *v, const char *want);
/* The i-th member's key becomes the entry's name. */
void reader_name_entry(struct reader *r, struct entry *e, const struct reader_job *j, size_t i, const char *path);

#endif
