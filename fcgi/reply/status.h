/*
 * status.h - how many streams, how fast, within which limits: /status, JSON
 * for people and pages, and /metrics, Prometheus text.
 *
 * All numbers are gathered in one place into a plain struct, and both are
 * printed from that: what one says the other says, under the same name.
 */
#ifndef STATUS_H
#define STATUS_H

#include <stddef.h>

#include "fcgi/request/peer.h"
#include "fcgi/request/request.h"
#include "fcgi/serve/server.h"

/* What adds up, over processes as well. */
struct tally {
	struct counters count;
	uint64_t streams, pending, probes;
	uint64_t writers, posts_waiting;
	uint64_t topics, subscriptions;
	uint64_t window_events, window_bytes;
	uint64_t pages, resident_bytes;
};

struct status {
	struct tally sum;
	uint64_t workers;
	uint64_t started_ms, now_ms; /* since 1970 */
	uint64_t max_streams;	     /* in force, which the option may not be */
	const struct serve_conf *conf;
	const char *log_id;
	char head[STORE_ID_SIZE]; /* the newest event there is */
	const char *why;	  /* NULL: the log can be read */
};

/* A number of the tally, its name and what it is. */
struct status_line {
	const char *name;
	const char *help;
	size_t offset; /* in struct tally, of a uint64_t */
	bool total;    /* only grows; else it is how things are now */
};

extern const struct status_line status_lines[];
extern const size_t status_nlines;

static inline uint64_t
status_number(const struct tally *t, const struct status_line *line)
{
	return *(const uint64_t *)((const char *)t + line->offset);
}

/* This process's numbers as they are now, but for resident_bytes. */
void tally_take(const struct server *, struct tally *);

/* Writes them where the other workers see them; cheap, once a turn. */
void tally_publish(struct server *);

/* Good until the server does something else. */
void status_gather(struct server *, struct status *);

/*
 * The i-th option that is a number, by a name that has its unit: `stall_ms`,
 * `max_streams`.  False beyond the last; *name empty for one that is none.
 */
bool status_limit(
    const struct status *, size_t i, char name[64], uint64_t *value);

/* The text, to be freed, and its length; NULL without memory. */
char *status_json(const struct status *, size_t *len);	  /* status_json.c */
char *status_metrics(const struct status *, size_t *len); /* metrics.c */

/* Answers GET and HEAD; false when it did not go out. */
bool status_reply(struct server *, const struct peer *, const struct request *);

#endif
