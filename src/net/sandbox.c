#include "net/sandbox.h"

#include "base/count.h"
#include "net/sandbox_impl.h"

void sandbox_ports_add(struct sandbox_ports *p, uint16_t port)
{
    p->bits[port / 64] |= UINT64_C(1) << (port % 64);
}

bool sandbox_ports_has(const struct sandbox_ports *p, uint16_t port)
{
    return (p->bits[port / 64] >> (port % 64) & 1) != 0;
}

bool sandbox_ports_within(const struct sandbox_ports *few, const struct sandbox_ports *many)
{
    for (size_t i = 0; i < COUNT(few->bits); i++)
        if ((few->bits[i] & ~many->bits[i]) != 0)
            return false;
    return true;
}

struct res sandbox_enter(const struct sandbox_policy *p, unsigned *in_force)
{
    *in_force = 0;
    struct res r = sandbox_landlock(p, in_force); /* first: its calls are not among those that stay */
    return res_ok(r) ? sandbox_seccomp(in_force) : r;
}
