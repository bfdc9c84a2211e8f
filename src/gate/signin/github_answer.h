/* What GitHub says, read strictly: what is not as its documentation says is no answer. Pure. */
#ifndef TG_GATE_SIGNIN_GITHUB_ANSWER_H
#define TG_GATE_SIGNIN_GITHUB_ANSWER_H

#include "gate/gate.h"
#include "gate/signin.h"

#define GITHUB_TOKEN_MAX 255
#define GITHUB_ID_MAX 20 /* digits */
#define GITHUB_LOGIN_MAX 100
#define GITHUB_EMAIL_MAX 254

struct github_grant {
    char token[GITHUB_TOKEN_MAX + 1];
    size_t token_n;
    bool fine_grained;  /* a GitHub App's: it has permissions, no scopes */
    bool email, groups; /* scopes that let us look at addresses, at memberships */
};

/* POST /login/oauth/access_token, status 200. Else than SIGNIN_OK: *detail tells why (static). */
enum signin_outcome github_read_grant(struct span body, struct github_grant *out, const char **detail);

struct github_user {
    char id[GITHUB_ID_MAX], login[GITHUB_LOGIN_MAX], email[GITHUB_EMAIL_MAX];
    size_t id_n, login_n, email_n; /* email_n 0: none that is primary and verified */
};

/* GET /user: id and login. */
bool github_read_user(struct span body, struct github_user *out);
/* GET /user/emails, one page: the address into *out when it is among them. False: no such answer. */
bool github_read_emails(struct span body, struct github_user *out);
/* Link (RFC 8288): is there a next page? */
bool github_has_next(struct span link);

enum github_member { GITHUB_MEMBER_BAD = 0, GITHUB_MEMBER_NO, GITHUB_MEMBER_ACTIVE, GITHUB_MEMBER_PENDING };

/* GET /user/memberships/orgs/…, …/teams/…/memberships/…, status 200. */
enum github_member github_read_member(struct span body);

/* 403 or 429 for too many requests; then how long to wait. */
bool github_is_limited(const struct fetch_reply *r, int64_t now_s, uint32_t *retry_after_s);

#endif
