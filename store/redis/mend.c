/*
 * mend.c - the address of a log on Redis, for a line that is pasted into a
 * shell.
 *
 * The line mends something, so it has to work; and it may show no password.
 */
#include <stdio.h>
#include <string.h>

#include "store/engine.h"
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

/* Only the Sentinels know who is master by the time the line is read. */
void
redis_mend_client(const struct redis_url *u, char *buf, size_t size)
{
	const struct redis_host *h = &u->host[0];
	char name[256];

	shell_quote(name, sizeof(name), h->name);
	if (u->master != NULL)
		snprintf(buf, size, "redis-cli");
	else if (h->port == NULL)
		snprintf(buf, size, "redis-cli -s %s", name);
	else
		snprintf(buf, size, "redis-cli -h %s -p %s%s", name, h->port,
		    u->tls ? " --tls" : "");
}
