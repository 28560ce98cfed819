/*
 * answer.h - a whole request becomes a stream or a reply.
 */
#ifndef ANSWER_H
#define ANSWER_H

#include "fcgi/request/peer.h"
#include "fcgi/serve/server.h"

enum answered {
	ANSWERED_STREAM, /* the descriptor is a stream's now */
	ANSWERED_REPLY,	 /* and the request is over */
	ANSWERED_LATER,	 /* it will be, by pending_answered */
	ANSWERED_WAIT,	 /* to be asked again: the log may answer then */
	ANSWERED_FAILED	 /* the reply did not go out */
};

/* env as from gate_parse or CGI's environment; too_long: so was its body. */
enum answered answer(
    struct server *, const struct peer *, char *const *env, bool too_long);

#endif
