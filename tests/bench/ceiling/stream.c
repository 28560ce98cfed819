/*
 * stream.c - what a stream of the ceiling program is sent, and how.
 *
 * Streams at the same place must get the same bytes next.  The bytes are put
 * behind a header once, and are sent from there to each of those streams.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include "tests/bench/ceiling/ceiling.h"

static const char greeting[] = "Content-Type: text/event-stream\r\n"
			       "Cache-Control: no-store\r\n"
			       "X-Accel-Buffering: no\r\n\r\n: hi\n\n";

void
stream_close(struct ceiling *c, struct stream *s)
{
	struct stream *last = c->streams[--c->nstreams];

	c->streams[s->slot] = last;
	last->slot = s->slot;
	close(s->fd);
	free(s);
}

/* The FastCGI header of a record of len bytes, request 1, no padding. */
static void
record_header(char *p, size_t len)
{
	const char h[HEADER] = {1, 6, 0, 1, (char)(len >> 8), (char)len, 0, 0};

	memcpy(p, h, sizeof(h));
}

/* One record from place on, out of the frame if it is there or small. */
static ssize_t
send_record(struct ceiling *c, struct stream *s, size_t len)
{
	char head[HEADER], *run = c->log + s->place % LOG_SIZE;
	struct iovec iov[2] = {{head, HEADER}, {run, len}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};

	if (len > FRAME_MAX) {
		record_header(head, len);
		return sendmsg(s->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	if (c->frame_place != s->place || c->frame_len != len) {
		record_header(c->frame, len);
		memcpy(c->frame + HEADER, run, len);
		c->frame_place = s->place;
		c->frame_len = len;
	}
	return send(s->fd, c->frame, HEADER + len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* The rest of a record that went out in part. */
static ssize_t
send_rest(struct ceiling *c, struct stream *s)
{
	char head[HEADER];
	struct iovec iov[2] = {{head + HEADER - s->head, s->head},
	    {c->log + s->place % LOG_SIZE, s->owed}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};

	record_header(head, s->whole);
	return sendmsg(s->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* One record, or the rest of one.  0: no room, -1: the stream is gone. */
static int
stream_send_one(struct ceiling *c, struct stream *s)
{
	uint64_t len = c->head - s->place;
	size_t sent, head;
	ssize_t n;

	if (s->owed > 0)
		n = send_rest(c, s);
	else {
		s->whole = (uint16_t)(len < RECORD_MAX ? len : RECORD_MAX);
		n = send_record(c, s, s->whole);
		if (n > 0) {
			s->owed = s->whole;
			s->head = HEADER;
		}
	}
	if (n < 0)
		return errno == EAGAIN ? 0 : -1;
	sent = (size_t)n;
	head = sent < s->head ? sent : s->head;
	s->head -= (uint8_t)head;
	s->owed -= (uint16_t)(sent - head);
	s->place += sent - head;
	return s->owed == 0;
}

bool
stream_send(struct ceiling *c, struct stream *s)
{
	int more = 1;

	while (s->place < c->head && (more = stream_send_one(c, s)) > 0)
		;
	if (more < 0)
		return false;
	if (s->full != (more == 0)) {
		s->full = more == 0;
		ceiling_watch(c, EPOLL_CTL_MOD, s->fd,
		    s->full ? EPOLLIN | EPOLLOUT : EPOLLIN, s);
	}
	return true;
}

/* A body that is long comes in pieces: waits for the record that ends it. */
static size_t
rest_of_body(int fd, char *in, size_t len, size_t size)
{
	static const char end[HEADER] = {1, 5, 0, 1};
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	ssize_t n;

	while (len < HEADER || memcmp(in + len - HEADER, end, HEADER) != 0) {
		if (len == size || poll(&pfd, 1, 1000) != 1 ||
		    (n = recv(fd, in + len, size - len, 0)) <= 0)
			return 0;
		len += (size_t)n;
	}
	return len;
}

static bool
is_post(const char *in, size_t len)
{
	return memmem(in, len, "REQUEST_METHODPOST", 18) != NULL;
}

/* A whole request is taken to come in one piece: stock servers send it so. */
static bool
stream_answer(struct ceiling *c, struct stream *s, const char *in, size_t len)
{
	const char name[] = "HTTP_LAST_EVENT_ID";
	const char *at = memmem(in, len, name, sizeof(name) - 1);
	char out[HEADER + sizeof(greeting)];
	uint64_t id;

	s->asked = true;
	s->place = c->head;
	if (at != NULL) {
		id = strtoull(at + sizeof(name) - 1, NULL, 10);
		if (id < c->events)
			s->place = c->places[id % LOG_EVENTS];
	}
	record_header(out, sizeof(greeting) - 1);
	memcpy(out + HEADER, greeting, sizeof(greeting) - 1);
	if (send(s->fd, out, sizeof(out) - 1, MSG_NOSIGNAL) !=
	    (ssize_t)sizeof(out) - 1)
		return false;
	return stream_send(c, s);
}

void
stream_event(struct ceiling *c, struct stream *s, uint32_t events)
{
	char in[65536];
	bool alive = true;
	ssize_t n;

	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
		n = recv(s->fd, in, sizeof(in) - 1, MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno != EAGAIN))
			alive = false;
		else if (n > 0 && !s->asked) {
			in[n] = '\0';
			alive = is_post(in, (size_t)n)
				    ? post_answer(c, s, in,
					  rest_of_body(
					      s->fd, in, (size_t)n, sizeof(in)))
				    : stream_answer(c, s, in, (size_t)n);
		}
	}
	if (alive && events & EPOLLOUT)
		alive = stream_send(c, s);
	if (!alive)
		stream_close(c, s);
}
