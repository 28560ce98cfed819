/*
 * poller.h - one epoll set for all accepted connections.
 *
 * It stands in libuv's loop as a single handle.  A uv_poll_t takes 160 bytes
 * for each descriptor, more than a stream does; here a descriptor takes none.
 */
#ifndef POLLER_H
#define POLLER_H

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

struct conn;

/* What happened to a connection; runs within the loop's poll phase. */
typedef void poller_event(void *arg, struct conn *, uint32_t epoll_events);

struct poller {
	uv_poll_t handle;
	int fd;
	poller_event *event;
	void *arg;
};

/* 0, or -1 with errno. */
int poller_open(struct poller *, uv_loop_t *, poller_event *, void *arg);
void poller_close(struct poller *);

/*
 * Waits for input or the peer's leaving, told once for each change (edge
 * triggered); for room to write as well while out is set.
 */
int poller_add(struct poller *, struct conn *, int fd);
int poller_out(struct poller *, struct conn *, int fd, bool out);

#endif
