/* A local authority and a certificate of it, as files: ca.pem, ca.key, LEAF.pem, LEAF.key. */
#ifndef TG_CLI_CERT_FILES_H
#define TG_CLI_CERT_FILES_H

#include "base/span.h"

struct cert_request {
    const char *dir;  /* made when it is not there */
    const char *leaf; /* "dev": the files' name */
    const struct span *names;
    size_t count;
};

/* Uses the authority that is there, or makes one (*made_ca). False: told on stderr. */
bool cert_files_make(const struct cert_request *q, bool *made_ca);

#endif
