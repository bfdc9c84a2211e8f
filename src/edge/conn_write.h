/* Inside of edge/: how an exchange writes to an HTTP/1 connection. */
#ifndef TG_EDGE_CONN_WRITE_H
#define TG_EDGE_CONN_WRITE_H

#include "edge/conn.h"

extern const struct client_ops conn_client_ops;

/* Is what remains of the request's body small enough to be read and thrown away, so that the connection can live on? */
bool conn_can_discard(const struct conn *c);

#endif
