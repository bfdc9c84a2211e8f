/* The sealed bundle: every byte that a configuration needs, read by the loader, so that the worker
 * opens no file that a rule names. A list of blobs by kind and name. In memory it is one contiguous, length-checked
 * buffer: what goes through the memfd. */
#ifndef TG_CONFIG_BUNDLE_H
#define TG_CONFIG_BUNDLE_H

#include "base/res.h"
#include "base/span.h"

enum blob_kind {
    BLOB_RULES = 1, /* name: path as given; bytes: text */
    BLOB_ENV,       /* name: variable */
    BLOB_FILE,      /* name: path as resolved from the rules file */
    BLOB_STATE,     /* name: "session.key" … from the state directory */
    BLOB_OPTION     /* name: "state", … what the command line said and compile needs */
};

struct bundle;

struct bundle *bundle_new(void);
void bundle_free(struct bundle *b); /* wipes */
/* Copies. A second blob of the same kind and name replaces nothing and is an error. */
struct res bundle_add(struct bundle *b, enum blob_kind kind, struct span name, struct span bytes) MUSTUSE;
bool bundle_find(const struct bundle *b, enum blob_kind kind, struct span name, struct span *bytes);
size_t bundle_count(const struct bundle *b);
void bundle_at(const struct bundle *b, size_t i, enum blob_kind *kind, struct span *name, struct span *bytes);

/* A memfd with F_SEAL_SEAL|SHRINK|GROW|WRITE. */
struct res bundle_seal(const struct bundle *b, int *out_fd) MUSTUSE;
/* Refuses an unsealed or malformed one. The bytes are copied. */
struct res bundle_open(int fd, struct bundle **out) MUSTUSE;

#endif
