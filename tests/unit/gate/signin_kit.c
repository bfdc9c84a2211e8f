#include "signin_kit.h"

#include <stdatomic.h>

#include "gate/signin/impl.h"
#include "net/mail.h"

static struct service_kit *current; /* the wrapped functions know no other way to it */

struct service_kit *service_current(void)
{
    return current;
}

/* The store's thread asks too. */
static atomic_int_fast64_t ahead_s;

int64_t __real_clock_wall_s(void);
int64_t __wrap_clock_wall_s(void);
int64_t __wrap_clock_wall_s(void)
{
    return __real_clock_wall_s() + atomic_load(&ahead_s);
}

void service_set_clock(int64_t now_s)
{
    atomic_store(&ahead_s, now_s - __real_clock_wall_s());
}

/* --- GitHub and the mail server, played --------------------------------------------------------------------------- */

struct fake {
    struct service_kit *kit;
    const struct played *answer;
    void (*on_fetch)(void *arg, const struct fetch_reply *r);
    void (*on_mail)(void *arg, const struct mail_reply *r);
    void *arg;
    bool cancelled;
};

static struct span field(const struct fetch_reply *r, const char *name)
{
    const struct played *p = r->fields;
    return p && p->field && span_eq_nocase(span_of(p->field), span_of(name)) ? span_of(p->value) : SPAN_NONE;
}

static void run_fake(void *arg)
{
    struct fake *f = arg;
    const struct played *p = f->answer;
    f->kit->running--;
    if (!f->cancelled && f->on_mail)
        f->on_mail(f->arg, &(struct mail_reply){.error = f->kit->mail_error,
                                                .status = f->kit->mail_status,
                                                .refused_address = f->kit->mail_refused_address,
                                                .detail = f->kit->mail_detail});
    else if (!f->cancelled && p->error != FETCH_OK)
        f->on_fetch(f->arg, &(struct fetch_reply){.error = p->error, .detail = p->value, .field = field});
    else if (!f->cancelled)
        f->on_fetch(f->arg,
                    &(struct fetch_reply){.status = p->status, .body = span_of(p->body), .field = field, .fields = p});
    free(f);
}

static struct fetch *fake_start(struct fake f)
{
    struct fake *own = malloc(sizeof(*own));
    if (!own)
        return NULL; /* as they do */
    *own = f;
    own->kit = current;
    if (!loop_post(current->base.loop, run_fake, free, own)) {
        free(own);
        return NULL;
    }
    current->running++;
    if (current->running > current->most_running)
        current->most_running = current->running;
    return (struct fetch *)own;
}

struct played *service_played(struct service_kit *k, const char *end)
{
    for (size_t i = 0; i < k->played_count; i++)
        if (strcmp(k->played[i].end, end) == 0)
            return &k->played[i];
    assert_true(k->played_count < PLAYED_MAX);
    k->played[k->played_count] = (struct played){.end = end};
    return &k->played[k->played_count++];
}

void service_play(struct service_kit *k, const char *end, unsigned status, const char *body)
{
    *service_played(k, end) = (struct played){.end = end, .status = status, .body = body};
}

static bool has_token(const struct fetch_request *r, const char *token)
{
    for (size_t i = 0; token && i < r->field_count; i++)
        if (span_eq(r->fields[i].name, SPAN("Authorization")) && span_has_suffix(r->fields[i].value, span_of(token)))
            return true;
    return !token;
}

struct fetch *__wrap_fetch_start(struct fetcher *f, const struct fetch_request *r,
                                 void (*on_done)(void *arg, const struct fetch_reply *reply), void *arg);
struct fetch *__wrap_fetch_start(struct fetcher *f, const struct fetch_request *r,
                                 void (*on_done)(void *arg, const struct fetch_reply *reply), void *arg)
{
    struct service_kit *k = current;
    char line[4096]; /* where memory is short, it is not the test's own */
    const struct played *answer = NULL;
    (void)f;
    (void)snprintf(line, sizeof(line), "%s %.*s", r->method, SPAN_ARG(r->url));
    for (size_t i = 0; i < k->played_count && !answer; i++)
        if (span_has_suffix(span_of(line), span_of(k->played[i].end)) && has_token(r, k->played[i].token))
            answer = &k->played[i];
    if (!answer)
        fail_msg("nobody plays \"%s\"", line);
    text_addf(&k->asked, "%s\n%.*s\n", line, SPAN_ARG(r->body));
    for (size_t i = 0; i < r->field_count; i++)
        text_addf(&k->asked, "%.*s: %.*s\n", SPAN_ARG(r->fields[i].name), SPAN_ARG(r->fields[i].value));
    k->asked_count++;
    return fake_start((struct fake){.answer = answer, .on_fetch = on_done, .arg = arg});
}

struct fetch *__wrap_mail_send(struct fetcher *f, const struct mail *m,
                               void (*on_done)(void *arg, const struct mail_reply *reply), void *arg);
struct fetch *__wrap_mail_send(struct fetcher *f, const struct mail *m,
                               void (*on_done)(void *arg, const struct mail_reply *reply), void *arg)
{
    struct service_kit *k = current;
    (void)f;
    text_fini(&k->mail);
    text_addf(&k->mail, "to %.*s from %.*s\n", SPAN_ARG(m->to), SPAN_ARG(m->from));
    text_add(&k->mail, m->message);
    k->mails++;
    return fake_start((struct fake){.on_mail = on_done, .arg = arg});
}

void __wrap_fetch_cancel(struct fetch *one);
void __wrap_fetch_cancel(struct fetch *one)
{
    ((struct fake *)one)->cancelled = true;
    current->cancelled++;
}

/* --- the store, which answers late -------------------------------------------------------------------------------- */

void __real_store_list(struct store *s, enum store_table t, store_each each, store_done done, void *arg);
void __wrap_store_list(struct store *s, enum store_table t, store_each each, store_done done, void *arg);
void __wrap_store_list(struct store *s, enum store_table t, store_each each, store_done done, void *arg)
{
    struct service_kit *k = current;
    if (k && t == STORE_REVOKED)
        k->times_listed++;
    if (!k || t != STORE_PEOPLE || !k->hold_people) {
        __real_store_list(s, t, each, done, arg);
        return;
    }
    assert_false(k->held);
    k->held = true;
    k->held_each = each;
    k->held_done = done;
    k->held_arg = arg;
}

void service_go_on(struct service_kit *k)
{
    assert_true(k->held);
    k->held = k->hold_people = false;
    __real_store_list(k->base.store, STORE_PEOPLE, k->held_each, k->held_done, k->held_arg);
}

/* --- the service -------------------------------------------------------------------------------------------------- */

static void on_audit(void *arg, struct span line)
{
    struct service_kit *k = arg;
    text_add(&k->audit, line);
}

static void on_publish(void *arg, struct ledger *l)
{
    struct service_kit *k = arg;
    ledger_unref(k->ledger);
    k->ledger = l;
    signin_ledger_taken(k->signin, ledger_number(l), 0);
}

static void on_rule_error(void *arg, const struct policy_error *e)
{
    (void)arg;
    fail_msg("policy: %s", e->message);
}

static void start(struct service_kit *k)
{
    const struct signin_config c = {.loop = k->base.loop,
                                    .store = k->base.store,
                                    .fetcher = (struct fetcher *)k, /* never looked into */
                                    .audit = on_audit,
                                    .publish = on_publish,
                                    .arg = k};
    k->signin = signin_new(&c);
    assert_non_null(k->signin);
    signin_set_gates(k->signin, k->gates, 1);
}

void service_set_rules(struct service_kit *k, const struct selector *who, size_t count)
{
    static const struct span everywhere = {(const uint8_t *)"/*", 2};
    const struct rule_spec rule = {
        .paths = &everywhere, .path_count = 1, .action = ACTION_ALLOW, .who = {.v = who, .n = count}};
    if (k->policies[0])
        policy_free(k->policies[0]);
    k->policies[0] = policy_compile(&rule, 1, false, on_rule_error, NULL);
    assert_non_null(k->policies[0]);
    k->fixture.gate.policies = k->policies;
    k->fixture.gate.policy_count = 1;
}

void service_open(struct service_kit *k, const struct selector *who, size_t count)
{
    memset(k, 0, sizeof(*k));
    current = k;
    atomic_store(&ahead_s, 0);
    kit_make(&k->base);
    kit_open(&k->base);
    memory_init(&k->memory);
    fixture_init(&k->fixture, "g", NULL);
    k->fixture.gate.basic = NULL;
    k->github = (struct github_config){.client_id = SPAN("Iv1.client"),
                                       .client_secret = SPAN("s3cret"),
                                       .web = SPAN("https://github.test"),
                                       .api = SPAN("https://api.github.test")};
    k->pin = (struct email_pin_config){
        .smtp = SPAN("smtps://mail.test"), .from = SPAN("Gate <gate@app.test>"), .from_address = SPAN("gate@app.test")};
    k->fixture.gate.github = &k->github;
    k->fixture.gate.email_pin = &k->pin;
    k->mail_status = 250;
    service_set_rules(k, who, count);
    fixture_seal(&k->fixture, &k->memory.arena, SECRET_A);
    k->gates = (struct gate_list){&k->fixture.gate, 1};
    start(k);
}

void service_restart(struct service_kit *k)
{
    kit_close(&k->base);
    signin_free(k->signin);
    kit_idle(&k->base, 1);
    kit_open(&k->base);
    ledger_unref(k->ledger);
    k->ledger = NULL;
    start(k);
}

void service_close(struct service_kit *k)
{
    kit_close(&k->base);
    signin_free(k->signin);
    ledger_unref(k->ledger);
    policy_free(k->policies[0]);
    text_fini(&k->audit);
    text_fini(&k->asked);
    text_fini(&k->mail);
    memory_fini(&k->memory);
    kit_remove(&k->base);
}

/* --- questions ---------------------------------------------------------------------------------------------------- */

static void put(char *out, size_t cap, struct span s)
{
    assert_true(s.n < cap);
    if (s.n)
        memcpy(out, s.p, s.n);
    out[s.n] = '\0';
}

static void on_answer(void *arg, const struct signin_reply *r)
{
    struct answered *a = arg;
    a->times++;
    a->outcome = r->outcome;
    a->retry_after_s = r->retry_after_s;
    a->way = r->who.way;
    a->proven_s = r->who.proven_s;
    put(a->detail, sizeof(a->detail), span_of(r->detail));
    put(a->subject, sizeof(a->subject), r->outcome == SIGNIN_OK && r->who.subject.n ? r->who.subject : r->subject);
    put(a->what, sizeof(a->what), r->what);
    put(a->email, sizeof(a->email), r->who.email);
    put(a->login, sizeof(a->login), r->who.login);
    put(a->groups, sizeof(a->groups), r->who.groups);
    put(a->code, sizeof(a->code), r->code);
    a->session_ends_s = r->session_ends_s;
    memcpy(a->session_id, r->session_id, sizeof(a->session_id));
}

void service_ask(struct service_kit *k, const struct signin_question *q, struct answered *a)
{
    *a = (struct answered){.kit = k};
    assert_non_null(signin_ask(k->signin, k->base.loop, q, on_answer, a));
}

void service_settle(struct service_kit *k)
{
    do
        kit_idle(&k->base, 20);
    while (k->running || k->signin->jobs || k->signin->reading);
}

void service_wait(struct service_kit *k, const struct answered *a, size_t count)
{
    for (size_t i = 0; i < count; i++)
        while (a[i].times == 0)
            kit_idle(&k->base, 2);
    service_settle(k);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(a[i].times, 1);
}

bool service_heard(const struct text *t, const char *needle)
{
    return t->p && strstr(t->p, needle);
}
