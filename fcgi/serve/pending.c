/*
 * pending.c - an accepted connection until its request is whole and answered.
 *
 * A request for a bare stream stays in the socket as well.  If such a stream is
 * cut, or this process is killed, the kernel then resets the connection.  nginx
 * passes a reset on as a cut, but takes a mere end for the end of the response.
 *
 * A web server sends a request in one piece, so it is read into memory that all
 * connections share.  Only a request that comes in pieces, or has to wait, gets
 * memory of its own.  A client that stops half way keeps that memory and its
 * descriptor until its time is up, and delays no other client.
 */
#include <sys/epoll.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi/base/bytes.h"
#include "fcgi/base/log.h"
#include "fcgi/request/gate.h"
#include "fcgi/serve/answer.h"
#include "fcgi/serve/parked.h"
#include "fcgi/serve/pending.h"
#include "fcgi/serve/posting.h"
#include "fcgi/stream/todo.h"
#include "fcgi/stream/write.h"

enum {
	REQUEST_MS = 30 * 1000, /* from the first byte to a whole request */
	IDLE_MS = 300 * 1000,	/* between two requests on one connection */
	DRAIN_MS = 5 * 1000,	/* for a refused peer to stop sending */
	LOOK_BYTES = 16 * 1024, /* where the query of a request is */
	UNREAD_MAX = SCRATCH_SIZE / 2, /* what stays in the socket, at most */
	ROOM_BYTES = 4096	       /* to read into, at least */
};

struct pending {
	struct conn conn;
	struct gate gate;
	struct bytes own; /* s NULL: the bytes are in the scratch of the hub */
	size_t len;	  /* number of bytes read */
	size_t unread;	  /* of them, that are still in the socket, too */
	size_t body;	  /* where the body of the request begins */
	int64_t came_ms;  /* since 1970: when the request was whole */
	bool newcomer;	  /* has not been answered yet */
	bool draining;	  /* answered; what still comes is dropped */
	bool more;	  /* there may be bytes that were not read yet */
	struct parked parked;	   /* waits for the log or the next turn */
	struct start_come *come;   /* how far its seek has come, or NULL */
	struct answering *posting; /* waits for the writer, or NULL */
};

void
pending_free(struct pending *p)
{
	bytes_free(&p->own);
	free(p->come);
	free(p);
}

/*
 * Does a request of this connection wait for its answer?  Nothing more is read
 * meanwhile.
 */
static bool
is_waiting(const struct pending *p)
{
	return p->posting != NULL || parked_is(&p->parked);
}

/* Its first request has had its answer, or is counted where it waits. */
static void
end_newcomer(struct server *srv, struct pending *p)
{
	srv->newcomers -= p->newcomer;
	p->newcomer = false;
}

/*
 * Ends the pending connection: a stream has taken over its descriptor, or the
 * descriptor is closed.
 */
static void
let_go(struct server *srv, struct pending *p)
{
	posting_leave(p->posting);
	p->posting = NULL;
	end_newcomer(srv, p);
	parked_remove(&srv->hub, &p->parked);
	p->conn.over = true;
	wheel_remove(&srv->hub.wheel, &p->conn);
	srv->hub.now.pending--;
	todo_over(&srv->hub, &p->conn);
}

/* Takes out of the socket what was only looked at. */
static void
take_unread(struct pending *p)
{
	stream_take(p->conn.fd, p->unread);
	p->unread = 0;
}

void
pending_close(struct server *srv, struct pending *p)
{
	if (p->conn.over)
		return;
	take_unread(p);
	close(p->conn.fd);
	let_go(srv, p);
}

static void
set_time(struct server *srv, struct pending *p, uint64_t ms)
{
	struct wheel *w = &srv->hub.wheel;

	wheel_set(w, &p->conn, wheel_now(w) + wheel_ticks(ms));
}

/* --- memory ------------------------------------------------------------- */

static uint8_t *
bytes_of(const struct server *srv, const struct pending *p)
{
	return (uint8_t *)(p->own.s != NULL ? p->own.s : srv->hub.scratch);
}

/* Makes room for more bytes, in memory of its own.  -1 without memory. */
static int
own_memory(struct server *srv, struct pending *p)
{
	if (p->own.s == NULL &&
	    bytes_add(&p->own, srv->hub.scratch, p->len) == -1)
		return -1;
	p->own.len = p->len;
	return bytes_room(&p->own, ROOM_BYTES);
}

/* Gets ready for the next request, which may be here already. */
static void
next_request(struct server *srv, struct pending *p, size_t used)
{
	uint8_t *bytes = bytes_of(srv, p);

	end_newcomer(srv, p);
	p->len -= used;
	memmove(bytes, bytes + used, p->len);
	memset(&p->gate, 0, sizeof(p->gate));
	p->parked.until = 0;
	free(p->come);
	p->come = NULL;
	set_time(srv, p, IDLE_MS);
}

/* --- a whole request ----------------------------------------------------- */

/*
 * After a refusal the connection stays open for a while.  If we closed it with
 * bytes unread, the kernel would throw away our reply as well.
 */
static bool
drain(struct server *srv, struct pending *p)
{
	end_newcomer(srv, p);
	p->draining = true;
	shutdown(p->conn.fd, SHUT_WR);
	set_time(srv, p, DRAIN_MS);
	return true;
}

/* Keeps how far the seek of a request has come.  False without memory. */
static bool
keep_come(struct pending *p, const struct start_come *come)
{
	if (!come->active.begun && !come->place.begun)
		return true;
	if (p->come == NULL && (p->come = malloc(sizeof(*p->come))) == NULL)
		return false;
	*p->come = *come;
	return true;
}

/* Keeps the request, to ask it again later. */
static bool
wait_in(struct server *srv, struct pending *p, struct parked_list *list,
    const struct start_come *come)
{
	if (!keep_come(p, come) ||
	    (p->own.s == NULL && own_memory(srv, p) == -1))
		return false;
	wheel_set(
	    &srv->hub.wheel, &p->conn, parked_add(&srv->hub, list, &p->parked));
	return true;
}

static bool
wait_for_writer(struct server *srv, struct pending *p, struct answering *a)
{
	if ((p->posting = posting_begin(a, p)) == NULL)
		return false;
	next_request(srv, p, p->gate.scanned);
	set_time(srv, p, PUBLISH_WAIT_MS);
	hub_wake(&srv->hub); /* this turn sends the POST */
	return true;
}

/*
 * With several workers: has this one more connections than it may have
 * streams?  The next request on any of them may find room at another worker.
 */
static bool
is_crowded(const struct server *srv)
{
	return srv->spread != NULL && connections(srv) > srv->hub.max_streams;
}

/*
 * Does what the result of an answer asks for.  True: go on reading.  False: the
 * connection is closed, or waits, or has become a stream.
 */
static bool
take_answered(struct server *srv, struct pending *p, struct answering *a,
    enum answered done, bool too_long)
{
	bool open = true;

	switch (done) {
	case ANSWERED_STREAM:
		let_go(srv, p);
		return false;
	case ANSWERED_LATER:
		take_unread(p);
		open = wait_for_writer(srv, p, a);
		break;
	case ANSWERED_WAIT:
		open = wait_in(srv, p, &srv->for_log, &a->come);
		break;
	case ANSWERED_TURN:
		open = wait_in(srv, p, &srv->for_turn, &a->come);
		hub_wake(&srv->hub);
		break;
	case ANSWERED_FAILED:
		open = false;
		break;
	case ANSWERED_REPLY:
		take_unread(p);
		if (too_long)
			return drain(srv, p);
		if ((open = p->gate.keep_conn && !is_crowded(srv)))
			next_request(srv, p, p->gate.scanned);
	}
	if (!open)
		pending_close(srv, p);
	return open && !is_waiting(p);
}

/* Answers a request that is whole now.  True: go on reading. */
static bool
take_request(struct server *srv, struct pending *p, uint8_t *bytes)
{
	struct answering a = {
	    .peer = {.fd = p->conn.fd,
		.request_id = p->gate.id,
		.framed = true,
		.keep_conn = p->gate.keep_conn,
		.unread = p->unread,
		.may_wait = parked_may(&srv->hub, &p->parked)},
	    .come = p->come != NULL ? *p->come
				    : (struct start_come){.is_active = false}};
	bool too_long = p->gate.body_len > srv->conf.max_request_bytes;
	size_t rest = p->len - p->gate.scanned;
	char **env = gate_parse(srv->reader, &p->gate, bytes);

	/*
	 * The answer is written into the scratch: save what comes after.  From
	 * here on the request itself is there as well.
	 */
	if (env == NULL ||
	    (rest > 0 && p->own.s == NULL && own_memory(srv, p) == -1)) {
		pending_close(srv, p);
		return false;
	}
	bytes = bytes_of(srv, p);
	if (p->parked.until == 0) { /* asked for the first time */
		p->came_ms = clock_wall_ms();
		if (!too_long)
			p->body = (size_t)(gate_body(&p->gate, bytes) - bytes);
	}
	a.peer.came_ms = p->came_ms;
	if (!too_long) {
		a.peer.body = (char *)bytes + p->body;
		a.peer.body_len = p->gate.body_len;
	}
	return take_answered(
	    srv, p, &a, answer(srv, &a, env, too_long), too_long);
}

/* --- bytes that come ------------------------------------------------------ */

static bool
refuse_bytes(struct server *srv, struct pending *p, bool answered)
{
	srv->hub.count.broken++;
	log_info(srv->conf.quiet, "request refused", "%s", p->gate.why);
	if (answered &&
	    stream_say(p->conn.fd, p->gate.reply, p->gate.reply_len))
		return drain(srv, p);
	pending_close(srv, p);
	return false;
}

/* Looks for requests in the bytes read.  True: go on reading. */
static bool
scan(struct server *srv, struct pending *p)
{
	for (;;) {
		uint8_t *bytes = bytes_of(srv, p);

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
			return refuse_bytes(srv, p, true);
		case GATE_BROKEN:
			return refuse_bytes(srv, p, false);
		}
	}
}

/* May the request that begins with these bytes be for a bare stream? */
static bool
may_be_bare(const struct server *srv, const char *bytes, size_t len)
{
	static const char name[] = "start=bare";

	return srv->bare || memmem(bytes, len < LOOK_BYTES ? len : LOOK_BYTES,
				name, sizeof(name) - 1) != NULL;
}

/*
 * As recv.  What a request begins with may stay in the socket, unless it has so
 * long a body that whoever takes it out later, in one read, would leave the
 * rest: of a connection that is used again that would be the next request.
 */
static ssize_t
read_bytes(struct server *srv, struct pending *p, size_t room)
{
	char *to = (char *)bytes_of(srv, p) + p->len;
	ssize_t n;

	if (p->len > 0 || p->draining)
		return recv(p->conn.fd, to, room, MSG_DONTWAIT);
	n = recv(p->conn.fd, to, room, MSG_DONTWAIT | MSG_PEEK);
	if (n <= 0)
		return n;
	if (n > UNREAD_MAX || !may_be_bare(srv, to, (size_t)n))
		return recv(p->conn.fd, to, (size_t)n, MSG_DONTWAIT);
	p->unread = (size_t)n;
	return n;
}

/*
 * Reads until there is no more, because the poller tells only of changes.  A
 * request that has to wait ends it early; `more' then says that the socket
 * was not seen empty.
 */
static void
read_all(struct server *srv, struct pending *p)
{
	size_t room;
	ssize_t n;

	do {
		take_unread(p);
		if (p->draining)
			p->len = 0;
		if (p->own.s != NULL && p->len == p->own.size &&
		    own_memory(srv, p) == -1)
			break;
		room = (p->own.s != NULL ? p->own.size : SCRATCH_SIZE) - p->len;
		if (room == 0) {
			if (own_memory(srv, p) == -1)
				break;
			continue;
		}
		n = read_bytes(srv, p, room);
		p->more = n == (ssize_t)room;
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN) {
			if (p->own.s == NULL && p->len > 0 &&
			    own_memory(srv, p) == -1)
				break;
			return;
		}
		if (n <= 0)
			break;
		p->len += (size_t)n;
	} while (p->draining || scan(srv, p));
	if (!is_waiting(p))
		pending_close(srv, p);
}

void
pending_open(struct server *srv, int fd, bool kept)
{
	struct pending *p = calloc(1, sizeof(*p));

	if (p == NULL) {
		close(fd);
		return;
	}
	p->conn.fd = fd;
	p->newcomer = !kept;
	srv->newcomers += p->newcomer;
	srv->hub.now.pending++;
	set_time(srv, p, REQUEST_MS);
	read_all(srv, p);
	if (!p->conn.over && poller_add(&srv->hub.poller, &p->conn, fd) == -1)
		pending_close(srv, p);
}

void
pending_event(struct server *srv, struct pending *p, uint32_t events)
{
	/* Nobody is left to be answered; a POST is written all the same. */
	if (parked_is(&p->parked) &&
	    (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)))
		pending_close(srv, p);
	else if (is_waiting(p))
		p->more = true;
	else if (!p->conn.over)
		read_all(srv, p);
}

/* --- when a wait is over ------------------------------------------------ */

/*
 * Goes on after an answer went out.  open: the connection can be used for
 * another request.
 */
static void
go_on(struct server *srv, struct pending *p, bool open)
{
	if (p->conn.over || is_waiting(p))
		return;
	if (!open || (p->len > 0 && !p->draining && !scan(srv, p))) {
		if (!p->conn.over && !is_waiting(p))
			pending_close(srv, p);
	} else if (p->more)
		read_all(srv, p);
}

void
pending_result(void *arg, void *owner, const char *result)
{
	struct server *srv = arg;
	struct pending *p = owner;
	struct answering *a = p->posting;

	p->posting = NULL;
	set_time(srv, p, IDLE_MS);
	go_on(srv, p, posting_end(a, &srv->pub, result));
}

static void
ask_again(struct server *srv, struct pending *p)
{
	parked_remove(&srv->hub, &p->parked);
	srv->hub.count.requests--; /* the request was counted when it came */
	go_on(srv, p, take_request(srv, p, (uint8_t *)p->own.s));
}

void
pending_again(struct server *srv, struct parked_list *list)
{
	uint64_t n;

	/* A request that has to wait again goes to the end of a list. */
	for (n = list->n; n > 0 && list->first != NULL; n--) {
		if (turn_spent(&srv->hub.turn))
			break;
		ask_again(
		    srv, (struct pending *)((char *)list->first -
					    offsetof(struct pending, parked)));
	}
}

void
pending_look(struct server *srv, struct pending *p)
{
	if (parked_is(&p->parked)) {
		ask_again(srv, p);
		return;
	}
	if (p->posting != NULL)
		publish_answer(&srv->pub, &p->posting->peer, NULL);
	pending_close(srv, p);
}
