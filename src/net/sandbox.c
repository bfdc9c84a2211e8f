#include "net/sandbox.h"

#include "net/sandbox_impl.h"

void sandbox_ports_add(struct sandbox_ports *p, uint16_t port)
{
    p->bits[port / 64] |= UINT64_C(1) << (port % 64);
}

bool sandbox_ports_has(const struct sandbox_ports *p, uint16_t port)
{
    return (p->bits[port / 64] >> (port % 64) & 1) != 0;
}

struct res sandbox_enter(const struct sandbox_policy *p, unsigned *in_force)
{
    *in_force = 0;
    struct res r = sandbox_landlock(p, in_force); /* first: its calls are not among those that stay */
    return res_ok(r) ? sandbox_seccomp(p, in_force) : r;
}
