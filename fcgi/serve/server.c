/*
 * server.c - the process's parts come to be and go, and what the loop calls.
 */
#include <sys/resource.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/store.h"
#include "fcgi/auth/allow.h"
#include "fcgi/request/gate.h"
#include "fcgi/stream/hub.h"
#include "fcgi/serve/listen.h"
#include "fcgi/base/log.h"
#include "fcgi/serve/pending.h"
#include "fcgi/reply/probe.h"
#include "fcgi/stream/stream.h"
#include "fcgi/serve/workers.h"

enum {
	CLOSE_MS = 3000 /* for streams to take the rest of an event */
};

/* --- the loop ----------------------------------------------------------- */

static void
on_idle(uv_idle_t *idle)
{
	(void)idle; /* being active is all it does: the poll will not wait */
}

void
server_wake(struct server *srv)
{
	uv_idle_start(&srv->idle, on_idle);
}

unsigned
server_retry(const struct server *srv)
{
	uint64_t ms = srv->conf.retry_ms;

	return (unsigned)(ms / 2 + (uint64_t)random() % (ms + 1));
}

/* What the poll phase and the timers have noted is done here. */
static void
on_turn(uv_check_t *check)
{
	struct server *srv = check->data;

	uv_idle_stop(&srv->idle);
	link_turn(srv);
	hub_turn(srv);
	hub_sweep(srv);
	if (srv->workers != NULL)
		tally_publish(srv);
	if ((srv->plain || srv->closing) && srv->nstreams == 0 &&
	    srv->link.waiting == 0 && (srv->closing || srv->nprobes == 0))
		uv_stop(&srv->loop);
}

static void
on_event(void *arg, struct conn *c, uint32_t events)
{
	switch ((enum conn_kind)c->kind) {
	case CONN_STREAM:
		stream_event(arg, (struct stream *)c, events);
		break;
	case CONN_PROBE:
		probe_event(arg, c, events);
		break;
	case CONN_PENDING:
		pending_event(arg, (struct pending *)c, events);
	}
}

static void
on_look(void *arg, struct conn *c)
{
	if (c->kind == CONN_STREAM)
		stream_look(arg, (struct stream *)c);
	else if (c->kind == CONN_PENDING)
		pending_look(arg, (struct pending *)c);
}

static void
end_stream(struct server *srv, struct stream *s)
{
	stream_finish(srv, s);
}

static void
on_closed_time(uv_timer_t *timer)
{
	struct server *srv = timer->data;

	uv_stop(&srv->loop);
}

/*
 * Those who wait in the backlog would be refused by our closing it, and their
 * EventSource would give up: they are answered first.  Then all streams are
 * told to come back; those that stand within an event get the rest of it
 * first, if they take it in time.
 */
static void
on_signal(uv_signal_t *handle, int signum)
{
	struct server *srv = handle->data;

	(void)signum;
	if (srv->closing)
		return;
	if (!srv->plain)
		listen_accept(srv);
	srv->closing = true;
	if (!srv->plain)
		listen_accept(srv);
	pending_again(srv); /* they are told to come back */
	hub_each_stream(srv, end_stream);
	uv_timer_start(&srv->closed_time, on_closed_time, CLOSE_MS, 0);
	server_wake(srv);
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

/* As many descriptors as we may have, and how many streams that makes. */
static void
set_limits(struct server *srv)
{
	struct rlimit rl;
	uint64_t most = 1024 - SPARE_FDS;

	if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
		rl.rlim_cur = rl.rlim_max;
		setrlimit(RLIMIT_NOFILE, &rl);
		if (getrlimit(RLIMIT_NOFILE, &rl) == 0 &&
		    rl.rlim_cur > SPARE_FDS)
			most = rl.rlim_cur - SPARE_FDS;
	}
	srv->max_streams = srv->conf.max_streams;
	if (srv->max_streams > most)
		log_error("--max-streams",
		    "descriptors allow only %llu (ulimit -n)",
		    (unsigned long long)most);
	if (srv->max_streams == 0 || srv->max_streams > most)
		srv->max_streams = most;
}

static void
set_clock(struct server *srv)
{
	srv->started_ms = clock_wall_ms();
	srandom((unsigned)(clock_steady_ns() ^ getpid()));
}

static int
open_loop(struct server *srv)
{
	if (uv_loop_init(&srv->loop) != 0)
		return -1;
	uv_check_init(&srv->loop, &srv->check);
	uv_idle_init(&srv->loop, &srv->idle);
	uv_signal_init(&srv->loop, &srv->sigterm);
	uv_signal_init(&srv->loop, &srv->sigint);
	uv_signal_init(&srv->loop, &srv->sighup);
	srv->check.data = srv->sigterm.data = srv->sigint.data = srv;
	srv->sighup.data = srv;
	uv_check_start(&srv->check, on_turn);
	uv_timer_init(&srv->loop, &srv->closed_time);
	srv->closed_time.data = srv;
	wheel_open(&srv->wheel, &srv->loop, on_look, srv);
	probes_open(srv);
	if (poller_open(&srv->poller, &srv->loop, on_event, srv) == -1 ||
	    (srv->scratch = malloc(SCRATCH_SIZE)) == NULL ||
	    (srv->reader = gate_reader_open()) == NULL || hub_open(srv) == -1 ||
	    link_open(srv) == -1)
		return -1;
	/* After libfcgi's, which would keep SIGTERM for itself. */
	signal(SIGPIPE, SIG_IGN);
	uv_signal_start(&srv->sigterm, on_signal, SIGTERM);
	uv_signal_start(&srv->sigint, on_signal, SIGINT);
	uv_signal_start(&srv->sighup, on_reload, SIGHUP);
	return 0;
}

static void
close_parts(struct server *srv)
{
	store_close(srv->store);
	callers_close(&srv->callers);
	allow_close(srv->allow);
	srv->store = NULL;
	srv->allow = NULL;
}

/* What the options name, before there is a loop. */
static int
open_parts(struct server *srv)
{
	char why[512];

	set_clock(srv);
	srv->allow = allow_open(&srv->conf, why, sizeof(why));
	if (srv->allow != NULL &&
	    callers_open(&srv->callers, &srv->conf, why, sizeof(why)) == 0 &&
	    (srv->store = store_open(
		 srv->conf.db, STORE_READ, why, sizeof(why))) != NULL)
		return 0;
	log_plain(why);
	close_parts(srv);
	return -1;
}

int
server_check(struct server *srv)
{
	if (open_parts(srv) == -1)
		return -1;
	close_parts(srv);
	return 0;
}

int
server_open(struct server *srv)
{
	if (open_parts(srv) == -1)
		return -1;
	set_limits(srv);
	if (open_loop(srv) == -1) {
		log_error("starting", "%s", strerror(errno));
		return -1;
	}
	return 0;
}

static void
close_conn(void *arg, struct conn *c)
{
	if (c->kind == CONN_STREAM)
		stream_end(arg, (struct stream *)c, END_SHUTDOWN);
	else if (c->kind == CONN_PENDING)
		pending_close(arg, (struct pending *)c);
}

static void
close_any(uv_handle_t *handle, void *arg)
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
server_close(struct server *srv)
{
	block_signals();
	link_close(srv);
	wheel_each(&srv->wheel, close_conn);
	probes_end(srv);
	hub_sweep(srv);
	if (srv->listen_fd != -1)
		listen_close(srv);
	hub_close(srv);
	poller_close(&srv->poller);
	wheel_close(&srv->wheel);
	uv_walk(&srv->loop, close_any, NULL);
	uv_run(&srv->loop, UV_RUN_DEFAULT);
	uv_loop_close(&srv->loop);
	gate_reader_close(srv->reader);
	free(srv->scratch);
	close_parts(srv);
}
