/*
 * parked.c - requests that wait for the log.
 */
#include "fcgi/serve/parked.h"

enum {
	LOG_MS = 5 * 1000 /* a request waits for the log at most this long */
};

bool
parked_may(const struct hub *hub, const struct parked *pk)
{
	return !hub->closing &&
	       (pk->until == 0 || wheel_now(&hub->wheel) < pk->until);
}

uint32_t
parked_add(struct hub *hub, struct parked **list, struct parked *pk)
{
	if (pk->until == 0)
		pk->until = wheel_now(&hub->wheel) + wheel_ticks(LOG_MS);
	pk->next = *list;
	if (pk->next != NULL)
		pk->next->at = &pk->next;
	pk->at = list;
	*list = pk;
	hub->parked++;
	return pk->until;
}

void
parked_remove(struct hub *hub, struct parked *pk)
{
	if (pk->at == NULL)
		return;
	*pk->at = pk->next;
	if (pk->next != NULL)
		pk->next->at = pk->at;
	pk->next = NULL;
	pk->at = NULL;
	hub->parked--;
}
