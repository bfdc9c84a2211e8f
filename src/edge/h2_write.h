/* Inside of edge/: how an exchange writes to its stream of an HTTP/2 connection. */
#ifndef TG_EDGE_H2_WRITE_H
#define TG_EDGE_H2_WRITE_H

#include "edge/conn.h"

extern const struct client_ops h2_client_ops;

#endif
