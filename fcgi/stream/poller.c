/*
 * poller.c - one epoll set for all accepted connections.
 */
#include <sys/epoll.h>

#include <errno.h>
#include <unistd.h>

#include "fcgi/stream/poller.h"

enum {
	BATCH = 32
};

static void
on_readable(uv_poll_t *handle, int status, int events)
{
	struct poller *p = handle->data;
	struct epoll_event ev[BATCH];
	int i, n;

	(void)status;
	(void)events;
	turn_step(p->turn);
	do { /* what is not fetched is told in the next turn */
		n = epoll_wait(p->fd, ev, BATCH, 0);
		for (i = 0; i < n; i++)
			p->event(p->arg, ev[i].data.ptr, ev[i].events);
	} while (n == BATCH && !turn_spent(p->turn));
}

int
poller_open(struct poller *p, uv_loop_t *loop, struct turn *turn,
    poller_event *event, void *arg)
{
	int err;

	p->turn = turn;
	p->event = event;
	p->arg = arg;
	if ((p->fd = epoll_create1(EPOLL_CLOEXEC)) == -1)
		return -1;
	err = uv_poll_init(loop, &p->handle, p->fd);
	p->handle.data = p;
	if (err == 0)
		err = uv_poll_start(&p->handle, UV_READABLE, on_readable);
	errno = -err;
	return err == 0 ? 0 : -1;
}

void
poller_close(struct poller *p)
{
	uv_poll_stop(&p->handle);
	uv_close((uv_handle_t *)&p->handle, NULL);
	close(p->fd);
	p->fd = -1;
}

static int
control(struct poller *p, int op, struct conn *c, int fd, uint32_t more)
{
	struct epoll_event ev = {
	    .events = EPOLLIN | EPOLLRDHUP | EPOLLET | more,
	    .data.ptr = c,
	};

	return epoll_ctl(p->fd, op, fd, &ev);
}

int
poller_add(struct poller *p, struct conn *c, int fd)
{
	int rc = control(p, EPOLL_CTL_ADD, c, fd, 0);

	if (rc == -1 && errno == EEXIST) /* a request becomes a stream */
		rc = control(p, EPOLL_CTL_MOD, c, fd, 0);
	return rc;
}

/*
 * Room to write is asked for only while it is wanted: a set that always
 * asked would be woken by each read on the web server's side.
 */
int
poller_out(struct poller *p, struct conn *c, int fd, bool out)
{
	return control(p, EPOLL_CTL_MOD, c, fd, out ? EPOLLOUT : 0);
}
