/* Secret random bytes. */
#ifndef TG_BASE_CRYPTO_RANDOM_H
#define TG_BASE_CRYPTO_RANDOM_H

#include <stddef.h>
#include <stdint.h>

#include "base/res.h"

struct res random_bytes(uint8_t *out, size_t n) MUSTUSE;

#endif
