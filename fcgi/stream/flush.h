/*
 * flush.h - sending to the streams that are due, then to those behind.
 */
#ifndef FLUSH_H
#define FLUSH_H

#include "fcgi/stream/hub.h"

/*
 * Sends to the streams of all subscriptions that have news.  Each stream gets
 * at most its write budget.  This turn began at `began` (ns) and spent read_ns
 * on reading the log.  If there are more streams than the time of a step is
 * enough for, flush_todo sends to the others: the flush goes on.
 *
 * If the log has more, and what was read is less than a few rows for each
 * subscription, nothing is sent yet: the next turn reads on.
 *
 * Sets the time of the next flush.  By then the web server is likely to be done
 * with this flush, and as much time has passed as this flush took.  Reading the
 * log may take only a part of all time, because no publisher can restart the
 * WAL while we read; but one slow read delays the next by 100 ms at most.
 */
void flush_due(struct hub *, uint64_t began, uint64_t read_ns);

/* Are there streams that the last flush has not come to yet? */
bool flush_goes_on(const struct hub *);

/*
 * Sends to the streams that wait, the longest waiting first.  Each gets its
 * write budget, until the time for this step is used up.
 */
void flush_todo(struct hub *);

/*
 * The same for the streams that are behind the window.  The log is read for
 * them, at least one page in a turn.  A client that has had more than its share
 * waits for the others.
 */
void flush_cold(struct hub *);

#endif
