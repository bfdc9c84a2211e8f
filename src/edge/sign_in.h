/* Inside of edge/: signing in on pages. What every step of it needs; the steps stand in sign_in*.c and hand_off.c.
 *
 *   gated page ─302─► sign-in host: page ─► GitHub ─► callback ─┐
 *                                      └─► PIN by mail ─────────┴─► session, 302 to the way back
 *                                                                    └─ other circle: one-time code ─► hand-off there ─► session */
#ifndef TG_EDGE_SIGN_IN_H
#define TG_EDGE_SIGN_IN_H

#include "edge/own.h"
#include "gate/errand.h"
#include "gate/sign_in_pages.h"

#define SIGN_IN_MARKER_SET SIGNED_IN_COOKIE "=1; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=60"
#define SIGN_IN_MARKER_GONE SIGNED_IN_COOKIE "=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0"

/* Are there pages to sign in on? */
bool sign_in_has_pages(const struct gate_config *gate);
/* "https://host[:port]" where people of this host's gate sign in, at the port that was asked for. p == NULL: no memory. */
struct span sign_in_site(struct exchange *x);
bool sign_in_is_here(const struct exchange *x);

/* For who is to sign in before he goes on: the page's address, with the way back to this request (or, for scripts, to a page that says so).
 * Empty: the gate has no pages, or no memory. A browser that a host outside of the sign-in host's circle must know again gets *set_cookie;
 * `anew`: a session of before does not do. */
struct span sign_in_url(struct exchange *x, bool anew, struct span *set_cookie);

/* The parameter or field `to`, when it is a way back of ours; else the root of this host. */
void sign_in_way_back(struct exchange *x, struct span fields, struct way_back *out, struct span *sealed);
void sign_in_way_back_of(struct exchange *x, struct span to, struct way_back *out, struct span *sealed);

/* A form of ours, sent by a page of ours? */
bool sign_in_is_own_post(const struct exchange *x);
/* The field when it is there once and well-formed; else empty. */
struct span sign_in_field(struct exchange *x, struct span fields, const char *name);
/* The browser's hash, or that of a new one with *set_cookie. False: no memory. */
bool sign_in_browser(struct exchange *x, struct span *hash, struct span *set_cookie);

/* Came from a page that refused one account of his, to use another? */
bool sign_in_wants_another(struct exchange *x);
/* The page with its ways, saying `note`. */
enum ex_next sign_in_page_with(struct exchange *x, struct span to, struct span address, enum page_note note,
                               uint32_t retry_after_s);
/* Whoever proved who he is gets his session and goes back; what else the service said becomes a page. */
enum ex_next sign_in_done(struct exchange *x, const struct signin_reply *r, struct span to);
/* Has a session that will do: goes back. */
enum ex_next sign_in_go_back(struct exchange *x, const struct way_back *w, struct span sealed);
/* Is there such a session? */
bool sign_in_has_session(const struct exchange *x, const struct way_back *w);

/* Signed in here a moment ago, as this browser's marker says. */
bool sign_in_has_marker(const struct exchange *x);

/* Endpoints. */
enum ex_next endpoint_sign_in(struct exchange *x, enum gate_result gate);
enum ex_next endpoint_github(struct exchange *x, enum gate_result gate);
enum ex_next endpoint_callback(struct exchange *x, enum gate_result gate);
enum ex_next endpoint_pin(struct exchange *x, enum gate_result gate);
enum ex_next endpoint_hand_off(struct exchange *x, enum gate_result gate);
enum ex_next endpoint_signed_in(struct exchange *x, enum gate_result gate);
enum ex_next endpoint_sign_out(struct exchange *x, enum gate_result gate);
enum ex_next endpoint_session_script(struct exchange *x, enum gate_result gate);

#endif
