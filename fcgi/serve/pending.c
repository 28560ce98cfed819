/*
 * pending.c - an accepted connection whose request has not come whole.
 *
 * A web server sends a request in one go, so it is read into memory that all
 * connections share, and only one that comes in pieces gets memory of its
 * own.  A peer that stops half-way holds that and its descriptor, for a
 * while, and nobody up.
 */
#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi/serve/answer.h"
#include "fcgi/request/gate.h"
#include "fcgi/stream/hub.h"
#include "fcgi/base/log.h"
#include "fcgi/serve/pending.h"
#include "fcgi/publish/publish.h"
#include "fcgi/stream/stream.h"

enum {
	REQUEST_MS = 30 * 1000, /* from the first byte to a whole request */
	IDLE_MS = 300 * 1000,	/* between two requests of one connection */
	DRAIN_MS = 5 * 1000,	/* until a refused peer has stopped sending */
	LOG_MS = 5 * 1000	/* that a request waits for the log */
};

struct pending {
	struct conn conn;
	struct gate gate;
	uint8_t *buf; /* NULL: its bytes are in the server's scratch */
	size_t len, cap;
	bool draining;	       /* answered; what still comes is thrown away */
	bool more;	       /* something came while it waited */
	struct ticket *ticket; /* waits for the answer to peer's request */
	struct peer peer;
	char *headers;			     /* peer's, which are not kept */
	struct pending *parked, **in_parked; /* the next; NULL: is not parked */
	size_t body;	  /* of its request, where it begins */
	uint32_t log_due; /* tick at which it waits for the log no more */
};

void
pending_free(struct pending *p)
{
	free(p->headers);
	free(p->buf);
	free(p);
}

/* It waits for the log no more. */
static void
unpark(struct pending *p)
{
	if (p->in_parked == NULL)
		return;
	*p->in_parked = p->parked;
	if (p->parked != NULL)
		p->parked->in_parked = p->in_parked;
	p->parked = NULL;
	p->in_parked = NULL;
}

/* Leaves the wheel and the list; the descriptor is somebody else's, or shut. */
static void
let_go(struct server *srv, struct pending *p)
{
	if (p->ticket != NULL)
		p->ticket->pending = NULL;
	p->ticket = NULL;
	unpark(p);
	p->conn.fd = -1;
	wheel_remove(&srv->wheel, &p->conn);
	srv->npending--;
	hub_over(srv, &p->conn);
}

void
pending_close(struct server *srv, struct pending *p)
{
	if (p->conn.fd == -1)
		return;
	close(p->conn.fd);
	let_go(srv, p);
}

static void
set_time(struct server *srv, struct pending *p, uint64_t ms)
{
	wheel_set(
	    &srv->wheel, &p->conn, wheel_now(&srv->wheel) + wheel_ticks(ms));
}

/* Room for more bytes, in memory of its own.  -1 without. */
static int
own_memory(struct server *srv, struct pending *p)
{
	size_t cap = p->buf == NULL ? 4096 : p->cap * 2;
	uint8_t *buf;

	while (cap < p->len + 1024)
		cap *= 2;
	if ((buf = realloc(p->buf, cap)) == NULL)
		return -1;
	if (p->buf == NULL)
		memcpy(buf, srv->scratch, p->len);
	p->buf = buf;
	p->cap = cap;
	return 0;
}

/* Closing at once with bytes unread would take back the reply as well. */
static void
drain(struct server *srv, struct pending *p)
{
	p->draining = true;
	shutdown(p->conn.fd, SHUT_WR);
	set_time(srv, p, DRAIN_MS);
}

/* The next request may be here already, behind this one. */
static void
next_request(struct server *srv, struct pending *p, size_t used)
{
	uint8_t *bytes = p->buf != NULL ? p->buf : (uint8_t *)srv->scratch;

	p->len -= used;
	memmove(bytes, bytes + used, p->len);
	memset(&p->gate, 0, sizeof(p->gate));
	p->log_due = 0;
	set_time(srv, p, IDLE_MS);
}

/* The log is to answer first: the request stays, and is asked again then. */
static bool
park(struct server *srv, struct pending *p)
{
	if (p->buf == NULL && own_memory(srv, p) == -1)
		return false;
	if (p->log_due == 0) {
		p->log_due = wheel_now(&srv->wheel) + wheel_ticks(LOG_MS);
		p->more = false;
	}
	wheel_set(&srv->wheel, &p->conn, p->log_due);
	p->parked = srv->parked;
	if (p->parked != NULL)
		p->parked->in_parked = &p->parked;
	p->in_parked = &srv->parked;
	srv->parked = p;
	return true;
}

static bool
may_wait(const struct server *srv, const struct pending *p)
{
	return !srv->closing &&
	       (p->log_due == 0 || wheel_now(&srv->wheel) < p->log_due);
}

/* A whole request stands there.  True: go on reading. */
static bool
take_request(struct server *srv, struct pending *p, uint8_t *bytes)
{
	struct peer peer = {.fd = p->conn.fd,
	    .request_id = p->gate.id,
	    .framed = true,
	    .keep_conn = p->gate.keep_conn,
	    .may_wait = may_wait(srv, p),
	    .pending = p};
	bool too_long = p->gate.body_len > srv->conf.max_request_bytes;
	size_t rest = p->len - p->gate.scanned;
	char **env = gate_parse(srv->reader, &p->gate, bytes);

	/* The answer is written in the scratch: save what comes after. */
	if (rest > 0 && p->buf == NULL && own_memory(srv, p) == -1)
		env = NULL;
	if (env == NULL) {
		pending_close(srv, p);
		return false;
	}
	if (!too_long) {
		if (p->log_due == 0) /* else it was put in one piece before */
			p->body = (size_t)(gate_body(&p->gate, bytes) - bytes);
		peer.body = (char *)bytes + p->body;
		peer.body_len = p->gate.body_len;
	}
	switch (answer(srv, &peer, env, too_long)) {
	case ANSWERED_STREAM:
		let_go(srv, p);
		return false;
	case ANSWERED_FAILED:
		pending_close(srv, p);
		return false;
	case ANSWERED_LATER:
		next_request(srv, p, p->gate.scanned);
		set_time(srv, p, PUBLISH_WAIT_MS);
		return false;
	case ANSWERED_WAIT:
		if (!park(srv, p))
			pending_close(srv, p);
		return false;
	case ANSWERED_REPLY:
		break;
	}
	if (too_long) {
		drain(srv, p);
		return true;
	}
	if (!p->gate.keep_conn) {
		pending_close(srv, p);
		return false;
	}
	next_request(srv, p, p->gate.scanned);
	return true;
}

static bool
refuse(struct server *srv, struct pending *p, bool answered)
{
	srv->count.broken++;
	log_info(srv->conf.quiet, "request refused", "%s", p->gate.why);
	if (answered &&
	    stream_say(p->conn.fd, p->gate.reply, p->gate.reply_len)) {
		drain(srv, p);
		return true;
	}
	pending_close(srv, p);
	return false;
}

/* Looks at the bytes that are there.  True: go on reading. */
static bool
scan(struct server *srv, struct pending *p)
{
	for (;;) {
		uint8_t *bytes =
		    p->buf != NULL ? p->buf : (uint8_t *)srv->scratch;

		switch (gate_scan(
		    &p->gate, bytes, p->len, srv->conf.max_request_bytes)) {
		case GATE_MORE:
			return true;
		case GATE_ANSWER:
			if (stream_say(
				p->conn.fd, p->gate.reply, p->gate.reply_len))
				continue;
			pending_close(srv, p);
			return false;
		case GATE_READY:
			if (!take_request(srv, p, bytes))
				return false;
			if (p->len == 0 || p->draining)
				return true;
			continue;
		case GATE_REFUSE:
			return refuse(srv, p, true);
		case GATE_BROKEN:
			return refuse(srv, p, false);
		}
	}
}

/* Reads until there is no more, for the poller tells only of changes. */
static void
read_all(struct server *srv, struct pending *p)
{
	uint8_t *to;
	size_t room;
	ssize_t n;

	do {
		if (p->draining)
			p->len = 0;
		if (p->buf != NULL && p->len == p->cap &&
		    own_memory(srv, p) == -1)
			break;
		to = p->buf != NULL ? p->buf : (uint8_t *)srv->scratch;
		room = (p->buf != NULL ? p->cap : SCRATCH_SIZE) - p->len;
		if (room == 0) {
			if (own_memory(srv, p) == -1)
				break;
			continue;
		}
		n = recv(p->conn.fd, to + p->len, room, MSG_DONTWAIT);
		if (n == -1 && (errno == EAGAIN || errno == EINTR)) {
			if (p->buf == NULL && p->len > 0 &&
			    own_memory(srv, p) == -1)
				break;
			return;
		}
		if (n <= 0)
			break;
		p->len += (size_t)n;
	} while (p->draining || scan(srv, p));
	if (p->ticket == NULL && p->in_parked == NULL)
		pending_close(srv, p);
}

/* An answer went out; open: and there may be more to come. */
static void
go_on(struct server *srv, struct pending *p, bool open)
{
	if (p->ticket != NULL || p->in_parked != NULL || p->conn.fd == -1)
		return;
	if (!open)
		pending_close(srv, p);
	else if (p->more)
		read_all(srv, p);
}

void
pending_open(struct server *srv, int fd)
{
	struct pending *p = calloc(1, sizeof(*p));

	if (p == NULL) {
		close(fd);
		return;
	}
	p->conn.fd = fd;
	srv->npending++;
	set_time(srv, p, REQUEST_MS);
	read_all(srv, p);
	if (p->conn.fd != -1 && poller_add(&srv->poller, &p->conn, fd) == -1)
		pending_close(srv, p);
}

void
pending_event(struct server *srv, struct pending *p, uint32_t events)
{
	(void)events;
	if (p->ticket != NULL || p->in_parked != NULL)
		p->more = true;
	else if (p->conn.fd != -1)
		read_all(srv, p);
}

/* --- waiting for an answer ---------------------------------------------- */

void
pending_wait(struct server *srv, const struct peer *peer, struct ticket *ticket)
{
	struct pending *p = peer->pending;

	p->ticket = ticket;
	p->peer = *peer;
	free(p->headers);
	p->headers = peer->headers == NULL ? NULL : strdup(peer->headers);
	p->peer.headers = p->headers;
	p->more = false;
	ticket->pending = p;
	server_wake(srv);
}

const struct peer *
pending_peer(const struct pending *p)
{
	return &p->peer;
}

void
pending_answered(struct server *srv, struct pending *p, bool whole)
{
	p->ticket = NULL;
	if (!whole || !p->peer.keep_conn) {
		pending_close(srv, p);
		return;
	}
	set_time(srv, p, IDLE_MS);
	go_on(srv, p, p->len == 0 || scan(srv, p));
}

/* --- waiting for the log ------------------------------------------------- */

static void
ask_again(struct server *srv, struct pending *p)
{
	unpark(p);
	srv->count.requests--; /* it was counted when it came */
	if (!take_request(srv, p, p->buf))
		go_on(srv, p, false);
	else
		go_on(srv, p, p->draining || p->len == 0 || scan(srv, p));
}

void
pending_again(struct server *srv)
{
	struct pending *list = srv->parked;

	/* Who has to wait on stands in the server's list anew. */
	srv->parked = NULL;
	if (list != NULL)
		list->in_parked = &list;
	while (list != NULL)
		ask_again(srv, list);
}

void
pending_look(struct server *srv, struct pending *p)
{
	if (p->in_parked != NULL) {
		ask_again(srv, p);
		return;
	}
	if (p->ticket != NULL)
		publish_unknown(srv, &p->peer);
	pending_close(srv, p);
}
