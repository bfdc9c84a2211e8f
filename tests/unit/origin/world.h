/* An origin layer on a loop of its own, and real servers on loopback that the same loop serves. */
#ifndef TG_TESTS_ORIGIN_WORLD_H
#define TG_TESTS_ORIGIN_WORLD_H

#include "net/listener.h"
#include "origin/impl.h"

#define SERVED_MAX 32

struct world {
    struct loop *loop;
    struct resolver *resolver;
    struct origin_thread *origins;
    bool (*is_done)(void *arg);
    void *arg;
    struct timer tick;
    uint64_t spent_ms, last_ms, until_ms; /* a machine that stands still spends 10 ms, however long */
};

void world_init(struct world *w);
void world_fini(struct world *w);
/* Until is_done(arg), at most ms. False: time is up. is_done NULL: just lets the loop run for ms. */
bool world_run(struct world *w, bool (*is_done)(void *arg), void *arg, unsigned ms);
/* Enough turns for what is on its way over loopback. */
void world_rest(struct world *w);

struct server {
    struct world *world;
    struct listener *listener;
    struct tls_server *tls;
    int fd;
    uint16_t port;
    unsigned accepted, ended; /* ended: the other side has closed */
    const char *greeting;     /* sent to each that comes */
    size_t greeting_n;        /* 0: it is text */
    struct served {
        struct server *server;
        struct stream *stream;
    } served[SERVED_MAX];
};

/* port 0: any. False: no such address on this machine, or the port is taken. */
bool server_bind(struct server *s, struct world *w, const char *ip, uint16_t port);
void server_listen(struct server *s);
/* Bound, and listening with a queue that is full already: whoever connects hears nothing. fds: of the queue. */
void server_stall(struct server *s, int fds[8]);
void server_fini(struct server *s);
void server_send(struct server *s, unsigned which, const char *text);
void server_close(struct server *s, unsigned which, enum stream_close how);

/* Whoever asks for a connection. */
struct asker {
    struct world *world;
    struct origin_config config;
    struct origin_ask ask;
    struct origin_wait wait;
    struct origin_conn *conn;
    unsigned calls; /* of on_conn */
    enum origin_error error;
    const char *detail;
    uint64_t took_ms, start_ms, spent_ms, start_spent_ms; /* what it took by the clock, and of what was spent */
};

/* Asks for http://host:port with 20 s to connect and a pool of 4. */
void asker_init(struct asker *a, struct world *w, const char *host, uint16_t port);
/* True: at once, from the pool. */
bool asker_take(struct asker *a);
bool asker_is_told(void *arg);
/* Takes and waits. True: there is a connection. */
bool asker_get(struct asker *a);
void asker_give(struct asker *a);
void asker_drop(struct asker *a);
/* Takes and gives back: one connection more in the pool, if it was empty. */
void asker_warm(struct asker *a);

#endif
