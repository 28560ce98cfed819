/*
 * parked.h - requests that wait for the log.
 *
 * Sometimes the log cannot say at once whether a client is revoked, or where an
 * id is: Redis answers later, and a SQLite file may be locked.  The request
 * then stays whole in the memory of its connection, and is asked again when the
 * log has answered.
 */
#ifndef PARKED_H
#define PARKED_H

#include <stdbool.h>
#include <stdint.h>

#include "fcgi/stream/hub.h"

/*
 * The link of a waiting connection in the list.  All zero: the connection does
 * not wait.
 */
struct parked {
	struct parked *next, **at; /* at NULL: in no list */
	uint32_t until; /* tick at which the wait ends; 0: none began */
};

/* May a request wait, or go on waiting? */
bool parked_may(const struct hub *, const struct parked *);

/*
 * Puts the request into the list.  Returns the tick until which it waits.  That
 * tick stays the same when a request is put there again.
 */
uint32_t parked_add(struct hub *, struct parked **list, struct parked *);

/* Takes the request out, if it is in a list. */
void parked_remove(struct hub *, struct parked *);

static inline bool
parked_is(const struct parked *pk)
{
	return pk->at != NULL;
}

#endif
