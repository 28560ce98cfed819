/*
 * news.h - reading what is new in the log, and when.
 *
 * While there is little to do an event is read and sent the moment it is
 * seen.  While there is much, the next look waits: each write costs the web
 * server many times what it costs us, and what gathers meanwhile goes out in
 * the same number of writes.
 */
#ifndef NEWS_H
#define NEWS_H

#include "fcgi/stream/hub.h"

/* Watches the log of the hub, which is open.  0, or -1 with errno. */
int news_open(struct hub *);
void news_close(struct hub *);

/*
 * Is there something to look for, and is it time?  If it is too early, a timer
 * wakes the loop.
 */
bool news_due(struct hub *);

/*
 * Reads a bounded number of rows into the window, follows a log that was
 * replaced, and ends the streams that a revocation is about.  The caller holds
 * the log.  True when the log has answers for requests that wait for it.
 */
bool news_take(struct hub *);

/* After a look: says so when trouble with the log begins and when it is over.
 */
void news_told(struct hub *);

/* Our writer has committed: look in this turn, if nothing else waits. */
void news_written(struct hub *);

/*
 * Waits up to ms for the log to have something to say, and takes it; the
 * caller holds the log meanwhile.  For plain CGI, which has no loop yet.
 */
bool news_await(struct hub *, int ms);

#endif
