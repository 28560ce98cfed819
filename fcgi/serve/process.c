/*
 * process.c - opens and closes all parts of a serving process.
 */
#include <sys/resource.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi/base/log.h"
#include "fcgi/serve/inherit.h"
#include "fcgi/serve/loop.h"
#include "fcgi/serve/process.h"
#include "fcgi/stream/news.h"

/*
 * Raises the limit of descriptors as far as we may, and sets the limit of
 * streams from it.
 */
static void
set_limits(struct server *srv)
{
	struct hub *hub = &srv->hub;
	struct rlimit rl;
	uint64_t spare = SPARE_FDS + 2 * (srv->spread ? srv->spread->n : 0);
	uint64_t most = 1024 - spare;

	if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
		rl.rlim_cur = rl.rlim_max;
		setrlimit(RLIMIT_NOFILE, &rl);
		if (getrlimit(RLIMIT_NOFILE, &rl) == 0 && rl.rlim_cur > spare)
			most = rl.rlim_cur - spare;
	}
	hub->max_streams = srv->conf.max_streams;
	if (hub->max_streams > most)
		log_error("--max-streams",
		    "descriptors allow only %llu (ulimit -n)",
		    (unsigned long long)most);
	if (hub->max_streams == 0 || hub->max_streams > most)
		hub->max_streams = most;
}

static void
close_parts(struct server *srv)
{
	store_close(srv->hub.store);
	callers_close(&srv->hub.callers);
	allow_close(srv->allow);
	srv->hub.store = NULL;
	srv->allow = NULL;
}

/*
 * The store counts all texts of an event together.  The data and the type may
 * be as large as --max-event each (window.c); topic and uid are short.
 */
enum {
	OTHER_TEXTS = 64 * 1024,
	START_MS = 1000, /* that the log is waited for before there is a loop */
	AWAY_MS = 250,	 /* from one attempt to open the log to the next... */
	LOOK_MS = 10,	 /* ...which may hold the loop for so long... */
	LOOK_FAR_MS = 500 /* ...or so long, if the log is on Redis */
};

/* --- a log that is away, or with which something is wrong ---------------- */

/*
 * A stub takes the place of the log.  Clients are told to come back, and health
 * is not good.  A CGI program is one for each request, and knows nothing of a
 * log that was there before or comes soon.
 */
static struct store *
wait_for_log(struct server *srv, const char *why)
{
	struct store *st = store_open_away(why);

	if (srv->plain)
		log_plain(why);
	else if (!srv->away_told)
		log_error("waiting for the log", "%s", why);
	srv->away = srv->away_told = true;
	srv->hub.health = HEALTH_LOG; /* and this was said */
	return st;
}

static struct store *
open_within(const struct server *srv, int wait_ms, char *why, size_t size)
{
	struct store *st =
	    store_open_within(srv->conf.db, STORE_READ, wait_ms, why, size);

	if (st != NULL)
		store_set_event_max(
		    st, 2 * srv->conf.max_event_bytes + OTHER_TEXTS);
	return st;
}

/*
 * Opens a log that may be waited for.  With --publish it has to be one that can
 * be written, which is found out while we do not read it.  For a Redis that
 * cannot be reached the store waits by itself, and so does the writer's.
 */
static struct store *
open_whole(const struct server *srv, int wait_ms, char *why, size_t size)
{
	struct store *st = open_within(srv, wait_ms, why, size);

	if (st == NULL || !srv->conf.publish ||
	    (store_is_remote(srv->conf.db) && !store_healthy(st)))
		return st;
	store_close(st);
	return publish_can(&srv->conf, wait_ms, why, size)
		   ? open_within(srv, wait_ms, why, size)
		   : NULL;
}

/*
 * True: the log is open, or is waited for.  A worker may come into being when
 * the log for which its parent waited has been there for long.
 */
static bool
open_log(struct server *srv, char *why, size_t size)
{
	struct store *st = srv->may_wait
			       ? open_whole(srv, START_MS, why, size)
			       : open_within(srv, STORE_PATIENT, why, size);

	srv->away = false;
	srv->hub.health = HEALTH_GOOD;
	if (st == NULL &&
	    (srv->plain || (srv->may_wait && store_is_name(srv->conf.db))))
		st = wait_for_log(srv, why);
	srv->hub.store = st;
	return st != NULL;
}

/* The same as before is wrong, or another reason, which is said if it lasts. */
static void
still_away(struct server *srv, const char *why)
{
	struct store *st;
	bool same = strncmp(why, store_why(srv->hub.store), 200) == 0;

	if (same && !srv->away_told) {
		log_error("waiting for the log", "%s", why);
		srv->away_told = true;
	}
	if (same || (st = store_open_away(why)) == NULL)
		return;
	store_close(srv->hub.store);
	srv->hub.store = st;
	srv->away_told = false;
}

static void
on_away(uv_timer_t *timer)
{
	struct server *srv = timer->data;
	int wait_ms = store_is_remote(srv->conf.db) ? LOOK_FAR_MS : LOOK_MS;
	char why[512];
	struct store *st;

	if (!store_away_rests(srv->hub.store, srv->conf.db))
		return;
	st = open_whole(srv, wait_ms, why, sizeof(why));
	if (st == NULL) {
		still_away(srv, why);
		return;
	}
	store_close(srv->hub.store);
	srv->hub.store = st;
	srv->away = false;
	uv_timer_stop(timer);
	if (!store_healthy(st)) /* the store goes on to wait for it */
		log_error("waiting for the log", "%s", store_why(st));
	log_doubt(store_doubt(st));
	if (news_follow(&srv->hub) == -1)
		log_error("the log", "%s", strerror(errno));
	if (srv->conf.publish)
		link_start(&srv->pub.link);
	hub_wake(&srv->hub);
}

/* --- opening -------------------------------------------------------------- */

/* Opens what the options name, before there is a loop. */
static int
open_parts(struct server *srv)
{
	struct hub *hub = &srv->hub;
	char why[512];

	hub->conf = &srv->conf;
	hub->started_ms = (uint64_t)clock_wall_ms();
	srandom((unsigned)(clock_steady_ns() ^ getpid()));
	shares_open(&hub->shares, srv->conf.address_share, (uint32_t)random());
	srv->allow = allow_open(&srv->conf, why, sizeof(why));
	if (srv->allow != NULL &&
	    callers_open(&hub->callers, &srv->conf, why, sizeof(why)) == 0 &&
	    open_log(srv, why, sizeof(why)))
		return 0;
	log_plain(why);
	close_parts(srv);
	return -1;
}

int
process_check(struct server *srv)
{
	if (open_parts(srv) == -1)
		return -1;
	log_doubt(store_doubt(srv->hub.store)); /* once, not by each worker */
	close_parts(srv);
	return 0;
}

int
process_open(struct server *srv)
{
	if (open_parts(srv) == -1)
		return -1;
	set_limits(srv);
	if (loop_open(srv) == -1) {
		log_error("starting", "%s", strerror(errno));
		return -1;
	}
	if (srv->away && !srv->plain) {
		uv_timer_init(&srv->loop, &srv->away_timer);
		srv->away_timer.data = srv;
		uv_timer_start(&srv->away_timer, on_away, AWAY_MS, AWAY_MS);
	}
	inherit_hangups();
	return 0;
}

void
process_close(struct server *srv)
{
	loop_close(srv);
	close_parts(srv);
}
