/*
 * trouble.c - what an error of Redis means.
 *
 * The first word of an error says which it is.  An error that is not known
 * here is told in Redis's own words and counts as one that does not pass by
 * itself: it is better that somebody looks.
 */
#include <stdio.h>
#include <string.h>

#include "store/engine.h"
#include "store/redis/link/trouble.h"

enum {
	SECRET_MIN = 4 /* a shorter password may stand in any word */
};

const char redis_no_log[] =
    "not an event log: make it one with: largesse init and this address";

static const struct trouble {
	const char *word;
	const char *why; /* NULL: in Redis's own words */
	enum store_result result;
	enum redis_kind kind;
} known[] = {
    {"NOLOG", redis_no_log, STORE_ERROR, REDIS_OTHER},
    {"NEWER",
	STORE_NEWER ", with a schema that this one does not know: "
		    "install that one here, too",
	STORE_ERROR, REDIS_NEWER},
    {"OOM", "its memory is full (maxmemory)", STORE_FULL, REDIS_OTHER},
    {"MISCONF", "it cannot write to its disk", STORE_FULL, REDIS_OTHER},
    {"READONLY", "it is a replica: not to be written", STORE_BUSY, REDIS_OTHER},
    {"LOADING", "it is reading its log from the disk", STORE_BUSY, REDIS_OTHER},
    {"BUSY", "it is busy with a script", STORE_BUSY, REDIS_OTHER},
    {"MASTERDOWN", "it has lost its master", STORE_BUSY, REDIS_OTHER},
    {"NOREPLICAS", "too few replicas are connected", STORE_BUSY, REDIS_OTHER},
    {"NOSCRIPT", "it has forgotten the script", STORE_BUSY, REDIS_OTHER},
    {"UNBLOCKED", "it is becoming a replica", STORE_BUSY, REDIS_OTHER},
    {"ERR max number of clients",
	"it has as many clients as it takes (maxclients)", STORE_BUSY,
	REDIS_OTHER},
    {"ERR SELECT is not allowed in cluster mode",
	"a cluster has no database but 0", STORE_ERROR, REDIS_OTHER},
    {"MOVED", "its cluster sends us from node to node", STORE_BUSY,
	REDIS_OTHER},
    {"ASK", "the log is on its way to another node", STORE_BUSY, REDIS_OTHER},
    {"TRYAGAIN", "the log is on its way to another node", STORE_BUSY,
	REDIS_OTHER},
    {"CLUSTERDOWN", "its cluster is down", STORE_BUSY, REDIS_OTHER},
    {"NOAUTH", "it wants a password", STORE_ERROR, REDIS_NO_LOGIN},
    {"WRONGPASS", "the user or the password is wrong", STORE_ERROR,
	REDIS_NO_LOGIN},
    {"NOPERM", NULL, STORE_ERROR, REDIS_FORBIDDEN},
    {"ERR ACL failure in script:", NULL, STORE_ERROR, REDIS_FORBIDDEN},
    {"can't run this command", NULL, STORE_ERROR, REDIS_FORBIDDEN},
    {"ERR The user executing the script",
	"NOPERM: the user may not do what the script does", STORE_ERROR,
	REDIS_FORBIDDEN},
    {"WRONGTYPE", NULL, STORE_ERROR, REDIS_WRONG_TYPE},
};

bool
redis_trouble_is(const redisReply *r, const char *word)
{
	size_t len = strlen(word);

	return r->type == REDIS_REPLY_ERROR &&
	       strncmp(r->str, word, len) == 0 &&
	       (r->str[len] == ' ' || r->str[len] == '\0');
}

/* Before Redis 7 the word of what a script ran into comes later. */
static bool
is_within(const redisReply *r, const char *word)
{
	return strncmp(r->str, "ERR Error running script", 24) == 0 &&
	       strlen(word) > 3 && strstr(r->str, word) != NULL;
}

/* NULL: it is not known here. */
static const struct trouble *
find_trouble(const redisReply *r)
{
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (redis_trouble_is(r, known[i].word) ||
		    is_within(r, known[i].word))
			return &known[i];
	return NULL;
}

void
redis_clean(const struct redis_url *u, char *why)
{
	size_t len = u != NULL && u->password != NULL ? strlen(u->password) : 0;
	char *s = why;

	while (len >= SECRET_MIN && (s = strstr(s, u->password)) != NULL)
		s = (char *)memset(s, '*', len) + len;
	for (s = why; *s != '\0'; s++)
		if (*s < ' ' || *s > '~')
			*s = '?';
}

enum store_result
redis_trouble(
    const struct redis_url *u, const redisReply *r, char *why, size_t size)
{
	const struct trouble *t = find_trouble(r);

	snprintf(
	    why, size, "%.150s", t != NULL && t->why != NULL ? t->why : r->str);
	redis_clean(u, why);
	return t != NULL ? t->result : STORE_ERROR;
}

enum redis_kind
redis_trouble_kind(const redisReply *r)
{
	const struct trouble *t = find_trouble(r);

	return t != NULL ? t->kind : REDIS_OTHER;
}
