#include "gate/signin/pin_mail.h"

#include "base/clock.h"
#include "base/crypto/base64.h"
#include "base/hex.h"

#define WORD_BYTES 42 /* of UTF-8 in one encoded word: with what stands around it less than 75 (RFC 2047 §2) */

/* --- From --------------------------------------------------------------------------------------------------------------- */

/* What stands before "<address>"; empty when there is none. */
static struct span name_of(struct span from)
{
    size_t end = span_find(from, '<');
    struct span name = end < from.n ? span_trim(span_make(from.p, end)) : SPAN_NONE;
    bool quoted = name.n >= 2 && name.p[0] == '"' && name.p[name.n - 1] == '"';
    return quoted ? span_make(name.p + 1, name.n - 2) : name;
}

static bool is_ascii(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] >= 0x80)
            return false;
    return true;
}

/* RFC 5322 §3.2.4; a control character would end the field. */
static void add_quoted(struct text *t, struct span name)
{
    text_add(t, SPAN("\""));
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] == '"' || name.p[i] == '\\')
            text_add(t, SPAN("\\"));
        text_add(t, name.p[i] < 0x20 || name.p[i] == 0x7f ? SPAN(" ") : span_make(name.p + i, 1));
    }
    text_add(t, SPAN("\""));
}

/* As many bytes as fit into one word without dividing a character. */
static size_t word_of(struct span rest)
{
    size_t n = rest.n < WORD_BYTES ? rest.n : WORD_BYTES;
    while (n > 1 && n < rest.n && (rest.p[n] & 0xc0) == 0x80)
        n--;
    return n;
}

static void add_encoded(struct text *t, struct span name)
{
    char word[BASE64_SIZE(WORD_BYTES)];
    for (size_t n; name.n > 0; name = span_from(name, n)) {
        n = word_of(name);
        text_add(t, SPAN("=?UTF-8?B?"));
        text_add(t, span_make(word, base64_encode(span_make(name.p, n), word)));
        text_add(t, n < name.n ? SPAN("?=\r\n ") : SPAN("?="));
    }
}

static void add_from(struct text *t, const struct pin_mail *m)
{
    struct span name = name_of(m->from);
    text_add(t, SPAN("From: "));
    if (is_ascii(name) && name.n > 0)
        add_quoted(t, name);
    else
        add_encoded(t, name);
    text_addf(t, "%s<%.*s>\r\n", name.n ? "\r\n " : "", SPAN_ARG(m->from_address));
}

/* --- header ------------------------------------------------------------------------------------------------------------- */

static void add_random(struct text *t, const struct pin_mail *m)
{
    char digits[2 * sizeof(m->random)];
    hex_put(m->random, sizeof(m->random), digits);
    text_add(t, span_make(digits, sizeof(digits)));
}

static struct span domain_of(struct span address)
{
    return span_from(address, span_find(address, '@') + 1);
}

static void add_header(struct text *t, const struct pin_mail *m)
{
    char date[29];
    clock_format_http(m->now_s, date);
    add_from(t, m);
    text_addf(t, "To: <%.*s>\r\n", SPAN_ARG(m->to));
    text_addf(t, "Subject: Your code for\r\n %.*s\r\n", SPAN_ARG(m->host));
    text_addf(t, "Date: %.*s+0000\r\nMessage-ID: <", (int)sizeof(date) - 3, date);
    add_random(t, m);
    text_addf(t, "@%.*s>\r\n", SPAN_ARG(domain_of(m->from_address)));
    /* Nobody's out-of-office note is wanted (RFC 3834 §5; the other is for Exchange). */
    text_add(t, SPAN("Auto-Submitted: auto-generated\r\nX-Auto-Response-Suppress: All\r\nMIME-Version: 1.0\r\n"
                     "Content-Type: multipart/alternative; boundary=\"tg-"));
    add_random(t, m);
    text_add(t, SPAN("\"\r\n\r\n"));
}

static void add_boundary(struct text *t, const struct pin_mail *m, const char *type)
{
    text_add(t, SPAN("--tg-"));
    add_random(t, m);
    if (type)
        text_addf(t, "\r\nContent-Type: %s; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\n", type);
    else
        text_add(t, SPAN("--\r\n"));
}

/* --- bodies ------------------------------------------------------------------------------------------------------------- */

/* "2026-11-22 09:05 UTC" */
static void add_time(struct text *t, const struct pin_mail *m)
{
    char iso[24];
    clock_format_iso((uint64_t)m->now_s * 1000000u, iso);
    text_addf(t, "%.10s %.5s UTC", iso, iso + 11);
}

static void add_plain(struct text *t, const struct pin_mail *m)
{
    add_boundary(t, m, "text/plain");
    text_addf(t, "%.4s %.4s\r\n\r\nis your code for signing in to\r\n%.*s\r\n\r\n", m->pin, m->pin + 4,
              SPAN_ARG(m->host));
    text_add(t, SPAN("Type it, with or without the space, into the page that asks for it.\r\n"
                     "It is good for ten minutes, once, and only in the browser that asked.\r\n\r\nAsked for at "));
    add_time(t, m);
    if (m->client.n)
        text_addf(t, "\r\nfrom the address %.*s", SPAN_ARG(m->client));
    text_add(t, SPAN(".\r\n\r\nWas that not you? Then ignore this mail: without the code nobody gets in.\r\n"
                     "Give the code to nobody; nobody of this site will ever ask you for it.\r\n\r\n"));
}

/* Mail programs that drop <style> have what is in `style`, which is readable on any ground; there is no white space between the halves of the
 * PIN, so that it is copied without. */
static const char html_head[] =
    "<!DOCTYPE html>\r\n"
    "<html lang=\"en\"><head><meta charset=\"utf-8\">\r\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\r\n"
    "<meta name=\"color-scheme\" content=\"light dark\">\r\n"
    "<meta name=\"supported-color-schemes\" content=\"light dark\">\r\n"
    "<meta name=\"format-detection\" content=\"telephone=no\">\r\n"
    "<title>Your code</title>\r\n"
    "<style>:root{color-scheme:light dark}\r\n"
    "@media (prefers-color-scheme:dark){.page{background:#15181c!important;\r\n"
    "color:#e8eaed!important}.code{background:#262b31!important;\r\n"
    "color:#ffffff!important}.small{color:#b4bac2!important}}</style></head>\r\n"
    "<body class=\"page\" style=\"margin:0;padding:24px;background:#ffffff;color:#1c1f23;\r\n"
    "font-family:-apple-system,'Segoe UI',Roboto,Arial,sans-serif;\r\n"
    "font-size:16px;line-height:1.5\">\r\n"
    "<div style=\"max-width:32em;margin:0 auto\">\r\n";

static void add_html(struct text *t, const struct pin_mail *m)
{
    add_boundary(t, m, "text/html");
    text_add(t, span_of(html_head));
    text_add(t, SPAN("<p style=\"margin:0\">Your code for signing in to\r\n<strong>"));
    text_add_html(t, m->host);
    text_addf(t,
              "</strong>:</p>\r\n<p class=\"code\" style=\"margin:16px 0;padding:16px;background:#eef0f3;\r\n"
              "color:#000000;border-radius:8px;text-align:center;font-size:32px;line-height:1.2;\r\n"
              "font-weight:bold;font-family:Menlo,Consolas,monospace;white-space:nowrap\"\r\n"
              "><span>%.4s</span><span style=\"padding-left:.4em\">%.4s</span></p>\r\n",
              m->pin, m->pin + 4);
    text_add(t, SPAN("<p>Type it into the page that asks for it. It is good for ten minutes,\r\n"
                     "once, and only in the browser that asked.</p>\r\n"
                     "<p class=\"small\" style=\"color:#555b63;font-size:14px\">Asked for at "));
    add_time(t, m);
    if (m->client.n) {
        text_add(t, SPAN("\r\nfrom the address "));
        text_add_html(t, m->client);
    }
    text_add(t, SPAN(".<br>\r\nWas that not you? Then ignore this mail: without the code nobody gets in.\r\n"
                     "Give the code to nobody; nobody of this site will ever ask you for it.</p>\r\n"
                     "</div></body></html>\r\n"));
}

void pin_mail_compose(const struct pin_mail *m, struct text *out)
{
    add_header(out, m);
    add_plain(out, m);
    add_html(out, m);
    add_boundary(out, m, NULL);
}
