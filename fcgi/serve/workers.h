/*
 * workers.h - several processes on one listening socket.
 *
 * Each is a whole responder with its own loop and its own connection to the
 * log, which is the only thing they share: a stream belongs to whoever
 * accepted it.  A small parent starts them, starts again one that died, and
 * passes signals on.
 */
#ifndef WORKERS_H
#define WORKERS_H

#include "fcgi/reply/status.h"

enum {
	WORKERS_MAX = 64
};

/*
 * What the workers tell each other: each writes its own tally, all read all.
 * In memory that they share; a number may be a turn old.
 */
struct workers {
	uint64_t n;
	struct tally tally[];
};

/* Memory for n of them, to be shared by processes forked later; or NULL. */
struct workers *workers_make(uint64_t n);
void workers_free(struct workers *);

/*
 * Runs n processes of work(arg, i) until told to end by SIGTERM or SIGINT,
 * which they get as well, and returns the exit status when all have ended.
 * In a worker process it returns what work returned, with *child set.
 */
int workers_run(struct workers *, bool quiet,
    int (*work)(void *arg, uint64_t i), void *arg, bool *child);

/* Adds the tallies of all workers up. */
void workers_sum(const struct workers *, struct tally *);

#endif
