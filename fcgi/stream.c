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

#include "fcgi/due.h"
#include "fcgi/hub.h"
#include "fcgi/pending.h"
#include "fcgi/stream.h"

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

bool
stream_say(int fd, const void *bytes, size_t len)
{
	ssize_t n = send(fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n == -1 && errno == ENOTSOCK)
		n = write(fd, bytes, len);
	return n == (ssize_t)len;
}

/* --- ending ------------------------------------------------------------- */

/* Does it stand between two events, with room in its socket? */
static bool
is_between(const struct stream *s)
{
	return !s->blocked && s->offset == 0 && s->record.left == 0;
}

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

	if (is_between(s) && reason >= END_AGE && reason <= END_SHUTDOWN) {
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
	if (is_between(s))
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

/* --- writing ------------------------------------------------------------ */

static void
set_blocked(struct server *srv, struct stream *s)
{
	uint32_t stall = wheel_ticks(srv->conf.stall_ms);
	uint32_t now = wheel_now(&srv->wheel);

	s->blocked = true;
	srv->count.blocked++;
	if (stall > 0 && s->conn.due > now + stall)
		wheel_set(&srv->wheel, &s->conn, now + stall);
	if (s->wants_out)
		return;
	s->wants_out = true;
	if (poller_out(&srv->poller, &s->conn, s->conn.fd, true) == -1)
		stream_end(srv, s, END_WRITE);
}

static void
stop_wanting_out(struct server *srv, struct stream *s)
{
	s->wants_out = false;
	poller_out(&srv->poller, &s->conn, s->conn.fd, false);
}

static ssize_t
write_pieces(struct stream *s, struct iovec *iov, int n)
{
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = (size_t)n};

	return s->framed
		   ? sendmsg(s->conn.fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL)
		   : writev(s->conn.fd, iov, n);
}

/*
 * Of a write of head_len and len bytes so many were taken, or -1 with errno.
 * Returns how much content went out; with less than len the stream is blocked
 * or over.
 */
static size_t
wrote_content(struct server *srv, struct stream *s, ssize_t wrote,
    size_t head_len, size_t len)
{
	size_t sent;

	if (wrote == -1) {
		if (errno == EAGAIN || errno == EINTR)
			set_blocked(srv, s);
		else
			stream_end(srv, s,
			    errno == EPIPE || errno == ECONNRESET ? END_LEFT
								  : END_WRITE);
		return 0;
	}
	sent = s->framed ? record_sent(&s->record, head_len, len, (size_t)wrote)
			 : (size_t)wrote;
	s->written = wheel_now(&srv->wheel);
	srv->count.bytes += sent;
	if (sent < len)
		set_blocked(srv, s);
	return sent;
}

/*
 * Writes n pieces of content that stand from iov[1] on, within record_room,
 * with the frame they need in iov[0].  Returns how many bytes of content went
 * out: with fewer than len the stream is blocked, or over.
 */
static size_t
put(struct server *srv, struct stream *s, struct iovec *iov, int n, size_t len)
{
	uint8_t head[RECORD_HEADER];
	size_t head_len = 0;
	ssize_t wrote;

	if (s->framed)
		head_len = record_frame(&s->record, s->request_id, len, head);
	iov[0] = (struct iovec){head, head_len};
	wrote = head_len > 0 ? write_pieces(s, iov, n + 1)
			     : write_pieces(s, iov + 1, n);
	iov[0] = (struct iovec){NULL, 0};
	srv->count.writes++;
	return wrote_content(srv, s, wrote, head_len, len);
}

/*
 * Writes text of our own, between two events.  True when it is out.  The
 * text is not kept: if part of it went out the stream has to end.
 */
static bool
put_control(struct server *srv, struct stream *s, const char *text, size_t len)
{
	struct iovec iov[2];
	size_t part, sent, done = 0;

	while (done < len) {
		part = len - done;
		if (s->framed && part > record_room(&s->record))
			part = record_room(&s->record);
		iov[1].iov_base = (void *)(uintptr_t)(text + done);
		iov[1].iov_len = part;
		sent = put(srv, s, iov, 1, part);
		done += sent;
		if (sent < part) {
			if (done > 0 || s->record.header_left > 0)
				stream_end(srv, s, END_WRITE);
			return false;
		}
	}
	return true;
}

/* --- advancing ---------------------------------------------------------- */

/* Says that the place it stood at is gone, and goes on from another. */
static bool
tell_gap(struct server *srv, struct stream *s, struct store_id place)
{
	char text[CONTROL_GAP_SIZE], asked[STORE_ID_SIZE], id[STORE_ID_SIZE];
	size_t len;

	if (s->offset > 0) {
		stream_end(srv, s, END_CUT_EVENT);
		return false;
	}
	store_id_print(srv->store, s->id, asked);
	store_id_print(srv->store, place, id);
	len = control_gap(text, s->gap, asked, id);
	if (!put_control(srv, s, text, len))
		return false;
	srv->count.gaps++;
	s->id = place;
	s->gap = GAP_NONE;
	return true;
}

/* Has the window all that comes after this id? */
static bool
in_window(const struct sub *sub, struct store_id after)
{
	size_t i;

	for (i = 0; i < sub->ntopics; i++)
		if (store_id_cmp(after, sub->topics[i]->run.floor) < 0)
			return false;
	return true;
}

enum source {
	SOURCE_READY,
	SOURCE_AGAIN,
	SOURCE_WAIT,
	SOURCE_OVER
};

/* A page of the log for a stream behind the window. */
static enum source
from_log(struct server *srv, struct stream *s, struct due *d)
{
	struct due_place place = {s->id, s->offset};
	struct store_id id = due_after(place);
	struct page *page;

	switch (
	    pages_get(&srv->pages, srv->store, s->sub, &id, srv->head, &page)) {
	case STORE_OK:
		/* Was something taken away before what was read? */
		if (!store_revocations_after(srv->store, srv->revoked))
			break;
		return SOURCE_WAIT; /* news comes first */
	case STORE_GONE:
		s->gap = GAP_PRUNED;
		return tell_gap(srv, s, id) ? SOURCE_AGAIN : SOURCE_OVER;
	case STORE_UNKNOWN: /* the log went back: news will tell of it */
	default:
		return SOURCE_WAIT;
	}
	d->n = 1;
	d->run[0] = &page->run;
	if (!due_find(d, place)) {
		stream_end(srv, s, END_CUT_EVENT);
		return SOURCE_OVER;
	}
	if (d->at[0] < page->run.count)
		return SOURCE_READY;
	s->id = page->upto;
	return SOURCE_AGAIN;
}

/* All that is in the window, to one of many: the rest take the same. */
static void
make_burst(struct server *srv, const struct stream *s, const struct due *d)
{
	if (s->framed && s->sub->nstreams > 1 && is_between(s) &&
	    srv->burst.sub != s->sub)
		burst_make(&srv->burst, s->sub, s->id, d);
}

/* Finds what the stream is due, in the window or in the log. */
static enum source
find_due(struct server *srv, struct stream *s, struct due *d)
{
	struct due_place place;
	size_t i;

	if (s->gap != GAP_NONE && !tell_gap(srv, s, srv->place))
		return SOURCE_OVER;
	place = (struct due_place){s->id, s->offset};
	if (!in_window(s->sub, due_after(place)))
		return from_log(srv, s, d);
	d->n = s->sub->ntopics;
	for (i = 0; i < d->n; i++)
		d->run[i] = &s->sub->topics[i]->run;
	if (!due_find(d, place)) {
		stream_end(srv, s, END_CUT_EVENT);
		return SOURCE_OVER;
	}
	make_burst(srv, s, d);
	return SOURCE_READY;
}

/* Sends of what is due as much as one record takes.  Returns its bytes. */
static size_t
send_due(struct server *srv, struct stream *s, const struct due *d, size_t max)
{
	struct due_place place = {s->id, s->offset};
	struct iovec iov[1 + DUE_PIECES];
	size_t len, sent;
	int n;

	if (s->framed && max > record_room(&s->record))
		max = record_room(&s->record);
	if (srv->closing && s->record.left == 0 && max > due_rest(d, place))
		max = due_rest(d, place);
	n = due_pieces(d, place, iov + 1, max, &len);
	if (n == 0)
		return 0;
	sent = put(srv, s, iov, n, len);
	place = due_sent(d, place, sent, &srv->count.deliveries);
	s->id = place.id;
	s->offset = place.offset;
	return len;
}

/* May it be sent the record that others at its place are sent? */
static bool
takes_burst(const struct server *srv, const struct stream *s)
{
	return burst_fits(&srv->burst, s->sub, s->id) && s->framed &&
	       s->gap == GAP_NONE && is_between(s) && !srv->closing;
}

/* Sends that record.  What the socket did not take is due as ever. */
static enum advance
send_burst(struct server *srv, struct stream *s)
{
	struct burst *b = &srv->burst;
	struct due_place place = {s->id, 0};
	size_t len = RECORD_HEADER + b->len;
	ssize_t wrote = send(s->conn.fd, burst_frame(b, s->request_id), len,
	    MSG_DONTWAIT | MSG_NOSIGNAL);

	srv->count.writes++;
	if (wrote == (ssize_t)len) {
		s->id = b->to;
		s->written = wheel_now(&srv->wheel);
		srv->count.bytes += b->len;
		srv->count.deliveries += b->events;
		return ADVANCE_LEVEL;
	}
	place = due_sent(&b->due, place,
	    wrote_content(srv, s, wrote, RECORD_HEADER, b->len),
	    &srv->count.deliveries);
	s->id = place.id;
	s->offset = place.offset;
	return ADVANCE_STUCK;
}

enum advance
stream_advance(struct server *srv, struct stream *s)
{
	size_t budget = srv->conf.write_budget_bytes, len;
	struct due d;

	if (takes_burst(srv, s))
		return send_burst(srv, s);
	while (budget > 0) {
		if (s->conn.fd == -1 || s->blocked)
			return ADVANCE_STUCK;
		if (srv->closing && is_between(s)) {
			stream_end(srv, s, END_SHUTDOWN);
			return ADVANCE_STUCK;
		}
		switch (find_due(srv, s, &d)) {
		case SOURCE_READY:
			break;
		case SOURCE_AGAIN:
			continue;
		case SOURCE_WAIT:
			return ADVANCE_WAIT;
		case SOURCE_OVER:
			return ADVANCE_STUCK;
		}
		len = send_due(srv, s, &d, budget);
		if (len == 0) {
			if (s->wants_out)
				stop_wanting_out(srv, s);
			return ADVANCE_LEVEL;
		}
		budget -= len;
	}
	return ADVANCE_MORE;
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

	return ticks - s->index * 2654435761U % (ticks / 4 + 1);
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
	if (put_control(
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
			put_control(srv, s, CONTROL_HEARTBEAT,
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
