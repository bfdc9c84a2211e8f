#include "net/mail.h"

#include <stdlib.h>

#include "base/crypto/mac.h"
#include "net/mail_impl.h"

#define TIMEOUT_MS 20000
#define SUBMISSION_PORT 587 /* RFC 6409; libcurl's own would be 25 */
#define SMTPS_PORT 465

/* --- libcurl's half: connection, TLS, EHLO, login ----------------------------------------------------------------- */

/* Each line of an answer. Anything but n makes libcurl give up. */
static size_t on_line(char *p, size_t size, size_t n, void *arg)
{
    struct mail_fetch *m = arg;
    bool last;
    m->heard += n;
    m->status = mail_status(span_make(p, n), &last);
    m->logged_in = m->logged_in || m->status == 235;
    return m->heard > MAIL_HEARD_MAX ? 0 : n;
}

static bool set_login(const struct mail_fetch *m)
{
    CURL *e = m->base.easy;
    return m->username == NULL || (curl_easy_setopt(e, CURLOPT_USERNAME, m->username) == CURLE_OK &&
                                   curl_easy_setopt(e, CURLOPT_PASSWORD, m->password) == CURLE_OK &&
                                   curl_easy_setopt(e, CURLOPT_LOGIN_OPTIONS, "AUTH=PLAIN;AUTH=LOGIN") == CURLE_OK);
}

/* Not FORBID_REUSE: the connection outlives libcurl's part of the work. No other can use it, the multi handle is this mail's alone. */
static bool set_options(struct fetch *one)
{
    struct mail_fetch *m = (struct mail_fetch *)one;
    CURL *e = one->easy;
    return set_login(m) && curl_easy_setopt(e, CURLOPT_USE_SSL, (long)CURLUSESSL_ALL) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_CONNECT_ONLY, 1L) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_FORBID_REUSE, 0L) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_line) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_HEADERDATA, m) == CURLE_OK;
}

static void on_transfer(struct fetch *one, CURLcode code)
{
    struct mail_fetch *m = (struct mail_fetch *)one;
    const char *detail;
    enum fetch_error e = fetch_curl_error(one, code, &detail);
    if (code == CURLE_WRITE_ERROR && m->heard > MAIL_HEARD_MAX)
        fetch_end(one, FETCH_TOO_LARGE, NULL);
    else if (code == CURLE_WEIRD_SERVER_REPLY && m->status >= 400)
        fetch_end(one, FETCH_REFUSED, "the mail server refused the connection");
    else if (code == CURLE_LOGIN_DENIED || (e == FETCH_OK && m->username != NULL && !m->logged_in))
        fetch_end(one, FETCH_REFUSED, "the mail server refused the login, or offers none that we have");
    else if (e != FETCH_OK)
        fetch_end(one, e, detail);
    else
        mail_talk_begin(m);
}

static void tell(struct fetch *one)
{
    const struct mail_fetch *m = (const struct mail_fetch *)one;
    m->on_done(one->arg, &(struct mail_reply){.error = one->error,
                                              .status = m->status,
                                              .refused_address = m->refused_address,
                                              .detail = one->detail});
}

/* --- the whole ---------------------------------------------------------------------------------------------------- */

static void wipe_string(char *s)
{
    if (s != NULL)
        wipe(s, strlen(s));
    free(s);
}

static void release(struct fetch *one)
{
    struct mail_fetch *m = (struct mail_fetch *)one;
    text_wipe(&m->message); /* it holds a code to sign in with */
    text_wipe(&m->out);
    text_fini(&m->from);
    text_fini(&m->to);
    wipe_string(m->username);
    wipe_string(m->password);
    free(m);
}

static struct span ehlo_of(const struct mail *mail)
{
    return mail->ehlo.n > 0 ? mail->ehlo : span_from(mail->from, span_find(mail->from, '@') + 1);
}

static bool is_allowed(const struct mail *mail)
{
    return mail_is_address(mail->from) && mail_is_address(mail->to) && mail_is_host(ehlo_of(mail)) &&
           mail_is_message(mail->message) && !span_has_control(mail->username) && !span_has_control(mail->password);
}

static bool copy(struct mail_fetch *m, const struct mail *mail)
{
    text_add(&m->from, mail->from);
    text_add(&m->to, mail->to);
    text_add(&m->message, mail->message);
    if (mail->username.n > 0) {
        m->username = span_dup(mail->username);
        m->password = span_dup(mail->password);
    }
    return !m->from.failed && !m->to.failed && !m->message.failed &&
           (mail->username.n == 0 || (m->username != NULL && m->password != NULL));
}

/* libcurl takes the name for EHLO from the path. */
static bool set_url(struct fetch *one, struct span ehlo)
{
    struct text path, port;
    text_init(&path);
    text_init(&port);
    text_addf(&path, "/%.*s", SPAN_ARG(ehlo));
    text_addf(&port, "%u", one->port);
    bool ok = !path.failed && !port.failed && curl_url_set(one->url, CURLUPART_PATH, path.p, 0) == CURLUE_OK &&
              curl_url_set(one->url, CURLUPART_PORT, port.p, 0) == CURLUE_OK &&
              curl_url_set(one->url, CURLUPART_QUERY, NULL, 0) == CURLUE_OK &&
              curl_url_set(one->url, CURLUPART_FRAGMENT, NULL, 0) == CURLUE_OK;
    text_fini(&path);
    text_fini(&port);
    return ok;
}

static uint16_t default_port(struct span url)
{
    struct span scheme = span_make(url.p, span_find(url, ':'));
    return span_eq_nocase(scheme, SPAN("smtps")) ? SMTPS_PORT : SUBMISSION_PORT;
}

struct fetch *mail_send(struct fetcher *f, const struct mail *mail,
                        void (*on_done)(void *arg, const struct mail_reply *reply), void *arg)
{
    static const char *const schemes[] = {"smtps", "smtp", NULL};
    static const struct fetch_kind kind = {schemes, set_options, on_transfer, tell, release};
    struct mail_fetch *m = calloc(1, sizeof *m);
    if (m == NULL)
        return NULL;
    m->on_done = on_done;
    if (!fetch_init(f, &m->base, &kind, arg)) {
        fetch_drop(&m->base);
        return NULL;
    }
    if (!is_allowed(mail))
        fetch_fail_later(&m->base, FETCH_INVALID, "not an address or message that we send");
    else if (!copy(m, mail))
        fetch_fail_later(&m->base, FETCH_MEMORY, NULL);
    else if (fetch_take_url(&m->base, mail->url, default_port(mail->url), true)) {
        if (set_url(&m->base, ehlo_of(mail)))
            fetch_go(&m->base, mail->timeout_ms != 0 ? mail->timeout_ms : TIMEOUT_MS);
        else
            fetch_fail_later(&m->base, FETCH_MEMORY, NULL);
    }
    return &m->base;
}
