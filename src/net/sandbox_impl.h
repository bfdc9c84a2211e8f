/* The two halves of the sandbox. */
#ifndef TG_NET_SANDBOX_IMPL_H
#define TG_NET_SANDBOX_IMPL_H

#include "net/sandbox.h"

/* Sanitizers open files of their own, and the leak checker starts a process that attaches to this one. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANDBOX_SANITIZED 1
#else
#define SANDBOX_SANITIZED 0
#endif
/* A coverage build writes its counts beside its object files when it ends. */
#ifdef TG_COVERAGE
#define SANDBOX_COVERED 1
#else
#define SANDBOX_COVERED 0
#endif

/* Adds to *in_force what the kernel has. */
struct res sandbox_landlock(const struct sandbox_policy *p, unsigned *in_force) MUSTUSE;
struct res sandbox_seccomp(const struct sandbox_policy *p, unsigned *in_force) MUSTUSE;

#endif
