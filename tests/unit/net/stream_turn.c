/* Whose turn it is: handshakes that come all at once, and one whose flight the socket does not take at once. */
#include "pki.h"

#include "net/stream.h"
#include "net/timer.h"

#include "check.h"

#include <openssl/ssl.h>

#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define NAMES 1000 /* in the certificate: more bytes than a small socket buffer takes */
#define CROWD 12

struct kit {
    struct pki *pki;
    struct pki_cert cert;
    struct tls_server *server;
};

static int kit_new(void **state)
{
    static const uint8_t secret[32] = "a secret that is long enough";
    struct kit *k = calloc(1, sizeof *k);
    struct text san;
    text_init(&san);
    text_addf(&san, "DNS:a.test");
    for (int i = 0; i < NAMES; i++)
        text_addf(&san, ",DNS:n%d.test", i);
    k->pki = pki_new("Test CA");
    pki_issue(k->pki, &(struct pki_wish){.san = san.p}, &k->cert);
    text_fini(&san);
    struct tls_pair pair = {text_span(&k->cert.cert), text_span(&k->cert.key)};
    assert_true(res_ok(tls_server_new(&pair, 1, span_make(secret, sizeof secret), TLS_ALPN_HTTP1, &k->server)));
    *state = k;
    return 0;
}

static int kit_free(void **state)
{
    struct kit *k = *state;
    tls_server_unref(k->server);
    pki_cert_fini(&k->cert);
    pki_free(k->pki);
    free(k);
    return 0;
}

/* A client that has said hello and reads nothing. */
static SSL *say_hello(int fd)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(ctx);
    SSL_CTX_free(ctx);
    SSL_set_fd(ssl, fd);
    SSL_set_tlsext_host_name(ssl, "a.test");
    assert_int_equal(SSL_connect(ssl), -1);
    assert_int_equal(SSL_get_error(ssl, -1), SSL_ERROR_WANT_READ);
    return ssl;
}

static struct stream *meet(struct loop *loop, struct tls_server *server, int *client)
{
    static const struct stream_events none;
    static const struct stream_limits limits = {65536, 16384};
    static const int small = 1; /* the kernel has a least */
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    assert_int_equal(setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    *client = fds[0];
    struct stream *s = stream_accept(loop, fds[1], server, &limits, &none, NULL);
    assert_non_null(s);
    return s;
}

static void on_stop(void *arg)
{
    loop_stop(arg);
}

static void run_for(struct loop *loop, uint64_t ms)
{
    struct timer stop;
    timer_init(&stop, loop, on_stop, loop);
    assert_true(timer_set(&stop, ms));
    loop_run(loop);
    timer_fini(&stop);
}

static void test_flight_larger_than_the_socket_takes(void **state)
{
    struct kit *k = *state;
    struct loop *loop = loop_new();
    int fd, done = -1;
    struct stream *server = meet(loop, k->server, &fd);
    SSL *client = say_hello(fd);
    for (int i = 0; i < 100 && done != 1; i++) {
        run_for(loop, 5);
        done = SSL_connect(client);
    }
    assert_int_equal(done, 1);
    run_for(loop, 5);
    assert_int_equal(stream_state(server), STREAM_OPEN);
    SSL_free(client);
    close(fd);
    stream_close(server, STREAM_CLOSE_NOW);
    loop_free(loop);
}

/* Clients that have said hello, and how many of them had their answer by the turn before. */
struct crowd {
    struct loop *loop;
    int clients[CROWD];
    struct loop_task look;
    int answered;
    unsigned turns; /* in which answers came */
};

static bool has_answer(int fd)
{
    int bytes = 0;
    return ioctl(fd, FIONREAD, &bytes) == 0 && bytes > 0;
}

static void on_look(void *arg)
{
    struct crowd *c = arg;
    int answered = 0;
    for (int i = 0; i < CROWD; i++)
        answered += has_answer(c->clients[i]);
    c->turns += answered > c->answered;
    c->answered = answered;
    if (answered < CROWD)
        loop_task_queue(c->loop, &c->look);
    else
        loop_stop(c->loop);
}

/* Turns until all had their answers. */
static unsigned answer_all(struct tls_server *server)
{
    struct crowd c = {.loop = loop_new()};
    struct stream *servers[CROWD];
    for (int i = 0; i < CROWD; i++) {
        servers[i] = meet(c.loop, server, &c.clients[i]);
        SSL_free(say_hello(c.clients[i]));
    }
    loop_task_init(&c.look, on_look, &c);
    loop_task_queue(c.loop, &c.look);
    run_for(c.loop, 5000);
    assert_int_equal(c.answered, CROWD);
    for (int i = 0; i < CROWD; i++) {
        stream_close(servers[i], STREAM_CLOSE_NOW);
        close(c.clients[i]);
    }
    loop_free(c.loop);
    return c.turns;
}

/* A machine that stands still for a while gives more of them to a turn. */
static void test_handshakes_at_once_take_turns(void **state)
{
    struct kit *k = *state;
    unsigned most = 0;
    for (int i = 0; i < 20 && most < CROWD; i++) {
        unsigned turns = answer_all(k->server);
        most = turns > most ? turns : most;
    }
    assert_int_equal(most, CROWD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_flight_larger_than_the_socket_takes, kit_new, kit_free),
        cmocka_unit_test_setup_teardown(test_handshakes_at_once_take_turns, kit_new, kit_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
