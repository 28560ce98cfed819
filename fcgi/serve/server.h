/*
 * server.h - the one struct of the process, and the page to read first.
 *
 * One thread and one loop own everything here, so nothing is locked.
 *
 *	serve.h		the command: a socket, several workers, or one CGI
 *	process.h	opens and closes all parts of the struct
 *	loop.h		a whole turn of the loop, step by step
 *	sockets.h	makes the listening sockets
 *	listen.h	accepts connections from them
 *	spread.h	hands connections over to a worker that has fewer
 *	pending.h	a connection until its request is whole and answered
 *	parked.h	a request that waits for the log or the next turn
 *	posting.h	a POST that waits for the writer
 *	answer.h	turns a whole request into a stream or a reply
 *	workers.h	several processes on one listening socket
 *	inherit.h	what the process gets from whoever starts it
 *	sandbox.h	what the process may still ask of the kernel
 *
 * The room serve/ includes every room but command/ and doctor/.  Only main.c
 * includes this room.
 */
#ifndef SERVER_H
#define SERVER_H

#include <sys/stat.h>

#include "fcgi/publish/publish.h"
#include "fcgi/reply/probe.h"
#include "fcgi/reply/watch.h"
#include "fcgi/serve/parked.h"
#include "fcgi/serve/spread.h"
#include "fcgi/stream/hub.h"

struct gate_reader;

/* A name such as localhost has several addresses, each with a socket. */
enum {
	LISTENS_MAX = 8
};

struct listening {
	uv_poll_t poll;
	int fd;
};

struct server {
	struct serve_conf conf;
	uv_loop_t loop;
	struct hub hub;		     /* streams, and what is sent to them */
	struct allow *allow;	     /* who may read and publish what */
	struct probes probes;	     /* short streams for the doctor */
	struct watches watches;	     /* the pages that show /status */
	struct publisher pub;	     /* takes POSTs */
	struct parked_list for_log;  /* requests that wait for the log */
	struct parked_list for_turn; /* or for the next turn of the loop */
	struct gate_reader *reader;
	uint64_t newcomers; /* accepted, and not answered yet */

	/* the listening sockets (sockets.c, listen.c) */
	struct listening listens[LISTENS_MAX];
	size_t nlistens;
	uv_timer_t listen_pause;
	struct spread *spread; /* over the workers, or NULL: there is one */
	uv_poll_t handed;      /* what other workers hand over */
	char *socket_path;     /* to remove at the end, or NULL... */
	struct stat socket_is; /* ...if it is still this file */

	/* a log that is away, or cannot be opened (process.c) */
	bool may_wait;	       /* for it, for nobody would start us again */
	bool away, away_told;  /* it is; the reason was said */
	uv_timer_t away_timer; /* to try again */

	/* the loop (loop.c) */
	uv_prepare_t prepare;
	uv_check_t check;
	uv_signal_t sigterm, sigint, sighup;
	uv_timer_t closed_time; /* when closing: the latest end */
	bool no_seccomp;	/* the kernel has none (sandbox.c) */
	bool bare;		/* streams are, unless they ask for another */
	bool plain;		/* plain CGI: ends with its one stream */
};

/* Each is a stream, or may become one. */
static inline uint64_t
connections(const struct server *srv)
{
	return srv->hub.now.streams + srv->hub.now.pending;
}

#endif
