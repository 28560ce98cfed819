/*
 * tail_file.c - `largesse tail FILE`: the stream of a log, without a server.
 *
 * It reads for one person, so it may wait until its output is taken.  It goes
 * through the log page by page, as the responder does for a stream that is
 * behind the window.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "fcgi/base/command.h"
#include "fcgi/base/log.h"
#include "fcgi/command/tail.h"
#include "fcgi/window/control.h"
#include "fcgi/window/window.h"

enum {
	PAGE_ROWS = 1000,
	MAX_EVENT = 1 << 30
};

struct tail_file {
	const struct tail *tail;
	struct store *store;
	struct store_topic topics[REQUEST_TOPICS_MAX];
	size_t ntopics;
	struct store_id id; /* the newest event printed */
	uint64_t printed;
	bool may_end; /* the last event was the end of its topic, or none was */
	struct run event; /* the one that is printed */
};

static bool
enough(const struct tail_file *tf)
{
	return tf->tail->count > 0 && tf->printed >= tf->tail->count;
}

static bool
print_event(void *arg, const struct store_event *ev)
{
	struct tail_file *tf = arg;
	char *room = run_room(&tf->event, window_encode_size(ev, MAX_EVENT));

	if (room == NULL)
		return false;
	command_print(room,
	    window_encode(room, tf->store, ev, MAX_EVENT, false),
	    tf->tail->on_terminal);
	tf->id = ev->id;
	tf->may_end = store_is_end(ev);
	tf->printed++;
	return !enough(tf) && !ferror(stdout);
}

static void
print_gap(const struct tail_file *tf, enum gap_reason reason, const char *asked)
{
	char text[CONTROL_GAP_SIZE], id[STORE_ID_SIZE];
	size_t len;

	store_place_print(tf->store, tf->id, id);
	len = control_gap(text, reason, asked, id);
	command_print(text, len, tf->tail->on_terminal);
}

/* The topics as typed, by the same rules as in a request. */
static int
take_topics(struct tail_file *tf)
{
	const struct option_list *list = &tf->tail->topics;
	struct request_topic rt = {"main", 4, false};
	const char *why;
	size_t i;

	if (list->n > REQUEST_TOPICS_MAX) {
		log_error("--topic", "more than %d", REQUEST_TOPICS_MAX);
		return -1;
	}
	for (i = 0; i < list->n || i == 0; i++) {
		why = list->n == 0
			  ? NULL
			  : request_topic(&rt, list->v[i], strlen(list->v[i]));
		if (why != NULL) {
			log_error("--topic", "%s", why);
			return -1;
		}
		tf->topics[tf->ntopics++] =
		    (struct store_topic){rt.name, rt.len, rt.prefix};
	}
	return 0;
}

/* Waits for the answer, if the log has to be asked over a network. */
static enum store_result
seek_place(struct tail_file *tf, struct store_seek *seek)
{
	struct pollfd pfd = {.fd = store_fd(tf->store), .events = POLLIN};
	struct store_id place;
	enum store_result r;

	for (;;) {
		r = store_seek(tf->store, seek, &tf->id);
		if (r == STORE_AGAIN)
			continue;
		if (r != STORE_LATER || poll(&pfd, 1, -1) != 1)
			return r;
		store_news(tf->store, &place);
	}
}

/* Where to start.  A place that is gone is told as on a stream. */
static int
find_start(struct tail_file *tf)
{
	const char *asked = tf->tail->last_event_id;
	struct store_seek seek = {
	    .from = STORE_FROM_HEAD, .topics = tf->topics, .n = tf->ntopics};

	if (asked != NULL && strcmp(asked, "earliest") == 0)
		seek.from = STORE_FROM_FIRST;
	else if (asked != NULL)
		store_seek_named(tf->store, asked, strlen(asked), &seek);
	else if (tf->tail->last != TAIL_NO_LAST) {
		seek.from = STORE_FROM_LAST;
		seek.count = tf->tail->last;
	}
	switch (seek_place(tf, &seek)) {
	case STORE_OK:
		return 0;
	case STORE_GONE:
		print_gap(tf, seek.folded ? GAP_FOLDED : GAP_PRUNED, asked);
		return 0;
	case STORE_UNKNOWN:
		print_gap(tf, GAP_UNKNOWN, asked);
		return 0;
	default:
		log_plain(store_why(tf->store));
		return -1;
	}
}

/* Prints all that comes after the place.  -1: reading cannot go on. */
static int
print_rest(struct tail_file *tf)
{
	struct store_span span = {tf->id, false};
	enum store_result r = STORE_OK;

	while (r == STORE_OK && !span.at_end && !enough(tf)) {
		r = store_read(tf->store, tf->id, tf->topics, tf->ntopics,
		    PAGE_ROWS, print_event, tf, &span);
		if (r == STORE_OK && !enough(tf))
			tf->id = span.upto;
	}
	fflush(stdout);
	if (r == STORE_ERROR)
		log_plain(store_why(tf->store));
	return r == STORE_ERROR || ferror(stdout) ? -1 : 0;
}

/* Has this topic ended at the place where we are, or before it? */
static bool
is_at_end(struct tail_file *tf, const struct store_topic *t)
{
	struct pollfd pfd = {.fd = store_fd(tf->store), .events = POLLIN};
	struct store_text name = {t->name, t->len};
	struct store_id end, place;
	enum store_result r;

	while ((r = store_end(tf->store, name, &end)) == STORE_LATER) {
		if (poll(&pfd, 1, -1) != 1)
			return false;
		store_news(tf->store, &place);
	}
	return r == STORE_OK && topic_ended(end, tf->id);
}

/* Have all topics ended?  Then nothing more is to come, as for a stream. */
static bool
is_told_all(struct tail_file *tf)
{
	size_t i;

	for (i = 0; tf->may_end && i < tf->ntopics; i++)
		if (tf->topics[i].prefix || !is_at_end(tf, &tf->topics[i]))
			return false;
	return tf->may_end;
}

/* Waits for news.  -1 when waiting failed. */
static int
wait_news(struct tail_file *tf)
{
	struct pollfd pfd = {.fd = store_fd(tf->store), .events = POLLIN};
	char asked[STORE_ID_SIZE];
	struct store_id place;

	if (poll(&pfd, 1, -1) == -1)
		return errno == EINTR ? 0 : -1;
	if (store_news(tf->store, &place) == STORE_REPLACED) {
		store_id_print(tf->store, tf->id, asked);
		tf->id = place;
		print_gap(tf, GAP_REPLACED, asked);
	}
	return 0;
}

int
tail_file(const struct tail *tail)
{
	struct tail_file tf = {.tail = tail, .may_end = true};
	int status = STATUS_FAILED;
	char why[512];

	tf.store = store_open(tail->source, STORE_READ, why, sizeof(why));
	if (tf.store != NULL)
		log_doubt(store_doubt(tf.store));
	if (tf.store == NULL)
		log_plain(why);
	else if (take_topics(&tf) == -1)
		status = STATUS_USAGE;
	else if (find_start(&tf) == 0) {
		while (print_rest(&tf) == 0) {
			if (enough(&tf) || is_told_all(&tf)) {
				status = command_done();
				break;
			}
			if (wait_news(&tf) == -1)
				break;
		}
	}
	store_close(tf.store);
	run_free(&tf.event);
	return status;
}
