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
/* The state directory's session key: read, or made with mode 0600 when `make`. One that is a link, another user's, or open
 * to others is refused: it must be known who could have written it. */
const char *load_session_key(const char *state_dir, bool make, uint8_t out[32]);

#endif
