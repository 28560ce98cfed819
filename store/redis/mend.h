/*
 * mend.h - an address of a log on Redis in a line that a shell takes.
 *
 * Private to store/.
 */
#ifndef REDIS_MEND_H
#define REDIS_MEND_H

#include "store/redis/link/url.h"

/* It in quotes, with words instead of the credentials that it has. */
void redis_mend_address(const char *address, char *buf, size_t size);

/* redis-cli, and where. */
void redis_mend_client(const struct redis_url *, char *buf, size_t size);

#endif
