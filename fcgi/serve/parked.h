/*
 * parked.h - requests that wait for the log.
 *
 * The log cannot say at once who is revoked, or where an id is: Redis answers
 * later, a SQLite file may be locked.  The request stays whole in its
 * connection's memory, and is asked again when the log has answered.
 */
#ifndef PARKED_H
#define PARKED_H

#include <stdbool.h>
#include <stdint.h>

#include "fcgi/stream/hub.h"

/* A place in the list, part of what waits.  All zero: it does not wait. */
struct parked {
	struct parked *next, **at; /* at NULL: it stands in no list */
	uint32_t until; /* tick at which it waits no more; 0: it never has */
};

/* May a request (go on to) wait? */
bool parked_may(const struct hub *, const struct parked *);

/*
 * Puts it in the list.  Returns the tick until which it waits, however often
 * it is put there for one request.
 */
uint32_t parked_add(struct hub *, struct parked **list, struct parked *);

/* Takes it out, if it is in a list. */
void parked_remove(struct hub *, struct parked *);

static inline bool
parked_is(const struct parked *pk)
{
	return pk->at != NULL;
}

#endif
