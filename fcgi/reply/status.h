/*
 * status.h - how many streams, how fast, within which limits: /status is JSON
 * for people and pages, and /metrics is text for Prometheus.
 *
 * All numbers are gathered into one plain struct, and both are printed from
 * that struct.  So both say the same, under the same name.
 */
#ifndef STATUS_H
#define STATUS_H

#include <stddef.h>

#include "fcgi/auth/allow.h"
#include "fcgi/request/peer.h"
#include "fcgi/request/request.h"
#include "fcgi/stream/hub.h"

struct status {
	struct tally sum;
	uint64_t workers;
	uint64_t started_ms, now_ms; /* since 1970 */
	uint64_t max_streams;	     /* in force; the option may differ */
	const struct serve_conf *conf;
	const char *log_id;
	char head[STORE_ID_SIZE]; /* id of the newest event */
	const char *why;	  /* see health_why */
	struct store_size size;
	const struct tallies *tallies; /* NULL: one process has all numbers */
	struct board_side shown;       /* of all workers */
};

/* Sets the numbers of this process as they are now, except resident_bytes. */
void status_tally(const struct hub *, struct tally *);

/*
 * Writes our numbers where the other workers see them.  It is cheap, and done
 * once a turn.
 */
void status_share(struct hub *);

/*
 * What this process has to show: the topics with the most streams, and the
 * slowest streams.  It takes the same time however many there are.  show.c
 */
void show_side(const struct hub *, struct board_side *);

/* The same of all workers. */
void show_all(const struct hub *, struct board_side *);

/* Gathers the status.  Its texts are good until the hub does something else. */
void status_gather(struct hub *, struct status *);

/*
 * Sets the name and value of the i-th option if it is a number.  The name has
 * the unit: `stall_ms`, `max_streams`.  *name is empty for an option that is
 * not a number.  False after the last option.
 */
bool status_limit(
    const struct status *, size_t i, char name[64], uint64_t *value);

/*
 * The text, which the caller frees, and its length; NULL without memory.  line:
 * all of the JSON is one line.  Such a line is never longer than
 * STATUS_JSON_MAX: it has so many workers, topics and streams and no more, and
 * each text is bounded.
 */
enum {
	STATUS_JSON_MAX = 40 * 1024
};
char *status_json(const struct status *, bool line, size_t *len);
char *status_metrics(const struct status *, size_t *len); /* metrics.c */

/*
 * Has the web server opened /status and /metrics to this request, with the
 * parameter LARGESSE_STATUS=on?
 */
bool status_open(char *const *env);

/*
 * With a topic in the query it is how many streams this topic has: may this
 * request be told?  The answer is for the site's owner (status_open), and for
 * whoever has a token that may publish to the topic.  0; 404 for a stranger,
 * who is told nothing; 403 for another token; 503: the log cannot tell now
 * (no->later: but soon).
 */
int status_topic_allowed(
    struct hub *, struct allow *, const struct request *, struct refusal *);
bool status_topic_reply(
    struct hub *, const struct peer *, const struct request *);

struct reply;

/* Sends an answer with this text, rp->len bytes, which is freed; NULL: 503. */
bool status_send(
    struct hub *, const struct peer *, struct reply *rp, char *text);

/* Answers GET and HEAD.  False when the answer did not go out. */
bool status_reply(struct hub *, const struct peer *, const struct request *);

/*
 * The same peer, whose answer no page of another site may read, whatever
 * --allow-origin says: that is about streams.
 */
struct peer status_peer(const struct peer *);

#endif
