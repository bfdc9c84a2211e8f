/* Inside of edge/: the two ways to speak to an origin (struct origin_ops). */
#ifndef TG_EDGE_ORIGIN_OPS_H
#define TG_EDGE_ORIGIN_OPS_H

#include "edge/exchange.h"

extern const struct origin_ops h1_origin_ops, h2_origin_ops;

#endif
