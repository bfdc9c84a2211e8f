/* Reads rules files, and everything they name, into a bundle. Does I/O; used by the
 * loader process, check and explain. */
#ifndef TG_CONFIG_LOAD_H
#define TG_CONFIG_LOAD_H

#include "config/bundle.h"
#include "config/diag.h"

enum load_mode {
    LOAD_SERVE = 0, /* everything must be there */
    LOAD_CHECK,     /* secrets, htpasswd and certificate files that cannot be read here are warnings */
    LOAD_DEPLOY     /* as LOAD_SERVE, serves nothing and makes nothing: check --deploy, share */
};

struct load_request {
    const char *const *paths; /* files and folders; a folder stands for its *.json, by name */
    size_t path_count;
    const char *state_dir; /* NULL: none (keys are made for this run alone) */
    enum load_mode mode;
};

/* Never NULL unless memory is out; errors are in diags. What could not be read is left out of the bundle; whether that
 * is an error or a warning is decided by mode and said here, once. */
struct bundle *config_load(const struct load_request *q, struct diags *d);

#endif
