/* Inside of edge/: what tiergate answers itself, by path. No rule can shadow them. */
#ifndef TG_EDGE_ENDPOINTS_H
#define TG_EDGE_ENDPOINTS_H

#include "edge/exchange.h"

struct own_endpoint {
    const char *path;
    /* Needs the gate's verdict first? Then it is asked, and x->who is set when somebody is signed in. */
    bool asks_gate;
    enum ex_next (*answer)(struct exchange *x, enum gate_result gate);
};

/* GET|HEAD /.tiergate/health, before anything else is looked at. */
bool endpoint_is_health(const struct http_request *r);
enum ex_next endpoint_health(struct exchange *x);
/* NULL: not ours. Everything below /.tiergate/ is ours: unknown names there are answered 404. */
const struct own_endpoint *endpoint_find(struct span decoded_path);

#endif
