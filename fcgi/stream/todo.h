/*
 * todo.h - the streams that have to be advanced, and connections that are over.
 *
 * A stream goes into a list when it may not have everything there is and no
 * flush will come by it: it is new, or behind, or its socket has room again.
 * It is in the list todo if what it is due may be in the window, and in the
 * list cold if the log has to be read for it.  A stream is in one of them.
 *
 * Nothing is freed while its own callback may be running.  A connection that is
 * over goes into another list, and the last step of a turn frees it.
 */
#ifndef TODO_H
#define TODO_H

#include "fcgi/stream/hub.h"

/* The stream is to be advanced, in this turn or the next. */
void todo_add(struct hub *, struct stream *);

/* The same, and the log has to be read for it. */
void todo_add_cold(struct hub *, struct stream *);

/* Takes the stream that has waited longest off the list; it is not empty. */
struct stream *todo_pop(struct todo *);

/* The connection is over, or a stream has taken over its descriptor. */
void todo_over(struct hub *, struct conn *);

#endif
