#include "gate/signin/person.h"

#include "base/crypto/mac.h"
#include "base/crypto/seal.h"
#include "gate/record.h"

#include <stdlib.h>

#define RECORD_MAX 8192

size_t person_key(struct span gate, struct span subject, uint8_t key[STORE_KEY_MAX])
{
    struct record_out o = {.p = key, .cap = STORE_KEY_MAX};
    record_put_span(&o, gate);
    record_put_span(&o, subject);
    return o.full ? 0 : o.n;
}

static bool decode(struct span record, struct identity *who, int64_t *checked_s, struct span *sealed)
{
    struct record_in in = {.rest = record};
    *who = record_take_identity(&in);
    *checked_s = record_take_time(&in);
    *sealed = record_take_span(&in);
    return record_done(&in) && who->way == WAY_GITHUB && who->gate.n > 0 && who->subject.n > 0;
}

bool person_is_record(struct span record)
{
    struct identity who;
    struct span sealed;
    int64_t checked_s;
    return decode(record, &who, &checked_s, &sealed);
}

bool person_read(struct person *p, struct span record)
{
    struct identity who;
    struct span sealed;
    int64_t checked_s;
    if (!decode(record, &who, &checked_s, &sealed))
        return false;
    uint8_t *own = malloc(record.n);
    if (!own)
        return false;
    memcpy(own, record.p, record.n);
    free(p->record);
    p->record = own;
    p->record_n = record.n;
    (void)decode(span_make(own, record.n), &p->who, &p->checked_s, &p->sealed);
    return true;
}

bool person_set(struct person *p, const struct identity *who, int64_t checked_s, struct span sealed)
{
    uint8_t room[RECORD_MAX];
    struct record_out o = {.p = room, .cap = sizeof(room)};
    record_put_identity(&o, who);
    record_put_time(&o, checked_s);
    record_put_span(&o, sealed);
    return person_read(p, span_make(room, o.n)); /* what did not fit in is no record */
}

/* Sealed for one person of one gate: put under another's name it does not open. */
static void add_purpose(struct text *t, const struct gate_config *gate, struct span subject)
{
    text_add(t, SPAN("github token v1 of "));
    text_add(t, gate->name);
    text_add(t, SPAN("\n"));
    text_add(t, subject);
}

bool person_seal(const struct gate_config *gate, struct span subject, struct span token, struct text *out)
{
    char room[SEAL_TEXT_SIZE(GITHUB_TOKEN_MAX)];
    struct text purpose;
    size_t n = 0;
    text_init(&purpose);
    add_purpose(&purpose, gate, subject);
    bool ok = token.n <= GITHUB_TOKEN_MAX && gate->session.key_count > 0 && !purpose.failed &&
              res_ok(seal_make(gate->session.keys[0].seal, text_span(&purpose), token, room, &n));
    text_fini(&purpose);
    text_add(out, span_make(room, n));
    return ok && !out->failed;
}

size_t person_open(const struct gate_config *gate, const struct person *p, uint8_t token[GITHUB_TOKEN_MAX])
{
    struct text purpose;
    size_t n = 0; /* as long as none opens it */
    text_init(&purpose);
    add_purpose(&purpose, gate, p->who.subject);
    for (size_t i = 0; i < gate->session.key_count && n == 0 && !purpose.failed; i++)
        (void)seal_open(gate->session.keys[i].seal, text_span(&purpose), p->sealed, token, GITHUB_TOKEN_MAX, &n);
    text_fini(&purpose);
    return n;
}

void person_free(struct person *p)
{
    if (p->look)
        github_look_cancel(p->look);
    text_fini(&p->groups);
    free(p->record);
    free(p);
}
