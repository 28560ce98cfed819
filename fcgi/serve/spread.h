/*
 * spread.h - the connections are spread evenly over the workers.
 *
 * All workers accept from the same sockets, and the kernel gives a connection
 * to whoever comes first.  If another worker has fewer, the one that accepted
 * it hands it over (unix(7), SCM_RIGHTS) before anything of it is read.  So a
 * worker that is full turns nobody away while another one has room.
 *
 * Each worker has a socket on which connections are handed to it.  What is in
 * there outlives the worker: the one that comes in its place takes it.
 */
#ifndef SPREAD_H
#define SPREAD_H

#include <stdbool.h>
#include <stdint.h>

enum spread_state {
	SPREAD_STARTING, /* takes what is handed to it in a moment */
	SPREAD_OPEN,
	SPREAD_LEFT
};

/*
 * Of one worker, in memory that all share.  Whoever finds it a connection
 * counts that in admitted, in one step with the question whether there is room;
 * how many have ended says the worker itself.
 */
struct spread_place {
	uint64_t admitted, ended;
	uint64_t sent, took; /* of admitted: handed over by others; arrived */
	int64_t since_ms;    /* since when the first that waits has waited */
	int state;	     /* enum spread_state */
};

struct spread {
	uint64_t n;
	struct spread_place *of;
	int (*ends)[2];	 /* of each socket: to hand over, and to take */
	uint64_t before; /* of this worker: ended before it came into being */
	uint64_t opened; /* connections that it has had */
};

/*
 * Memory and sockets for n workers; processes forked later share them.  NULL
 * with errno.
 */
struct spread *spread_make(uint64_t n);
void spread_free(struct spread *); /* takes NULL */

/* A process is started in the place of worker i. */
void spread_start(struct spread *, uint64_t i);

/*
 * This process is worker i, and takes connections from now on.  Returns the
 * descriptor to wait for; it belongs to the spread.
 */
int spread_join(struct spread *, uint64_t i);

/* Worker i has ended, or does not want any more. */
void spread_leave(struct spread *, uint64_t i);

/* This process, which is worker i, has so many connections now. */
void spread_say(struct spread *, uint64_t i, uint64_t now);

/*
 * Worker i has accepted fd.  If another one has fewer connections, fd is handed
 * over to it and closed here, and the result is true.  False: worker i keeps
 * it.  max: how many each has room for.  A worker that is only starting, or
 * that has not taken what it was handed before, gets it if nobody else has
 * room; if nobody at all has, i keeps it.  A worker that has left keeps all.
 */
bool spread_accepted(
    struct spread *, uint64_t i, int fd, uint64_t max, int64_t now_ms);

/* Takes a connection that was handed to worker i; -1: there is none. */
int spread_take(struct spread *, uint64_t i, int64_t now_ms);

/* Is there a connection on its way to worker i? */
bool spread_owes(const struct spread *, uint64_t i);

#endif
