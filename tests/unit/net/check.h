/* cmocka with its prerequisites, and checks that print the name of the failing row. */
#ifndef TG_TESTS_NET_CHECK_H
#define TG_TESTS_NET_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/count.h"

#define CHECK(name, condition)                                                                                         \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            fail_msg("%s: %s", name, #condition);                                                                      \
    } while (0)

#endif
