/*
 * health.h - does this process deliver?
 *
 * It does when a look at the log ended well a moment ago, and when no stream
 * has waited for long for its turn to be sent what it is due.  A look ends well
 * when it saw the log as it was then, and all that it read for the window could
 * be read.  That need not be all there is: one turn reads so many rows, and the
 * looks after it go on.
 *
 * A stream whose client does not read waits for its client, and is no sign of
 * illness; nor is a client that waits because it made us do too much.
 */
#ifndef HEALTH_H
#define HEALTH_H

#include "fcgi/stream/hub.h"

/*
 * Why it does not, in one line; NULL: it does.  This is so at the moment of the
 * question, but for the streams, which are looked at once a tick.  Good until
 * the next call.  Each change is said on stderr, once.
 */
const char *health_why(struct hub *);

/*
 * Call it once a turn.  Says what else is wrong with the log, although it can
 * be read, and what has changed; the streams are looked at once a second.
 */
void health_turn(struct hub *);

#endif
