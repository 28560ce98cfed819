/*
 * parked.h - requests that wait for the log, or for the next turn.
 *
 * Sometimes the log cannot say at once whether a client is revoked, or where an
 * id is: Redis answers later, and a SQLite file may be locked.  And sometimes
 * the time of a turn is over before a request is answered.  The request then
 * stays whole in the memory of its connection, and is asked again.
 */
#ifndef PARKED_H
#define PARKED_H

#include <stdbool.h>
#include <stdint.h>

#include "fcgi/stream/hub.h"

struct parked;

/* The one that waits longest is the first. */
struct parked_list {
	struct parked *first, **end;
	uint64_t n;
};

/*
 * The link of a waiting connection in its list.  All zero: the connection does
 * not wait.
 */
struct parked {
	struct parked *next, **at; /* at NULL: in no list */
	struct parked_list *list;
	uint32_t until; /* tick at which the wait ends; 0: none began */
};

void parked_open(struct parked_list *);

/* May a request wait, or go on waiting? */
bool parked_may(const struct hub *, const struct parked *);

/*
 * Puts the request at the end of the list.  Returns the tick until which it
 * waits.  That tick stays the same when a request is put there again.
 */
uint32_t parked_add(struct hub *, struct parked_list *, struct parked *);

/* Takes the request out, if it is in a list. */
void parked_remove(struct hub *, struct parked *);

/* Puts all that is in one list at the end of another. */
void parked_move(struct parked_list *from, struct parked_list *to);

static inline bool
parked_is(const struct parked *pk)
{
	return pk->at != NULL;
}

#endif
