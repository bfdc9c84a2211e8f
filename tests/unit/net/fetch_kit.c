#include "fetch_kit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "net/watch.h"

static void issue(struct fetch_kit *k)
{
    static const struct pki_wish wishes[CERTS] = {
        [CERT_GOOD] = {.san = "DNS:localhost,DNS:app.test"},
        [CERT_EXPIRED] = {.san = "DNS:localhost", .from_s = -7200, .until_s = -3600},
        [CERT_EARLY] = {.san = "DNS:localhost", .from_s = 3600, .until_s = 7200},
        [CERT_OTHER] = {.san = "DNS:other.test"},
        [CERT_SELF] = {.san = "DNS:localhost", .self_signed = true},
        [CERT_FOREIGN] = {.san = "DNS:localhost"},
        [CERT_ADDRESS] = {.san = "IP:127.0.0.1,IP:::1"},
    };
    k->pki = pki_new("Test CA");
    k->foreign = pki_new("Other CA");
    for (size_t i = 0; i < CERTS; i++)
        pki_issue(i == CERT_FOREIGN ? k->foreign : k->pki, &wishes[i], &k->certs[i]);
}

static void name_authority(struct fetch_kit *k)
{
    struct span pem = pki_ca(k->pki);
    (void)snprintf(k->ca, sizeof k->ca, "/tmp/tiergate-fetch-XXXXXX");
    int fd = mkstemp(k->ca);
    assert_true(fd >= 0 && write(fd, pem.p, pem.n) == (ssize_t)pem.n && close(fd) == 0);
    assert_int_equal(setenv("SSL_CERT_FILE", k->ca, 1), 0);
}

static void on_question(void *arg)
{
    static const uint8_t known[] = "\x03"
                                   "app\x04"
                                   "test",
                         address[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1};
    const struct fetch_kit *k = arg;
    uint8_t packet[1024];
    struct sockaddr_storage from;
    socklen_t from_n = sizeof from;
    ssize_t n = recvfrom(k->dns_fd, packet, 512, 0, (struct sockaddr *)&from, &from_n);
    if (n < 17)
        return;
    bool is_known = memcmp(packet + 12, known, sizeof known) == 0; /* the root's empty label included */
    size_t end = 12;
    while (packet[end] != 0)
        end += packet[end] + 1u;
    bool has_address = is_known && packet[end + 2] == 1;
    end += 5;
    packet[2] = 0x81;
    packet[3] = is_known ? 0x80 : 0x83;
    packet[7] = has_address;
    memset(packet + 8, 0, 4); /* no authority, no additional */
    memcpy(packet + end, address, sizeof address);
    (void)sendto(k->dns_fd, packet, end + (has_address ? sizeof address : 0), 0, (struct sockaddr *)&from, from_n);
}

static void bind_dns(struct fetch_kit *k)
{
    struct addr at;
    struct sockaddr_storage sa;
    assert_true(addr_parse_ip(SPAN("127.0.0.1"), &at));
    socklen_t n = addr_to_sockaddr(&at, &sa);
    k->dns_fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(k->dns_fd >= 0 && bind(k->dns_fd, (struct sockaddr *)&sa, n) == 0);
    assert_int_equal(getsockname(k->dns_fd, (struct sockaddr *)&sa, &n), 0);
    (void)snprintf(k->dns, sizeof k->dns, "127.0.0.1:%u", addr_from_sockaddr(&sa).port);
}

void fetch_kit_issue(struct fetch_kit *k)
{
    *k = (struct fetch_kit){0};
    issue(k);
    name_authority(k);
    bind_dns(k);
}

void fetch_kit_open(struct fetch_kit *k)
{
    k->loop = loop_new();
    k->resolver = resolver_new(k->loop, k->dns);
    k->dns_watch = watch_new(k->loop, k->dns_fd, on_question, k);
    assert_true(k->resolver != NULL && k->dns_watch != NULL);
    k->fetcher = fetcher_new(k->loop, k->resolver);
    assert_non_null(k->fetcher);
}

void fetch_kit_fini(struct fetch_kit *k)
{
    fetcher_free(k->fetcher);
    resolver_free(k->resolver);
    watch_free(k->dns_watch);
    close(k->dns_fd);
    loop_free(k->loop);
    for (size_t i = 0; i < CERTS; i++)
        pki_cert_fini(&k->certs[i]);
    pki_free(k->pki);
    pki_free(k->foreign);
    (void)unlink(k->ca);
}

int fetch_kit_new(void **state)
{
    struct fetch_kit *k = calloc(1, sizeof *k);
    fetch_kit_issue(k);
    fetch_kit_open(k);
    *state = k;
    return 0;
}

int fetch_kit_free(void **state)
{
    fetch_kit_fini(*state);
    free(*state);
    return 0;
}

static void settle(struct outcome *o, enum fetch_error e, unsigned status, const char *detail)
{
    struct fetch_kit *k = o->kit;
    o->calls++;
    o->error = e;
    o->status = status;
    o->detail.n = 0;
    text_add(&o->detail, span_of(detail));
    loop_refresh(k->loop);
    o->took_ms = k->loop->now_ms - k->began_ms;
    if (k->left > 0 && --k->left == 0)
        loop_stop(k->loop);
}

void fetch_kit_on_reply(void *arg, const struct fetch_reply *r)
{
    struct outcome *o = arg;
    text_add(&o->body, r->body);
    text_add(&o->location, r->field(r, "location"));
    settle(o, r->error, r->status, r->detail);
}

void fetch_kit_on_mail(void *arg, const struct mail_reply *r)
{
    struct outcome *o = arg;
    o->refused_address = r->refused_address;
    settle(o, r->error, r->status, r->detail);
}

static void on_limit(void *arg)
{
    loop_stop(((struct fetch_kit *)arg)->loop);
}

void fetch_kit_run(struct fetch_kit *k, unsigned outcomes, unsigned ms)
{
    k->left = outcomes;
    loop_refresh(k->loop);
    k->began_ms = k->loop->now_ms;
    timer_init(&k->limit, k->loop, on_limit, k);
    assert_true(timer_set(&k->limit, ms));
    loop_run(k->loop);
    timer_fini(&k->limit);
    k->left = 0;
}

void outcome_fini(struct outcome *o)
{
    text_fini(&o->body);
    text_fini(&o->location);
    text_fini(&o->detail);
}
