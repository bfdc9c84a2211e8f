/* Secrets and files, out of the bundle. */
#ifndef TG_CONFIG_REFERENCES_H
#define TG_CONFIG_REFERENCES_H

#include "config/key.h"
#include "base/arena.h"

/* How a secret is written: sets kind and name of f. False: "env:" or "file:" with nothing usable behind, or "";
 * *why says what to write instead. p == NULL in f->name: no memory. */
bool reference_parse(struct arena *a, struct span written, struct secret_field *f, const char **why);
/* Without the one line end that editors leave behind. */
struct span reference_trim(struct span s);

struct build;
void references_of_build(struct build *b, struct secret_field *f, struct span written);
void references_file_of_build(struct build *b, struct file_field *f, struct span written);

#endif
