/*
 * publish.h - POST: events from the body of a request into the log.
 *
 * The loop reads and judges the body, and hands what is in it to the writer,
 * a process of its own (link.h, cmd_writer.c); the connection waits for the
 * answer, and nothing else does.  A program of plain CGI has no loop to spare
 * and writes by itself.
 */
#ifndef PUBLISH_H
#define PUBLISH_H

#include "fcgi/serve/answer.h"
#include "fcgi/request/request.h"

struct pending;

enum {
	PUBLISH_WAIT_MS = 20 * 1000 /* for an answer of the writer */
};

/* What is wrong with the options that are about it, as a line, or NULL. */
const char *publish_wrong(const struct serve_conf *);

/* Can the log be written?  0, or -1: why not was said. */
int publish_check(const struct serve_conf *);

/* Answers a POST for the stream's path with the body that peer has. */
enum answered publish(
    struct server *, const struct peer *, const struct request *);

/*
 * What became of it: a result as in handoff.h, or NULL when that will never be
 * known.
 */
void publish_result(struct server *, struct pending *, const char *result);

/* The same answer, without a result, for one that waited too long. */
bool publish_unknown(struct server *, const struct peer *);

#endif
