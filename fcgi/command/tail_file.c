/*
 * tail_file.c - `largesse tail FILE`: the stream of a log, without a server.
 *
 * A reader with nobody else to wait for: it may block on its output, and it
 * goes through the log page by page as a stream behind the window does.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "fcgi/base/command.h"
#include "fcgi/window/control.h"
#include "fcgi/base/log.h"
#include "fcgi/command/tail.h"
#include "fcgi/window/window.h"

enum {
	PAGE_ROWS = 1000,
	MAX_EVENT = 1 << 30
};

struct reader {
	const struct tail *tail;
	struct store *store;
	struct store_topic topics[REQUEST_TOPICS_MAX];
	size_t ntopics;
	struct store_id id; /* the newest event printed */
	uint64_t printed;
	struct run event; /* the one at hand */
};

static bool
enough(const struct reader *rd)
{
	return rd->tail->count > 0 && rd->printed >= rd->tail->count;
}

static bool
print_event(void *arg, const struct store_event *ev)
{
	struct reader *rd = arg;
	char *room = run_room(&rd->event, window_encode_size(ev, MAX_EVENT));

	if (room == NULL)
		return false;
	fwrite(room, 1, window_encode(room, rd->store, ev, MAX_EVENT), stdout);
	rd->id = ev->id;
	rd->printed++;
	return !enough(rd) && !ferror(stdout);
}

static void
print_gap(const struct reader *rd, enum gap_reason reason, const char *asked)
{
	char text[CONTROL_GAP_SIZE], id[STORE_ID_SIZE];
	size_t len;

	store_id_print(rd->store, rd->id, id);
	len = control_gap(text, reason, asked, id);
	fwrite(text, 1, len, stdout);
}

/* Names as typed; the same rules as for a request. */
static int
take_topics(struct reader *rd)
{
	const struct option_list *list = &rd->tail->topics;
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
		rd->topics[rd->ntopics++] =
		    (struct store_topic){rt.name, rt.len, rt.prefix};
	}
	return 0;
}

/* Waits for the answer, if the log is not at hand. */
static enum store_result
seek_place(struct reader *rd, const struct store_seek *seek)
{
	struct pollfd pfd = {.fd = store_fd(rd->store), .events = POLLIN};
	struct store_id place;
	enum store_result r;

	while ((r = store_seek(rd->store, seek, &rd->id)) == STORE_LATER &&
	       poll(&pfd, 1, -1) == 1)
		store_news(rd->store, &place);
	return r;
}

/* Where to start; what is gone is told as a stream would tell it. */
static int
find_start(struct reader *rd)
{
	const char *asked = rd->tail->last_event_id;
	struct store_seek seek = {
	    .from = STORE_FROM_HEAD, .topics = rd->topics, .n = rd->ntopics};

	if (asked != NULL && strcmp(asked, "earliest") == 0)
		seek.from = STORE_FROM_FIRST;
	else if (asked != NULL) {
		seek.from = STORE_FROM_ID;
		if (!store_id_parse(
			rd->store, asked, strlen(asked), &seek.id)) {
			seek.from = STORE_FROM_UID;
			seek.uid = (struct store_text){asked, strlen(asked)};
		}
	} else if (rd->tail->last != TAIL_NO_LAST) {
		seek.from = STORE_FROM_LAST;
		seek.count = rd->tail->last;
	}
	switch (seek_place(rd, &seek)) {
	case STORE_OK:
		return 0;
	case STORE_GONE:
		print_gap(rd, GAP_PRUNED, asked);
		return 0;
	case STORE_UNKNOWN:
		print_gap(rd, GAP_UNKNOWN, asked);
		return 0;
	default:
		log_plain(store_why(rd->store));
		return -1;
	}
}

/* Prints all there is after the place.  -1 on trouble that will not pass. */
static int
print_rest(struct reader *rd)
{
	struct store_span span = {rd->id, false};
	enum store_result r = STORE_OK;

	while (r == STORE_OK && !span.at_end && !enough(rd)) {
		r = store_read(rd->store, rd->id, rd->topics, rd->ntopics,
		    PAGE_ROWS, print_event, rd, &span);
		if (r == STORE_OK && !enough(rd))
			rd->id = span.upto;
	}
	fflush(stdout);
	if (r == STORE_ERROR)
		log_plain(store_why(rd->store));
	return r == STORE_ERROR || ferror(stdout) ? -1 : 0;
}

/* Waits for news.  -1 when waiting failed. */
static int
wait_news(struct reader *rd)
{
	struct pollfd pfd = {.fd = store_fd(rd->store), .events = POLLIN};
	char asked[STORE_ID_SIZE];
	struct store_id place;

	if (poll(&pfd, 1, -1) == -1)
		return errno == EINTR ? 0 : -1;
	if (store_news(rd->store, &place) == STORE_REPLACED) {
		store_id_print(rd->store, rd->id, asked);
		rd->id = place;
		print_gap(rd, GAP_REPLACED, asked);
	}
	return 0;
}

int
tail_file(const struct tail *tail)
{
	struct reader rd = {.tail = tail};
	int status = STATUS_FAILED;
	char why[512];

	rd.store = store_open(tail->source, STORE_READ, why, sizeof(why));
	if (rd.store == NULL)
		log_plain(why);
	else if (take_topics(&rd) == -1)
		status = STATUS_USAGE;
	else if (find_start(&rd) == 0) {
		while (print_rest(&rd) == 0 && !enough(&rd))
			if (wait_news(&rd) == -1)
				break;
		status = enough(&rd) ? command_done() : STATUS_FAILED;
	}
	store_close(rd.store);
	run_free(&rd.event);
	return status;
}
