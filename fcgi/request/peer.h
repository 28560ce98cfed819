/*
 * peer.h - whom an answer goes to.
 */
#ifndef PEER_H
#define PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pending;

struct peer {
	int fd;
	uint16_t request_id; /* of FastCGI */
	bool framed;	     /* FastCGI; plain CGI otherwise */
	bool keep_conn;	     /* FCGI_KEEP_CONN */
	const char *headers; /* lines that every answer to it has, or NULL */
	struct pending *pending; /* can wait for an answer; NULL: cannot */
	bool may_wait;		 /* for the log: ANSWERED_WAIT is allowed */
	char *body; /* body_len bytes, and room for one more; not kept */
	size_t body_len;
};

#endif
