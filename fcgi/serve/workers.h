/*
 * workers.h - several processes on one listening socket.
 *
 * Each worker is a whole responder with its own loop and its own connection to
 * the log.  Besides the log they share only their numbers (base/tally.h), and
 * they hand connections to each other (spread.h) until a request is read.  A
 * small parent starts the workers, replaces one that died, and passes signals
 * on.
 */
#ifndef WORKERS_H
#define WORKERS_H

#include "fcgi/base/conf.h"
#include "fcgi/base/tally.h"
#include "fcgi/serve/spread.h"

/*
 * Runs work(arg, i, again) in a process of its own for each of the tallies;
 * again: in the place of one that has ended.  SIGTERM or SIGINT ends it: the
 * workers get the signal as well.  Returns the exit status when all have ended.
 * In a worker process it returns what work returned, with *child set.
 */
typedef int workers_work(void *arg, uint64_t i, bool again);
int workers_run(struct tallies *, struct spread *, bool quiet,
    workers_work *work, void *arg, bool *child);

#endif
