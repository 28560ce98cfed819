/*
 * publish.h - POST: events from the body of a request into the log.  The page
 * to read first.
 *
 * The loop reads and checks the body (body.h), and hands the events in it to
 * the writer, which is a process of its own.  link.h is our end, writer.c is
 * the writer, and handoff.h says what goes between them.  The connection waits
 * for the answer, and nothing else does.  A plain CGI program has no other
 * streams to delay, so it writes by itself.
 *
 * The room publish/ includes all rooms up to reply/.  It knows nothing of
 * connections: serve/ keeps the ticket and calls publish_answer with the
 * result.
 */
#ifndef PUBLISH_H
#define PUBLISH_H

#include "fcgi/auth/allow.h"
#include "fcgi/publish/link.h"
#include "fcgi/request/peer.h"
#include "fcgi/request/request.h"
#include "fcgi/stream/hub.h"

enum {
	PUBLISH_WAIT_MS = 20 * 1000 /* a POST waits so long for the writer */
};

struct publisher {
	struct hub *hub;
	struct allow *allow;
	struct link link;
};

/* What is wrong with the options for publishing, as a line, or NULL. */
const char *publish_wrong(const struct serve_conf *);

/*
 * Can the log be written?  If not, why says so in one line.  It may wait for
 * other publishers, see store_open_within.  Nothing is written.
 */
bool publish_can(
    const struct serve_conf *, int wait_ms, char *why, size_t size);

/*
 * Gets ready and, if start is true, starts the writer.  result is called for
 * each result, with arg and the owner of the ticket.  0, or -1 after a message.
 */
int publish_open(struct publisher *, struct hub *, struct allow *, bool start,
    link_result *result, void *arg);

/*
 * Answers a POST to the stream's path; peer has the body.  If it returns
 * ANSWERED_LATER, it has set *ticket, and the caller sets the ticket's owner.
 */
enum answered publish(struct publisher *, const struct peer *,
    const struct request *, struct ticket **ticket);

/*
 * Answers with a result as in handoff.h, or, for NULL, that the result will
 * never be known.  False when the answer did not go out whole.
 */
bool publish_answer(
    struct publisher *, const struct peer *, const char *result);

/* Refuses a POST for now.  False when the answer did not go out. */
bool publish_busy(struct publisher *, const struct peer *);

#endif
