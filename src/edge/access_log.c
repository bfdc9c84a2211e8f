/* One JSON line per request, bypassed and refused ones too. Never a secret: no header value but Host's, and the target without its
 * query, which is where tokens travel. */
#include "base/clock.h"
#include "base/hex.h"
#include "edge/exchange.h"
#include "gate/ledger.h"

/* Four texts of a line come from the client: host, method, path, user. */
#define TEXT_MAX_BYTES 1200u
#define LINE_MAX_BYTES 8192u

struct line {
    char *p;
    size_t n;
};

static void put(struct line *l, struct span s)
{
    size_t room = LINE_MAX_BYTES - l->n, n = s.n < room ? s.n : room;
    memcpy(l->p + l->n, s.p, n);
    l->n += n;
}

static bool is_plain(uint8_t c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* Control bytes, quotes and bytes above 0x7e are escaped: what a client sends can end neither the line nor the string. What exceeds
 * TEXT_MAX_BYTES is left out, so that a line always has room for all of its keys. */
static void put_escaped(struct line *l, struct span s)
{
    static const char digits[] = "0123456789abcdef";
    size_t end = l->n + TEXT_MAX_BYTES;
    for (size_t i = 0; i < s.n && l->n + 6 <= end;) {
        size_t run = 0;
        while (i + run < s.n && l->n + run < end && is_plain(s.p[i + run]))
            run++;
        put(l, span_make(s.p + i, run));
        i += run;
        if (run > 0)
            continue;
        uint8_t c = s.p[i++];
        char e[6] = {'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]};
        put(l, span_make(e, 6));
    }
}

static void put_text(struct line *l, const char *key, struct span value)
{
    put(l, SPAN(",\""));
    put(l, span_of(key));
    put(l, SPAN("\":\""));
    put_escaped(l, value);
    put(l, SPAN("\""));
}

static void put_number(struct line *l, const char *key, uint64_t value)
{
    char digits[SPAN_DECIMAL_MAX];
    put(l, SPAN(",\""));
    put(l, span_of(key));
    put(l, SPAN("\":"));
    put(l, span_decimal(value, digits));
}

/* What was decided, in the words of the rules file; before any rule was asked, whether it was our own business or refused. */
static struct span decision_of(const struct exchange *x)
{
    if (x->own)
        return SPAN("own");
    if (!x->decision.reason)
        return SPAN("refused");
    if (x->decision.verdict == VERDICT_GATE && x->who)
        return SPAN("block");
    return span_of(verdict_name(x->decision.verdict));
}

static void put_rule(struct line *l, const struct exchange *x)
{
    if (!x->decision.reason || x->decision.rule < 0)
        return;
    struct span name = policy_rule_name(x->site->policy, (size_t)x->decision.rule);
    put_number(l, "rule", (uint64_t)x->decision.rule);
    if (name.n)
        put_text(l, "rule_name", name);
}

static uint64_t since(const struct exchange *x, uint64_t at)
{
    return at > x->start_us ? at - x->start_us : 0;
}

static void put_timings(struct line *l, const struct exchange *x, uint64_t now)
{
    put_number(l, "duration_us", since(x, now));
    if (x->gate_us)
        put_number(l, "gate_us", since(x, x->gate_us));
    if (x->connect_us)
        put_number(l, "connect_us", since(x, x->connect_us));
    if (x->first_byte_us)
        put_number(l, "first_byte_us", since(x, x->first_byte_us));
}

/* The beginning of the session's name, which is no secret: enough to take it back. */
static void put_session(struct line *l, const struct exchange *x)
{
    char text[2 * LEDGER_SHORT_ID];
    if (!x->check.by_cookie)
        return;
    hex_put(x->check.session_id, LEDGER_SHORT_ID, text);
    put_text(l, "session", span_make(text, sizeof text));
}

static void put_request(struct line *l, const struct exchange *x)
{
    struct span target, query;
    char ip[ADDR_TEXT];
    /* Of an absolute-form target the path alone: before it can stand a name and a password. */
    bool is_path = x->req.target.n > 0 && x->req.target.p[0] == '/';
    span_cut(is_path ? x->req.target : x->req.path_query, '?', &target, &query);
    put_text(l, "tier", x->site ? x->site->tier : x->snapshot->tier);
    put_text(l, "host", x->host.n ? host_span(&x->host) : x->req.authority);
    put_text(l, "method", x->req.method_name);
    put_text(l, "path", target);
    put_number(l, "status", x->status);
    put_text(l, "decision", decision_of(x));
    put_rule(l, x);
    put_text(l, "client", span_make(ip, addr_format_ip(&x->client_addr, ip)));
}

void exchange_log(const struct exchange *x)
{
    char room[LINE_MAX_BYTES + 2], time[24];
    struct line l = {room, 0};
    if (span_eq(x->snapshot->log.to, SPAN("none")))
        return;
    uint64_t now = clock_mono_us();
    clock_format_iso(clock_wall_us(), time);
    put(&l, SPAN("{\"time\":\""));
    put(&l, span_make(time, sizeof time));
    put(&l, SPAN("\""));
    put_request(&l, x);
    if (x->who) {
        put_text(&l, "identity", x->who->subject);
        put_text(&l, "gate", x->who->gate);
        put_session(&l, x);
    }
    if (x->reason[0])
        put_text(&l, "reason", span_of(x->reason));
    if (x->detail)
        put_text(&l, "detail", span_of(x->detail));
    if (x->site && x->site->origin && (x->connect_us || span_has_prefix(span_of(x->reason), SPAN("origin-"))))
        put_text(&l, "origin", x->site->origin->name);
    put_timings(&l, x, now);
    put_number(&l, "bytes_in", x->bytes_in);
    put_number(&l, "bytes_out", x->bytes_out);
    put_text(&l, "id", x->request_id);
    if (l.n > LINE_MAX_BYTES - 2)
        l.n = LINE_MAX_BYTES - 2; /* can't happen: every text is bounded */
    put(&l, SPAN("}\n"));
    log_ring_put(x->thread->ring, span_make(room, l.n));
}
