/*
 * dial.h - how a link gets from a host's name to being logged in.
 *
 * Private to store/redis/link: phase.c and call.c use it.
 */
#ifndef REDIS_DIAL_H
#define REDIS_DIAL_H

#include "store/redis/link/link.h"

/* --- dial.c --- */

/*
 * Begins: after it the link has a socket that is connecting, or looks up a
 * name, or has failed.
 */
void redis_dial(struct redis_link *);
/* Goes on when the name's answer has come. */
void redis_dial_named(struct redis_link *);

/* To the node that MOVED names.  False: it names none. */
bool redis_dial_follow(struct redis_link *, const redisReply *moved);

/* --- greet.c --- */

/* Queues what is said first; the phase until that is answered. */
enum redis_phase redis_greet(struct redis_link *);

/*
 * Takes one answer.  After the last the link is LINK_UP.  It is LINK_DOWN with
 * its socket when a Sentinel named the master, which is to be connected to
 * next, and LINK_DOWN without one when it has failed.
 */
void redis_greet_take(struct redis_link *, const redisReply *);

#endif
