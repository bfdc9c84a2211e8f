/* Tells a service manager how far we are (sd_notify's protocol: datagrams to $NOTIFY_SOCKET). Without one: nothing. */
#ifndef TG_CONTROL_NOTIFY_H
#define TG_CONTROL_NOTIFY_H

enum notify_state { NOTIFY_READY = 0, NOTIFY_RELOADING, NOTIFY_STOPPING };

void notify_send(enum notify_state state);

#endif
