/*
 * link.h - the loop's end of the writer: starts it, hands it requests, takes
 * its results, starts it again when it dies.
 *
 * The writer is a process of this same program, started anew and not forked:
 * SQLite must not be carried through a fork.  Requests and results go in one
 * order, so those who wait stand in a queue and need no number.
 */
#ifndef LINK_H
#define LINK_H

#include <sys/types.h>

#include <uv.h>

#include "fcgi/publish/handoff.h"
#include "fcgi/stream/hub.h"

struct wire;

/* One request that waits for a result. */
struct ticket {
	struct ticket *next;
	void *owner; /* who is told of the result; NULL: has left */
	size_t bytes;
};

/*
 * A result for the owner of a ticket, which is freed after the call: a whole
 * result as in handoff.h, or NULL when it will never be known.
 */
typedef void link_result(void *arg, void *owner, const char *result);

struct link {
	struct hub *hub;
	link_result *result;
	void *arg;	   /* of result */
	struct wire *wire; /* NULL: no writer that takes anything */
	pid_t pid;	   /* of the writer; 0: none */
	uint64_t born_ms;  /* by the loop's clock */
	struct bytes in, out;
	struct ticket *first, **last; /* in the order they were handed over */
	size_t bytes;		      /* of them all */
	uv_timer_t again;	      /* to start the next writer */
};

/*
 * Gets ready and, if start says so, starts a writer; the loop is there, and
 * the log can be written.  0 or -1, with why told.
 */
int link_open(
    struct link *, struct hub *, bool start, link_result *, void *arg);
void link_close(struct link *);

/*
 * Hands a request over, to be written when the turn comes to link_turn.  NULL
 * when that cannot be now: there is too much waiting already, or no writer.
 * The ticket is good until its result is told.
 */
struct ticket *link_hand(struct link *, const struct body *);

/* Sends what was handed over since the last turn. */
void link_turn(struct link *);

#endif
