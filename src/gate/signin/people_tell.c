/* What the ledger is told about people: who changed, and how far the looks are. */
#include "gate/signin/people.h"

#define TELL_S 300 /* each news is a new ledger for all threads: not for every person */
#define RETELL_S 60

bool people_tell_facts(struct people *p, const struct identity *who, int64_t at_s, bool must_sign_in)
{
    const struct ledger_entry e = {.kind = LEDGER_FACTS,
                                   .way = WAY_GITHUB,
                                   .gate = who->gate,
                                   .name = who->subject,
                                   .at_s = at_s,
                                   .ends_s = who->latest_s ? people_ends_of(who) : at_s + LEDGER_KEEP_S,
                                   .must_sign_in = must_sign_in,
                                   .email = who->email,
                                   .login = who->login,
                                   .groups = who->groups};
    const struct signin_question q = {.revoke = e};
    if (!book_put(p->signin, &e, NULL, NULL))
        return false;
    audit(p->signin, must_sign_in ? "must-sign-in-again" : "memberships-changed", &q, who,
          must_sign_in ? "GitHub does not know the token any more, or it is lost" : NULL);
    return true;
}

static const struct book_checked *told_before(const struct signin *s, struct span gate)
{
    for (const struct book_checked *c = s->checked; c; c = c->next)
        if (span_eq(span_make(c->gate, c->gate_n), gate))
            return c;
    return NULL;
}

/* INT64_MAX: there is nobody. Then nothing is said: what a fresh sign-in proved counts by itself, and of a session whose person is not on our
 * list (a lost store) nothing shall be believed for long. */
static int64_t through(const struct people *p, struct span gate, int64_t now_s)
{
    int64_t oldest = INT64_MAX;
    for (const struct person *one = people_next(p, NULL); one; one = people_next(p, one))
        if (span_eq(one->who.gate, gate) && person_known_s(one) < oldest)
            oldest = person_known_s(one);
    return oldest == INT64_MAX || oldest < now_s ? oldest : now_s;
}

/* New requests find out by themselves; what is open is judged again when a ledger comes. Sessions grow too old one by one. */
static void retell(struct people *p, struct span gate, const struct book_checked *was, int64_t now_s)
{
    if (now_s < p->retold_s + RETELL_S && now_s >= p->retold_s)
        return;
    p->retold_s = now_s;
    book_checked(p->signin, gate, was->since_s, was->through_s);
}

void people_tell_checked(struct people *p, int64_t now_s)
{
    struct signin *s = p->signin;
    for (size_t i = 0; i < s->gates.n; i++) {
        const struct gate_config *gate = &s->gates.v[i];
        int64_t since_s = people_since_of(p, gate->name);
        int64_t is = github_needs_looks(gate) && since_s ? through(p, gate->name, now_s) : INT64_MAX;
        const struct book_checked *was = told_before(s, gate->name);
        if (is != INT64_MAX && (!was || is < was->through_s || is >= was->through_s + TELL_S))
            book_checked(s, gate->name, since_s, is);
        else if (was && now_s >= was->through_s + LEDGER_STALE_S && github_needs_looks(gate))
            retell(p, gate->name, was, now_s);
    }
}
