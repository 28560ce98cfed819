/*
 * todo.h - the streams that have to be advanced, and connections that are over.
 *
 * A stream goes into the list when it may not have everything there is and no
 * flush will come by it: it is new, or behind, or its socket has room again.
 *
 * Nothing is freed while its own callback may be running.  A connection that is
 * over goes into a second list, and the last step of a turn frees it.
 */
#ifndef TODO_H
#define TODO_H

#include "fcgi/stream/hub.h"

/* The stream is to be advanced, in this turn or the next. */
void todo_add(struct hub *, struct stream *);

/* Takes the stream that has waited longest off the list; it is not empty. */
struct stream *todo_pop(struct hub *);

/* The connection is over, or a stream has taken over its descriptor. */
void todo_over(struct hub *, struct conn *);

#endif
