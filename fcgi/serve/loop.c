/*
 * loop.c - the loop of the process, and a whole turn of it.
 *
 * A turn begins with libuv's poll phase.  It accepts connections, reads
 * requests, answers them, and notes what else has happened (on_event, timers).
 * Then take_turn does everything that was noted, each thing once.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "fcgi/base/log.h"
#include "fcgi/reply/health.h"
#include "fcgi/reply/status.h"
#include "fcgi/reply/tell.h"
#include "fcgi/request/gate.h"
#include "fcgi/serve/listen.h"
#include "fcgi/serve/loop.h"
#include "fcgi/serve/pending.h"
#include "fcgi/serve/sandbox.h"
#include "fcgi/stream/flush.h"
#include "fcgi/stream/news.h"
#include "fcgi/stream/stream.h"
#include "fcgi/stream/todo.h"

enum {
	CLOSE_MS = 3000 /* for the rest of an event, and of a first request */
};

/* --- a turn ------------------------------------------------------------- */

/*
 * Frees the connections that are over, or in a turn as many as there is time
 * for.  If a web server wants to use one again, its descriptor becomes a new
 * pending connection.
 */
static void
free_over(struct server *srv, bool all)
{
	struct conn *c;
	int again;

	turn_step(&srv->hub.turn);
	while ((c = srv->hub.over) != NULL &&
	       (all || !turn_spent(&srv->hub.turn))) {
		srv->hub.over = c->next;
		again = c->again ? c->fd : -1;
		switch ((enum conn_kind)c->kind) {
		case CONN_STREAM:
			/* one that is queued is freed when it is popped */
			c->again = false;
			if (!((struct stream *)c)->queued)
				stream_free(&srv->hub, (struct stream *)c);
			break;
		case CONN_PROBE:
			probe_free(c);
			break;
		case CONN_WATCH:
			watch_free(c);
			break;
		case CONN_PENDING:
			pending_free((struct pending *)c);
		}
		if (again != -1)
			pending_open(srv, again, true);
	}
}

/*
 * Reads what is new in the log, if it is time, and then goes on with the
 * requests that wait: for the log, if it has answers, or for this turn.  All of
 * this is one transaction.  Returns how long the log was read, in ns.
 */
static uint64_t
look_at_log(struct server *srv, uint64_t began)
{
	bool due = news_due(&srv->hub);
	uint64_t read_ns = 0;

	if (!due && srv->for_turn.n == 0)
		return 0;
	turn_step(&srv->hub.turn);
	store_hold(srv->hub.store);
	if (due) {
		if (news_take(&srv->hub))
			parked_move(&srv->for_log, &srv->for_turn);
		read_ns = uv_hrtime() - began;
		turn_step(&srv->hub.turn);
	}
	pending_again(srv, &srv->for_turn);
	store_release(srv->hub.store);
	return read_ns;
}

/*
 * May the loop end?  It may when the process is closing, or serves a plain CGI
 * request, and nobody is owed anything any more.  A web server connects first
 * and asks then: who was accepted in between is still going to be answered.
 */
static bool
is_over(const struct server *srv)
{
	const struct gauges *now = &srv->hub.now;

	if (!srv->hub.closing && !(srv->plain && now->probes == 0))
		return false;
	return now->streams == 0 && now->posts_waiting == 0 &&
	       srv->newcomers == 0 && srv->for_turn.n == 0 &&
	       (srv->spread == NULL ||
		   !spread_owes(srv->spread, srv->hub.worker));
}

/*
 * A whole turn, after the poll phase.  No step waits, and each has a bound in
 * time (turn.h): what is left is done in the next turn, after the poll phase
 * has let others in.
 */
static void
take_turn(struct server *srv)
{
	struct hub *hub = &srv->hub;
	uint64_t began, read_ns;

	uv_idle_stop(&hub->idle); /* this is the turn that hub_wake asked for */

	/* Requests of the poll phase have held the log. */
	store_release(hub->store);

	turn_step(&hub->turn);

	/* Before the look: its age says whether we were stopped. */
	health_turn(hub);
	tell_turn(hub);

	/* What was posted since the last turn goes to the writer. */
	link_turn(&srv->pub.link);

	/* What is new in the log; then the requests that wait go on. */
	began = uv_hrtime();
	read_ns = look_at_log(srv, began);

	/* Nothing is sent before all revocations are known (news.c). */
	if (!hub->revoking) {
		flush_due(hub, began, read_ns); /* streams that have news */
		flush_todo(hub);		/* more of them, and new ones */
		flush_cold(hub);		/* streams behind, in turn */
	}

	/* What is over is freed; a connection may be used again. */
	free_over(srv, false);

	/* The other workers see our numbers. */
	if (hub->tallies != NULL)
		status_share(hub);
	listen_say(srv);

	/* What is left to do wakes the loop. */
	if (srv->for_turn.n > 0)
		hub_wake(hub);
	hub_end_turn(hub);
	turn_ends(&hub->turn, &hub->count, &hub->now);
	if (is_over(srv))
		uv_stop(&srv->loop);
}

static void
on_turn(uv_check_t *check)
{
	take_turn(check->data);
}

static void
on_wait(uv_prepare_t *prepare)
{
	struct server *srv = prepare->data;

	store_wait(srv->hub.store); /* a timer may have asked it, too */
	turn_waits(&srv->hub.turn);
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
	case CONN_WATCH:
		watch_event(&srv->watches, c, events);
		break;
	case CONN_PENDING:
		pending_event(srv, (struct pending *)c, events);
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
 * Clients in the backlog would be refused when the socket closes, and their
 * EventSource would give up.  So they are accepted and answered first: those
 * of now are served, those who come while we close are told to come back, as
 * are parked requests and all streams.  A stream that stands inside an event
 * first gets the rest of it, if its client takes it in time.
 */
static void
on_signal(uv_signal_t *handle, int signum)
{
	struct server *srv = handle->data;

	(void)signum;
	if (srv->hub.closing)
		return;
	turn_step(&srv->hub.turn);
	if (!srv->plain) {
		listen_accept(srv);
		tell_stop(&srv->hub);
	}
	srv->hub.closing = true;
	if (!srv->plain)
		listen_accept(srv);
	/* Requests that wait are told to come back. */
	parked_move(&srv->for_log, &srv->for_turn);
	while (srv->for_turn.n > 0) {
		turn_step(&srv->hub.turn);
		pending_again(srv, &srv->for_turn);
	}
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
	else if (srv->conf.key_file.n + srv->conf.jwks_file.n > 0)
		log_info(srv->conf.quiet, "keys", "are read again");
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

/* What ends us waits from here on. */
static void
block_signals(sigset_t *before)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, before);
}

/*
 * libfcgi takes SIGTERM for itself, and we take it back.  One that comes in
 * between is ours: it waits.
 */
static bool
open_reader(struct server *srv)
{
	sigset_t before;

	block_signals(&before);
	srv->reader = gate_reader_open();
	watch_signals(srv);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return srv->reader != NULL;
}

int
loop_open(struct server *srv)
{
	struct hub *hub = &srv->hub;

	parked_open(&srv->for_log);
	parked_open(&srv->for_turn);
	sandbox_refuse_rings(srv);
	errno = -uv_loop_init(&srv->loop);
	if (errno != 0)
		return -1;
	uv_signal_init(&srv->loop, &srv->sigterm);
	uv_signal_init(&srv->loop, &srv->sigint);
	uv_signal_init(&srv->loop, &srv->sighup);
	uv_check_init(&srv->loop, &srv->check);
	srv->check.data = srv;
	uv_check_start(&srv->check, on_turn);
	uv_prepare_init(&srv->loop, &srv->prepare);
	srv->prepare.data = srv;
	uv_prepare_start(&srv->prepare, on_wait);
	uv_unref((uv_handle_t *)&srv->prepare);
	uv_timer_init(&srv->loop, &srv->closed_time);
	srv->closed_time.data = srv;
	hub->loop = &srv->loop;
	if (hub_open(hub, on_event, on_look, srv) == -1 || news_open(hub) == -1)
		return -1;
	probes_open(&srv->probes, hub);
	watches_open(&srv->watches, hub);
	if (!open_reader(srv) ||
	    publish_open(&srv->pub, hub, srv->allow,
		srv->conf.publish && !srv->plain && !srv->away, pending_result,
		srv) == -1)
		return -1;
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

void
loop_close(struct server *srv)
{
	struct hub *hub = &srv->hub;

	/*
	 * When libuv's watchers are closed, the signals get their default
	 * action back.  A second SIGTERM would then end us before we are done.
	 */
	block_signals(NULL);
	hub->closing = true; /* no connection is reused */
	link_close(&srv->pub.link);
	wheel_each(&hub->wheel, close_conn);
	probes_end(&srv->probes);
	watches_end(&srv->watches);
	free_over(srv, true);
	/* All have ended, and no turn will free them. */
	while (hub->todo.first != NULL)
		stream_free(hub, todo_pop(&hub->todo));
	while (hub->cold.first != NULL)
		stream_free(hub, todo_pop(&hub->cold));
	if (srv->nlistens > 0)
		listen_close(srv);
	news_close(hub);
	hub_close(hub);
	uv_walk(&srv->loop, close_handle, NULL);
	uv_run(&srv->loop, UV_RUN_DEFAULT);
	uv_loop_close(&srv->loop);
	gate_reader_close(srv->reader);
}
