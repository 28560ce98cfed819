/*
 * todo.c - the streams that have to be advanced, and connections that are over.
 */
#include "fcgi/stream/todo.h"

void
todo_add(struct hub *hub, struct stream *s)
{
	hub_wake(hub);
	if (s->queued)
		return;
	s->queued = true;
	s->todo = NULL;
	*hub->todo_end = s;
	hub->todo_end = &s->todo;
}

struct stream *
todo_pop(struct hub *hub)
{
	struct stream *s = hub->todo;

	hub->todo = s->todo;
	if (hub->todo == NULL)
		hub->todo_end = &hub->todo;
	s->queued = false;
	return s;
}

void
todo_over(struct hub *hub, struct conn *c)
{
	c->next = hub->over;
	hub->over = c;
	hub_wake(hub);
}
