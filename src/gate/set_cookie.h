/* Set-Cookie values of the gate (RFC 6265 §4.1, its prefixes, OWASP's attributes), and which
 * cookies are the gate's. Pure. */
#ifndef TG_GATE_SET_COOKIE_H
#define TG_GATE_SET_COOKIE_H

#include "gate/circle.h"

/* The names of the gate that no origin and no rules file may have for itself. */
#define COOKIE_DEFAULTS 4
struct span cookie_default(size_t i);
bool cookie_is_default(struct span name);

/* The same for requests that come from pages of other sites, too. p == NULL: no memory. */
struct span set_cookie_cross_site(const struct session_config *s, const struct circle *circle, struct span token,
                                  int64_t max_age_s, struct arena *a);
/* p == NULL: no memory. */
struct span set_cookie_make(const struct session_config *s, const struct circle *circle, struct span token,
                            int64_t max_age_s, struct arena *a);
/* Deletes the host-only one, and that with the session domain (empty when there is none). */
bool set_cookie_deletions(const struct session_config *s, struct arena *a, struct span out[2]);

#endif
