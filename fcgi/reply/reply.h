/*
 * reply.h - every answer that is not a stream: the page to read first.
 *
 * The room reply/ holds the plain answers (here), /health, /status and
 * /metrics (status.h), and the doctor's /probe (probe.h).  It includes all
 * rooms up to stream/; which request gets which answer is decided by serve/.
 */
#ifndef REPLY_H
#define REPLY_H

#include "fcgi/auth/allow.h"
#include "fcgi/request/peer.h"
#include "fcgi/stream/hub.h"

struct reply {
	int status;
	const char *type;    /* NULL: text/plain */
	const char *headers; /* more of them, each with its CR LF, or NULL */
	const char *body;
	size_t len;
	bool head; /* leave the body out */
};

/* False when it did not go out whole: the connection is of no use then. */
bool reply_send(struct hub *, const struct peer *, const struct reply *);

/* A status and one line that says why. */
bool reply_line(
    struct hub *, const struct peer *, int status, const char *line);

/* 405 and a line with its LF, with what is allowed for this path. */
bool reply_405(struct hub *, const struct peer *, const struct request *,
    const char *line);
/* The same as a header. */
const char *reply_allow(const struct hub *, const struct request *);

/* A refusal; HEAD has no body. */
bool reply_refusal(
    struct hub *, const struct peer *, const struct refusal *, bool head);

/*
 * Passing trouble: a stream that only says when to come back.  Any status but
 * 200 would end a browser's EventSource for good.
 */
bool reply_retry(struct hub *, const struct peer *);

/* The headers of a stream that would be: for HEAD. */
bool reply_head(struct hub *, const struct peer *);

/* /health: 200, or 503 and why. */
bool reply_health(struct hub *, const struct peer *);

#endif
