/*
 * link.h - the loop's end of the writer: starts it, hands it requests, takes
 * its results, starts it again when it dies.
 *
 * The writer is a process of this same program, started anew and not forked:
 * SQLite must not be carried through a fork.  Requests and results go in one
 * order, so whoever waits stands in a queue and needs no number.
 */
#ifndef LINK_H
#define LINK_H

#include <sys/types.h>

#include <uv.h>

#include "fcgi/publish/handoff.h"

struct server;
struct pending;
struct wire;

/* One who waits for a result. */
struct ticket {
	struct ticket *next;
	struct pending *pending; /* NULL: has left */
	size_t bytes;
};

struct writer_link {
	struct wire *wire; /* NULL: no writer that takes anything */
	pid_t pid;	   /* of the writer; 0: none */
	uint64_t born_ms;  /* by the loop's clock */
	struct parcel in, out;
	struct ticket *first, **last; /* in the order they were handed over */
	size_t waiting, bytes;	      /* of them all */
	uv_timer_t again;	      /* to start the next writer */
};

/* 0 or -1.  The loop is there, and the log can be written. */
int link_open(struct server *);
void link_close(struct server *);

/*
 * Hands a request over, to be written after the turn.  NULL when that cannot
 * be now: there is too much waiting already, or no writer.  The ticket is
 * good until its result is told (publish_result in publish.h).
 */
struct ticket *link_hand(struct server *, const struct body *);

/* Sends what the turn has gathered. */
void link_turn(struct server *);

#endif
