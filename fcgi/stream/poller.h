/*
 * poller.h - one epoll set for all accepted connections.
 *
 * The whole set is a single handle in libuv's loop.  A uv_poll_t for each
 * descriptor would take 160 bytes, which is more than a stream takes.  Here a
 * descriptor takes nothing.
 */
#ifndef POLLER_H
#define POLLER_H

#include <stdbool.h>
#include <stdint.h>

#include "fcgi/stream/turn.h"

struct conn;

/* Told what happened to a connection; called within the poll phase. */
typedef void poller_event(void *arg, struct conn *, uint32_t epoll_events);

struct poller {
	uv_poll_t handle;
	int fd;
	struct turn *turn;
	poller_event *event;
	void *arg;
};

/* The turn is the loop's, and bounds what is told.  0, or -1 with errno. */
int poller_open(
    struct poller *, uv_loop_t *, struct turn *, poller_event *, void *arg);
void poller_close(struct poller *);

/*
 * Waits for input and for the peer to close; while out is set, also for room to
 * write.  Each change is told once (edge triggered).
 */
int poller_add(struct poller *, struct conn *, int fd);
int poller_out(struct poller *, struct conn *, int fd, bool out);

#endif
