/*
 * loop.c - the loop of the process, and a whole turn of it.
 *
 * libuv's poll phase comes first: it accepts connections, reads requests and
 * answers them, and notes what else has happened (on_event, timers).  Then
 * take_turn does, once for all, what was noted.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "fcgi/base/log.h"
#include "fcgi/reply/status.h"
#include "fcgi/request/gate.h"
#include "fcgi/serve/listen.h"
#include "fcgi/serve/loop.h"
#include "fcgi/serve/pending.h"
#include "fcgi/stream/flush.h"
#include "fcgi/stream/news.h"
#include "fcgi/stream/stream.h"
#include "fcgi/stream/todo.h"

enum {
	CLOSE_MS = 3000 /* for streams to take the rest of an event */
};

/* --- a turn ------------------------------------------------------------- */

/* Frees what is over.  A web server may use a connection for another request.
 */
static void
free_over(struct server *srv)
{
	struct conn *c;
	int again;

	while ((c = srv->hub.over) != NULL) {
		srv->hub.over = c->next;
		again = c->again ? c->fd : -1;
		switch ((enum conn_kind)c->kind) {
		case CONN_STREAM:
			stream_free(&srv->hub, (struct stream *)c);
			break;
		case CONN_PROBE:
			probe_free(c);
			break;
		case CONN_PENDING:
			pending_free((struct pending *)c);
		}
		if (again != -1)
			pending_open(srv, again);
	}
}

/* One transaction for all that a look asks of the log. */
static void
look_at_log(struct server *srv)
{
	store_hold(srv->hub.store);
	if (news_take(&srv->hub))
		pending_again(srv);
	store_release(srv->hub.store);
	news_told(&srv->hub);
}

/* Closing, or plain CGI, and nobody left to wait for. */
static bool
is_over(const struct server *srv)
{
	const struct gauges *now = &srv->hub.now;

	if (!srv->hub.closing && !(srv->plain && now->probes == 0))
		return false;
	return now->streams == 0 && now->posts_waiting == 0;
}

/*
 * A whole turn.  Each step is bounded in time: what it leaves undone is done
 * in the next turn, after the poll phase has let others in.
 */
static void
take_turn(struct server *srv)
{
	struct hub *hub = &srv->hub;
	uint64_t began, read_ns = 0;

	uv_idle_stop(&hub->idle);
	link_turn(&srv->pub.link); /* POSTs go to the writer */
	began = uv_hrtime();
	if (news_due(hub)) {
		look_at_log(
		    srv); /* the log is read once; who waits for it asks again
			   */
		read_ns = uv_hrtime() - began;
	}
	if (!hub->revoking) {
		flush_due(hub, began, read_ns); /* streams that have news */
		flush_behind(hub);		/* those behind, in turn */
	}
	hub_end_turn(hub); /* what is left wakes the loop */
	free_over(srv);	   /* what is over is freed */
	if (hub->tallies != NULL)
		status_share(hub); /* the other workers see our numbers */
	if (is_over(srv))
		uv_stop(&srv->loop);
}

static void
on_turn(uv_check_t *check)
{
	take_turn(check->data);
}

/* --- what the poll phase sees ------------------------------------------- */

static void
on_event(void *arg, struct conn *c, uint32_t events)
{
	struct server *srv = arg;

	switch ((enum conn_kind)c->kind) {
	case CONN_STREAM:
		stream_event(&srv->hub, (struct stream *)c, events);
		break;
	case CONN_PROBE:
		probe_event(&srv->probes, c, events);
		break;
	case CONN_PENDING:
		pending_event(srv, (struct pending *)c);
	}
}

static void
on_look(void *arg, struct conn *c)
{
	struct server *srv = arg;

	if (c->kind == CONN_STREAM)
		stream_look(&srv->hub, (struct stream *)c);
	else if (c->kind == CONN_PENDING)
		pending_look(srv, (struct pending *)c);
}

static void
finish(void *hub, struct stream *s)
{
	stream_finish(hub, s);
}

static void
on_closed_time(uv_timer_t *timer)
{
	struct server *srv = timer->data;

	uv_stop(&srv->loop);
}

/*
 * Those who wait in the backlog would be refused when it closes, and their
 * EventSource would give up: they are answered first.  Then all streams are
 * told to come back; a stream that stands within an event gets the rest of it
 * first, if the client takes it in time.
 */
static void
on_signal(uv_signal_t *handle, int signum)
{
	struct server *srv = handle->data;

	(void)signum;
	if (srv->hub.closing)
		return;
	if (!srv->plain)
		listen_accept(srv);
	srv->hub.closing = true;
	if (!srv->plain)
		listen_accept(srv);
	pending_again(srv); /* they are told to come back */
	stream_each(&srv->hub, finish, &srv->hub);
	uv_timer_start(&srv->closed_time, on_closed_time, CLOSE_MS, 0);
	hub_wake(&srv->hub);
}

static void
on_reload(uv_signal_t *handle, int signum)
{
	struct server *srv = handle->data;
	char why[512];

	(void)signum;
	if (allow_reload(srv->allow, why, sizeof(why)) == -1)
		log_plain(why);
}

/* --- opening and closing ------------------------------------------------ */

static void
watch_signals(struct server *srv)
{
	signal(SIGPIPE, SIG_IGN);
	srv->sigterm.data = srv->sigint.data = srv->sighup.data = srv;
	uv_signal_start(&srv->sigterm, on_signal, SIGTERM);
	uv_signal_start(&srv->sigint, on_signal, SIGINT);
	uv_signal_start(&srv->sighup, on_reload, SIGHUP);
}

int
loop_open(struct server *srv)
{
	struct hub *hub = &srv->hub;

	errno = -uv_loop_init(&srv->loop);
	if (errno != 0)
		return -1;
	uv_signal_init(&srv->loop, &srv->sigterm);
	uv_signal_init(&srv->loop, &srv->sigint);
	uv_signal_init(&srv->loop, &srv->sighup);
	uv_check_init(&srv->loop, &srv->check);
	srv->check.data = srv;
	uv_check_start(&srv->check, on_turn);
	uv_timer_init(&srv->loop, &srv->closed_time);
	srv->closed_time.data = srv;
	hub->loop = &srv->loop;
	if (hub_open(hub, on_event, on_look, srv) == -1 || news_open(hub) == -1)
		return -1;
	probes_open(&srv->probes, hub);
	if ((srv->reader = gate_reader_open()) == NULL ||
	    publish_open(&srv->pub, hub, srv->allow,
		srv->conf.publish && !srv->plain, pending_result, srv) == -1)
		return -1;
	watch_signals(srv); /* libfcgi would keep SIGTERM for itself */
	return 0;
}

void
loop_run(struct server *srv)
{
	uv_run(&srv->loop, UV_RUN_DEFAULT);
}

static void
close_conn(void *arg, struct conn *c)
{
	struct server *srv = arg;

	if (c->kind == CONN_STREAM)
		stream_end(&srv->hub, (struct stream *)c, END_SHUTDOWN);
	else if (c->kind == CONN_PENDING)
		pending_close(srv, (struct pending *)c);
}

static void
close_handle(uv_handle_t *handle, void *arg)
{
	(void)arg;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

/*
 * Closing libuv's watchers gives the signals their default back, and a second
 * SIGTERM would then end us before we are done: from here on they wait.
 */
static void
block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

void
loop_close(struct server *srv)
{
	struct hub *hub = &srv->hub;

	block_signals();
	hub->closing = true; /* no connection is used again */
	link_close(&srv->pub.link);
	wheel_each(&hub->wheel, close_conn);
	probes_end(&srv->probes);
	free_over(srv);
	while (hub->todo != NULL) /* all ended, and no turn frees them now */
		stream_free(hub, todo_pop(hub));
	if (srv->listen_fd != -1)
		listen_close(srv);
	news_close(hub);
	hub_close(hub);
	uv_walk(&srv->loop, close_handle, NULL);
	uv_run(&srv->loop, UV_RUN_DEFAULT);
	uv_loop_close(&srv->loop);
	gate_reader_close(srv->reader);
}
