/*
 * flush.h - sending to the streams that are due, then to those behind.
 */
#ifndef FLUSH_H
#define FLUSH_H

#include "fcgi/stream/hub.h"

/*
 * Sends to the streams of all subscriptions that have news; each gets at most
 * its write budget.  This turn began at began (ns) and read the log for
 * read_ns.  Sets the time of the next flush: not before the web server is
 * likely to be done with this one, nor before as much time has passed as this
 * one took.  Reading the log also keeps to its share, because no publisher can
 * begin the WAL anew while we read.
 */
void flush_due(struct hub *, uint64_t began, uint64_t read_ns);

/*
 * Streams that are behind, in the order in which they came to be: each gets
 * its write budget, until the time of this step is spent.
 */
void flush_behind(struct hub *);

#endif
