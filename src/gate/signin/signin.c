/* The service: its life, the gates in force, its clock. */
#include "gate/signin/github.h"
#include "gate/signin/issuer.h"

#include "base/clock.h"

#include <stdlib.h>

#define SOON_MS 1000u
#define TIDY_MS 600000u

/* The timer's memory is reserved: this cannot fail. */
static void clock_again(struct signin *s, uint64_t ms)
{
    if (!timer_set(&s->again, ms))
        abort();
}

static void reload(struct signin *s)
{
    s->reload = false;
    s->reload_ms = s->c.loop->now_ms + SOON_MS;
    book_load(s);
    people_changed(s->people);
}

static void on_again(void *arg)
{
    struct signin *s = arg;
    call_send_unsent(s);
    if (s->reload)
        reload(s);
    book_tidy(s);
    if (!timer_is_set(&s->again))
        clock_again(s, TIDY_MS);
}

void signin_again_soon(struct signin *s)
{
    if (!timer_is_set(&s->again) || s->again.due_ms > s->c.loop->now_ms + SOON_MS)
        clock_again(s, SOON_MS);
}

struct signin *signin_new(const struct signin_config *c)
{
    struct signin *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    s->c = *c;
    timer_init(&s->again, c->loop, on_again, s);
    book_init(s);
    s->people = people_new(s);
    if (!s->people || !timer_reserve(&s->again)) {
        signin_free(s);
        return NULL;
    }
    clock_again(s, TIDY_MS);
    return s;
}

static void free_calls(struct signin_call *c)
{
    for (struct signin_call *next; c; c = next) {
        next = c->next;
        call_free(c);
    }
}

void signin_free(struct signin *s)
{
    if (!s)
        return;
    free_calls(s->at_work);
    free_calls(s->unsent);
    while (s->jobs)
        job_end(s->jobs);
    people_free(s->people);
    issuers_free(s);
    book_free(s);
    timer_fini(&s->again);
    free(s);
}

const struct gate_config *signin_gate(const struct signin *s, struct span name)
{
    for (size_t i = 0; i < s->gates.n; i++)
        if (span_eq(s->gates.v[i].name, name))
            return &s->gates.v[i];
    return NULL;
}

void signin_set_gates(struct signin *s, struct gate_list gates, uint64_t generation)
{
    s->gates = gates;
    s->generation = generation;
    if (!s->loaded)
        book_load(s);
    people_changed(s->people);
    login_pins_tidy(s);
}

/* Others may write all the time, and all is read each time: once a second. */
void signin_reload(struct signin *s)
{
    if (s->c.loop->now_ms >= s->reload_ms) {
        reload(s);
        return;
    }
    s->reload = true;
    signin_again_soon(s);
}

bool signin_could_admit(const struct gate_config *gate, const struct identity *who)
{
    for (size_t i = 0; i < gate->policy_count; i++)
        if (policy_could_admit(gate->policies[i], gate->name, who))
            return true;
    return false;
}
