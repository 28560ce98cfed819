/*
 * hub.c - what is due, and to whom: the heart of a turn of the loop.
 *
 * While there is little to do an event is sent the moment it is seen.  While
 * there is much, the next flush waits: each write costs the web server many
 * times what it costs us, and what gathers meanwhile goes out in the same
 * number of writes.
 */
#include <poll.h>
#include <string.h>

#include "fcgi/stream/hub.h"
#include "fcgi/base/log.h"
#include "fcgi/serve/pending.h"
#include "fcgi/reply/probe.h"
#include "fcgi/stream/revoke.h"
#include "fcgi/stream/stream.h"

enum {
	NEWS_ROWS = 1024,	/* that one turn takes from the log */
	TODO_NS = 5 * 1000000,	/* of a turn for streams that are behind */
	SEND_COST_NS = 25000,	/* of one write, to the web server mostly */
	READ_SHARE = 4,		/* at most one part in so many is reading */
	SOON_NS = 500 * 1000,	/* not worth a timer */
	WRITER_NS = 2 * 1000000 /* our writer may take before we look */
};

/* --- lists -------------------------------------------------------------- */

void
hub_todo(struct server *srv, struct stream *s)
{
	server_wake(srv);
	if (s->queued)
		return;
	s->queued = true;
	s->todo = NULL;
	*srv->todo_end = s;
	srv->todo_end = &s->todo;
}

static struct stream *
pop_todo(struct server *srv)
{
	struct stream *s = srv->todo;

	srv->todo = s->todo;
	if (srv->todo == NULL)
		srv->todo_end = &srv->todo;
	s->queued = false;
	return s;
}

void
hub_over(struct server *srv, struct conn *c)
{
	c->next = srv->over;
	srv->over = c;
	server_wake(srv);
}

static void
free_stream(struct server *srv, struct stream *s)
{
	struct stream *moved = sub_leave(s->sub, s->index);

	if (moved != NULL)
		moved->index = s->index;
	if (s->sub->nstreams == 0) {
		pages_forget(&srv->pages, s->sub);
		topics_forget(&srv->topics, s->sub);
	}
	stream_free(s);
}

void
hub_sweep(struct server *srv)
{
	struct conn *c;

	while ((c = srv->over) != NULL) {
		srv->over = c->next;
		switch ((enum conn_kind)c->kind) {
		case CONN_STREAM:
			free_stream(srv, (struct stream *)c);
			break;
		case CONN_PROBE:
			probe_free(c);
			break;
		case CONN_PENDING:
			pending_free((struct pending *)c);
		}
	}
}

/* --- news --------------------------------------------------------------- */

void
hub_each_stream(
    struct server *srv, void (*fn)(struct server *, struct stream *))
{
	struct sub *sub = NULL;
	uint32_t i;

	while ((sub = topics_next_sub(&srv->topics, sub)) != NULL)
		for (i = 0; i < sub->nstreams; i++)
			if (sub->streams[i]->conn.fd != -1)
				fn(srv, sub->streams[i]);
}

static void
set_replaced(struct server *srv, struct stream *s)
{
	s->gap = GAP_REPLACED;
	hub_todo(srv, s);
}

/* Another log, or an older copy of ours: no id we know means anything. */
static void
replace_log(struct server *srv, struct store_id place)
{
	srv->head = srv->place = place;
	srv->turn_head_known = false;
	pages_forget(&srv->pages, NULL);
	window_forget(&srv->window, &srv->topics, place);
	revoke_start(srv, srv->nstreams > 0);
	hub_each_stream(srv, set_replaced);
}

static bool
add_event(void *arg, const struct store_event *ev)
{
	struct server *srv = arg;

	srv->count.events++;
	window_add(&srv->window, &srv->topics, srv->store, ev);
	return true;
}

/*
 * Rows after head may have been pruned before we read them.  Then the window
 * has nothing to say of what came before place: all go and ask the log, which
 * tells them of the gap.
 */
static void
check_pruned(struct server *srv, struct store_id head)
{
	struct store_seek seek = {.from = STORE_FROM_ID, .id = head};
	struct store_id place;

	if (store_seek(srv->store, &seek, &place) != STORE_GONE)
		return;
	window_forget(&srv->window, &srv->topics, srv->head);
	hub_each_stream(srv, hub_todo);
}

static void
read_news(struct server *srv)
{
	struct store_id head = srv->head;
	struct store_span span;
	enum store_result r;

	r = store_read(
	    srv->store, head, NULL, 0, NEWS_ROWS, add_event, srv, &span);
	srv->read_waits = r == STORE_LATER;
	if (r != STORE_OK)
		return; /* the store's descriptor will call again */
	srv->head = span.upto;
	if (store_id_cmp(head, span.upto) < 0)
		check_pruned(srv, head);
	srv->look = !span.at_end;
}

/*
 * Whoever lost a topic before an event was published may not have it, so
 * revocations are asked for after the events were read and before any is sent.
 */
static void
look_for_news(struct server *srv)
{
	bool more = srv->look_again || srv->revoking || srv->read_waits;
	enum revoking revoking;
	struct store_id place;

	srv->look = srv->look_again = false;
	srv->todo_waits = false;
	switch (store_news(srv->store, &place)) {
	case STORE_REPLACED:
		replace_log(srv, place);
		break;
	case STORE_LOOK:
		break;
	case STORE_QUIET:
		if (!more)
			return;
	}
	read_news(srv);
	revoking = revoke_turn(srv);
	srv->revoking = revoking != REVOKING_DONE;
	srv->look_again = srv->look;
	srv->look |= revoking == REVOKING_MORE;
}

/*
 * One transaction for all that a look asks of the log, and those who wait to
 * be let in ask it as well.  Not while revocations are to be known first.
 */
static void
take_news(struct server *srv)
{
	store_hold(srv->store);
	look_for_news(srv);
	srv->answered |= store_answered(srv->store);
	if (srv->answered && !srv->revoking) {
		srv->answered = false;
		pending_again(srv);
	}
	store_release(srv->store);
}

bool
hub_await(struct server *srv, int ms)
{
	struct pollfd pfd = {.fd = store_fd(srv->store), .events = POLLIN};

	if (poll(&pfd, 1, ms) != 1)
		return false;
	look_for_news(srv);
	return true;
}

/* --- when to flush ------------------------------------------------------ */

static void
on_gathered(uv_timer_t *timer)
{
	struct server *srv = timer->data;

	srv->gathering = false;
	srv->look = srv->due = true;
	server_wake(srv);
}

void
hub_written(struct server *srv)
{
	srv->look = srv->due = true;
	if (!srv->gathering)
		return;
	srv->gathering = false; /* may_look gathers on if it was for a flush */
	uv_timer_stop(&srv->gather);
}

static void on_news(uv_poll_t *, int status, int events);

/*
 * While our own writer is at work the log's files change long before there is
 * something to read, for the disk comes in between: it will say when.  Not if
 * somebody waits for what the log has been asked.
 */
static bool
writer_tells(const struct server *srv)
{
	return srv->link.waiting > 0 && !srv->due && srv->parked == NULL &&
	       !srv->todo_waits && !srv->read_waits;
}

/*
 * Is it time to look?  If not, the timer will say, and until then the
 * store's descriptor may not wake the loop with what we know.
 */
static bool
may_look(struct server *srv)
{
	uint64_t now = uv_hrtime(), wait;

	if (srv->gathering)
		return false;
	wait = srv->next_flush > now ? srv->next_flush - now : 0;
	if (wait < WRITER_NS && writer_tells(srv))
		wait = WRITER_NS;
	if (wait < SOON_NS)
		return true;
	srv->gathering = true;
	uv_poll_stop(&srv->news);
	uv_timer_start(&srv->gather, on_gathered, (wait + 999999) / 1000000, 0);
	return false;
}

static uint64_t
most(uint64_t a, uint64_t b, uint64_t c)
{
	if (a < b)
		a = b;
	return a > c ? a : c;
}

/*
 * Sends to all who are due.  The next flush is not before this one's work is
 * likely done by the web server, nor before as much time as this took; and
 * reading the log takes no more than its share, for while we read a publisher
 * cannot begin its WAL anew.
 */
static void
flush(struct server *srv, uint64_t began, uint64_t read_ns)
{
	struct topics *ts = &srv->topics;
	uint64_t gather, writes = srv->count.writes;
	uint32_t i, j;

	srv->next_flush = began + read_ns * READ_SHARE;
	if (ts->ndue == 0)
		return;
	for (i = 0; i < ts->ndue; i++) {
		struct sub *sub = ts->due[i];

		sub->due = false;
		for (j = 0; j < sub->nstreams; j++) {
			struct stream *s = sub->streams[j];

			if (s->queued || s->blocked || s->conn.fd == -1)
				continue;
			if (stream_advance(srv, s) >= ADVANCE_MORE &&
			    s->conn.fd != -1 && !s->blocked)
				hub_todo(srv, s);
		}
	}
	ts->ndue = 0;
	gather = (srv->count.writes - writes) * SEND_COST_NS;
	if (gather > srv->conf.gather_ms * 1000000)
		gather = srv->conf.gather_ms * 1000000;
	srv->next_flush =
	    began + most(gather, read_ns * READ_SHARE, uv_hrtime() - began);
}

/* --- those behind ------------------------------------------------------- */

/* Each in turn gets its budget, until the turn's is spent. */
static void
advance_todo(struct server *srv)
{
	uint64_t until = uv_hrtime() + TODO_NS;

	while (srv->todo != NULL && !srv->todo_waits) {
		struct stream *s = pop_todo(srv);

		if (s->conn.fd == -1) {
			hub_over(srv, &s->conn);
			continue;
		}
		switch (stream_advance(srv, s)) {
		case ADVANCE_WAIT:
			srv->todo_waits = true;
			hub_todo(srv, s);
			break;
		case ADVANCE_MORE:
			hub_todo(srv, s);
			break;
		default:
			break;
		}
		if (uv_hrtime() > until)
			break;
	}
}

/* Trouble with the log is told when it begins and when it is over. */
static void
tell_trouble(struct server *srv)
{
	bool troubled = !store_healthy(srv->store);
	char name[256];

	if (troubled == srv->troubled)
		return;
	srv->troubled = troubled;
	if (troubled) {
		log_plain(store_why(srv->store));
		return;
	}
	store_show(srv->conf.db, name, sizeof(name));
	log_info(srv->conf.quiet, name, "can be read again");
}

void
hub_turn(struct server *srv)
{
	uint64_t began = uv_hrtime(), read_ns = 0;

	srv->burst.sub = NULL; /* runs and subscriptions may change now */
	if (srv->look && may_look(srv)) {
		srv->due = false;
		take_news(srv);
		read_ns = uv_hrtime() - began;
		tell_trouble(srv);
		if (!uv_is_active((uv_handle_t *)&srv->news))
			uv_poll_start(&srv->news, UV_READABLE, on_news);
	}
	if (!srv->revoking) {
		flush(srv, began, read_ns);
		advance_todo(srv);
	}
	srv->turn_head_known = false;
	if ((srv->todo != NULL && !srv->todo_waits && !srv->revoking) ||
	    (srv->look && !srv->gathering))
		server_wake(srv);
}

/* --- opening ------------------------------------------------------------ */

static void
on_news(uv_poll_t *handle, int status, int events)
{
	struct server *srv = handle->data;

	(void)status;
	(void)events;
	srv->look = true;
}

enum store_result
hub_now(struct server *srv, struct store_id *id)
{
	struct store_seek seek = {.from = STORE_FROM_HEAD};
	enum store_result r = STORE_OK;

	if (!srv->turn_head_known)
		r = store_seek(srv->store, &seek, &srv->turn_head);
	if (r != STORE_OK)
		return r;
	srv->turn_head_known = true;
	*id = srv->turn_head;
	return STORE_OK;
}

int
hub_open(struct server *srv)
{
	srv->todo_end = &srv->todo;
	if (topics_open(&srv->topics) == -1 ||
	    window_open(&srv->window, srv->conf.window_bytes,
		srv->conf.max_event_bytes) == -1)
		return -1;
	pages_open(&srv->pages, srv->conf.page_rows, srv->conf.max_event_bytes);
	store_set_poll(srv->store, (unsigned)srv->conf.poll_ms);
	revoke_start(srv, false);
	hub_now(srv, &srv->head);     /* if the log is busy, news sets it */
	srv->turn_head_known = false; /* it may be another in the first turn */
	uv_timer_init(&srv->loop, &srv->gather);
	srv->gather.data = srv;
	if (uv_poll_init(&srv->loop, &srv->news, store_fd(srv->store)) != 0)
		return -1;
	srv->news.data = srv;
	return uv_poll_start(&srv->news, UV_READABLE, on_news) == 0 ? 0 : -1;
}

void
hub_close(struct server *srv)
{
	while (srv->todo != NULL) /* all ended, and no turn frees them now */
		free_stream(srv, pop_todo(srv));
	uv_poll_stop(&srv->news);
	uv_close((uv_handle_t *)&srv->news, NULL);
	uv_timer_stop(&srv->gather);
	uv_close((uv_handle_t *)&srv->gather, NULL);
	pages_close(&srv->pages);
	window_close(&srv->window);
	topics_close(&srv->topics);
}
