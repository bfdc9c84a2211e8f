/* Proven, and not let in: which of the reasons it was, and what the person can do. */
#include "base/count.h"
#include "gate/answer_head.h"
#include "gate/sign_in_pages.h"

#include <string.h>

/* '#' in `why`: first who it is, then the organisation. NULL in `approve`: no such link. */
struct denial {
    unsigned status;
    const char *title, *why, *advice, *approve, *again;
};

#define ASK "Ask whoever runs this site to let you in, or use another account."
#define ANOTHER "Use another account"
#define AGAIN "Sign in again"
#define TRY "Try again"
#define NOT_YOU "You did nothing wrong. Try again in a moment."

static const struct denial denials[] = {
    [SIGNIN_OK] = {403, "Not let in", "You signed in with #, which is not on this site's list.", ASK, NULL, ANOTHER},
    [SIGNIN_WRONG] = {403, "Please begin again",
                      "This sign-in is too old, was used before, or was begun in another browser.",
                      "Nothing is lost: sign in again.", NULL, AGAIN},
    [SIGNIN_LIMITED] = {429, "Too many tries", "There were too many tries in a short time.",
                        "Wait a while, then sign in again.", NULL, AGAIN},
    [SIGNIN_NOT_ADMITTED] = {403, "Not let in", "You signed in with #, which is not on this site's list.", ASK, NULL,
                             ANOTHER},
    [SIGNIN_NOT_MEMBER] = {403, "Not a member", "You signed in with #, which is not a member of #.",
                           "Ask an owner of the organisation for an invitation, or use another account.", NULL,
                           ANOTHER},
    [SIGNIN_PENDING] = {403, "Your invitation waits",
                        "You signed in with #, whose invitation to # is not accepted yet.",
                        "Accept it at GitHub, then sign in again.", "Go to the invitation", AGAIN},
    [SIGNIN_SCOPE_REFUSED] = {403, "One permission is missing",
                              "You signed in with #, but GitHub does not let us see whether it may come in.",
                              "Sign in again, and leave the boxes ticked when GitHub asks what this site may see. We "
                              "only read, and change nothing.",
                              NULL, AGAIN},
    [SIGNIN_ORG_BLOCKS] = {403, "Not approved yet",
                           "You signed in with #, but # does not let this app see who its members are.",
                           "An owner of the organisation has to approve the app, once for everybody. Are you one? "
                           "Approve it, then sign in again. "
                           "Otherwise send an owner the link.",
                           "Approve the app", AGAIN},
    [SIGNIN_LOGIN_CHANGED] = {403, "Not let in",
                              "The name # belongs to another GitHub account than the one that was let in.", ASK, NULL,
                              ANOTHER},
    [SIGNIN_UNREACHABLE] = {503, "GitHub does not answer", "We could not ask GitHub who you are.", NOT_YOU, NULL, TRY},
    [SIGNIN_FAILED] = {503, "That did not work", "Something went wrong here.", NOT_YOU, NULL, TRY},
};

static const struct denial *denial_of(enum signin_outcome why)
{
    return &denials[(size_t)why < COUNT(denials) ? why : SIGNIN_FAILED];
}

/* An owner may be sent to another site, but to nothing else than that. */
static void add_links(struct text *out, const struct denied_page *p, const struct denial *why)
{
    bool another = strcmp(why->again, ANOTHER) == 0;
    const struct page_target again = {.path = SPAN(SIGN_IN_PATH),
                                      .keys = {SPAN(ANOTHER_FIELD), SPAN("to")},
                                      .values = {another ? SPAN("1") : SPAN_NONE, p->to}};
    bool approve = why->approve && span_has_prefix(p->approve, SPAN("https://"));
    if (approve)
        page_link(out, PAGE_MAIN, &(struct page_target){.path = p->approve}, why->approve);
    page_link(out, approve ? PAGE_OTHER : PAGE_MAIN, &again, why->again);
}

bool answer_denied_page(const struct answer_request *q, const struct denied_page *p, struct answer *out)
{
    const struct denial *why = denial_of(p->why);
    struct draft d;
    draft_begin(&d, q, why->status, out);
    d.frame.site = p->site;
    draft_page_begin(&d, why->title, false);
    page_paragraph(&d.body, false,
                   (struct page_words){why->why,
                                       {p->subject.n ? p->subject : SPAN("your account"),
                                        p->what.n ? p->what : SPAN("the organisation")}});
    page_paragraph(&d.body, false, (struct page_words){why->advice, {SPAN_NONE}});
    add_links(&d.body, p, why);
    draft_page_end(&d);
    return draft_end(&d);
}
