#include "world.h"

#include <inttypes.h>
#include <stdio.h>

#define TELL_MOST 25u

static const char *const names[WRONG_COUNT] = {
    [WRONG_MIXED] = "mixed",
    [WRONG_REQUEST_MIXED] = "request-mixed",
    [WRONG_IDENTITY] = "identity",
    [WRONG_INCOMPLETE] = "incomplete-as-whole",
    [WRONG_TWICE] = "twice",
    [WRONG_RETRY] = "retry",
    [WRONG_POISONED] = "poisoned-use",
    [WRONG_OUTCOME] = "outcome",
    [WRONG_FORM] = "form",
    [WRONG_STUCK] = "stuck",
};

const char *world_wrong_name(unsigned wrong)
{
    return names[wrong];
}

static void tell(const struct world *w, enum wrong wrong, uint32_t id, const char *what)
{
    if (id == UINT32_MAX) {
        fprintf(stderr, "%s: %s\n", names[wrong], what);
        return;
    }
    const struct ask *a = &w->asks[id];
    fprintf(stderr,
            "%s: request %" PRIu32 " (%s, group %u, fault %s, client %s, %u+%u bytes, %u arrivals, outcome %u): %s\n",
            names[wrong], id, ask_method(a), a->group, fault_name(a->fault), manner_name(a->manner), a->request_n,
            a->answer_n, a->arrivals, a->outcome, what);
}

void world_wrong(struct world *w, enum wrong wrong, uint32_t id, const char *what)
{
    /* Of a worker that was killed within a request, bytes may still arrive when that one's connection has had its end; and where nothing but
     * the end of a plain connection tells the end of an answer, the kernel ends both alike. Mix-ups are what is looked for. */
    static const bool may_be_the_kill[WRONG_COUNT] = {
        [WRONG_OUTCOME] = true, [WRONG_STUCK] = true, [WRONG_POISONED] = true, [WRONG_INCOMPLETE] = true};
    if (w->lenient && may_be_the_kill[wrong])
        return;
    if (w->wrongs[wrong]++ < TELL_MOST)
        tell(w, wrong, id, what);
}

void world_arrived(struct world *w, struct ask *a)
{
    if (!a->waits)
        return;
    a->waits = false;
    w->groups[a->group].waiting--;
}

const char *world_credentials(unsigned user)
{
    static const char *const all[ASK_USERS] = {"dTA6bWl4dXA=", "dTE6bWl4dXA=", "dTI6bWl4dXA=", "dTM6bWl4dXA="};
    return all[user];
}
