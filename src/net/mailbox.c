#include "net/mailbox.h"

#include "net/loop.h"

#include <event2/event.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct message {
    struct message *next;
    void (*run)(void *arg);
    void (*drop)(void *arg);
    void *arg;
};

struct loop_mailbox {
    struct loop *loop; /* back */
    struct event *event;
    int fd;
    struct { /* thread: any, lock */
        pthread_mutex_t lock;
        struct message *head, **tail;
    } shared;
};

static struct message *take_all(struct loop_mailbox *m)
{
    pthread_mutex_lock(&m->shared.lock);
    struct message *all = m->shared.head;
    m->shared.head = NULL;
    m->shared.tail = &m->shared.head;
    pthread_mutex_unlock(&m->shared.lock);
    return all;
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    struct loop_mailbox *m = arg;
    uint64_t count;
    loop_enter(m->loop);
    ssize_t r = read(fd, &count, sizeof count);
    if (r < 0 && errno != EAGAIN)
        return;
    for (struct message *at = take_all(m), *next; at; at = next) {
        next = at->next;
        at->run(at->arg);
        free(at);
    }
}

struct loop_mailbox *mailbox_new(struct loop *loop)
{
    struct loop_mailbox *m = calloc(1, sizeof *m);
    if (!m)
        return NULL;
    m->loop = loop;
    m->shared.tail = &m->shared.head;
    pthread_mutex_init(&m->shared.lock, NULL);
    m->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    m->event = m->fd < 0 ? NULL : event_new(loop->base, m->fd, EV_READ | EV_PERSIST, on_wake, m);
    if (!m->event || event_add(m->event, NULL) != 0) {
        mailbox_free(m);
        return NULL;
    }
    return m;
}

void mailbox_free(struct loop_mailbox *m)
{
    if (!m)
        return;
    for (struct message *at = take_all(m), *next; at; at = next) {
        next = at->next;
        if (at->drop)
            at->drop(at->arg);
        free(at);
    }
    if (m->event)
        event_free(m->event);
    if (m->fd >= 0)
        close(m->fd);
    pthread_mutex_destroy(&m->shared.lock);
    free(m);
}

bool mailbox_post(struct loop_mailbox *m, void (*run)(void *arg), void (*drop)(void *arg), void *arg)
{
    struct message *msg = malloc(sizeof *msg);
    if (!msg)
        return false;
    *msg = (struct message){NULL, run, drop, arg};
    pthread_mutex_lock(&m->shared.lock);
    bool was_empty = m->shared.head == NULL;
    *m->shared.tail = msg;
    m->shared.tail = &msg->next;
    pthread_mutex_unlock(&m->shared.lock);
    /* Only the first message has to wake the loop. The counter cannot overflow, so the
     * write cannot fail with EAGAIN. */
    while (was_empty && eventfd_write(m->fd, 1) != 0 && errno == EINTR)
        ;
    return true;
}
