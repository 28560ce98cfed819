/*
 * stream.c - one open response: a socket, a topic set and the id it reached.
 *
 * Between two writes a stream stands at the end of an event, or some bytes
 * into one when the socket was full.  It keeps no copy of the rest: an event
 * is encoded the same whenever it is read, so the rest is found again in the
 * window or the log.  Only if its row went away meanwhile the stream has to
 * be cut; the client drops the half event and resumes before it.
 */
#include <sys/epoll.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi/stream/hub.h"
#include "fcgi/serve/pending.h"
#include "fcgi/stream/write.h"

enum {
	LATE_TICKS = 2 /* by which a stream outlives its token at most */
};

static const char headers[] = "Status: 200 OK\r\n"
			      "Content-Type: text/event-stream\r\n"
			      "Cache-Control: no-store, no-transform\r\n"
			      "X-Accel-Buffering: no\r\n";

size_t
stream_head(char *buf, const char *more)
{
	return (size_t)sprintf(
	    buf, "%s%s\r\n", headers, more != NULL ? more : "");
}

/* --- ending ------------------------------------------------------------- */

/* Tells a client that can still be told to come back, and ends the request. */
static void
say_bye(struct server *srv, struct stream *s)
{
	char buf[RECORD_HEADER + CONTROL_BYE_SIZE + RECORD_END_SIZE];
	size_t len;

	len = control_bye(buf + RECORD_HEADER, server_retry(srv));
	if (!s->framed) {
		stream_say(s->conn.fd, buf + RECORD_HEADER, len);
		return;
	}
	record_header((uint8_t *)buf, s->request_id, (uint16_t)len);
	len += RECORD_HEADER;
	record_end((uint8_t *)buf + len, s->request_id);
	stream_say(s->conn.fd, buf, len + RECORD_END_SIZE);
}

/* The web server gave the request up: the end, and no text before it. */
static void
say_end(const struct stream *s)
{
	uint8_t end[RECORD_END_SIZE];

	record_end(end, s->request_id);
	stream_say(s->conn.fd, end, sizeof(end));
}

/*
 * Says what is left to say.  A request that was ended as it should be leaves
 * a connection that can be used for another.
 */
static void
part(struct server *srv, struct stream *s, enum end_reason reason)
{
	bool ended = false;

	if (stream_is_between(s) && reason >= END_AGE &&
	    reason <= END_SHUTDOWN) {
		say_bye(srv, s);
		ended = s->framed;
	} else if (reason == END_ABORTED && s->record.left == 0) {
		say_end(s);
		ended = true;
	}
	if (ended && s->keep_conn && !srv->closing)
		pending_open(srv, s->conn.fd);
	else
		close(s->conn.fd);
}

void
stream_finish(struct server *srv, struct stream *s)
{
	if (stream_is_between(s))
		stream_end(srv, s, END_SHUTDOWN);
	else
		hub_todo(srv, s);
}

void
stream_end(struct server *srv, struct stream *s, enum end_reason reason)
{
	if (s->conn.fd == -1)
		return;
	part(srv, s, reason);
	s->conn.fd = -1;
	wheel_remove(&srv->wheel, &s->conn);
	callers_leave(&srv->callers, s->caller);
	s->caller = NULL;
	srv->nstreams--;
	srv->count.ended[reason]++;
	if (!s->queued)
		hub_over(srv, &s->conn);
}

/* --- opening ------------------------------------------------------------ */

static struct stream *
make_stream(struct server *srv, const struct stream_start *start)
{
	struct stream *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->conn.fd = start->fd;
	s->conn.kind = CONN_STREAM;
	s->request_id = start->request_id;
	s->framed = start->framed;
	s->keep_conn = start->keep_conn;
	s->id = start->id;
	s->sub = topics_subscribe(&srv->topics, start->request->topics,
	    start->request->ntopics, srv->head);
	if (s->sub == NULL || sub_join(s->sub, s, &s->index) == -1) {
		if (s->sub != NULL)
			topics_forget(&srv->topics, s->sub);
		free(s);
		return NULL;
	}
	return s;
}

/* Headers, retry, where it starts, and what is missing before that. */
static size_t
opening(struct server *srv, const struct stream_start *start, char *buf)
{
	char id[STORE_ID_SIZE];
	size_t len = stream_head(buf, start->headers);

	store_id_print(srv->store, start->id, id);
	len += control_start(buf + len, CONTROL_OPEN_SIZE, server_retry(srv),
	    id, start->request, store_log_id(srv->store));
	if (start->gap != GAP_NONE) {
		len += control_gap(buf + len, start->gap, start->asked, id);
		srv->count.gaps++;
	}
	return len;
}

/* Heartbeats are spread: streams that got one event at once part again. */
static uint32_t
heartbeat_ticks(const struct server *srv, const struct stream *s)
{
	uint32_t ticks = wheel_ticks(srv->conf.heartbeat_ms);

	return ticks - s->index / 16 * 2654435761U % (ticks / 4 + 1);
}

/*
 * At its age or with its token, whichever is first.  With a token a little
 * late, never early: its bearer, told to come back, would be let in again.
 */
static void
set_ends(struct server *srv, struct stream *s, uint64_t lives_ms)
{
	uint32_t now = wheel_now(&srv->wheel);
	uint32_t life = lives_ms > 0 ? wheel_ticks(lives_ms) + LATE_TICKS : 0;
	uint32_t age = wheel_ticks(srv->conf.max_age_ms);

	if (age > 0)
		s->ends = now + age - s->index * 2654435761U % (age / 10 + 1);
	s->by_token = life > 0 && (age == 0 || now + life < s->ends);
	if (s->by_token)
		s->ends = now + life;
}

void
stream_open(struct server *srv, const struct stream_start *start)
{
	struct stream *s = make_stream(srv, start);

	if (s == NULL) {
		srv->count.ended[END_MEMORY]++;
		callers_leave(&srv->callers, start->caller);
		close(start->fd);
		return;
	}
	srv->nstreams++;
	srv->count.opened++;
	wheel_set(&srv->wheel, &s->conn, wheel_now(&srv->wheel) + 1);
	s->written = wheel_now(&srv->wheel);
	s->caller = start->caller;
	set_ends(srv, s, start->lives_ms);
	if (poller_add(&srv->poller, &s->conn, start->fd) == -1 &&
	    errno != EPERM) { /* plain CGI into a file cannot be waited for */
		stream_end(srv, s, END_WRITE);
		return;
	}
	if (stream_put_control(
		srv, s, srv->scratch, opening(srv, start, srv->scratch)))
		hub_todo(srv, s);
	else
		stream_end(srv, s, END_WRITE);
}

void
stream_free(struct stream *s)
{
	free(s);
}

/* --- events of its descriptor and its time ------------------------------ */

/*
 * After its request a web server says no more than that it gives it up: by
 * closing, or with FCGI_ABORT_REQUEST.
 */
static void
read_more(struct server *srv, struct stream *s)
{
	ssize_t n = recv(s->conn.fd, srv->scratch, SCRATCH_SIZE, MSG_DONTWAIT);

	if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR))
		stream_end(srv, s, END_LEFT);
	else if (n >= RECORD_HEADER && record_is_abort(srv->scratch, (size_t)n))
		stream_end(srv, s, END_ABORTED);
	else if (n > 0)
		stream_end(srv, s, END_PROTOCOL);
}

void
stream_event(struct server *srv, struct stream *s, uint32_t events)
{
	if (s->conn.fd == -1)
		return;
	if (!s->framed) {
		/* Some servers end a CGI's input early: only errors count. */
		if (events & (EPOLLERR | EPOLLHUP))
			stream_end(srv, s, END_LEFT);
	} else if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		read_more(srv, s);
	if (s->conn.fd != -1 && s->blocked && (events & EPOLLOUT)) {
		s->blocked = false;
		hub_todo(srv, s);
	}
}

void
stream_look(struct server *srv, struct stream *s)
{
	uint32_t now = wheel_now(&srv->wheel), next = now + WHEEL_SLOTS;
	uint32_t beat = heartbeat_ticks(srv, s);
	uint32_t stall = wheel_ticks(srv->conf.stall_ms);

	if (s->ends != 0 && now >= s->ends) {
		stream_end(srv, s, s->by_token ? END_TOKEN : END_AGE);
		return;
	}
	if (s->blocked) {
		if (stall > 0 && now - s->written >= stall) {
			stream_end(srv, s, END_STALLED);
			return;
		}
		if (stall > 0)
			next = s->written + stall;
	} else if (beat > 0) {
		if (now - s->written >= beat && s->offset == 0) {
			srv->count.heartbeats++;
			stream_put_control(srv, s, CONTROL_HEARTBEAT,
			    sizeof(CONTROL_HEARTBEAT) - 1);
			if (s->conn.fd == -1)
				return;
		}
		next = s->written + beat;
	}
	if (s->ends != 0 && s->ends < next)
		next = s->ends;
	wheel_set(&srv->wheel, &s->conn, next);
}
