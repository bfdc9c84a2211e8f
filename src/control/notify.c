#include "control/notify.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"

/* "@name" is an abstract address, whose first byte is NUL. 0: not an address. */
static socklen_t notify_address(const char *where, struct sockaddr_un *sa)
{
    size_t n = where != NULL ? strlen(where) : 0;
    if (n < 2 || n >= sizeof(sa->sun_path) || (where[0] != '/' && where[0] != '@')) {
        return 0;
    }
    *sa = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(sa->sun_path, where, n);
    if (where[0] == '@') {
        sa->sun_path[0] = '\0';
    }
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
}

static int notify_text(enum notify_state state, char *out, size_t cap)
{
    switch (state) {
    case NOTIFY_READY:
        return snprintf(out, cap, "READY=1\nSTATUS=serving");
    case NOTIFY_RELOADING: /* Type=notify-reload wants to know since when */
        return snprintf(out, cap, "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)clock_mono_us());
    case NOTIFY_STOPPING:
        break;
    }
    return snprintf(out, cap, "STOPPING=1\nSTATUS=draining");
}

void notify_send(enum notify_state state)
{
    struct sockaddr_un sa;
    socklen_t length = notify_address(getenv("NOTIFY_SOCKET"), &sa);
    char text[100];
    if (length == 0) {
        return;
    }
    int n = notify_text(state, text, sizeof(text));
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd == -1) {
        return;
    }
    /* A manager that does not listen changes nothing for us. */
    (void)!sendto(fd, text, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT, (const struct sockaddr *)&sa, length);
    (void)close(fd);
}
