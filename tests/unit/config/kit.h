/* For the tests of config: rules from texts, and what compiling them says. */
#ifndef TEST_CONFIG_KIT_H
#define TEST_CONFIG_KIT_H

#include "config/load.h"
#include "config/snapshot.h"

struct kit_blob {
    enum blob_kind kind;
    const char *name, *text;
};

/* A bundle with a session key, the blobs up to the first without a name, and no mode (as serve).
 * Fails the test without memory. */
struct bundle *kit_bundle(const struct kit_blob *blobs);
/* One rules file called "rules/test.json", compiled in check mode. */
struct snapshot *kit_compile(const char *rules, struct diags *d);
/* All messages as diags_print gives them; the caller frees. */
char *kit_messages(const struct diags *d);
/* The words of an entry: "line path message", as kit_find compares them. */
const struct diag *kit_find(const struct diags *d, enum diag_level level, unsigned line, const char *path,
                            const char *part);

#endif
