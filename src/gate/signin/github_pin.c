/* Logins that rules name, and whose they are. */
#include "gate/record.h"
#include "gate/signin/github.h"

static bool is_named(const struct gate_config *gate, struct span login)
{
    for (size_t i = 0; gate->github && i < gate->github->login_count; i++)
        if (span_eq_nocase(gate->github->logins[i], login))
            return true;
    return false;
}

static void on_owner(void *arg, const struct store_reply *r)
{
    struct login_pin *pin = arg;
    bool same = span_eq(r->value, span_make(pin->id, pin->id_n));
    pin->on_done(pin->arg, r->outcome != STORE_OK ? LOGIN_FAILED : same ? LOGIN_OK : LOGIN_OTHERS);
}

static void on_first(void *arg, const struct store_reply *r)
{
    struct login_pin *pin = arg;
    if (r->outcome == STORE_THERE)
        store_get(pin->store, STORE_LOGINS, span_make(pin->key, pin->key_n), on_owner, pin);
    else
        pin->on_done(pin->arg, r->outcome == STORE_OK ? LOGIN_OK : LOGIN_FAILED);
}

void login_pin_ask(struct signin *s, const struct gate_config *gate, const struct github_user *user,
                   struct login_pin *pin, void (*on_done)(void *arg, enum login_pin_result r), void *arg)
{
    struct span login = span_make(user->login, user->login_n);
    struct record_out o = {.p = pin->key, .cap = sizeof(pin->key)};
    if (!is_named(gate, login)) {
        on_done(arg, LOGIN_OK);
        return;
    }
    record_put_span(&o, gate->name);
    record_put_span(&o, login);
    if (o.full || !s->c.store) {
        on_done(arg, LOGIN_FAILED);
        return;
    }
    pin->store = s->c.store;
    pin->key_n = o.n;
    memcpy(pin->id, user->id, user->id_n);
    pin->id_n = user->id_n;
    pin->on_done = on_done;
    pin->arg = arg;
    store_once(s->c.store, STORE_LOGINS, span_make(pin->key, pin->key_n), span_make(pin->id, pin->id_n), INT64_MAX,
               on_first, pin);
}

/* --- freeing ------------------------------------------------------------------------------------------------------------ */

/* Of a gate that is not ours it is not ours to say: another process may have other rules on the same store. */
static void on_login(void *arg, struct span key, struct span value, int64_t ends_s)
{
    struct signin *s = arg;
    struct record_in in = {.rest = key};
    struct span name = record_take_span(&in), login = record_take_span(&in);
    const struct gate_config *gate = signin_gate(s, name);
    (void)value;
    (void)ends_s;
    if (record_done(&in) && gate && !is_named(gate, login))
        store_delete(s->c.store, STORE_LOGINS, key, NULL, NULL);
}

void login_pins_tidy(struct signin *s)
{
    if (s->c.store)
        store_list(s->c.store, STORE_LOGINS, on_login, NULL, s);
}
