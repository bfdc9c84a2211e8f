#include "cli/demo_origin.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/demo_frames.h"
#include "cli/demo_pages.h"
#include "http/h1/h1.h"
#include "http/ws.h"
#include "net/listener.h"
#include "net/loop.h"
#include "net/stream.h"

#define HEAD_MAX 65536u
#define OUT_HIGH 262144u /* answers are not made faster than they are read */

static const struct h1_limits limits = {.head_bytes = HEAD_MAX, .fields = 200};
static const struct stream_limits stream_marks = {.read_high = 131072, .write_low = 65536};

enum conn_state { CONN_HEAD = 0, CONN_BODY, CONN_SOCKET };

struct conn {
    struct loop *loop;
    struct stream *stream;
    enum conn_state state;
    struct arena arena; /* of the request */
    size_t scanned;
    struct http_request request;
    struct h1_body body;
    struct chunkq sink; /* bodies end here */
    struct loop_task end;
};

static void conn_release(void *p)
{
    struct conn *c = p;
    chunkq_clear(&c->sink);
    arena_fini(&c->arena);
    free(c);
}

static bool conn_close(struct conn *c, enum stream_close how)
{
    stream_close(c->stream, how);
    loop_defer_free(c->loop, &c->end, conn_release, c);
    return false;
}

/* --- answers ------------------------------------------------------------------------------------------------------ */

static bool add_fields(struct http_response *head, struct arena *a, struct span type)
{
    char date[29];
    clock_format_http(clock_wall_s(), date);
    return headers_init(&head->headers, a, 4) &&
           headers_add(&head->headers, a, SPAN("Date"), arena_copy(a, span_make(date, sizeof(date)))) &&
           headers_add(&head->headers, a, SPAN("Content-Type"), type);
}

static bool write_page(struct conn *c, const struct demo_page *page, bool keep)
{
    struct http_response head = {.status = page->status,
                                 .version = HTTP_1_1,
                                 .body = BODY_LENGTH,
                                 .content_length = page->body.n,
                                 .keep_alive = keep};
    struct chunkq *out = stream_out(c->stream);
    return !page->body.failed && add_fields(&head, &c->arena, page->type) &&
           h1_write_response(out, &head, NULL, keep ? SPAN("keep-alive") : SPAN("close")) &&
           (c->request.method == M_HEAD || chunkq_append(out, text_span(&page->body)));
}

static bool answer_page(struct conn *c)
{
    struct demo_page page;
    bool keep = c->request.keep_alive;
    text_init(&page.body);
    demo_page_make(&c->request, &page);
    bool good = write_page(c, &page, keep);
    text_fini(&page.body);
    if (!good || !keep) {
        return conn_close(c, good ? STREAM_CLOSE_FLUSH : STREAM_CLOSE_NOW);
    }
    arena_reset(&c->arena);
    c->scanned = 0;
    c->state = CONN_HEAD;
    return true;
}

static bool refuse(struct conn *c, unsigned status)
{
    struct demo_page page = {.status = status, .type = SPAN("text/plain")};
    c->request.method = M_GET;
    text_init(&page.body);
    text_addf(&page.body, "%s\n", http_reason(status));
    (void)write_page(c, &page, false);
    text_fini(&page.body);
    return conn_close(c, STREAM_CLOSE_LINGER);
}

static bool write_accept(struct conn *c)
{
    struct http_response head = {.status = 101, .version = HTTP_1_1, .body = BODY_NONE, .keep_alive = true};
    char accept[WS_ACCEPT];
    struct arena *a = &c->arena;
    return ws_accept(headers_only(&c->request.headers, H_SEC_WEBSOCKET_KEY), accept) &&
           headers_init(&head.headers, a, 2) &&
           headers_add(&head.headers, a, SPAN("Sec-WebSocket-Accept"), span_make(accept, sizeof(accept))) &&
           h1_write_response(stream_out(c->stream), &head, NULL, SPAN("upgrade"));
}

static bool answer(struct conn *c)
{
    if (!c->request.websocket || !span_eq(c->request.path_query, SPAN("/echo"))) {
        return answer_page(c);
    }
    if (!write_accept(c)) {
        return conn_close(c, STREAM_CLOSE_NOW);
    }
    c->state = CONN_SOCKET;
    return true;
}

/* --- one step of a connection. False: nothing more can be done now (or ever: then c is gone) ---------------------- */

static bool wait_for_more(struct conn *c)
{
    return stream_input(c->stream) == STREAM_IN_OPEN ? false : conn_close(c, STREAM_CLOSE_FLUSH);
}

static bool begin_request(struct conn *c, size_t head_n)
{
    struct chunkq *in = stream_in(c->stream);
    struct h1_error err = {.status = 503};
    uint8_t *copy = arena_alloc(&c->arena, head_n);
    if (copy == NULL) {
        return conn_close(c, STREAM_CLOSE_NOW);
    }
    chunkq_copy(in, head_n, copy);
    chunkq_drop(in, head_n);
    if (!h1_parse_request(span_make(copy, head_n), &limits, &c->arena, &c->request, &err)) {
        return refuse(c, err.status);
    }
    if (c->request.expect_continue && !h1_write_interim(stream_out(c->stream), 100, NULL)) {
        return conn_close(c, STREAM_CLOSE_NOW);
    }
    h1_body_init(&c->body, c->request.body, c->request.content_length);
    c->state = CONN_BODY;
    return true;
}

static bool step_head(struct conn *c)
{
    size_t head_n = 0;
    switch (h1_scan_head(stream_in(c->stream), HEAD_MAX, &c->scanned, &head_n)) {
    case H1_SCAN_MORE:
        return wait_for_more(c);
    case H1_SCAN_DONE:
        return begin_request(c, head_n);
    case H1_SCAN_TOO_LARGE:
        return refuse(c, 431);
    case H1_SCAN_BAD:
        break;
    }
    return refuse(c, 400);
}

static bool step_body(struct conn *c)
{
    uint64_t payload = 0;
    if (!h1_body_read(&c->body, stream_in(c->stream), &c->sink, HEAD_MAX, &payload)) {
        return conn_close(c, STREAM_CLOSE_NOW);
    }
    bool full = c->sink.bytes >= HEAD_MAX;
    chunkq_clear(&c->sink);
    switch (c->body.state) {
    case H1_BODY_END:
        return answer(c);
    case H1_BODY_BAD:
        return refuse(c, 400);
    case H1_BODY_MORE:
        break;
    }
    return full ? true : wait_for_more(c);
}

static bool step_socket(struct conn *c)
{
    switch (demo_frame_echo(stream_in(c->stream), stream_out(c->stream))) {
    case DEMO_FRAME_DONE:
        return true;
    case DEMO_FRAME_MORE:
        return wait_for_more(c);
    case DEMO_FRAME_END:
        break;
    }
    return conn_close(c, STREAM_CLOSE_FLUSH);
}

static bool (*const steps[])(struct conn *c) = {
    [CONN_HEAD] = step_head,
    [CONN_BODY] = step_body,
    [CONN_SOCKET] = step_socket,
};

static void serve(void *arg)
{
    struct conn *c = arg;
    struct stream *s = c->stream;
    while (stream_out(s)->bytes < OUT_HIGH && steps[c->state](c)) {
    }
    if (stream_state(s) != STREAM_CLOSED) {
        (void)stream_flush(s); /* a failure comes back as the end of the input */
    }
}

/* --- the process -------------------------------------------------------------------------------------------------- */

static void on_accept(void *arg, int fd, const struct addr *peer)
{
    static const struct stream_events events = {.on_open = NULL, .on_read = serve, .on_drained = serve};
    struct loop *loop = arg;
    struct conn *c = calloc(1, sizeof(*c));
    if (c == NULL) {
        (void)close(fd);
        return;
    }
    c->loop = loop;
    arena_init(&c->arena, &loop->blocks);
    chunkq_init(&c->sink, &loop->chunks);
    c->stream = stream_accept(loop, fd, NULL, &stream_marks, &events, c);
    if (c->stream == NULL) {
        free(c);
    }
}

static _Noreturn void origin_run(int fd, pid_t parent)
{
    sigset_t none;
    (void)sigemptyset(&none);
    /* Ctrl-C goes to the whole foreground group; the gate drains first, then ends us. */
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 || getppid() != parent) {
        _exit(1);
    }
    struct loop *loop = loop_new();
    struct listener *l = loop != NULL ? listener_new(loop, fd, on_accept, loop) : NULL;
    if (l == NULL) {
        _exit(1);
    }
    loop_run(loop);
    _exit(0);
}

static struct res bind_somewhere(int *fd, unsigned *port)
{
    struct sockaddr_storage sa;
    socklen_t n = sizeof(sa);
    struct addr a;
    if (!addr_parse_ip(SPAN("127.0.0.1"), &a)) {
        return res_err("no loopback address");
    }
    struct res r = listener_bind(&a, fd);
    if (res_ok(r) && getsockname(*fd, (struct sockaddr *)&sa, &n) == -1) {
        r = res_err("cannot tell its port");
    }
    if (res_ok(r)) {
        a = addr_from_sockaddr(&sa);
        *port = a.port;
    }
    return r;
}

bool demo_origin_start(struct demo_origin *o)
{
    int fd;
    pid_t parent = getpid();
    struct res r = bind_somewhere(&fd, &o->port);
    if (!res_ok(r)) {
        (void)fprintf(stderr, "tiergate demo: origin: %s\n", r.err);
        return false;
    }
    o->pid = fork();
    if (o->pid == 0) {
        origin_run(fd, parent);
    }
    (void)close(fd);
    if (o->pid == -1) {
        (void)fprintf(stderr, "tiergate demo: origin: %s\n", strerrordesc_np(errno));
    }
    return o->pid != -1;
}
