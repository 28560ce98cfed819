/*
 * mend.h - the address of a log on Redis, for a line that is pasted into a
 * shell.
 *
 * Private to store/redis.
 */
#ifndef REDIS_MEND_H
#define REDIS_MEND_H

#include "store/redis/link/url.h"

/* The address in quotes; USER:PASSWORD stands for its credentials. */
void redis_mend_address(const char *address, char *buf, size_t size);

/* redis-cli, with the options by which it finds that Redis. */
void redis_mend_client(const struct redis_url *, char *buf, size_t size);

#endif
