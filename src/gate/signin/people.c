/* Memberships change where we do not see it: everybody who may still have a session because of them is looked at again, each in his turn. What is
 * different goes into the ledger. Until all of a gate were looked at, the ledger says how long ago that was, and in the end believes nobody. */
#include "gate/signin/people.h"

#include "base/clock.h"
#include "base/crypto/mac.h"
#include "gate/record.h"
#include "gate/signin/person.h"

#include <stdio.h>
#include <stdlib.h>

#define TICK_MS 1000u
#define AT_A_TIME 8u
#define SPREAD_S 300   /* a look is due so much earlier, at most: people of one moment do not stay together */
#define GIVE_UP_S 2700 /* before LEDGER_STALE_S */
#define WAIT_FIRST_S 60u
#define WAIT_MAX_S 900u
#define SLACK_S 60
#define LIMITED_IN_A_ROW 3u /* GitHub counts for each person: so many of them, then it means all of us */
#define PAUSE_S 60

/* --- who there is ------------------------------------------------------------------------------------------------------- */

static uint64_t hash_of(const struct people *p, struct span gate, struct span subject)
{
    uint64_t both[2] = {table_hash(&p->all, gate), table_hash(&p->all, subject)};
    return table_hash(&p->all, span_make(both, sizeof(both)));
}

static struct person *find(const struct people *p, struct span gate, struct span subject)
{
    struct table_link *l = table_find(&p->all, hash_of(p, gate, subject));
    for (; l; l = table_again(l)) {
        struct person *one = (struct person *)l;
        if (span_eq(one->who.gate, gate) && span_eq(one->who.subject, subject))
            return one;
    }
    return NULL;
}

struct person *people_next(const struct people *p, const struct person *after)
{
    return (struct person *)table_next(&p->all, (const struct table_link *)after);
}

static struct person *person_new(struct people *p)
{
    struct person *one = calloc(1, sizeof(*one));
    if (one)
        one->people = p;
    return one;
}

static void link_person(struct people *p, struct person *one)
{
    table_put(&p->all, &one->link, hash_of(p, one->who.gate, one->who.subject));
}

static void drop(struct people *p, struct person *one)
{
    table_remove(&p->all, &one->link);
    person_free(one);
}

const struct gate_config *people_gate_of(const struct people *p, const struct person *one)
{
    const struct gate_config *gate = signin_gate(p->signin, one->who.gate);
    return gate && github_needs_looks(gate) ? gate : NULL;
}

int64_t people_ends_of(const struct identity *who)
{
    return who->latest_s + SLACK_S;
}

static void keep(struct people *p, const struct person *one, store_done done, void *arg)
{
    uint8_t key[STORE_KEY_MAX];
    size_t n = person_key(one->who.gate, one->who.subject, key);
    store_put(p->signin->c.store, STORE_PEOPLE, span_make(key, n), span_make(one->record, one->record_n),
              people_ends_of(&one->who), done, arg);
}

/* --- a look ------------------------------------------------------------------------------------------------------------- */

static void end_look(struct person *one)
{
    one->busy = false;
    one->people->busy--;
    text_fini(&one->groups);
}

static void wait_longer(struct person *one, int64_t now_s)
{
    one->wait_s = one->wait_s ? one->wait_s * 2 : WAIT_FIRST_S;
    if (one->wait_s > WAIT_MAX_S)
        one->wait_s = WAIT_MAX_S;
    one->not_before_s = now_s + one->wait_s;
}

static bool is_outdated(const struct person *one)
{
    return one->version != one->busy_version;
}

/* Nobody forgets him before all know it. */
static void must_sign_in(struct person *one, int64_t now_s)
{
    struct people *p = one->people;
    uint8_t key[STORE_KEY_MAX];
    size_t n = person_key(one->who.gate, one->who.subject, key);
    if (!people_gate_of(p, one) || !people_tell_facts(p, &one->who, person_known_s(one), true)) {
        wait_longer(one, now_s);
        return;
    }
    store_delete(p->signin->c.store, STORE_PEOPLE, span_make(key, n), NULL, NULL);
    drop(p, one);
}

static bool is_same(const struct identity *a, const struct identity *b)
{
    return span_eq(a->email, b->email) && span_eq(a->login, b->login) && span_eq(a->groups, b->groups);
}

/* Sealed anew: a session secret that is on its way out must not take the token along. */
static bool take_over(struct person *one, const struct gate_config *gate, const struct identity *who, int64_t checked_s)
{
    uint8_t token[GITHUB_TOKEN_MAX];
    size_t n = person_open(gate, one, token);
    struct text sealed;
    text_init(&sealed);
    bool ok = n > 0 && person_seal(gate, one->who.subject, span_make(token, n), &sealed) &&
              person_set(one, who, checked_s, text_span(&sealed));
    wipe(token, sizeof(token));
    text_fini(&sealed);
    return ok;
}

/* A login whose name rules know, but as somebody else's, is none. */
static void on_login(void *arg, enum login_pin_result r)
{
    struct person *one = arg;
    struct people *p = one->people;
    const struct gate_config *gate = people_gate_of(p, one);
    struct identity who = one->who;
    int64_t began_s = one->began_s;
    if (r == LOGIN_FAILED || is_outdated(one) || !gate) {
        if (r == LOGIN_FAILED)
            wait_longer(one, began_s);
        end_look(one);
        return;
    }
    who.email = span_make(one->user.email, one->user.email_n);
    who.login = r == LOGIN_OK ? span_make(one->user.login, one->user.login_n) : SPAN_NONE;
    who.groups = text_span(&one->groups);
    bool told = is_same(&who, &one->who) || people_tell_facts(p, &who, began_s, false);
    if (told && take_over(one, gate, &who, began_s)) {
        one->wait_s = 0;
        one->given_up = false;
        p->limited = 0;
        one->not_before_s = began_s + LEDGER_RECHECK_S - SPREAD_S;
        keep(p, one, NULL, NULL);
    } else {
        wait_longer(one, began_s);
    }
    end_look(one);
}

/* Another process may have given that token back because of a later sign-in. */
static void on_still_there(void *arg, const struct store_reply *r)
{
    struct person *one = arg;
    bool mine = r->outcome == STORE_OK && span_eq(r->value, span_make(one->record, one->record_n));
    end_look(one);
    if (is_outdated(one))
        return;
    if (mine || r->outcome == STORE_NONE)
        must_sign_in(one, one->began_s);
    else if (r->outcome != STORE_OK || !person_read(one, r->value))
        wait_longer(one, one->began_s);
}

static void on_refused(struct person *one)
{
    uint8_t key[STORE_KEY_MAX];
    size_t n = person_key(one->who.gate, one->who.subject, key);
    store_get(one->people->signin->c.store, STORE_PEOPLE, span_make(key, n), on_still_there, one);
}

/* Who has used his own requests up waits as long as he is told, and nobody else does. */
static void on_limited(struct person *one, uint32_t retry_after_s)
{
    struct people *p = one->people;
    int64_t until_s = one->began_s + retry_after_s;
    if (until_s > one->not_before_s)
        one->not_before_s = until_s;
    if (++p->limited < LIMITED_IN_A_ROW)
        return;
    p->pause_until_s = one->began_s + (retry_after_s < PAUSE_S ? (int64_t)retry_after_s : PAUSE_S);
    p->limited = 0;
}

static void on_failed(struct person *one, const struct github_facts *facts)
{
    wait_longer(one, one->began_s);
    if (facts->outcome == LOOK_LIMITED)
        on_limited(one, facts->retry_after_s);
    end_look(one);
}

static void on_look(void *arg, const struct github_facts *facts)
{
    struct person *one = arg;
    const struct gate_config *gate = people_gate_of(one->people, one);
    one->look = NULL;
    if (facts->outcome == LOOK_TOKEN_REFUSED && !is_outdated(one)) {
        on_refused(one);
        return;
    }
    if (facts->outcome != LOOK_OK || !gate ||
        !span_eq(span_make(facts->user->id, facts->user->id_n), one->who.subject)) {
        on_failed(one, facts);
        return;
    }
    one->user = *facts->user;
    text_init(&one->groups);
    text_add(&one->groups, facts->groups);
    if (one->groups.failed)
        on_failed(one, facts);
    else
        login_pin_ask(one->people->signin, gate, &one->user, &one->pin, on_login, one);
}

static void look_at(struct person *one, const struct gate_config *gate, int64_t now_s)
{
    struct people *p = one->people;
    uint8_t token[GITHUB_TOKEN_MAX];
    size_t n = person_open(gate, one, token);
    if (n == 0) { /* by a session secret that is gone: nor is a session left by it. Once it may be want of memory */
        if (one->wait_s > 0)
            must_sign_in(one, now_s);
        else
            wait_longer(one, now_s);
        return;
    }
    one->began_s = now_s;
    one->busy_version = one->version;
    one->look = github_look_start(p->signin->c.fetcher, gate->github, span_make(token, n), on_look, one);
    wipe(token, sizeof(token));
    if (!one->look) {
        wait_longer(one, now_s);
        return;
    }
    one->busy = true;
    p->busy++;
}

/* --- the clock ---------------------------------------------------------------------------------------------------------- */

/* The same for a person each time. */
static int64_t early_of(const struct person *one)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < one->who.subject.n; i++)
        sum = sum * 31 + one->who.subject.p[i];
    return sum % SPREAD_S;
}

/* What lies in the future is by a clock that was set back: it says nothing. */
static bool is_due(const struct person *one, int64_t now_s)
{
    int64_t known_s = person_known_s(one);
    bool late = known_s > now_s + SLACK_S || now_s >= known_s + LEDGER_RECHECK_S - early_of(one);
    return late && !one->busy && (now_s >= one->not_before_s || one->not_before_s > now_s + LEDGER_STALE_S);
}

static bool is_paused(const struct people *p, int64_t now_s)
{
    return now_s < p->pause_until_s && p->pause_until_s <= now_s + PAUSE_S;
}

static void go_through(struct people *p, int64_t now_s)
{
    for (struct person *one = people_next(p, NULL), *next; one; one = next) {
        const struct gate_config *gate = people_gate_of(p, one);
        next = people_next(p, one);
        if (!one->busy && people_ends_of(&one->who) <= now_s)
            drop(p, one);
        else if (gate && p->busy < AT_A_TIME && !is_paused(p, now_s) && is_due(one, now_s))
            look_at(one, gate, now_s);
    }
}

/* --- who holds the others up ---------------------------------------------------------------------------------------------- */

/* Somebody of the gate was looked at lately: GitHub is there. */
static bool is_seen(const struct people *p, struct span gate, int64_t now_s)
{
    for (const struct person *one = people_next(p, NULL); one; one = people_next(p, one))
        if (!one->given_up && one->checked_s >= now_s - LEDGER_RECHECK_S && span_eq(one->who.gate, gate))
            return true;
    return false;
}

static bool is_overdue(const struct person *one, int64_t now_s)
{
    return !one->busy && now_s - person_known_s(one) >= GIVE_UP_S;
}

/* From now on he is in nothing, until a look succeeds. */
static void give_up(struct person *one, const struct gate_config *gate, int64_t now_s)
{
    struct identity who = one->who;
    int64_t checked_s = one->checked_s;
    who.login = who.groups = SPAN_NONE;
    if (!take_over(one, gate, &who, now_s))
        return;
    if (!people_tell_facts(one->people, &one->who, now_s, false)) {
        one->checked_s = checked_s; /* again at once */
        return;
    }
    one->given_up = true;
    keep(one->people, one, NULL, NULL);
}

/* Those who alone cannot be looked at, for so long that soon nobody of the gate would be believed: whether GitHub has no answer about them or
 * they wait for it. */
static void give_up_late(struct people *p, const struct gate_config *gate, int64_t now_s)
{
    if (!is_seen(p, gate->name, now_s))
        return;
    for (struct person *one = people_next(p, NULL); one; one = people_next(p, one))
        if (is_overdue(one, now_s) && span_eq(one->who.gate, gate->name))
            give_up(one, gate, now_s);
}

static void give_up_all_late(struct people *p, int64_t now_s)
{
    for (size_t i = 0; i < p->signin->gates.n; i++)
        if (github_needs_looks(&p->signin->gates.v[i]))
            give_up_late(p, &p->signin->gates.v[i], now_s);
}

static void start_clock(struct people *p)
{
    if (!timer_is_set(&p->timer) && !timer_set(&p->timer, TICK_MS))
        abort(); /* its memory is reserved */
}

static void load(struct people *p);

void people_tick(struct people *p, int64_t now_s)
{
    if (p->failed)
        load(p);
    if (!p->loaded)
        return;
    go_through(p, now_s);
    give_up_all_late(p, now_s);
    people_tell_checked(p, now_s);
}

static void on_tick(void *arg)
{
    struct people *p = arg;
    people_tick(p, clock_wall_s());
    if (p->all.count > 0 || p->failed)
        start_clock(p);
}

/* --- the store ---------------------------------------------------------------------------------------------------------- */

/* Of two that know the person, the one who saw him later is right; a later sign-in has the newer token. */
static bool is_news(const struct person *have, const struct person *read)
{
    return read->who.proven_s > have->who.proven_s ||
           (read->who.proven_s == have->who.proven_s && read->checked_s > have->checked_s);
}

static void merge(struct people *p, struct person *have, struct person *read, struct span record)
{
    have->round = p->round;
    if (!is_news(have, read))
        return;
    if (read->who.proven_s > have->who.proven_s)
        have->version++;
    int64_t latest_s = have->who.latest_s;
    if (!person_read(have, record))
        p->failed = true;
    else if (have->who.latest_s < latest_s)
        have->who.latest_s = latest_s;
}

/* Whom we cannot look at must not be believed because of others; nor must he keep us from looking at them. */
static void on_damaged(struct people *p, struct span key)
{
    struct record_in in = {.rest = key};
    struct identity who = {.way = WAY_GITHUB, .gate = record_take_span(&in), .subject = record_take_span(&in)};
    if (signin_gate(p->signin, who.gate) && record_done(&in) && !people_tell_facts(p, &who, clock_wall_s(), true)) {
        p->failed = true;
        return;
    }
    store_delete(p->signin->c.store, STORE_PEOPLE, key, NULL, NULL);
}

static void on_person(void *arg, struct span key, struct span value, int64_t ends_s)
{
    struct people *p = arg;
    (void)ends_s;
    if (!person_is_record(value)) {
        on_damaged(p, key);
        return;
    }
    struct person *read = person_new(p);
    if (!read || !person_read(read, value)) {
        if (read)
            person_free(read);
        p->failed = true;
        return;
    }
    struct person *have = find(p, read->who.gate, read->who.subject);
    if (!have) {
        read->round = p->round;
        link_person(p, read);
        return;
    }
    merge(p, have, read, value);
    person_free(read);
}

static void sweep(struct people *p)
{
    for (struct person *one = people_next(p, NULL), *next; one; one = next) {
        next = people_next(p, one);
        if (one->round < p->round && !one->busy)
            drop(p, one);
    }
}

static void on_read(void *arg, const struct store_reply *r)
{
    struct people *p = arg;
    p->reading = false;
    p->failed = p->failed || r->outcome != STORE_OK;
    if (p->failed) {
        (void)fprintf(stderr, "tiergate: worker: who signed in with GitHub cannot be read: %s; again in a second\n",
                      r->detail ? r->detail : "no memory");
    } else {
        sweep(p);
        if (!p->loaded)
            book_publish(p->signin);
        p->loaded = true;
        people_tell_checked(p, clock_wall_s());
    }
    start_clock(p);
    if (p->read_again)
        load(p);
}

static void load(struct people *p)
{
    p->read_again = p->reading;
    if (p->reading || !p->signin->c.store)
        return;
    p->reading = true;
    p->failed = false;
    p->round++;
    people_since_ask(p);
    store_list(p->signin->c.store, STORE_PEOPLE, on_person, on_read, p);
}

/* --- from outside ------------------------------------------------------------------------------------------------------- */

struct people *people_new(struct signin *s)
{
    struct people *p = calloc(1, sizeof(*p));
    if (!p)
        return NULL;
    p->signin = s;
    table_init(&p->all);
    timer_init(&p->timer, s->c.loop, on_tick, p);
    if (timer_reserve(&p->timer))
        return p;
    people_free(p);
    return NULL;
}

void people_free(struct people *p)
{
    if (!p)
        return;
    for (struct person *one = people_next(p, NULL), *next; one; one = next) {
        next = people_next(p, one);
        person_free(one);
    }
    table_fini(&p->all);
    people_since_free(p);
    timer_fini(&p->timer);
    free(p);
}

void people_changed(struct people *p)
{
    load(p);
}

bool people_are_known(const struct people *p)
{
    const struct signin *s = p->signin;
    bool needed = false;
    for (size_t i = 0; i < s->gates.n && !needed; i++)
        needed = github_needs_looks(&s->gates.v[i]);
    return p->loaded || !s->c.store || !needed;
}

/* His other sessions, which say what was true before, are told as well. */
static bool renew(struct people *p, const struct gate_config *gate, struct person *one, const struct identity *who,
                  struct span token)
{
    uint8_t old[GITHUB_TOKEN_MAX];
    size_t old_n = person_open(gate, one, old);
    struct text sealed;
    text_init(&sealed);
    bool ok = person_seal(gate, who->subject, token, &sealed);
    bool changed = ok && one->record && !is_same(who, &one->who);
    struct identity seen = *who; /* his earlier sessions may live longer, if the rules say another lifetime since */
    if (one->who.latest_s > seen.latest_s)
        seen.latest_s = one->who.latest_s;
    if (changed)
        ok = people_tell_facts(p, &seen, who->proven_s, false);
    ok = ok && person_set(one, &seen, 0, text_span(&sealed));
    if (ok && !span_eq(span_make(old, old_n), token))
        github_give_back(p->signin, gate->github, span_make(old, old_n));
    wipe(old, sizeof(old));
    text_fini(&sealed);
    one->version++;
    one->round = p->round;
    one->not_before_s = one->wait_s = 0;
    return ok;
}

void people_add(struct people *p, const struct gate_config *gate, const struct identity *who, struct span token,
                store_done done, void *arg)
{
    struct person *have = find(p, who->gate, who->subject), *one = have ? have : person_new(p);
    bool ok = one && p->signin->c.store && renew(p, gate, one, who, token);
    if (!ok) {
        if (one && !have)
            person_free(one);
        done(arg, &(struct store_reply){.outcome = STORE_FAILED, .detail = "out of memory"});
        return;
    }
    if (!have)
        link_person(p, one);
    start_clock(p);
    keep(p, one, done, arg);
}
