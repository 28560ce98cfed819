/*
 * todo.c - the streams that have to be advanced, and connections that are over.
 */
#include "fcgi/stream/todo.h"

static void
add(struct hub *hub, struct todo *to, struct stream *s)
{
	hub_wake(hub);
	if (s->queued)
		return;
	s->queued = true;
	if (s->waits == 0)
		s->waits = wheel_now(&hub->wheel) + 1;
	s->todo = NULL;
	*to->end = s;
	to->end = &s->todo;
	to->n++;
}

void
todo_add(struct hub *hub, struct stream *s)
{
	add(hub, &hub->todo, s);
}

void
todo_add_cold(struct hub *hub, struct stream *s)
{
	add(hub, &hub->cold, s);
}

struct stream *
todo_pop(struct todo *from)
{
	struct stream *s = from->first;

	from->first = s->todo;
	if (from->first == NULL)
		from->end = &from->first;
	from->n--;
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
