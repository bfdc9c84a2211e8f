/* Small whole files. */
#ifndef TG_CLI_FILE_H
#define TG_CLI_FILE_H

#include <sys/types.h>

#include "base/res.h"
#include "base/text.h"

#define FILE_ABSENT "no such file"

/* Appends the file's bytes (at most max) to out. A missing one: err == FILE_ABSENT by text. */
struct res file_read(const char *path, size_t max, struct text *out) MUSTUSE;
bool file_is_absent(struct res r);
/* All or nothing: a new file takes the place of the old one. */
struct res file_write(const char *path, struct span bytes, mode_t mode) MUSTUSE;
/* Made with `mode`; one that is there is fine. */
struct res file_make_folder(const char *path, mode_t mode) MUSTUSE;

#endif
