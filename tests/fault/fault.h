/* What a test and the processes under test share: one page of a file that both have mapped. The test writes `order`,
 * the interposed calls of whoever plays `order.role` count themselves, and the `nth` of the ordered class fails.
 * tests/harness/fault.mjs knows these offsets. */
#ifndef TG_TESTS_FAULT_H
#define TG_TESTS_FAULT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum fault_class {
    FAULT_NONE = 0,
    FAULT_ALLOC,
    FAULT_ACCEPT,
    FAULT_RECV,
    FAULT_SEND,
    FAULT_CONNECT,
    FAULT_SOCKET,
    FAULT_SOCKOPT,
    FAULT_EPOLL,
    FAULT_WAIT,
    FAULT_EVENT,
    FAULT_SSL,
    FAULT_CRYPTO,
    FAULT_RANDOM,
    FAULT_CRYPT,
    FAULT_REGEX,
    FAULT_FD,
    FAULT_FILE,
    FAULT_THREAD,
    FAULT_FORK
};

enum fault_role { FAULT_NOBODY = 0, FAULT_SUPERVISOR, FAULT_LOADER, FAULT_WORKER };

/* For how long calls fail, once one does. */
enum fault_mode { FAULT_ONCE = 0, FAULT_FROM_THEN_ON };

struct fault_order {
    _Atomic uint32_t class; /* written last: from then on it holds */
    uint32_t role;
    int32_t error; /* errno; or FAULT_END, FAULT_SHORT */
    uint32_t mode;
    uint64_t nth; /* from 1; 0: only count */
};

#define FAULT_END 0    /* a read finds the end */
#define FAULT_SHORT -1 /* a read gets one byte */

#define FAULT_TRACE 3072

struct fault_page {
    struct fault_order order;
    _Atomic uint64_t seen; /* calls of the class since the order */
    _Atomic uint64_t hits; /* how many of them failed */
    _Atomic int64_t live;  /* blocks that the worker holds */
    _Atomic uint32_t worker;
    _Atomic uint32_t workers;      /* how many have been started */
    _Atomic uint64_t message_hash; /* of all that the last loader sent, descriptors' contents included */
    _Atomic uint32_t messages;
    _Atomic int64_t clock_s; /* how much later the processes take it to be */
    char trace[FAULT_TRACE]; /* who made the first call that failed: "file+offset" lines */
};

/* Is this call the one? Then errno is set (FAULT_END, FAULT_SHORT: 0). */
bool fault_hits(enum fault_class class);
/* The order's error. */
int fault_error(void);
/* NULL until there is one. */
struct fault_page *fault_page(void);
enum fault_role fault_role(void);

#endif
