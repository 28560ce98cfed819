/*
 * answer.h - turns a whole request into a stream or a reply.
 */
#ifndef ANSWER_H
#define ANSWER_H

#include "fcgi/auth/origin.h"
#include "fcgi/serve/server.h"
#include "fcgi/stream/start.h"

/* An answer that is being made: its receiver, and what it waits for. */
struct answering {
	struct peer peer;	/* set by the caller, except headers */
	struct ticket *ticket;	/* set with ANSWERED_LATER */
	struct start_come come; /* how far it came, for ANSWERED_TURN */
	char headers[ORIGIN_HEADERS_SIZE]; /* peer.headers, set by answer */
};

/*
 * Answers a request.  env is from gate_parse, or the environment of a CGI
 * program.  too_long: the body of the request was too long, and was not kept.
 */
enum answered answer(
    struct server *, struct answering *, char *const *env, bool too_long);

#endif
