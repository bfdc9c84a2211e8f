/* Files as the loader reads them: regular ones only, of bounded size. */
#ifndef TG_CONFIG_LOAD_FILE_H
#define TG_CONFIG_LOAD_FILE_H

#include "base/span.h"

struct file_bytes {
    uint8_t *p; /* owns */
    size_t n;
};

/* NULL: read; else why not, static. Never waits for a pipe or a device. */
const char *load_file_read(const char *path, size_t max, struct file_bytes *out);
void load_file_fini(struct file_bytes *f); /* wipes */
const char *load_file_reason(int error);   /* of errno; static */

/* A file of ours in the state folder that holds keys. It must be known who could have written it: one that is a link, another user's, or
 * open to others is refused, with these words. */
struct kept_file {
    const char *name;
    size_t max;
    const char *is_link, *is_others, *is_open;
};

const char *load_file_kept(int dir, const struct kept_file *k, struct file_bytes *out);
bool load_file_is_missing(int dir, const char *name);
/* With mode 0600, whole or not at all. One that is there stays unless it is to be replaced. */
const char *load_file_keep(int dir, const char *name, struct span bytes, bool replace);

/* The state directory's session key: read, or made when `make`. */
const char *load_session_key(const char *state_dir, bool make, uint8_t out[32]);

#endif
