/*
 * parked.c - requests that wait for the log, or for the next turn.
 */
#include "fcgi/serve/parked.h"

enum {
	LOG_MS = 5 * 1000 /* a request waits at most this long */
};

void
parked_open(struct parked_list *list)
{
	list->first = NULL;
	list->end = &list->first;
	list->n = 0;
}

bool
parked_may(const struct hub *hub, const struct parked *pk)
{
	return !hub->closing &&
	       (pk->until == 0 || wheel_now(&hub->wheel) < pk->until);
}

static void
link_to(struct parked_list *list, struct parked *pk)
{
	pk->next = NULL;
	pk->at = list->end;
	pk->list = list;
	*list->end = pk;
	list->end = &pk->next;
	list->n++;
}

static void
unlink_it(struct parked *pk)
{
	*pk->at = pk->next;
	if (pk->next != NULL)
		pk->next->at = pk->at;
	else
		pk->list->end = pk->at;
	pk->list->n--;
	pk->next = NULL;
	pk->at = NULL;
}

uint32_t
parked_add(struct hub *hub, struct parked_list *list, struct parked *pk)
{
	if (pk->until == 0)
		pk->until = wheel_now(&hub->wheel) + wheel_ticks(LOG_MS);
	link_to(list, pk);
	hub->parked++;
	return pk->until;
}

void
parked_remove(struct hub *hub, struct parked *pk)
{
	if (pk->at == NULL)
		return;
	unlink_it(pk);
	hub->parked--;
}

void
parked_move(struct parked_list *from, struct parked_list *to)
{
	struct parked *pk;

	while ((pk = from->first) != NULL) {
		unlink_it(pk);
		link_to(to, pk);
	}
}
