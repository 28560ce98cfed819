/*
 * link.h - a connection to Redis that comes back by itself.  Read this page of
 * the room first.
 *
 * A link looks up the host's name (name.c), connects (dial.c), shakes hands
 * for TLS (tls.c), finds the master through a Sentinel, logs in and loads its
 * script (greet.c).  Then whole replies come out in the order in which the
 * commands went in.  link.c has the bytes, phase.c the steps from down to up,
 * call.c what is done about a reply that says no.  url.c reads the address,
 * trouble.c knows what an error of Redis means.
 *
 * Nothing blocks but redis_link_wait_up, redis_link_wait and what call.c makes
 * of them; those are for writers.  The room may include store/store.h and its
 * own headers.  What the commands and the replies say is left to store/redis.
 */
#ifndef REDIS_LINK_H
#define REDIS_LINK_H

#include <stdint.h>

#include <hiredis/hiredis.h>

#include "store/redis/link/name.h"
#include "store/redis/link/tls.h"
#include "store/redis/link/trouble.h"
#include "store/redis/link/url.h"

enum redis_phase {
	LINK_DOWN,	 /* until retry_ms */
	LINK_NAMING,	 /* looking up the host */
	LINK_CONNECTING, /* the socket */
	LINK_TLS,	 /* shaking hands */
	LINK_ASKING,	 /* a Sentinel for its master */
	LINK_GREETING,	 /* logging in */
	LINK_UP
};

struct redis_link {
	const struct redis_url *url;
	const char *script; /* loaded on connecting; sha calls it */
	char sha[48];
	enum redis_phase phase;
	int fd, epoll_fd; /* epoll_fd -1: the caller polls */
	int watched;	  /* the descriptor that epoll was told of, or -1... */
	uint32_t wants;	  /* ...and what for */
	struct redis_tls *tls;
	redisReader *reader;
	redisReplyObjectFunctions makers; /* what the reader makes replies by */
	const redisReplyObjectFunctions *plain; /* those of hiredis */
	size_t most;	 /* bytes of one reply; more is not taken */
	size_t fed;	 /* bytes that came since the last whole reply */
	size_t elements; /* of arrays, likewise */
	bool more;	 /* it stopped receiving before all was there */
	struct {	 /* what goes out */
		char *s;
		size_t at, len, size;
	} out;
	struct redis_name *name;       /* while it is looked up */
	struct redis_addresses found;  /* the host's */
	size_t host;		       /* which of url's is tried */
	char master[256], port[8];     /* as a Sentinel or a node named it */
	bool at_master;		       /* this connection goes there */
	unsigned greeting;	       /* replies of it that have come */
	unsigned fails;		       /* since something was answered */
	unsigned hops;		       /* from node to node since... */
	int64_t hops_ms;	       /* ...then */
	uint64_t session;	       /* counts how often it was up */
	int64_t retry_ms, deadline_ms; /* monotonic; 0: none */
	bool ended;    /* the other side closed; what it said may be unread */
	bool hopeless; /* it is down for what will not pass by itself */
	enum redis_kind kind; /* of the error for which it is down */
	bool unsure;	      /* what was called may have been run unanswered */
	char why[200];
};

enum {
	REDIS_REPLY_MAX = 64 * 1024 * 1024, /* most, unless it is set */
	REDIS_ELEMENTS_MAX = 128 * 1024	    /* of the arrays in one reply */
};

/* --- link.c --- */

void redis_link_init(struct redis_link *, const struct redis_url *,
    const char *script, int epoll_fd);
/* All is given back; it is as after redis_link_init. */
void redis_link_close(struct redis_link *);
/* Gives back the connection alone: it is LINK_DOWN, and knows whom to call. */
void redis_link_drop(struct redis_link *);
/* Lets go of the connection, for this reason, and tries another later. */
void redis_link_fail(struct redis_link *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Forgets addresses, and the master or node that was named. */
void redis_link_forget_host(struct redis_link *);

/* Queues commands.  False without memory: the link is down then. */
bool redis_link_put(
    struct redis_link *, int argc, const char **argv, const size_t *len);
bool redis_link_put_bytes(struct redis_link *, const char *, size_t len);

/*
 * The next whole reply, to be freed; NULL: none yet, or it went down.  One that
 * is larger than it may be ends the connection: kind is REDIS_TOO_LARGE then.
 */
redisReply *redis_link_get(struct redis_link *);

/* For phase.c: what can be sent or received now; a reply in any phase. */
void redis_link_send_all(struct redis_link *);
void redis_link_receive_all(struct redis_link *);
redisReply *redis_link_next_reply(struct redis_link *);
bool redis_link_make_reader(struct redis_link *);

/* --- phase.c --- */

/* Does what can be done now: begin to connect, send, receive. */
void redis_link_turn(struct redis_link *);

/* Sends what can be sent now; what came is left to the next turn. */
void redis_link_send(struct redis_link *);

/* When it wants a turn though nothing came; 0: never. */
int64_t redis_link_due(const struct redis_link *);

/* Waits until it is up.  False: it is not, by then or for good. */
bool redis_link_wait_up(struct redis_link *, int64_t until_ms);
/* Sends all and waits for the next reply; NULL: down, or none by then. */
redisReply *redis_link_wait(struct redis_link *, int64_t until_ms);

/* --- call.c --- */

/*
 * Lets go of the connection because of this error, and goes to another node
 * of the cluster if the error names one.
 */
void redis_link_refused(struct redis_link *, const redisReply *error);

/* The same for any reply that is not what was asked for. */
void redis_link_reject(struct redis_link *, const redisReply *);

/*
 * Was the command refused before it was run, for a reason that another
 * connection may not meet?
 */
bool redis_link_refusal(const redisReply *);

/*
 * Says what put queues, again where that helps, and waits for the one reply.
 * NULL: none by then; it may have been run.
 */
redisReply *redis_link_call(
    struct redis_link *, bool (*put)(void *arg), void *arg, int64_t until_ms);

/* The same for one command. */
redisReply *redis_link_ask(struct redis_link *, int argc, const char **argv,
    const size_t *lens, int64_t until_ms);

#endif
