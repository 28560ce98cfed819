/*
 * slow.c - the streams whose client does not read.
 */
#include "fcgi/stream/slow.h"

void
slow_goes_on(struct hub *hub, struct stream *s)
{
	if (s->listed || hub->slow.n == SLOW_KEPT)
		return;
	s->listed = true;
	hub->slow.of[hub->slow.n++] = s;
	hub->slow.changed = true;
}

void
slow_begins(struct hub *hub, struct stream *s)
{
	hub->now.slow++;
	slow_goes_on(hub, s);
}

void
slow_ends(struct hub *hub, struct stream *s)
{
	unsigned i = 0;

	hub->now.slow--;
	if (!s->listed)
		return;
	s->listed = false;
	while (hub->slow.of[i] != s)
		i++;
	hub->slow.of[i] = hub->slow.of[--hub->slow.n];
	hub->slow.changed = true;
}
