/*
 * news.h - reading what is new in the log, and when.
 *
 * While there is little to do, an event is read and sent as soon as it is seen.
 * While there is much to do, the next look at the log waits.  Each write costs
 * the web server many times what it costs us, and the events that gather while
 * we wait go out in the same number of writes.
 */
#ifndef NEWS_H
#define NEWS_H

#include "fcgi/stream/hub.h"

/*
 * Watches the hub's log.  If that is away (store_open_away), news_follow does,
 * once the hub has another one.  0, or -1 with errno.
 */
int news_open(struct hub *);
int news_follow(struct hub *);
void news_close(struct hub *);

/*
 * Is there something to look for, and is it time?  If it is too early, a timer
 * wakes the loop.
 */
bool news_due(struct hub *);

/*
 * Reads a bounded number of rows into the window, follows a log that was
 * replaced, and ends the streams that were revoked.  The caller holds the log.
 * True when the log has answers for requests that wait for it.
 */
bool news_take(struct hub *);

/* Our writer has committed: look in this turn, if nothing else has to wait. */
void news_written(struct hub *);

/*
 * Waits up to ms until the log has news, and takes it.  The caller holds the
 * log meanwhile.  This is for plain CGI, whose loop does not run yet.
 */
bool news_await(struct hub *, int ms);

#endif
