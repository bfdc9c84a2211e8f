/* Inside of edge/: the origin gets its own name, the client sees the public one. Only what names exactly
 * one of the two is translated; everything else stays, so that an app's CSRF checks keep their meaning. Pure but for the arena. */
#ifndef TG_EDGE_NAMES_H
#define TG_EDGE_NAMES_H

#include "base/arena.h"
#include "http/host.h"
#include "http/message.h"

struct names {
    struct host public_host; /* as the client asked; port -1: 443 */
    struct host own_host;    /* the origin's; port -1: its scheme's */
    bool own_tls;            /* scheme of the origin's url */
    struct span public_root; /* "https://staging.example.com" */
    struct span own_root;    /* "https://my-site.pages.dev" */
};

/* authority: what the client asked for; own: the Host field that the origin gets. False: no memory, or `own` is no host. */
bool names_init(struct names *n, const struct host *asked, struct span own, bool own_tls, struct arena *a);

/* Origin and Referer whose origin is exactly the public one become the origin's own. False: no memory. */
bool names_to_origin(const struct names *n, struct headers *request, struct arena *a);
/* Location, Content-Location, Refresh and Access-Control-Allow-Origin that name the origin (by either scheme: behind its own TLS an app
 * often believes in http) name the public host; a Set-Cookie Domain of the origin's name goes, which makes the cookie host-only. False:
 * no memory. */
bool names_to_client(const struct names *n, struct headers *response, struct arena *a);

#endif
