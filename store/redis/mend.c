/*
 * mend.c - an address of a log on Redis in a line that a shell takes:
 * the line is to be pasted and to mend, and may show no password.
 */
#include <stdio.h>
#include <string.h>

#include "store/redis/mend.h"

void
redis_mend_address(const char *address, char *buf, size_t size)
{
	const char *from = strstr(address, "://"), *at;
	char *p = buf, *end = buf + size - 6;
	int scheme;

	from = from == NULL ? address : from + 3;
	scheme = from - address < 40 ? (int)(from - address) : 40;
	at = memrchr(from, '@', strcspn(from, "?"));
	p += snprintf(p, size, "'%.*s%s", scheme, address,
	    at != NULL ? "USER:PASSWORD@" : "");
	for (from = at != NULL ? at + 1 : from; *from != '\0' && p < end;
	     from++)
		if (*from == '\'')
			p = stpcpy(p, "'\\''");
		else
			*p++ = *from;
	stpcpy(p, "'");
}

/* Who is master when the line is read, Sentinels know and nobody here. */
void
redis_mend_client(const struct redis_url *u, char *buf, size_t size)
{
	const struct redis_host *h = &u->host[0];

	if (u->master != NULL)
		snprintf(buf, size, "redis-cli");
	else if (h->port == NULL)
		snprintf(buf, size, "redis-cli -s '%s'", h->name);
	else
		snprintf(buf, size, "redis-cli -h %s -p %s%s", h->name, h->port,
		    u->tls ? " --tls" : "");
}
