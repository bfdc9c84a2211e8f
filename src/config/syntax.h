/* Names as other services write them. Pure. */
#ifndef TG_CONFIG_SYNTAX_H
#define TG_CONFIG_SYNTAX_H

#include "base/span.h"

/* One mail address without a name: local@host.example, one '@', nothing quoted. */
bool syntax_is_address(struct span s);
/* What stands behind the '@', in any case: a host name, no address literal, no dot at an end. */
bool syntax_is_mail_domain(struct span s);
/* A login or an organisation: letters, digits, '-' and '_' (managed users have one), 1 to 39. */
bool syntax_is_login(struct span s);
bool syntax_is_team(struct span s);       /* "organisation/slug" */
bool syntax_is_repository(struct span s); /* "owner/name" */
/* Printable ASCII without spaces, 1 to max bytes. */
bool syntax_is_visible(struct span s, size_t max);
/* "https://host[:port]", with or without one '/' at the end, which *out lacks. */
bool syntax_is_https_origin(struct span s, struct span *out);

#endif
