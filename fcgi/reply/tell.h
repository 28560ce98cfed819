/*
 * tell.h - what the error log is told of the streams: one line for what
 * matters.
 *
 * A stream that opens or ends is no line: there are too many.  Told is when all
 * streams that are allowed are open, and when there is room again; once a
 * minute at most, how many ended for a reason that is a fault; and when the
 * process ends, how many ended for each reason.
 */
#ifndef TELL_H
#define TELL_H

#include "fcgi/stream/hub.h"

/* Call it once a turn.  It looks once a second. */
void tell_turn(struct hub *);

/* The process stops: how many streams are told to come back. */
void tell_stop(const struct hub *);

/* It has stopped: why the streams ended since it was started. */
void tell_stopped(const struct hub *);

#endif
