/*
 * trouble.c - what an error of Redis means.
 *
 * The first word of an error says which it is.  An error that is not known
 * here is told in Redis's own words and counts as one that does not pass by
 * itself: it is better that somebody looks.
 */
#include <stdio.h>
#include <string.h>

#include "store/redis/link/trouble.h"

const char redis_no_log[] =
    "not an event log: make it one with: largesse init and this address";

static const struct trouble {
	const char *word;
	enum store_result result;
	const char *why; /* NULL: in Redis's own words */
	enum redis_kind kind;
} known[] = {
    {"NOLOG", STORE_ERROR, redis_no_log, REDIS_OTHER},
    {"OOM", STORE_FULL, "its memory is full (maxmemory)", REDIS_OTHER},
    {"MISCONF", STORE_FULL, "it cannot write to its disk", REDIS_OTHER},
    {"READONLY", STORE_BUSY, "it is a replica: not to be written", REDIS_OTHER},
    {"LOADING", STORE_BUSY, "it is reading its log from the disk", REDIS_OTHER},
    {"BUSY", STORE_BUSY, "it is busy with a script", REDIS_OTHER},
    {"MASTERDOWN", STORE_BUSY, "it has lost its master", REDIS_OTHER},
    {"NOREPLICAS", STORE_BUSY, "too few replicas are connected", REDIS_OTHER},
    {"NOSCRIPT", STORE_BUSY, "it has forgotten the script", REDIS_OTHER},
    {"UNBLOCKED", STORE_BUSY, "it is becoming a replica", REDIS_OTHER},
    {"ERR max number of clients", STORE_BUSY,
	"it has as many clients as it takes (maxclients)", REDIS_OTHER},
    {"ERR SELECT is not allowed in cluster mode", STORE_ERROR,
	"a cluster has no database but 0", REDIS_OTHER},
    {"MOVED", STORE_BUSY, "its cluster sends us from node to node",
	REDIS_OTHER},
    {"ASK", STORE_BUSY, "the log is on its way to another node", REDIS_OTHER},
    {"TRYAGAIN", STORE_BUSY, "the log is on its way to another node",
	REDIS_OTHER},
    {"CLUSTERDOWN", STORE_BUSY, "its cluster is down", REDIS_OTHER},
    {"NOAUTH", STORE_ERROR, "it wants a password", REDIS_NO_LOGIN},
    {"WRONGPASS", STORE_ERROR, "the user or the password is wrong",
	REDIS_NO_LOGIN},
    {"NOPERM", STORE_ERROR, NULL, REDIS_FORBIDDEN},
    {"ERR ACL failure in script:", STORE_ERROR, NULL, REDIS_FORBIDDEN},
    {"can't run this command", STORE_ERROR, NULL, REDIS_FORBIDDEN},
    {"ERR The user executing the script", STORE_ERROR,
	"NOPERM: the user may not do what the script does", REDIS_FORBIDDEN},
    {"WRONGTYPE", STORE_ERROR, NULL, REDIS_WRONG_TYPE},
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

enum store_result
redis_trouble(const redisReply *r, char *why, size_t size)
{
	const struct trouble *t = find_trouble(r);

	snprintf(
	    why, size, "%.150s", t != NULL && t->why != NULL ? t->why : r->str);
	return t != NULL ? t->result : STORE_ERROR;
}

enum redis_kind
redis_trouble_kind(const redisReply *r)
{
	const struct trouble *t = find_trouble(r);

	return t != NULL ? t->kind : REDIS_OTHER;
}
