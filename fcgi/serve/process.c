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

/*
 * Raises the limit of descriptors as far as we may, and sets the limit of
 * streams from it.
 */
static void
set_limits(struct server *srv)
{
	struct hub *hub = &srv->hub;
	struct rlimit rl;
	uint64_t most = 1024 - SPARE_FDS;

	if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
		rl.rlim_cur = rl.rlim_max;
		setrlimit(RLIMIT_NOFILE, &rl);
		if (getrlimit(RLIMIT_NOFILE, &rl) == 0 &&
		    rl.rlim_cur > SPARE_FDS)
			most = rl.rlim_cur - SPARE_FDS;
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
	OTHER_TEXTS = 64 * 1024
};

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
	    (hub->store = store_open(
		 srv->conf.db, STORE_READ, why, sizeof(why))) != NULL) {
		store_set_event_max(
		    hub->store, 2 * srv->conf.max_event_bytes + OTHER_TEXTS);
		return 0;
	}
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
	inherit_hangups();
	return 0;
}

void
process_close(struct server *srv)
{
	loop_close(srv);
	close_parts(srv);
}
