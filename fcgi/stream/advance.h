/*
 * advance.h - the one way to deliver: send what comes after a stream's id.
 */
#ifndef ADVANCE_H
#define ADVANCE_H

#include "fcgi/stream/hub.h"

enum advance {
	ADVANCE_LEVEL, /* the stream has everything there is */
	ADVANCE_MORE,  /* its share of the turn is used up */
	ADVANCE_COLD,  /* the log has to be read for it */
	ADVANCE_WAIT,  /* the log cannot be read right now */
	ADVANCE_STUCK  /* the stream is blocked, or over */
};

/*
 * Sends what comes after the stream's id, up to the write budget.  Only if cold
 * is set the log is read for it, until the time of the step is over.
 */
enum advance stream_advance(struct hub *, struct stream *, bool cold);

#endif
