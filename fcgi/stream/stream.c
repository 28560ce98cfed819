/*
 * stream.c - one open response: a socket, a topic set and the id it reached.
 *
 * Between two writes a stream stands at the end of an event.  If the socket was
 * full, it stands some bytes into an event.  The stream keeps no copy of the
 * rest: an event is encoded the same way whenever it is read, so the rest is
 * found again in the window or the log.  Only if the row was deleted meanwhile,
 * the stream has to be cut.  The client then drops the half event and resumes
 * before it.
 */
#include <sys/epoll.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi/stream/slow.h"
#include "fcgi/stream/stream.h"
#include "fcgi/stream/todo.h"
#include "fcgi/stream/way.h"
#include "fcgi/stream/write.h"
#include "fcgi/window/sse.h"

enum {
	LATE_TICKS = 2, /* a stream outlives its token by at most this */
	BYE_SIZE = RECORD_HEADER + CONTROL_BYE_SIZE + RECORD_END_SIZE
};

/* --- ending ------------------------------------------------------------- */

/* When the client may come back, behind room for the header of a record. */
static size_t
make_bye(const struct hub *hub, const struct stream *s, enum end_reason reason,
    char buf[BYE_SIZE])
{
	bool soon = s->soon && (reason == END_POLL || reason == END_AGE);
	unsigned retry_ms = soon ? hub_soon_ms() : hub_retry_ms(hub);

	return control_bye(buf + RECORD_HEADER, retry_ms, tally_reason(reason));
}

/*
 * Tells the client when to come back, and ends the request.  Only for a stream
 * that stands between two events.  False: there was no room for all of it.
 */
static bool
say_bye(struct hub *hub, struct stream *s, enum end_reason reason)
{
	char buf[BYE_SIZE];
	size_t len = make_bye(hub, s, reason, buf);

	return stream_say_last(s->conn.fd, s->framed, s->request_id, buf, len);
}

/* The web server gave the request up: ends the request without any text. */
static bool
say_end(const struct stream *s)
{
	uint8_t end[RECORD_END_SIZE];

	record_end(end, s->request_id);
	return stream_say(s->conn.fd, end, sizeof(end));
}

/*
 * Does this reason allow last bytes, after which nobody takes the end for a
 * cut?  A bare stream is cut, so that nobody takes it for a whole one.
 */
static bool
may_part(const struct stream *s, enum end_reason reason)
{
	if (s->said)
		return true;
	if (reason == END_ABORTED)
		return s->record.left == 0;
	return stream_is_between(s) && reason >= END_AGE &&
	       reason <= END_SHUTDOWN && !sub_is_bare(s->sub);
}

/*
 * Sends the last bytes, and takes out of the socket what is still there: else
 * the kernel would reset the connection.  True when the request was ended
 * properly: then the connection can be used for another request.
 */
static bool
part(struct hub *hub, struct stream *s, enum end_reason reason)
{
	bool said = true;

	if (!may_part(s, reason))
		return false;
	if (reason == END_ABORTED)
		said = say_end(s);
	else if (!s->said)
		said = say_bye(hub, s, reason);
	if (s->unread)
		recv(s->conn.fd, hub->scratch, SCRATCH_SIZE, MSG_DONTWAIT);
	return s->framed && said;
}

void
stream_finish(struct hub *hub, struct stream *s)
{
	if (stream_is_between(s))
		stream_end(hub, s, END_SHUTDOWN);
	else
		todo_add(hub, s);
}

void
stream_end(struct hub *hub, struct stream *s, enum end_reason reason)
{
	if (s->conn.over)
		return;
	s->conn.over = true;
	if (s->blocked)
		slow_ends(hub, s);
	s->conn.again = part(hub, s, reason) && s->keep_conn && !hub->closing;
	if (!s->conn.again)
		close(s->conn.fd);
	wheel_remove(&hub->wheel, &s->conn);
	callers_leave(&hub->callers, s->caller);
	s->caller = NULL;
	hub->now.streams--;
	hub->count.ended[reason]++;
	/* A connection that is used again must not wait to be popped. */
	if (!s->queued || s->conn.again)
		todo_over(hub, &s->conn);
}

void
stream_end_last(struct hub *hub, struct stream *s, enum end_reason reason,
    char *buf, size_t len)
{
	s->said = stream_put_last(hub, s, buf, len);
	if (s->said)
		stream_end(hub, s, reason);
	else
		stream_end_failed(hub, s);
}

void
stream_end_poll(struct hub *hub, struct stream *s)
{
	char buf[BYE_SIZE];
	size_t len = make_bye(hub, s, END_POLL, buf);

	stream_end_last(hub, s, END_POLL, buf, len);
}

bool
stream_end_failed(struct hub *hub, struct stream *s)
{
	if (!s->failed)
		return false;
	stream_end(hub, s, s->left ? END_LEFT : END_WRITE);
	return true;
}

void
stream_is_level(struct hub *hub, struct stream *s)
{
	if (s->caller == NULL || callers_counts(&hub->callers, s->caller))
		return;
	callers_leave(&hub->callers, s->caller);
	s->caller = NULL;
}

/*
 * A stream listens to its topics, or with -1 not any more: all workers see it.
 */
static void
count_listener(struct hub *hub, const struct sub *sub, int more)
{
	uint8_t i;

	for (i = 0; i < sub->ntopics; i++)
		topics_count(&hub->topics, sub->topics[i], more);
	hub->now.listens += (uint64_t)(int64_t)more * sub->ntopics;
	for (i = 0; hub->tallies != NULL && i < sub->ntopics; i++)
		listeners_count(hub->tallies->listeners, hub->worker,
		    sub->topics[i]->name, sub->topics[i]->len,
		    (sub->topics[i]->kind & TOPIC_PREFIX) != 0, more);
}

void
stream_free(struct hub *hub, struct stream *s)
{
	struct stream *moved = topics_leave(s->sub, s->index);

	count_listener(hub, s->sub, -1);
	if (moved != NULL)
		moved->index = s->index;
	if (s->sub->nstreams == 0) {
		pages_forget(&hub->pages, s->sub);
		topics_forget(&hub->topics, s->sub);
	}
	free(s);
}

void
stream_each(struct hub *hub, void (*fn)(void *arg, struct stream *), void *arg)
{
	struct sub *sub = NULL;
	uint32_t i;

	while ((sub = topics_next_sub(&hub->topics, sub)) != NULL)
		for (i = 0; i < sub->nstreams; i++)
			if (!sub->streams[i]->conn.over)
				fn(arg, sub->streams[i]);
}

/* --- opening ------------------------------------------------------------ */

static struct sub *
subscribe(struct hub *hub, const struct request *rq)
{
	const struct request_text *data = &rq->form.end;
	const struct request_text *event = &rq->form.end_event;
	char last[SSE_LAST_SIZE(2 * REQUEST_END_BYTES)];
	struct sub_form form = {.bare = rq->form.bare, .last = last};

	if (data->s != NULL)
		form.last_len = (uint16_t)sse_last(last,
		    (struct store_text){event->s, event->len},
		    (struct store_text){data->s, data->len});
	return topics_subscribe(
	    &hub->topics, rq->topics, rq->ntopics, &form, hub->head);
}

/*
 * The subscription learns where its topics have ended.  What the log has just
 * said is newer than what was known.  Without prefixes the topics are those of
 * the request, in order.
 */
static void
tell_ends(struct sub *sub, const struct stream_start *start)
{
	size_t i;

	for (i = 0; start->has_ends && i < sub->ntopics; i++) {
		sub->topics[i]->end = start->ends[i];
		sub->topics[i]->end_known = true;
	}
}

static struct stream *
make_stream(struct hub *hub, const struct stream_start *start)
{
	struct stream *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->conn.fd = start->fd;
	s->conn.kind = CONN_STREAM;
	s->request_id = start->request_id;
	s->framed = start->framed;
	s->keep_conn = start->keep_conn;
	s->unread = start->unread;
	s->id = start->id;
	s->cuts = start->cuts;
	s->sub = subscribe(hub, start->request);
	if (s->sub == NULL || topics_join(s->sub, s, &s->index) == -1) {
		if (s->sub != NULL)
			topics_forget(&hub->topics, s->sub);
		free(s);
		return NULL;
	}
	count_listener(hub, s->sub, 1);
	tell_ends(s->sub, start);
	return s;
}

/* The first bytes: headers, retry, the place it starts from, and the gap. */
static size_t
opening(struct hub *hub, const struct stream_start *start, char *buf)
{
	unsigned beat_s = way_beat_s(hub, start->request);
	char id[STORE_ID_SIZE];
	size_t len = control_head(buf, start->headers);

	store_place_print(hub->store, start->id, id);
	if (start->request->form.bare)
		return len + control_place(buf + len,
				 (struct store_text){id, strlen(id)}, false);
	len += control_start(buf + len, CONTROL_OPEN_SIZE, hub_retry_ms(hub),
	    id, start->request, store_log_id(hub->store), beat_s,
	    beat_s > 0 ? clock_wall_ms() : 0);
	if (start->gap != GAP_NONE) {
		len += control_gap(buf + len, start->gap, start->asked, id);
		hub->count.gaps++;
	}
	if (way_warns_at_once(start->lives_ms))
		len += control_expire(
		    buf + len, (unsigned)(start->lives_ms / 1000));
	return len;
}

/*
 * The time between heartbeats.  It differs from stream to stream: otherwise
 * streams that got one event together would get every heartbeat together.
 */
static uint32_t
heartbeat_ticks(const struct hub *hub, const struct stream *s)
{
	uint32_t ticks = wheel_ticks(hub->conf->heartbeat_ms);

	return ticks - s->index / 16 * 2654435761U % (ticks / 4 + 1);
}

/*
 * A stream ends at its maximum age or when its token expires, whichever is
 * first.  For the token it ends a little late, and never early: a client that
 * is told to come back before its token has expired would be let in again.
 */
static void
set_ends(struct hub *hub, struct stream *s, uint64_t lives_ms)
{
	uint32_t now = wheel_now(&hub->wheel);
	uint32_t life = lives_ms > 0 ? wheel_ticks(lives_ms) + LATE_TICKS : 0;
	uint32_t age = wheel_ticks(hub->conf->max_age_ms);

	if (age > 0)
		s->ends = now + age - s->index * 2654435761U % (age / 10 + 1);
	s->by_token = life > 0 && (age == 0 || now + life < s->ends);
	if (s->by_token)
		s->ends = now + life;
}

/* Looks at the stream at this tick, or earlier if something is due then. */
static void
look_by(struct hub *hub, struct stream *s, uint32_t next)
{
	if (s->by_token)
		next = way_warn(hub, s, next);
	if (stream_end_failed(hub, s))
		return;
	if (s->ends != 0 && s->ends < next)
		next = s->ends;
	if (s->leaves != 0 && s->leaves < next)
		next = s->leaves;
	if (s->poll && s->told)
		next = wheel_now(&hub->wheel) + 1;
	wheel_set(&hub->wheel, &s->conn, next);
}

void
stream_open(struct hub *hub, const struct stream_start *start)
{
	struct stream *s = make_stream(hub, start);

	if (s == NULL) {
		hub->count.ended[END_MEMORY]++;
		callers_leave(&hub->callers, start->caller);
		close(start->fd);
		return;
	}
	hub->now.streams++;
	hub->count.opened++;
	s->written = wheel_now(&hub->wheel);
	s->caller = start->caller;
	set_ends(hub, s, start->lives_ms);
	way_open(hub, s, start->request, start->lives_ms);
	s->told = start->gap != GAP_NONE;
	look_by(hub, s, wheel_now(&hub->wheel) + (s->beat > 0 ? s->beat : 1));
	if (poller_add(&hub->poller, &s->conn, start->fd) == -1 &&
	    errno != EPERM) { /* plain CGI may write to a file */
		stream_end(hub, s, END_WRITE);
		return;
	}
	if (stream_put_control(
		hub, s, hub->scratch, opening(hub, start, hub->scratch)))
		todo_add(hub, s);
	else if (!stream_end_failed(hub, s))
		stream_end(hub, s, END_WRITE);
}

/* --- events on the descriptor, and the wheel ---------------------------- */

/*
 * After its request, a web server sends only one thing: that it gives the
 * request up.  It closes the connection, or sends FCGI_ABORT_REQUEST.
 */
static void
read_more(struct hub *hub, struct stream *s)
{
	ssize_t n = recv(s->conn.fd, hub->scratch, SCRATCH_SIZE, MSG_DONTWAIT);

	if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR))
		stream_end(hub, s, END_LEFT);
	else if (n >= RECORD_HEADER && record_is_abort(hub->scratch, (size_t)n))
		stream_end(hub, s, END_ABORTED);
	else if (n > 0)
		stream_end(hub, s, END_PROTOCOL);
}

/* The same if its request is still in the socket, before what came then. */
static void
look_for_more(struct hub *hub, struct stream *s, uint32_t events)
{
	const char *end = hub->scratch;
	ssize_t n = recv(
	    s->conn.fd, hub->scratch, SCRATCH_SIZE, MSG_DONTWAIT | MSG_PEEK);

	if (n > 0)
		end += n;
	if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		stream_end(hub, s, END_LEFT);
	else if (n >= RECORD_HEADER &&
		 record_is_abort(end - RECORD_HEADER, RECORD_HEADER))
		stream_end(hub, s, END_ABORTED);
}

void
stream_event(struct hub *hub, struct stream *s, uint32_t events)
{
	if (s->conn.over)
		return;
	if (!s->framed) {
		/* Some servers close a CGI's input early: only errors count. */
		if (events & (EPOLLERR | EPOLLHUP))
			stream_end(hub, s, END_LEFT);
	} else if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
		if (s->unread)
			look_for_more(hub, s, events);
		else
			read_more(hub, s);
	}
	if (!s->conn.over && s->blocked && (events & EPOLLOUT)) {
		slow_ends(hub, s);
		s->blocked = false;
		todo_add(hub, s);
	}
}

/* Has its time come, or has a poll been sent what there is?  Ends it then. */
static bool
ends_in_time(struct hub *hub, struct stream *s)
{
	uint32_t now = wheel_now(&hub->wheel);
	bool leaves =
	    s->leaves != 0 && now >= s->leaves && !way_goes_on(hub, s);

	if (s->ends != 0 && now >= s->ends)
		stream_end(hub, s, s->by_token ? END_TOKEN : END_AGE);
	else if (s->poll && stream_is_between(s) &&
		 (leaves || way_is_done(hub, s)))
		stream_end_poll(hub, s);
	else if (leaves)
		stream_end(hub, s, s->poll ? END_POLL : END_AGE);
	return s->conn.over;
}

/* Says that the stream lives, if it is time for that. */
static void
live(struct hub *hub, struct stream *s, uint32_t heartbeat)
{
	uint32_t now = wheel_now(&hub->wheel);

	if (s->beat > 0)
		way_beat(hub, s);
	else if (heartbeat > 0 && now - s->written >= heartbeat)
		way_say(
		    hub, s, CONTROL_HEARTBEAT, sizeof(CONTROL_HEARTBEAT) - 1);
}

void
stream_look(struct hub *hub, struct stream *s)
{
	uint32_t now = wheel_now(&hub->wheel), next = now + WHEEL_SLOTS;
	uint32_t heartbeat = heartbeat_ticks(hub, s);
	uint32_t stall = wheel_ticks(hub->conf->stall_ms);

	if (ends_in_time(hub, s))
		return;
	if (s->blocked && stall > 0 && now - s->written >= stall) {
		stream_end(hub, s, END_STALLED);
		return;
	}
	live(hub, s, heartbeat);
	if (s->blocked && !s->conn.over)
		slow_goes_on(hub, s);
	if (s->blocked && stall > 0)
		next = s->written + stall;
	else if (!s->blocked && s->beat == 0 && heartbeat > 0)
		next = s->written + heartbeat;
	if (s->beat > 0 && s->conn.beats < next)
		next = s->conn.beats;
	look_by(hub, s, next);
}
