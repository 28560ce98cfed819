/*
 * url.h - where a log on Redis is, as one address.
 *
 *	redis://[[user]:password@]host[:port][,host...][/db][?stream=NAME]
 *	rediss://...				TLS; ?ca=FILE
 *	redis+unix:///path.sock[?db=0&stream=NAME]	also unix://
 *	redis+sentinel://[[user]:password@]h1:p1,h2:p2/MASTER[/db][?...]
 *
 * Private to store/.  All keys of a log are in one slot of a cluster.
 */
#ifndef REDIS_URL_H
#define REDIS_URL_H

#include <stdbool.h>
#include <stddef.h>

enum {
	REDIS_HOSTS = 8,
	REDIS_SHOWN = 160
};

/* The keys of a log; each has the name of the stream in it. */
enum redis_key {
	KEY_EVENTS,  /* the stream */
	KEY_LOG,     /* hash: what store_init has set, and what was pruned */
	KEY_UID,     /* hash: uid -> id */
	KEY_UIDS,    /* list of `id uid`, oldest first */
	KEY_REVOKED, /* stream: what was taken away */
	KEY_ENDED,   /* hash: topic -> id of the entry that ended it */
	KEY_CUTS,    /* hash: topic -> `id number` of its newest cut */
	REDIS_KEYS
};

struct redis_host {
	char *name; /* or the path of a socket */
	char *port; /* NULL: it is a path */
};

struct redis_url {
	struct redis_host host[REDIS_HOSTS];
	size_t nhosts;
	bool tls;
	char *ca;	       /* file, or NULL: the system's */
	char *master;	       /* hosts are Sentinels; NULL: they are not */
	char *user, *password; /* or NULL */
	char *db, *stream;     /* never NULL */
	char *key[REDIS_KEYS];
	char shown[REDIS_SHOWN]; /* for messages: no password in it */
};

/* Is this an address rather than a file's path? */
bool redis_url_is(const char *s);

/*
 * Reads an address.  If no password is in it, that of the environment's
 * LARGESSE_REDIS_PASSWORD is taken.  NULL and why, in which no password
 * stands.  Free it with redis_url_free.
 */
struct redis_url *redis_url_read(const char *s, char *why, size_t size);
void redis_url_free(struct redis_url *);

#endif
