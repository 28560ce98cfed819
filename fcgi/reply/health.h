/*
 * health.h - does this process deliver?
 *
 * It does when the log was read a moment ago, to its end and without trouble,
 * and when no stream waits any longer for its turn to be sent what it is due.
 * A stream whose client does not read waits for its client, and is no sign of
 * illness; nor is a client that waits because it made us do too much.
 */
#ifndef HEALTH_H
#define HEALTH_H

#include "fcgi/stream/hub.h"

/*
 * Why it does not, in one line; NULL: it does.  Good until the next call.  A
 * change is said on stderr, once.
 */
const char *health_why(struct hub *);

/*
 * Call it once a turn.  Says what else is wrong with the log, although it can
 * be read, and finds out about the streams, once a second.
 */
void health_turn(struct hub *);

#endif
