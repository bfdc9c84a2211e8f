#include "gate/sign_in_pages.h"

#include "gate/answer_head.h"
#include "gate/page_notes.h"

static void begin(struct draft *d, const struct answer_request *q, enum page_note note, uint32_t retry_after_s,
                  struct answer *out)
{
    struct answer_request waiting = *q;
    waiting.retry_after_s = retry_after_s ? retry_after_s : q->retry_after_s;
    draft_begin(d, &waiting, page_notes_status(note), out);
    d->q = q;
}

static struct page_target sign_in_target(struct span to, bool with_basic)
{
    return (struct page_target){.path = SPAN(SIGN_IN_PATH),
                                .keys = {SPAN("with"), SPAN("to")},
                                .values = {with_basic ? SPAN("basic") : SPAN_NONE, to}};
}

/* What a field is told by to those who do not see the page: its hint, and the note when that speaks of it. */
static void describe(struct text *out, bool noted, bool error)
{
    text_addf(out, " aria-describedby=\"%shint\"%s", noted ? "note " : "", error ? " aria-invalid=\"true\"" : "");
}

/* --- ways to sign in ------------------------------------------------------------------------------------------------------ */

static void add_github(struct text *out, const struct sign_in_page *p)
{
    const struct page_target to = {.path = SPAN(GITHUB_PATH),
                                   .keys = {SPAN(ANOTHER_FIELD), SPAN("to")},
                                   .values = {p->another ? SPAN("1") : SPAN_NONE, p->to}};
    page_link(out, PAGE_MAIN, &to, "Continue with GitHub");
}

static void add_address_field(struct text *out, const struct sign_in_page *p)
{
    bool wrong = p->note == NOTE_ADDRESS;
    text_add(out, SPAN("<label for=\"address\">E-mail address</label>\n"
                       "<input id=\"address\" name=\"address\" type=\"email\" autocomplete=\"email\" required "
                       "maxlength=\"254\" autocapitalize=\"none\" spellcheck=\"false\""));
    describe(out, wrong, wrong);
    text_add(out, wrong ? SPAN(" autofocus value=\"") : SPAN(" value=\""));
    text_add_html(out, p->address);
    text_add(out, SPAN("\">\n"));
}

static void add_mail_form(struct text *out, const struct sign_in_page *p)
{
    page_form(out, PIN_PATH);
    add_address_field(out, p);
    if (p->to.n)
        page_hidden(out, "to", p->to);
    page_button(out, p->github ? PAGE_OTHER : PAGE_MAIN, NULL, NULL, "Send me a code");
    text_add(out, SPAN("<p class=\"soft\" id=\"hint\">We send you a mail with a code of 8 digits to type in here. "
                       "No password is needed.</p>\n"));
    page_form_end(out);
}

static void add_basic(struct text *out, const struct sign_in_page *p)
{
    const struct page_target to = sign_in_target(p->to, true);
    bool alone = !p->github && !p->email_pin;
    if (!alone)
        text_add(out, SPAN("<div class=\"more\">\n"));
    page_link(out, alone ? PAGE_MAIN : PAGE_QUIET, &to, "Use a user name and password");
    if (!alone)
        text_add(out, SPAN("</div>\n"));
}

static void add_ways(struct text *out, const struct sign_in_page *p)
{
    if (p->github)
        add_github(out, p);
    if (p->github && p->email_pin)
        text_add(out, SPAN("<p class=\"or\">or</p>\n"));
    if (p->email_pin)
        add_mail_form(out, p);
    if (p->basic)
        add_basic(out, p);
    if (!p->github && !p->email_pin && !p->basic)
        page_paragraph(out, false, (struct page_words){"There is no way for people to sign in here.", {SPAN_NONE}});
}

bool answer_sign_in_page(const struct answer_request *q, const struct sign_in_page *p, struct answer *out)
{
    struct draft d;
    begin(&d, q, p->note, p->retry_after_s, out);
    d.frame.site = p->site;
    draft_page_begin(&d, "Sign in", page_notes_error(p->note));
    if (d.frame.site.n)
        page_paragraph(&d.body, false, (struct page_words){"to continue to #", {d.frame.site}});
    page_notes_add(&d.body, p->note, p->retry_after_s);
    add_ways(&d.body, p);
    draft_page_end(&d);
    return draft_end(&d);
}

/* --- the code ------------------------------------------------------------------------------------------------------------- */

/* Mails show it as "1234 5678". */
static void add_code_form(struct text *out, const struct pin_page *p)
{
    page_form(out, PIN_PATH);
    text_add(out, SPAN("<label for=\"code\">Code from the mail</label>\n"
                       "<input class=\"code\" id=\"code\" name=\"code\" type=\"text\" inputmode=\"numeric\" "
                       "autocomplete=\"one-time-code\" pattern=\"\\s*(?:[0-9][\\s\\-]*){8}\" maxlength=\"24\" required "
                       "autofocus spellcheck=\"false\" title=\"8 digits\""));
    describe(out, p->note != NOTE_NONE, p->note == NOTE_PIN_WRONG);
    text_add(out, SPAN(">\n"));
    page_hidden(out, "state", p->state);
    page_button(out, PAGE_MAIN, NULL, NULL, "Sign in");
    text_add(
        out,
        SPAN("<p class=\"soft\" id=\"hint\">8 digits, good for ten minutes, once, and only in this browser.</p>\n"));
    page_form_end(out);
}

static void add_other_ways(struct text *out, const struct pin_page *p)
{
    const struct page_target back = sign_in_target(p->to, false);
    text_add(out, SPAN("<div class=\"more\">\n"));
    page_paragraph(out, true,
                   (struct page_words){
                       "No mail after a minute? Look into the spam folder, and check the address above.", {SPAN_NONE}});
    page_form(out, PIN_PATH);
    page_hidden(out, "state", p->state);
    page_button(out, PAGE_QUIET, "again", "1", "Send another code");
    page_form_end(out);
    page_link(out, PAGE_QUIET, &back, "Use another address");
    text_add(out, SPAN("</div>\n"));
}

bool answer_pin_page(const struct answer_request *q, const struct pin_page *p, struct answer *out)
{
    struct draft d;
    begin(&d, q, p->note, p->retry_after_s, out);
    d.frame.site = p->site;
    draft_page_begin(&d, "Check your mail", page_notes_error(p->note));
    page_notes_add(&d.body, p->note, p->retry_after_s);
    page_paragraph(&d.body, false,
                   (struct page_words){"If # may come in, a code is on its way. Type it in here to continue to #.",
                                       {p->address, d.frame.site}});
    add_code_form(&d.body, p);
    add_other_ways(&d.body, p);
    draft_page_end(&d);
    return draft_end(&d);
}

/* --- done ----------------------------------------------------------------------------------------------------------------- */

bool answer_signed_in_page(const struct answer_request *q, struct span site, struct answer *out)
{
    struct draft d;
    struct host host;
    draft_begin(&d, q, 200, out);
    d.frame.site = site;
    draft_page_begin(&d, "You are signed in", false);
    page_paragraph(&d.body, false,
                   (struct page_words){"You can close this window and go on where you were.", {SPAN_NONE}});
    if (host_parse(site, &host)) {
        struct span root = arena_printf(q->arena, "https://%.*s/", SPAN_ARG(site));
        d.failed = d.failed || !root.p;
        page_link(&d.body, PAGE_MAIN, &(struct page_target){.path = root}, "Go to the site");
    }
    draft_page_end(&d);
    return draft_end(&d);
}
