/*
 * link.h - the loop's end of the writer: starts the writer, hands requests to
 * it, takes its results, and starts another when it dies.
 *
 * The writer is a process of this same program.  It is started anew and not
 * forked, because SQLite must not be carried through a fork.  Results come in
 * the order of the requests, so the requests wait in a queue and need no
 * number.
 */
#ifndef LINK_H
#define LINK_H

#include <sys/types.h>

#include <uv.h>

#include "fcgi/publish/handoff.h"
#include "fcgi/stream/hub.h"

struct wire;

/*
 * What starts a writer: the program, and the words of its command line, for a
 * filter that lets nothing else be executed (serve/sandbox.h).  Both stay where
 * they are, in memory that nobody can write.
 */
extern const char link_program[];
const char *const *link_words(const struct serve_conf *);

/* One request that waits for a result. */
struct ticket {
	struct ticket *next;
	void *owner; /* told the result; NULL: has gone */
	size_t bytes;
};

/*
 * Takes a result for the owner of a ticket: a whole result as in handoff.h, or
 * NULL when it will never be known.  The ticket is freed after the call.
 */
typedef void link_result(void *arg, void *owner, const char *result);

struct link {
	struct hub *hub;
	link_result *result;
	void *arg;	   /* for result */
	struct wire *wire; /* NULL: no writer takes requests */
	pid_t pid;	   /* of the writer; 0: none */
	uint64_t born_ms;  /* by the loop's clock */
	struct bytes in, out;
	struct ticket *first, **last; /* oldest request first */
	size_t bytes;		      /* of all tickets */
	uv_timer_t again;	      /* to start the next writer */
};

/*
 * Gets ready and, if start is true, starts a writer.  The loop is there, and
 * the log can be written.  0, or -1 after a message.
 */
int link_open(
    struct link *, struct hub *, bool start, link_result *, void *arg);
/* Starts a writer where link_open did not: now there is a log to write. */
void link_start(struct link *);
void link_close(struct link *);

/*
 * Hands a request over; link_turn sends it.  NULL when that is not possible
 * now: too much is waiting already, or there is no writer.  The ticket is good
 * until its result is told.
 */
struct ticket *link_hand(struct link *, const struct body *);

/* Sends what was handed over since the last turn. */
void link_turn(struct link *);

#endif
