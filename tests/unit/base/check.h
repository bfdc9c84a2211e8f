/* cmocka with what it wants included before it, and a check that prints its case's name. */
#ifndef TG_TESTS_BASE_CHECK_H
#define TG_TESTS_BASE_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/count.h"

#define CHECK(name, condition)                                                                                         \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            fail_msg("%s: %s", (name), #condition);                                                                    \
    } while (0)

#endif
