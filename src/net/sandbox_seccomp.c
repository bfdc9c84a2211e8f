/* seccomp: the table of sandbox_calls.h as a filter. */
#include "net/sandbox_impl.h"

#include <seccomp.h>

#include <errno.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/count.h"
#include "net/sandbox_calls.h"

static uint32_t action_of(const struct call_rule *c)
{
    switch (c->deed) {
    case CALL_ALLOW:
        return SCMP_ACT_ALLOW;
    case CALL_KILL:
        return SCMP_ACT_KILL_PROCESS;
    }
    return SCMP_ACT_KILL_PROCESS;
}

/* Arguments are compared masked: the kernel looks at 32 bits of an int, whatever stands in the others. */
static bool add_rule(scmp_filter_ctx f, const struct call_rule *c)
{
    struct scmp_arg_cmp cmp[CALL_TESTS];
    if (c->call < 0)
        return true; /* this machine has no such call */
    for (unsigned i = 0; i < c->tests; i++) {
        uint64_t wanted = c->test[i].value == CALL_OWN_PID ? (uint64_t)getpid() : c->test[i].value;
        cmp[i] = (struct scmp_arg_cmp){c->test[i].arg, SCMP_CMP_MASKED_EQ, c->test[i].mask, wanted};
    }
    return seccomp_rule_add_array(f, action_of(c), c->call, c->tests, cmp) == 0;
}

static bool add_rules(scmp_filter_ctx f, const struct call_rule *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!add_rule(f, &v[i]))
            return false;
    return true;
}

static bool fill(scmp_filter_ctx f, const struct sandbox_policy *p)
{
    /* TSYNC: a sanitizer may have a thread of its own by now. A binary tree costs 6 comparisons instead of 100; calls that
     * are allowed whatever their arguments do not even run the filter (the kernel keeps a map of them). SSB: kernels
     * before 5.16 slow down whoever has a filter, which is meant for processes that run foreign code. */
    return seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) == 0 &&
           seccomp_attr_set(f, SCMP_FLTATR_CTL_TSYNC, 1) == 0 && seccomp_attr_set(f, SCMP_FLTATR_CTL_SSB, 1) == 0 &&
           seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2) == 0 && add_rules(f, calls, COUNT(calls)) &&
           (!p->writable || add_rules(f, store_calls, COUNT(store_calls))) &&
           (!SANDBOX_SANITIZED || add_rules(f, sanitizer_calls, COUNT(sanitizer_calls))) &&
           (SANDBOX_SANITIZED || add_rules(f, process_calls, COUNT(process_calls))) &&
           (!SANDBOX_COVERED || add_rules(f, coverage_calls, COUNT(coverage_calls)));
}

/* EINVAL: a kernel without seccomp. */
static bool kernel_has_it(void)
{
    return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) != -1 || errno != EINVAL;
}

struct res sandbox_seccomp(const struct sandbox_policy *p, unsigned *in_force)
{
    if (!kernel_has_it())
        return RES_OK;
    /* What is not listed does not exist: the C library then takes the older way, where there is one. */
    scmp_filter_ctx f = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
    if (!f)
        return res_err("out of memory");
    struct res r = fill(f, p) ? RES_OK : res_err("the list of system calls makes no seccomp filter");
    if (res_ok(r) && seccomp_load(f) != 0)
        r = res_err("the kernel refuses the seccomp filter");
    seccomp_release(f);
    if (res_ok(r))
        *in_force |= SANDBOX_CALLS;
    return r;
}
