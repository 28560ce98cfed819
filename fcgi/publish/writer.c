/*
 * writer.c - the process that writes what is published over HTTP.
 *
 * `serve --publish` starts it, with a socket to the loop on descriptor 0; it is
 * not a command for people.  It may wait for the disk and for other writers,
 * which the loop may not.  All requests that are there when it looks go into
 * one transaction, so the busier it is, the less an event costs.
 *
 * While nobody publishes it has no connection to the log.
 *
 * It ends when the loop has closed its end, and not before.  The signals that
 * end a service are blocked: the last requests still need their answer.
 */
#include <sys/prctl.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi/base/command.h"
#include "fcgi/publish/writer.h"
#include "fcgi/publish/handoff.h"
#include "fcgi/base/log.h"
#include "store/store.h"

enum {
	GROUP = 256,		 /* requests in one transaction */
	GROUP_EVENTS = 4000,	 /* no further request after so many events */
	READ_BYTES = 256 * 1024, /* in one read */
	REST_MS = 1000		 /* without a request: the log is let go */
};

struct writer {
	struct store *store;
	struct bytes in, out;
	struct store_event *events; /* the events of the group */
	size_t size;
	const char *requests[GROUP]; /* n of them, inside `in` */
	struct store_batch batches[GROUP];
	size_t n;
};

/* Finds the requests that make the next group. */
static int
find_group(struct writer *w)
{
	struct handoff_request head;
	size_t events = 0, len;
	struct store_event *p;

	w->n = 0;
	while (w->n < GROUP && events < GROUP_EVENTS &&
	       (len = handoff_whole(&w->in)) > 0) {
		w->requests[w->n] = w->in.s + w->in.at;
		handoff_head(w->requests[w->n++], &head);
		events += head.n;
		w->in.at += len;
	}
	if (events <= w->size)
		return 0;
	if ((p = realloc(w->events, events * sizeof(*p))) == NULL)
		return -1;
	w->events = p;
	w->size = events;
	return 0;
}

/*
 * Appends the events of the group together.  A request that has waited too long
 * is left out: nobody takes its answer any more, or soon nobody will.
 */
static void
append_group(struct writer *w, bool *begun)
{
	struct store_event *next = w->events;
	struct handoff_request head;
	int64_t now = clock_steady_ms();
	size_t i, due = 0;

	for (i = 0; i < w->n; i++) {
		handoff_head(w->requests[i], &head);
		begun[i] = head.until_ms >= now;
		if (!begun[i])
			continue;
		handoff_events(w->requests[i], next);
		w->batches[due].events = next;
		w->batches[due++].n = head.n;
		next += head.n;
	}
	if (due > 0)
		store_append_all(w->store, w->batches, due);
}

static int
put_results(struct writer *w, const bool *begun)
{
	static const struct store_batch late = {
	    .result = STORE_BUSY, .why = "waited too long"};
	size_t i, done = 0;

	for (i = 0; i < w->n; i++)
		if (handoff_put_result(
			&w->out, begun[i] ? &w->batches[done++] : &late) == -1)
			return -1;
	return 0;
}

static int
send_results(struct writer *w)
{
	ssize_t n;

	while (w->out.at < w->out.len) {
		n = write(
		    STDIN_FILENO, w->out.s + w->out.at, w->out.len - w->out.at);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		w->out.at += (size_t)n;
	}
	bytes_trim(&w->out);
	return 0;
}

/* Writes all requests that are here, group by group. */
static int
write_all(struct writer *w)
{
	bool begun[GROUP] = {false};

	while (handoff_whole(&w->in) > 0) {
		if (find_group(w) == -1)
			return -1;
		append_group(w, begun);
		if (put_results(w, begun) == -1 || send_results(w) == -1)
			return -1;
	}
	bytes_trim(&w->in);
	return 0;
}

/*
 * Waits for a request.  A log that nobody writes to is let go: whoever copies
 * another file over it would find it locked by us.
 */
static void
await_request(struct writer *w)
{
	struct pollfd pfd = {.fd = STDIN_FILENO, .events = POLLIN};

	if (poll(&pfd, 1, REST_MS) == 0)
		store_rest(w->store);
}

/* Works until the loop closes its end.  False on trouble, with errno. */
static bool
serve_loop(struct writer *w)
{
	ssize_t n;

	for (;;) {
		if (bytes_room(&w->in, READ_BYTES) == -1)
			return false;
		await_request(w);
		n = read(STDIN_FILENO, w->in.s + w->in.len, READ_BYTES);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 || errno == ECONNRESET;
		w->in.len += (size_t)n;
		if (write_all(w) == -1)
			return errno == EPIPE || errno == ECONNRESET;
	}
}

int
writer_run(int argc, char **argv, void (*shut_in)(const char *db))
{
	const char *db = getenv("LARGESSE_DB"); /* see link.c */
	struct writer *w;
	char why[512];
	bool ok = false;

	if (argc < 2 || argc > 3 || db == NULL) {
		log_error("writer", "is started by serve --publish");
		return STATUS_USAGE;
	}
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_NAME, "largesse-writer");
	if ((w = calloc(1, sizeof(*w))) == NULL)
		return STATUS_FAILED;
	w->store = store_open(db, STORE_WRITE, why, sizeof(why));
	if (w->store == NULL) {
		log_plain(why);
	} else if (store_set_synchronous(
		       w->store, strcmp(argv[1], "full") == 0) == -1) {
		log_plain(store_why(w->store));
	} else {
		if (argc == 2)
			shut_in(db);
		if (!(ok = serve_loop(w)))
			log_error("writer", "%s", strerror(errno));
	}
	store_close(w->store);
	bytes_free(&w->in);
	bytes_free(&w->out);
	free(w->events);
	free(w);
	return ok ? STATUS_DONE : STATUS_FAILED;
}
