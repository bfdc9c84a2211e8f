/* libcurl on the loop: what it wants to hear of sockets and time, and the options that no fetch goes without. */
#include "net/fetch_impl.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/count.h"
#include "net/tls_impl.h"

#define CONNECT_MS 8000L /* TCP and TLS, over all addresses */
#define SLOW_BYTES 64L   /* per second, … */
#define SLOW_S 30L       /* … for so long: given up */

struct fetch_socket {
    struct fetch_socket *next;
    struct fetch *fetch; /* back */
    int fd;              /* libcurl's */
    struct watch *watch; /* owned */
};

/* --- the turn ----------------------------------------------------------------------------------------------------- */

/* `one` may be gone after the call. */
static void look(struct fetch *one)
{
    int left;
    CURLMsg *m = curl_multi_info_read(one->multi, &left);
    if (m == NULL || m->msg != CURLMSG_DONE)
        return;
    timer_stop(&one->curl_timer);
    one->kind->on_transfer(one, m->data.result);
}

static void drive(struct fetch *one, curl_socket_t fd, int ready)
{
    int running;
    if (curl_multi_socket_action(one->multi, fd, ready, &running) != CURLM_OK)
        fetch_end(one, FETCH_MEMORY, NULL); /* a socket or a timer of ours could not be had */
    else
        look(one);
}

static void on_ready(void *arg, unsigned what)
{
    struct fetch_socket *s = arg;
    drive(s->fetch, s->fd,
          ((what & WATCH_READ) != 0 ? CURL_CSELECT_IN : 0) | ((what & WATCH_WRITE) != 0 ? CURL_CSELECT_OUT : 0));
}

static void on_due(void *arg)
{
    drive(arg, CURL_SOCKET_TIMEOUT, 0);
}

static int on_timer(CURLM *multi, long ms, void *arg)
{
    struct fetch *one = arg;
    if (ms < 0)
        timer_stop(&one->curl_timer);
    else if (!timer_set(&one->curl_timer, (uint64_t)ms))
        return -1;
    return 0;
}

/* --- sockets ------------------------------------------------------------------------------------------------------ */

static void socket_free(struct fetch_socket *s)
{
    struct fetch_socket **at = &s->fetch->sockets;
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    watch_free(s->watch);
    free(s);
}

static struct fetch_socket *socket_new(struct fetch *one, int fd)
{
    struct fetch_socket *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    *s = (struct fetch_socket){.next = one->sockets, .fetch = one, .fd = fd};
    one->sockets = s;
    s->watch = watch_new_both(one->fetcher->loop, fd, on_ready, s);
    if (s->watch != NULL && curl_multi_assign(one->multi, fd, s) == CURLM_OK)
        return s;
    socket_free(s);
    return NULL;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
    struct fetch *one = arg;
    struct fetch_socket *s = socket_arg;
    if (what == CURL_POLL_REMOVE) {
        if (s != NULL)
            socket_free(s);
        return 0;
    }
    if (s == NULL)
        s = socket_new(one, fd);
    unsigned wanted = ((what & CURL_POLL_IN) != 0 ? WATCH_READ : 0u) | ((what & CURL_POLL_OUT) != 0 ? WATCH_WRITE : 0u);
    return s != NULL && watch_want(s->watch, wanted) ? 0 : -1;
}

/* One that does not block and is not inherited. */
static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *at)
{
    bool known = purpose == CURLSOCKTYPE_IPCXN && at->socktype == SOCK_STREAM &&
                 (at->family == AF_INET || at->family == AF_INET6);
    /* Made so at once: the sandbox has no fcntl(F_SETFL). */
    return known ? socket(at->family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) : CURL_SOCKET_BAD;
}

/* --- options ------------------------------------------------------------------------------------------------------ */

/* The system's certificates were parsed once; libcurl would do it for each connection. */
static CURLcode on_tls(CURL *easy, void *ctx, void *arg)
{
    const struct tls_client *authority = arg;
    SSL_CTX_set1_cert_store(ctx, SSL_CTX_get_cert_store(authority->ctx));
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    return SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 ? CURLE_OK : CURLE_SSL_CONNECT_ERROR;
}

/* "host:port:address,address": libcurl finds the name in its cache then, and never starts a thread to resolve it. */
static bool add_addresses(struct fetch *one, const struct addr *addrs, size_t count)
{
    struct addr literal;
    struct text t;
    if (addr_parse_ip(span_of(one->host), &literal))
        return true; /* libcurl knows it as one, and takes no other for it */
    text_init(&t);
    text_addf(&t, "%s:%u:", one->host, one->port);
    for (size_t i = 0; i < count; i++) {
        char ip[ADDR_TEXT];
        size_t n = addr_format_ip(&addrs[i], ip);
        bool is_v6 = addrs[i].family == AF_INET6;
        text_addf(&t, "%s%s%.*s%s", i > 0 ? "," : "", is_v6 ? "[" : "", (int)n, ip, is_v6 ? "]" : "");
    }
    one->addresses = t.failed ? NULL : curl_slist_append(NULL, t.p);
    text_fini(&t);
    return one->addresses != NULL;
}

static bool set_numbers(CURL *easy)
{
    static const struct {
        CURLoption option;
        long value;
    } numbers[] = {
        {CURLOPT_NOSIGNAL, 1},
        {CURLOPT_NOPROGRESS, 1},
        {CURLOPT_FOLLOWLOCATION, 0},
        {CURLOPT_NETRC, CURL_NETRC_IGNORED},
        {CURLOPT_PATH_AS_IS, 1},
        {CURLOPT_DISALLOW_USERNAME_IN_URL, 1},
        {CURLOPT_FRESH_CONNECT, 1},
        {CURLOPT_FORBID_REUSE, 1},
        {CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS},
        {CURLOPT_LOW_SPEED_LIMIT, SLOW_BYTES},
        {CURLOPT_LOW_SPEED_TIME, SLOW_S},
        {CURLOPT_SSL_VERIFYPEER, 1},
        {CURLOPT_SSL_VERIFYHOST, 2},
        {CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2},
        {CURLOPT_SSL_SESSIONID_CACHE, 0},
        {CURLOPT_SSL_ENABLE_ALPN, 1},
        {CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1},
        {CURLOPT_HTTP09_ALLOWED, 0},
        {CURLOPT_BUFFERSIZE, 16384},
    };
    for (size_t i = 0; i < COUNT(numbers); i++)
        if (curl_easy_setopt(easy, numbers[i].option, numbers[i].value) != CURLE_OK)
            return false;
    return true;
}

static bool set_texts(struct fetch *one)
{
    const struct {
        CURLoption option;
        const char *value;
    } texts[] = {
        {CURLOPT_PROTOCOLS_STR, one->scheme},
        {CURLOPT_REDIR_PROTOCOLS_STR, "https"},
        {CURLOPT_PROXY, ""}, /* none, whatever the environment says */
        {CURLOPT_NOPROXY, "*"},
        {CURLOPT_CAINFO, NULL},
        {CURLOPT_CAPATH, NULL},
        {CURLOPT_ACCEPT_ENCODING, NULL},
        {CURLOPT_USERAGENT, "tiergate/" TG_VERSION},
    };
    for (size_t i = 0; i < COUNT(texts); i++)
        if (curl_easy_setopt(one->easy, texts[i].option, texts[i].value) != CURLE_OK)
            return false;
    return true;
}

static bool set_common(struct fetch *one)
{
    CURL *e = one->easy;
    return set_numbers(e) && set_texts(one) && curl_easy_setopt(e, CURLOPT_CURLU, one->url) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_RESOLVE, one->addresses) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, open_socket) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_SSL_CTX_FUNCTION, on_tls) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_SSL_CTX_DATA, one->fetcher->authority) == CURLE_OK;
}

static bool set_multi(struct fetch *one)
{
    CURLM *m = one->multi;
    one->curl_timer.on_due = on_due;
    one->curl_timer.arg = one;
    return curl_multi_setopt(m, CURLMOPT_SOCKETFUNCTION, on_socket) == CURLM_OK &&
           curl_multi_setopt(m, CURLMOPT_SOCKETDATA, one) == CURLM_OK &&
           curl_multi_setopt(m, CURLMOPT_TIMERFUNCTION, on_timer) == CURLM_OK &&
           curl_multi_setopt(m, CURLMOPT_TIMERDATA, one) == CURLM_OK &&
           curl_multi_setopt(m, CURLMOPT_PIPELINING, CURLPIPE_NOTHING) == CURLM_OK;
}

bool fetch_curl_begin(struct fetch *one, const struct addr *addrs, size_t count)
{
    one->easy = curl_easy_init();
    one->multi = one->easy != NULL ? curl_multi_init() : NULL;
    return one->multi != NULL && add_addresses(one, addrs, count) && set_common(one) && one->kind->set_options(one) &&
           set_multi(one) && curl_multi_add_handle(one->multi, one->easy) == CURLM_OK;
}

/* Removed before it is cleaned up: that closes the connection at once, where curl_multi_cleanup() would say good-bye to a mail server
 * and wait for the answer. */
void fetch_curl_fini(struct fetch *one)
{
    watch_free(one->watch); /* before its socket is closed */
    one->watch = NULL;
    if (one->multi != NULL && one->easy != NULL)
        (void)curl_multi_remove_handle(one->multi, one->easy);
    curl_easy_cleanup(one->easy);
    (void)curl_multi_cleanup(one->multi);
    while (one->sockets != NULL)
        socket_free(one->sockets);
    curl_slist_free_all(one->addresses);
    curl_url_cleanup(one->url);
    curl_free(one->scheme);
    curl_free(one->host);
    one->multi = NULL;
    one->easy = NULL;
}

/* --- errors ------------------------------------------------------------------------------------------------------- */

static const char *tls_detail(const struct fetch *one, CURLcode code)
{
    long verified = X509_V_OK;
    /* Unspecified: libcurl looked at the name first, and asked no further. */
    if (curl_easy_getinfo(one->easy, CURLINFO_SSL_VERIFYRESULT, &verified) == CURLE_OK && verified != X509_V_OK &&
        verified != X509_V_ERR_UNSPECIFIED)
        return tls_verify_text(verified);
    if (code == CURLE_PEER_FAILED_VERIFICATION)
        return tls_verify_text(X509_V_ERR_HOSTNAME_MISMATCH);
    return code == CURLE_USE_SSL_FAILED ? "the mail server offers no STARTTLS" : "the TLS handshake failed";
}

enum fetch_error fetch_curl_error(const struct fetch *one, CURLcode code, const char **detail)
{
    static const struct {
        CURLcode code;
        enum fetch_error error;
    } errors[] = {
        {CURLE_OK, FETCH_OK},
        {CURLE_COULDNT_RESOLVE_HOST, FETCH_RESOLVE},
        {CURLE_COULDNT_CONNECT, FETCH_CONNECT},
        {CURLE_OPERATION_TIMEDOUT, FETCH_TIMEOUT},
        {CURLE_SSL_CONNECT_ERROR, FETCH_TLS},
        {CURLE_PEER_FAILED_VERIFICATION, FETCH_TLS},
        {CURLE_USE_SSL_FAILED, FETCH_TLS},
        {CURLE_SSL_CIPHER, FETCH_TLS},
        {CURLE_SSL_CACERT_BADFILE, FETCH_TLS},
        {CURLE_SSL_INVALIDCERTSTATUS, FETCH_TLS},
        {CURLE_FILESIZE_EXCEEDED, FETCH_TOO_LARGE},
        {CURLE_LOGIN_DENIED, FETCH_REFUSED},
        {CURLE_REMOTE_ACCESS_DENIED, FETCH_REFUSED},
        {CURLE_OUT_OF_MEMORY, FETCH_MEMORY},
        {CURLE_FAILED_INIT, FETCH_MEMORY},
    };
    for (size_t i = 0; i < COUNT(errors); i++) {
        if (errors[i].code != code)
            continue;
        *detail = errors[i].error == FETCH_TLS ? tls_detail(one, code) : fetch_error_text(errors[i].error);
        return errors[i].error;
    }
    *detail = fetch_error_text(FETCH_BROKEN);
    return FETCH_BROKEN;
}
