/* Bytes as hex digits, and back. Pure. */
#ifndef TG_BASE_HEX_H
#define TG_BASE_HEX_H

#include "base/span.h"

/* Its value, in either case; -1: it is none. */
int hex_digit(uint8_t c);
/* Two digits a byte, in lower case: 2 * n of them. */
void hex_put(const uint8_t *bytes, size_t n, char *out);
/* n bytes from exactly 2 * n digits; else false, and out holds nothing of use. */
bool hex_take(struct span digits, uint8_t *out, size_t n);

#endif
