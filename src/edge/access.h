/* Inside of edge/: what Cloudflare Access serves under these names, and the door for jobs of GitHub Actions. */
#ifndef TG_EDGE_ACCESS_H
#define TG_EDGE_ACCESS_H

#include "edge/exchange.h"

enum ex_next endpoint_certs(struct exchange *x, enum gate_result gate);
enum ex_next endpoint_identity(struct exchange *x, enum gate_result gate);
enum ex_next endpoint_actions(struct exchange *x, enum gate_result gate);

#endif
