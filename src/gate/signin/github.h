/* Inside of gate/signin/: what the sign-in with GitHub and the later looks share. */
#ifndef TG_GATE_SIGNIN_GITHUB_H
#define TG_GATE_SIGNIN_GITHUB_H

#include "gate/signin/github_look.h"
#include "gate/signin/impl.h"

/* Must somebody of this gate be looked at again? Only what changes at GitHub alone makes it necessary. */
static inline bool github_needs_looks(const struct gate_config *gate)
{
    const struct github_config *g = gate->github;
    return g && g->org_count + g->team_count + g->login_count > 0;
}

/* Gives the token back, which nobody waits for. */
void github_give_back(struct signin *s, const struct github_config *g, struct span token);

/* A login that rules name belongs to the first numeric id that came with it: logins can be given up and taken by others. An administrator frees
 * it by taking the name out of the rules, reloading, and writing it in again. */
enum login_pin_result { LOGIN_OK = 0, LOGIN_OTHERS, LOGIN_FAILED };

struct login_pin {
    struct store *store; /* borrows */
    uint8_t key[STORE_KEY_MAX];
    size_t key_n;
    char id[GITHUB_ID_MAX];
    size_t id_n;
    void (*on_done)(void *arg, enum login_pin_result r);
    void *arg;
};

/* `pin` lives until on_done, which comes later, or from inside when no rule names the login. */
void login_pin_ask(struct signin *s, const struct gate_config *gate, const struct github_user *user,
                   struct login_pin *pin, void (*on_done)(void *arg, enum login_pin_result r), void *arg);
/* Drops those that no rule names any more. */
void login_pins_tidy(struct signin *s);

#endif
