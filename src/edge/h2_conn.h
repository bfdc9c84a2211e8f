/* Inside of edge/: one HTTP/2 client connection: many exchanges at a time, each on a stream of its own. */
#ifndef TG_EDGE_H2_CONN_H
#define TG_EDGE_H2_CONN_H

#include "edge/conn.h"

/* The handshake chose it. False: no memory. */
bool h2_conn_open(struct conn *c);
/* Ends all exchanges; part of conn_close(). */
void h2_conn_fini(struct conn *c);
/* May close c. */
void h2_conn_sweep(struct conn *c);
void h2_conn_drain(struct conn *c);

#endif
