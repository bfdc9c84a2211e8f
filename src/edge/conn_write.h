/* Inside of edge/: how an exchange writes to an HTTP/1 connection. */
#ifndef TG_EDGE_CONN_WRITE_H
#define TG_EDGE_CONN_WRITE_H

#include "edge/conn.h"

extern const struct client_ops conn_client_ops;

#endif
