/*
 * workers.h - several processes on one listening socket.
 *
 * Each is a whole responder with its own loop and its own connection to the
 * log, which is the only thing they share: a stream belongs to the process
 * that accepted it.  A small parent starts them, starts again one that died,
 * and passes signals on.
 */
#ifndef WORKERS_H
#define WORKERS_H

#include "fcgi/base/conf.h"
#include "fcgi/base/tally.h"

/*
 * Runs a process of work(arg, i) for each of the tallies until told to end by
 * SIGTERM or SIGINT, which they get as well, and returns the exit status when
 * all have ended.  In a worker process it returns what work returned, with
 * *child set.
 */
int workers_run(struct tallies *, bool quiet,
    int (*work)(void *arg, uint64_t i), void *arg, bool *child);

#endif
