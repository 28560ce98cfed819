/*
 * publish.h - POST: events from the body of a request into the log.  The page
 * to read first.
 *
 * The loop reads and judges the body (body.h), and hands what is in it to the
 * writer, a process of its own (link.h is our end, writer.c the other,
 * handoff.h what goes between them).  The connection waits for the answer, and
 * nothing else does.  A program of plain CGI has no loop to spare and writes by
 * itself.
 *
 * The room publish/ includes all rooms up to reply/.  It knows nothing of
 * connections: serve/ keeps the ticket and sends the result here to be worded.
 */
#ifndef PUBLISH_H
#define PUBLISH_H

#include "fcgi/auth/allow.h"
#include "fcgi/publish/link.h"
#include "fcgi/request/peer.h"
#include "fcgi/request/request.h"
#include "fcgi/stream/hub.h"

enum {
	PUBLISH_WAIT_MS = 20 * 1000 /* for an answer of the writer */
};

struct publisher {
	struct hub *hub;
	struct allow *allow;
	struct link link;
};

/* What is wrong with the options that are about it, as a line, or NULL. */
const char *publish_wrong(const struct serve_conf *);

/* Can the log be written?  0, or -1: why not was said. */
int publish_check(const struct serve_conf *);

/*
 * Gets ready and, if start says so, starts the writer.  result is told of each
 * result, with arg and the owner of the ticket.  0 or -1, with why told.
 */
int publish_open(struct publisher *, struct hub *, struct allow *, bool start,
    link_result *result, void *arg);

/*
 * Answers a POST for the stream's path with the body that peer has.  With
 * ANSWERED_LATER sets *ticket, whose owner is for the caller to set.
 */
enum answered publish(struct publisher *, const struct peer *,
    const struct request *, struct ticket **ticket);

/*
 * Says what became of it: a result as in handoff.h, or NULL when that will
 * never be known.  False when the answer did not go out whole.
 */
bool publish_answer(
    struct publisher *, const struct peer *, const char *result);

#endif
