/* htpasswd files: `user:hash` lines, `#` comments, empty lines. */
#ifndef TG_CONFIG_HTPASSWD_H
#define TG_CONFIG_HTPASSWD_H

#include "config/build.h"

/* A name that Basic can carry (RFC 7617 §2): no colon, no control character; at most BASIC_USER_MAX
 * bytes. NULL: fine, else why not. */
const char *basic_name_problem(struct span name);
/* Users are appended to users[0..*n] (room for htpasswd_count_lines); every bad line is told. Texts are copied. */
void htpasswd_read(struct build *b, const struct file_field *f, struct basic_user *users, size_t *n);
size_t htpasswd_count_lines(struct span text);

#endif
