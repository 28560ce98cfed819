/*
 * answer.h - a whole request becomes a stream or a reply.
 */
#ifndef ANSWER_H
#define ANSWER_H

#include "fcgi/auth/origin.h"
#include "fcgi/serve/server.h"

/* An answer on its way: whom it goes to, and what it waits for. */
struct answering {
	struct peer peer;      /* but for headers, set by the caller */
	struct ticket *ticket; /* set with ANSWERED_LATER */
	char headers[ORIGIN_HEADERS_SIZE]; /* peer.headers, set by answer */
};

/* env as from gate_parse or CGI's environment; too_long: so was its body. */
enum answered answer(
    struct server *, struct answering *, char *const *env, bool too_long);

#endif
