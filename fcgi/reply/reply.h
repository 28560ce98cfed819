/*
 * reply.h - every answer that is not a stream: the page to read first.
 *
 * The room reply/ holds the plain answers (here), what /health says (health.h),
 * /status and /metrics (status.h), /status as a stream (watch.h), the
 * doctor's /probe (probe.h), and what the error log is told of the streams
 * (tell.h).  It includes all rooms up to stream/.  serve/ decides which request
 * gets which answer.
 */
#ifndef REPLY_H
#define REPLY_H

#include "fcgi/auth/allow.h"
#include "fcgi/request/peer.h"
#include "fcgi/stream/hub.h"

struct reply {
	int status;
	const char *type;    /* NULL: text/plain */
	const char *headers; /* more lines, each with its CR LF, or NULL */
	const char *body;
	size_t len;
};

/*
 * Sends an answer; to a HEAD without its body.  False when it did not go out
 * whole: then the connection cannot be used any more.
 */
bool reply_send(struct hub *, const struct peer *, const struct reply *);

/* Answers with a status and one line that says why. */
bool reply_line(
    struct hub *, const struct peer *, int status, const char *line);

/*
 * Answers 405.  A header lists the methods of this path, and so does the body;
 * more is the end of its line, or NULL.
 */
bool reply_405(struct hub *, const struct peer *, const struct request *,
    const char *more);
/* The header line that lists the methods of this path. */
const char *reply_allow(const struct hub *, const struct request *);

/* Answers with a refusal. */
bool reply_refusal(struct hub *, const struct peer *, const struct refusal *);

/*
 * Answers when the trouble will pass: a stream that only says when to come
 * back.  With any status but 200, a browser's EventSource would give up for
 * good.  A client that wants a bare stream would take that for a whole one: it
 * gets 503.
 */
bool reply_retry(struct hub *, const struct peer *, bool bare);

/* Answers 204: all topics have ended.  EventSource asks no more. */
bool reply_over(struct hub *, const struct peer *);

/* Answers 410, before a bare stream, which cannot tell of a gap. */
bool reply_gone(struct hub *, const struct peer *, enum gap_reason);

/* Answers a HEAD: the headers that the stream would have. */
bool reply_head(struct hub *, const struct peer *);

/*
 * Answers /health (health.h): 200, or 503.  The reason is for the owner of the
 * site, who finds it in the error log and in /status; it has the path of the
 * log.
 */
bool reply_health(struct hub *, const struct peer *);

#endif
