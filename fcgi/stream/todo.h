/*
 * todo.h - which streams are out of step, and which connections are over.
 *
 * Nothing is freed while its own callback may be running: what is over is put
 * on a list, and the last step of a turn frees it.
 */
#ifndef TODO_H
#define TODO_H

#include "fcgi/stream/hub.h"

/* The stream is out of step: advance it in this turn or the next. */
void todo_add(struct hub *, struct stream *);

/* Takes the one that has waited longest off the list, which is not empty. */
struct stream *todo_pop(struct hub *);

/* The connection is over, or its descriptor has become another's. */
void todo_over(struct hub *, struct conn *);

#endif
