/* The result of a fallible function: a static, printable reason, or none. It cannot be ignored. */
#ifndef TG_BASE_RES_H
#define TG_BASE_RES_H

#include <stdbool.h>
#include <stddef.h>

#define MUSTUSE __attribute__((warn_unused_result))

struct res {
    const char *err; /* NULL = success; else a string with static storage */
};

#define RES_OK ((struct res){NULL})

static inline struct res res_err(const char *reason)
{
    return (struct res){reason};
}

static inline bool res_ok(struct res r)
{
    return r.err == NULL;
}

#endif
