/*
 * dial.h - whom a link calls, and what it says first.
 *
 * Private to redis_link.c and redis_call.c.
 */
#ifndef REDIS_DIAL_H
#define REDIS_DIAL_H

#include "store/redis/link/link.h"

/*
 * Begins: the link has a socket that is connecting, or looks up a name, or
 * has failed.
 */
void redis_dial(struct redis_link *);
/* Goes on when the name's answer has come. */
void redis_dial_named(struct redis_link *);

/* It was to no avail: another address next time, another host after that. */
void redis_dial_next(struct redis_link *);
void redis_dial_forget(struct redis_link *);

/* To the node that MOVED names.  False: it names none. */
bool redis_dial_follow(struct redis_link *, const redisReply *moved);

/* Queues what is said first; the phase until that is answered. */
enum redis_phase redis_dial_greet(struct redis_link *);

/*
 * Takes one answer.  The link is LINK_UP after the last, or LINK_DOWN with
 * its socket when a Sentinel named the master to call, or has failed.
 */
void redis_dial_take(struct redis_link *, const redisReply *);

#endif
