/* The keys that sign what origins are told (gate/assertion.h): access.keys in the state folder, made and changed by the loader. The one before
 * the current stays known for a while, so that what it signed can still be verified. */
#ifndef TG_CONFIG_ACCESS_KEYS_H
#define TG_CONFIG_ACCESS_KEYS_H

#include "base/json.h"
#include "base/text.h"
#include "config/load_file.h"

#define ACCESS_KEYS_FILE "access.keys"
#define ACCESS_KEY_S (42 * 86400)      /* so long a key signs … */
#define ACCESS_KEY_KNOWN_S (7 * 86400) /* … and so much longer it is shown */
#define ACCESS_KEYS_MAX 2

struct access_key {
    int64_t made_s, until_s; /* until_s: of the previous one, when it is forgotten */
    struct span key;         /* PEM */
    struct span certificate; /* PEM, for those who verify by certificates */
};

struct access_keys {
    uint8_t subject[32]; /* secret, and never changed: `sub` of everybody hangs on it */
    struct access_key v[ACCESS_KEYS_MAX];
    size_t n; /* v[0] is the current one */
};

/* Spans borrow from *doc, which is the caller's. False: not what access_keys_write wrote. */
bool access_keys_read(struct span text, struct access_keys *out, struct json_doc **doc);
void access_keys_write(const struct access_keys *k, struct text *out);

/* The file as it is to be from now_s on: read, made, or with a new key when the current one is old. NULL: read; else why not, static. */
const char *access_keys_load(const char *state_dir, int64_t now_s, struct file_bytes *out);

#endif
