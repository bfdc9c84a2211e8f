/* The second half of a mail's dialogue. libcurl has the first: connection, TLS, EHLO, login. It could do this one too, but waits for the
 * answer to the message, and for that to QUIT, in a poll() of its own that would hold up the loop (its comment in smtp_done says so). */
#include "net/mail_impl.h"

static const struct {
    unsigned wanted;
    const char *refused;
} stages[] = {
    [MAIL_CONNECT] = {0, "the mail server refused the connection or the login"},
    [MAIL_FROM] = {250, "the mail server refused the sender"},
    [MAIL_RCPT] = {250, "the mail server refused the recipient"},
    [MAIL_DATA] = {354, "the mail server refused the message"},
    [MAIL_MESSAGE] = {250, "the mail server refused the message"},
};

/* --- sending ------------------------------------------------------------------------------------------------------ */

static void compose(struct mail_fetch *m)
{
    m->out.n = m->sent = 0;
    switch (m->stage) {
    case MAIL_CONNECT:
        return;
    case MAIL_FROM:
        text_addf(&m->out, "MAIL FROM:<%s>\r\n", m->from.p);
        return;
    case MAIL_RCPT:
        text_addf(&m->out, "RCPT TO:<%s>\r\n", m->to.p);
        return;
    case MAIL_DATA:
        text_add(&m->out, SPAN("DATA\r\n"));
        return;
    case MAIL_MESSAGE:
        mail_stuff(&m->out, text_span(&m->message));
        return;
    }
}

/* Never waited for. */
static void say_good_bye(struct mail_fetch *m)
{
    size_t n;
    (void)curl_easy_send(m->base.easy, "QUIT\r\n", 6, &n);
}

static void end(struct mail_fetch *m, enum fetch_error e, const char *detail)
{
    if (e == FETCH_OK || e == FETCH_REFUSED)
        say_good_bye(m);
    fetch_end(&m->base, e, detail);
}

/* False: the mail is over. */
static bool send_more(struct mail_fetch *m)
{
    while (m->sent < m->out.n) {
        size_t n = 0;
        CURLcode code = curl_easy_send(m->base.easy, m->out.p + m->sent, m->out.n - m->sent, &n);
        if (code == CURLE_AGAIN)
            break;
        if (code != CURLE_OK) {
            end(m, FETCH_BROKEN, "the mail server closed the connection");
            return false;
        }
        m->sent += n;
    }
    return true;
}

/* --- answers ------------------------------------------------------------------------------------------------------ */

static bool step(struct mail_fetch *m, unsigned status)
{
    m->status = status;
    bool taken = status == stages[m->stage].wanted || (m->stage == MAIL_RCPT && status == 251);
    if (!taken) {
        m->refused_address = m->stage == MAIL_RCPT && status >= 500;
        end(m, FETCH_REFUSED, stages[m->stage].refused);
        return false;
    }
    if (m->stage == MAIL_MESSAGE) {
        end(m, FETCH_OK, NULL);
        return false;
    }
    m->stage++;
    compose(m);
    if (m->out.failed) {
        end(m, FETCH_MEMORY, NULL);
        return false;
    }
    return send_more(m);
}

/* One line, its end included. Nothing may be answered that was not asked: an answer ahead of its question would be taken for that to the
 * next one. */
static bool take_line(struct mail_fetch *m, struct span line, bool is_all)
{
    bool last;
    unsigned status = mail_status(line, &last);
    if (status == 0 || m->sent < m->out.n || (last && !is_all)) {
        end(m, FETCH_BROKEN, "the mail server's answer is no SMTP");
        return false;
    }
    return !last || step(m, status);
}

static bool take_lines(struct mail_fetch *m)
{
    size_t n;
    while ((n = span_find(span_make(m->answer, m->answer_n), '\n')) < m->answer_n) {
        char line[MAIL_ANSWER_MAX];
        memcpy(line, m->answer, ++n);
        m->answer_n -= n;
        memmove(m->answer, m->answer + n, m->answer_n);
        if (!take_line(m, span_make(line, n), m->answer_n == 0))
            return false;
    }
    return true;
}

static bool read_more(struct mail_fetch *m)
{
    for (;;) {
        size_t n = 0;
        CURLcode code = curl_easy_recv(m->base.easy, m->answer + m->answer_n, sizeof m->answer - m->answer_n, &n);
        if (code == CURLE_AGAIN)
            return true;
        m->answer_n += n;
        m->heard += n;
        if (code != CURLE_OK || n == 0) {
            end(m, FETCH_BROKEN, "the mail server closed the connection");
            return false;
        }
        if (!take_lines(m))
            return false;
        if (m->answer_n == sizeof m->answer || m->heard > MAIL_HEARD_MAX) {
            end(m, FETCH_TOO_LARGE, NULL);
            return false;
        }
    }
}

static void on_ready(void *arg, unsigned what)
{
    struct mail_fetch *m = arg;
    if (!send_more(m) || !read_more(m))
        return;
    if (!watch_want(m->base.watch, m->sent < m->out.n ? WATCH_READ | WATCH_WRITE : WATCH_READ))
        end(m, FETCH_MEMORY, NULL);
}

void mail_talk_begin(struct mail_fetch *m)
{
    curl_socket_t fd = CURL_SOCKET_BAD;
    (void)curl_easy_getinfo(m->base.easy, CURLINFO_ACTIVESOCKET, &fd);
    if (fd == CURL_SOCKET_BAD) {
        fetch_end(&m->base, FETCH_BROKEN, "the mail server closed the connection");
        return;
    }
    m->stage = MAIL_FROM;
    m->heard = 0;
    compose(m);
    m->base.watch = watch_new_both(m->base.fetcher->loop, fd, on_ready, m);
    if (m->out.failed || m->base.watch == NULL || !watch_want(m->base.watch, WATCH_READ | WATCH_WRITE))
        fetch_end(&m->base, FETCH_MEMORY, NULL);
}
