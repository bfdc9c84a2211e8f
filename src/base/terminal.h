/* What may be written to a terminal. */
#ifndef TG_BASE_TERMINAL_H
#define TG_BASE_TERMINAL_H

#include <stdbool.h>
#include <stdio.h>

/* Is colour welcome on that stream: a terminal that can, and NO_COLOR is not set? */
bool terminal_wants_colour(FILE *f);

#endif
