/* One-time PINs: asking for one. Whoever asks for whatever address gets the same answer after the same work; only then does a mail go out, or none. A
 * PIN that nobody is sent is none: however many are asked for, no more can be guessed at than mails go out. */
#include "gate/signin/pin.h"

#include "base/clock.h"
#include "base/count.h"
#include "base/crypto/mac.h"
#include "base/crypto/random.h"
#include "gate/signin/impl.h"

#include <stdio.h>
#include <stdlib.h>

#define HOUR_S 3600u
#define MAILS_PER_GATE 200

/* --- limits ------------------------------------------------------------------------------------------------------------- */

/* Each is counted in turn. The one of an address is the last: it must not be used up by somebody whom the others stop. */
static const struct {
    const char *purpose;
    uint32_t window_s;
    uint64_t limit;
    bool of_address, of_browser, of_client;
    const char *detail;
} limits[] = {
    {"asked", 30, 1, true, true, false, "limited: the same browser asked within 30 seconds"},
    {"mails for client", HOUR_S, 10, false, false, true, "limited: 10 mails an hour for one client"},
    {"mails to address", HOUR_S, 5, true, false, false, "limited: 5 mails an hour to one address"},
};

struct asking {
    char address[PIN_ADDRESS_MAX];
    size_t address_n;
    size_t step; /* in limits */
    char pin[PIN_DIGITS + 1];
    const char *unsent; /* why no mail goes out; NULL: one does */
};

static void asking_free(void *work)
{
    wipe(work, sizeof(struct asking));
    free(work);
}

static struct span address_of(const struct asking *w)
{
    return span_make(w->address, w->address_n);
}

static struct identity identity_of(const struct signin_question *q, struct span address)
{
    return (struct identity){.way = WAY_EMAIL, .gate = q->gate, .subject = address, .email = address};
}

static bool limit_key(const struct gate_config *gate, const struct signin_call *c, uint8_t key[PIN_HASH])
{
    const struct asking *w = c->work;
    const struct cidr client = addr_bucket(&c->q.client);
    const struct span parts[] = {
        limits[w->step].of_address ? address_of(w) : SPAN_NONE,
        limits[w->step].of_browser ? c->q.browser : SPAN_NONE,
        limits[w->step].of_client ? span_make(client.ip, sizeof(client.ip)) : SPAN_NONE,
    };
    return pin_hash(gate, limits[w->step].purpose, parts, COUNT(parts), key);
}

/* --- the mail ----------------------------------------------------------------------------------------------------------- */

/* The question is answered by then. */
struct mailing {
    struct side_job job;
    struct signin_question q; /* for audit lines; spans lie behind the struct */
    struct identity who;
    char pin[PIN_DIGITS + 1];
    struct fetch *mail; /* NULL: not yet */
};

static void mailing_release(struct side_job *j)
{
    struct mailing *m = (struct mailing *)j;
    if (m->mail)
        fetch_cancel(m->mail);
    wipe(m->pin, sizeof(m->pin));
    free(m);
}

static void mailing_end(struct mailing *m, const char *event, const char *detail)
{
    audit(m->job.service, event, &m->q, &m->who, detail);
    job_end(&m->job);
}

static void on_mail(void *arg, const struct mail_reply *r)
{
    struct mailing *m = arg;
    char detail[160];
    const char *why = r->detail ? r->detail : fetch_error_text(r->error);
    m->mail = NULL;
    if (r->status > 0)
        (void)snprintf(detail, sizeof(detail), "SMTP %u%s: %s", r->status,
                       r->refused_address ? " for this address" : "", why);
    else
        (void)snprintf(detail, sizeof(detail), "mail server: %s", why); /* it said nothing */
    mailing_end(m, r->error == FETCH_OK ? "pin-sent" : "pin-not-sent", r->error == FETCH_OK ? NULL : detail);
}

static bool compose(const struct mailing *m, const struct email_pin_config *config, struct text *out)
{
    char ip[ADDR_TEXT];
    struct pin_mail mail = {.from = config->from,
                            .from_address = config->from_address,
                            .to = m->who.subject,
                            .host = m->q.host,
                            .pin = m->pin,
                            .now_s = clock_wall_s()};
    if (m->q.client.family)
        mail.client = span_make(ip, addr_format_ip(&m->q.client, ip));
    if (!res_ok(random_bytes(mail.random, sizeof(mail.random))))
        return false;
    pin_mail_compose(&mail, out);
    return !out->failed;
}

static struct fetch *post(struct mailing *m, const struct email_pin_config *config)
{
    struct text t;
    struct fetch *sent = NULL;
    text_init(&t);
    if (compose(m, config, &t)) {
        const struct mail mail = {.url = config->smtp,
                                  .username = config->username,
                                  .password = config->password,
                                  .from = config->from_address,
                                  .to = m->who.subject,
                                  .message = text_span(&t)};
        sent = mail_send(m->job.service->c.fetcher, &mail, on_mail, m);
    }
    text_wipe(&t);
    return sent;
}

static void send_mail(struct mailing *m)
{
    const struct gate_config *gate = signin_gate(m->job.service, m->q.gate);
    if (!gate || !gate->email_pin) {
        mailing_end(m, "pin-not-sent", "the gate is gone");
        return;
    }
    m->mail = post(m, gate->email_pin);
    if (!m->mail)
        mailing_end(m, "pin-not-sent", "out of memory");
}

static struct mailing *mailing_new(const struct signin_call *c)
{
    const struct asking *w = c->work;
    const struct signin_question *q = &c->q;
    struct mailing *m = calloc(1, sizeof(*m) + q->gate.n + q->host.n + q->request_id.n + w->address_n);
    if (!m)
        return NULL;
    struct span from[] = {q->gate, q->host, q->request_id, address_of(w)};
    struct span *to[] = {&m->q.gate, &m->q.host, &m->q.request_id, &m->who.subject};
    uint8_t *at = (uint8_t *)(m + 1);
    for (size_t i = 0; i < COUNT(from); i++) {
        if (from[i].n)
            memcpy(at, from[i].p, from[i].n);
        *to[i] = span_make(at, from[i].n);
        at += from[i].n;
    }
    m->q.client = q->client;
    m->who = identity_of(&m->q, m->who.subject);
    memcpy(m->pin, w->pin, sizeof(m->pin));
    return m;
}

/* --- the question ------------------------------------------------------------------------------------------------------- */

static void on_kept(void *arg, const struct store_reply *r)
{
    struct signin_call *c = arg;
    struct signin *s = c->service;
    struct mailing *m = r->outcome == STORE_OK ? mailing_new(c) : NULL;
    if (!m) {
        call_store_failed(c, r);
        return;
    }
    const char *unsent = ((const struct asking *)c->work)->unsent;
    job_begin(s, &m->job, mailing_release);
    call_answer(c, &(struct signin_reply){.outcome = SIGNIN_OK, .subject = m->who.subject});
    if (unsent)
        mailing_end(m, "pin-not-sent", unsent);
    else
        send_mail(m);
}

/* The PIN's own name, for its tries and its end; then its hash, or, of one that is not sent, what none has. A new one takes the place of what this
 * browser was sent before. */
static bool make_record(const struct gate_config *gate, const struct signin_call *c, uint8_t key[PIN_HASH],
                        uint8_t record[PIN_HASH * 2])
{
    struct asking *w = c->work;
    const struct span of[] = {address_of(w), c->q.browser, span_make(w->pin, PIN_DIGITS), span_make(record, PIN_HASH)};
    return pin_make(w->pin) && res_ok(random_bytes(record, PIN_HASH)) && pin_hash(gate, "pin of", of, 2, key) &&
           pin_hash(gate, "pin", of, COUNT(of), record + PIN_HASH) &&
           (!w->unsent || res_ok(random_bytes(record + PIN_HASH, PIN_HASH)));
}

static void keep_pin(struct signin_call *c)
{
    const struct gate_config *gate = signin_gate(c->service, c->q.gate);
    uint8_t key[PIN_HASH], record[PIN_HASH * 2];
    if (!gate || !make_record(gate, c, key, record)) {
        call_outcome(c, SIGNIN_FAILED, "out of memory, or the gate is gone");
        return;
    }
    store_put(c->service->c.store, STORE_PINS, span_make(key, sizeof(key)), span_make(record, sizeof(record)),
              clock_wall_s() + PIN_S, on_kept, c);
}

static void on_mail_counted(void *arg, const struct store_reply *r)
{
    struct signin_call *c = arg;
    struct asking *w = c->work;
    if (r->outcome != STORE_OK) {
        call_store_failed(c, r);
        return;
    }
    if (!w->unsent && r->count > MAILS_PER_GATE)
        w->unsent = "limited: 200 mails an hour for all";
    keep_pin(c);
}

/* Without a limit of the store's, which would take less time; and who is not let in costs the same. */
static void count_mail(struct signin_call *c, const struct gate_config *gate)
{
    struct asking *w = c->work;
    const struct identity who = identity_of(&c->q, address_of(w));
    uint8_t key[PIN_HASH];
    w->unsent = gate && signin_could_admit(gate, &who) ? NULL : "no rule admits it";
    if (!gate || !pin_hash(gate, w->unsent ? "no mails" : "mails", NULL, 0, key))
        call_outcome(c, SIGNIN_FAILED, "out of memory, or the gate is gone");
    else
        store_count(c->service->c.store, STORE_COUNTS, span_make(key, sizeof(key)), HOUR_S, UINT64_MAX, on_mail_counted,
                    c);
}

static void refuse_limited(struct signin_call *c, const struct store_reply *r)
{
    const struct asking *w = c->work;
    const struct identity who = identity_of(&c->q, address_of(w));
    int64_t wait_s = r->ends_s - clock_wall_s();
    const struct signin_reply reply = {.outcome = SIGNIN_LIMITED,
                                       .retry_after_s = wait_s < 1 ? 1 : (uint32_t)wait_s,
                                       .detail = limits[w->step].detail,
                                       .subject = address_of(w)};
    audit(c->service, "pin-not-sent", &c->q, &who, reply.detail);
    call_answer(c, &reply);
}

static void count_next(struct signin_call *c);

static void on_counted(void *arg, const struct store_reply *r)
{
    struct signin_call *c = arg;
    struct asking *w = c->work;
    if (r->outcome == STORE_OVER) {
        refuse_limited(c, r);
    } else if (r->outcome != STORE_OK) {
        call_store_failed(c, r);
    } else {
        w->step++;
        count_next(c);
    }
}

static void count_next(struct signin_call *c)
{
    const struct asking *w = c->work;
    const struct gate_config *gate = signin_gate(c->service, c->q.gate);
    uint8_t key[PIN_HASH];
    if (w->step == COUNT(limits))
        count_mail(c, gate);
    else if (!gate || !limit_key(gate, c, key))
        call_outcome(c, SIGNIN_FAILED, "out of memory, or the gate is gone");
    else
        store_count(c->service->c.store, STORE_COUNTS, span_make(key, sizeof(key)), limits[w->step].window_s,
                    limits[w->step].limit, on_counted, c);
}

void signin_pin_send(struct signin *s, struct signin_call *c)
{
    const struct gate_config *gate = signin_gate(s, c->q.gate);
    struct asking *w = calloc(1, sizeof(*w));
    c->work = w;
    c->work_free = w ? asking_free : NULL;
    if (!w || !s->c.store || !gate || !gate->email_pin || c->q.browser.n != PIN_HASH) {
        call_outcome(c, SIGNIN_FAILED, "no memory, store, browser or gate with e-mail PINs");
        return;
    }
    w->address_n = pin_read_address(c->q.address, w->address);
    if (w->address_n == 0)
        call_outcome(c, SIGNIN_WRONG, "no e-mail address");
    else
        count_next(c);
}
