/*
 * peer.h - whom an answer goes to, and what became of the request.
 */
#ifndef PEER_H
#define PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct peer {
	int fd;
	uint16_t request_id; /* of FastCGI */
	size_t unread;	     /* bytes of the request still in the socket */
	bool framed;	     /* FastCGI; plain CGI otherwise */
	bool keep_conn;	     /* FCGI_KEEP_CONN */
	bool head;	     /* of HEAD: an answer has no body */
	bool may_wait;	     /* ANSWERED_WAIT and ANSWERED_TURN are allowed */
	int64_t came_ms;     /* since 1970: when the request was whole */
	const char *headers; /* lines that every answer to it has, or NULL */
	char *body; /* body_len bytes, and room for one more; not kept */
	size_t body_len;
};

enum answered {
	ANSWERED_STREAM, /* the descriptor is a stream's or a probe's now */
	ANSWERED_REPLY,	 /* and the request is over */
	ANSWERED_LATER,	 /* it will be, when the writer has a result */
	ANSWERED_WAIT,	 /* to be asked again: the log may answer then */
	ANSWERED_TURN,	 /* to be asked again in the next turn of the loop */
	ANSWERED_FAILED	 /* the reply did not go out */
};

/* After a reply: did it go out whole? */
static inline enum answered
answered(bool whole)
{
	return whole ? ANSWERED_REPLY : ANSWERED_FAILED;
}

#endif
