#include "net/listener.h"
#include "net/stream.h"

#include "check.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define PEERS 40

struct probe {
    struct loop *loop;
    struct listener *listener;
    struct addr at;
    int fd;
    int accepted[PEERS];
    size_t count, wanted;
    uint64_t turn_of_first;
    size_t in_first_turn;
    bool frees_inside, closes_soon;
    size_t closed; /* of those accepted */
    struct loop_task close_task, work;
    unsigned asked; /* at the door */
    struct timer limit;
};

/* Whoever was accepted goes later in the same turn. */
static void close_all(void *arg)
{
    struct probe *p = arg;
    while (p->closed < p->count)
        close(p->accepted[p->closed++]);
}

static void on_accept(void *arg, int fd, const struct addr *peer)
{
    struct probe *p = arg;
    if (p->count == 0)
        p->turn_of_first = p->loop->turns;
    p->in_first_turn += p->loop->turns == p->turn_of_first;
    assert_int_equal(peer->family, AF_INET);
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    int unsent = 0;
    socklen_t n = sizeof unsent;
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, &n), 0);
    assert_int_equal(unsent, STREAM_UNSENT_BYTES); /* who reads slowly does not fill megabytes of the kernel's */
    p->accepted[p->count++] = fd;
    if (p->frees_inside) {
        listener_free(p->listener);
        p->listener = NULL;
    }
    if (p->closes_soon)
        loop_task_queue(p->loop, &p->close_task);
    if (p->count == p->wanted)
        loop_stop(p->loop);
}

static void on_limit(void *arg)
{
    struct probe *p = arg;
    loop_stop(p->loop);
}

/* The loop's other work. */
static void on_work(void *arg)
{
    struct probe *p = arg;
    loop_task_queue(p->loop, &p->work);
}

static int setup(void **state)
{
    struct probe *p = calloc(1, sizeof *p);
    struct sockaddr_storage sa;
    socklen_t n = sizeof sa;
    p->loop = loop_new();
    assert_true(addr_parse_listen(SPAN("127.0.0.1:0"), &p->at).err == NULL);
    assert_true(res_ok(listener_bind(&p->at, &p->fd)));
    assert_int_equal(getsockname(p->fd, (struct sockaddr *)&sa, &n), 0);
    p->at = addr_from_sockaddr(&sa);
    p->listener = listener_new(p->loop, p->fd, on_accept, p);
    assert_non_null(p->listener);
    loop_task_init(&p->close_task, close_all, p);
    loop_task_init(&p->work, on_work, p);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct probe *p = *state;
    loop_task_cancel(&p->close_task);
    loop_task_cancel(&p->work);
    close_all(p);
    listener_free(p->listener);
    loop_free(p->loop);
    close(p->fd);
    free(p);
    return 0;
}

static int dial(struct probe *p)
{
    struct sockaddr_storage sa;
    socklen_t n = addr_to_sockaddr(&p->at, &sa);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0 && connect(fd, (struct sockaddr *)&sa, n) == 0);
    return fd;
}

static void run(struct probe *p, size_t wanted, unsigned ms)
{
    p->wanted = wanted;
    loop_refresh(p->loop);
    timer_init(&p->limit, p->loop, on_limit, p);
    assert_true(timer_set(&p->limit, ms));
    loop_run(p->loop);
    timer_fini(&p->limit);
}

static void test_accepts_a_bounded_batch(void **state)
{
    struct probe *p = *state;
    int peers[PEERS];
    for (size_t i = 0; i < PEERS; i++)
        peers[i] = dial(p);
    run(p, PEERS, 2000);
    assert_int_equal(p->count, PEERS);
    assert_int_equal(p->in_first_turn, 16);
    int nodelay = 0;
    socklen_t n = sizeof nodelay;
    assert_int_equal(getsockopt(p->accepted[0], IPPROTO_TCP, TCP_NODELAY, &nodelay, &n), 0);
    assert_int_equal(nodelay != 0, 1);
    for (size_t i = 0; i < PEERS; i++)
        close(peers[i]);
}

static void test_freed_inside_on_accept(void **state)
{
    struct probe *p = *state;
    int one = dial(p), two = dial(p);
    p->frees_inside = true;
    run(p, 2, 50);
    assert_int_equal(p->count, 1);
    close(one);
    close(two);
}

static bool is_open(void *arg)
{
    struct probe *p = arg;
    p->asked++;
    return p->asked > 20;
}

static void test_door(void **state)
{
    struct probe *p = *state;
    int one = dial(p), two = dial(p);
    listener_set_door(p->listener, is_open);
    loop_task_queue(p->loop, &p->work);
    run(p, 2, 5000);
    assert_int_equal(p->count, 2);
    assert_int_equal(p->asked, 21);
    close(one);
    close(two);
}

static bool is_closed_by_peer(int fd)
{
    char byte;
    ssize_t r = recv(fd, &byte, 1, 0);
    return r == 0 || (r < 0 && errno == ECONNRESET);
}

/* Descriptors run out: one peer per rest is turned away at once, the loop does not spin, and later it accepts again. */
static void test_descriptor_shortage(void **state)
{
    struct probe *p = *state;
    struct rlimit limit, tight;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    int peer = dial(p);
    int lowest = dup(0);
    assert_true(lowest >= 0);
    close(lowest);
    tight = limit;
    tight.rlim_cur = (rlim_t)lowest; /* accepting one more is over the limit, the reserve's slot is below it */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    uint64_t turns = p->loop->turns;
    run(p, 1, 50);
    assert_int_equal(p->count, 0);
    assert_true(p->loop->turns - turns < 10);
    assert_true(is_closed_by_peer(peer));
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    int later = dial(p);
    run(p, 1, 1000);
    assert_int_equal(p->count, 1);
    close(peer);
    close(later);
}

/* A long queue of peers who leave at once: room comes back all the time, so the rests between must stay short. */
static void test_recovers_at_once(void **state)
{
    struct probe *p = *state;
    struct rlimit limit, tight;
    int peers[PEERS];
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    for (size_t i = 0; i < PEERS; i++)
        peers[i] = dial(p);
    int lowest = dup(0);
    assert_true(lowest >= 0);
    close(lowest);
    tight = limit;
    tight.rlim_cur = (rlim_t)lowest + 2; /* two at a time */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    p->closes_soon = true;
    run(p, PEERS + 1, 700);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_in_range(p->count, PEERS / 2, PEERS); /* the rest was turned away between */
    for (size_t i = 0; i < PEERS; i++) {
        assert_true(is_closed_by_peer(peers[i]));
        close(peers[i]);
    }
}

static void test_bind_errors(void **state)
{
    struct probe *p = *state;
    struct addr far;
    int fd = -1;
    assert_true(addr_parse_listen(SPAN("192.0.2.1:0"), &far).err == NULL);
    struct res r = listener_bind(&far, &fd);
    assert_false(res_ok(r));
    assert_string_equal(r.err, "this machine has no such address");
    assert_int_equal(fd, -1);
    /* A socket without SO_REUSEPORT holds the port. */
    struct sockaddr_storage sa;
    struct addr taken;
    assert_true(addr_parse_listen(SPAN("127.0.0.1:0"), &taken).err == NULL);
    socklen_t n = addr_to_sockaddr(&taken, &sa);
    int holder = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(bind(holder, (struct sockaddr *)&sa, n) == 0 && listen(holder, 1) == 0);
    assert_int_equal(getsockname(holder, (struct sockaddr *)&sa, &n), 0);
    taken = addr_from_sockaddr(&sa);
    r = listener_bind(&taken, &fd);
    assert_false(res_ok(r));
    assert_string_equal(r.err, "the address is in use by another program");
    close(holder);
    (void)p;
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_accepts_a_bounded_batch), T(test_door),
        T(test_freed_inside_on_accept),  T(test_descriptor_shortage),
        T(test_recovers_at_once),        T(test_bind_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
