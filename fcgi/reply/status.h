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
#include "fcgi/stream/hub.h"

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

/* The numbers of this process as they are now, but for resident_bytes. */
void status_tally(const struct hub *, struct tally *);

/* Writes them where the other workers see them; cheap, once a turn. */
void status_share(struct hub *);

/* Good until the hub does something else. */
void status_gather(struct hub *, struct status *);

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
bool status_reply(struct hub *, const struct peer *, const struct request *);

#endif
