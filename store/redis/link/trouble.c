/*
 * trouble.c - what an error of Redis means.
 *
 * Its first word is its kind.  What is not known here is told in Redis's own
 * words, and will not pass by itself: it is better that somebody looks.
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
} known[] = {
    {"NOLOG", STORE_ERROR, redis_no_log},
    {"OOM", STORE_FULL, "its memory is full (maxmemory)"},
    {"MISCONF", STORE_FULL, "it cannot write to its disk"},
    {"READONLY", STORE_BUSY, "it is a replica: not to be written"},
    {"LOADING", STORE_BUSY, "it is reading its log from the disk"},
    {"BUSY", STORE_BUSY, "it is busy with a script"},
    {"MASTERDOWN", STORE_BUSY, "it has lost its master"},
    {"NOREPLICAS", STORE_BUSY, "too few replicas are connected"},
    {"NOSCRIPT", STORE_BUSY, "it has forgotten the script"},
    {"UNBLOCKED", STORE_BUSY, "it is becoming a replica"},
    {"ERR max number of clients", STORE_BUSY,
	"it has as many clients as it takes (maxclients)"},
    {"ERR SELECT is not allowed in cluster mode", STORE_ERROR,
	"a cluster has no database but 0"},
    {"MOVED", STORE_BUSY, "its cluster sends us from node to node"},
    {"ASK", STORE_BUSY, "the log is on its way to another node"},
    {"TRYAGAIN", STORE_BUSY, "the log is on its way to another node"},
    {"CLUSTERDOWN", STORE_BUSY, "its cluster is down"},
    {"NOAUTH", STORE_ERROR, "it wants a password"},
    {"WRONGPASS", STORE_ERROR, "the user or the password is wrong"},
    {"NOPERM", STORE_ERROR, NULL},
    {"ERR The user executing the script", STORE_ERROR,
	"NOPERM: the user may not do what the script does"},
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

enum store_result
redis_trouble(const redisReply *r, char *why, size_t size)
{
	const struct trouble *t, *end = known + sizeof(known) / sizeof(*known);

	for (t = known; t < end; t++)
		if (redis_trouble_is(r, t->word) || is_within(r, t->word))
			break;
	snprintf(
	    why, size, "%.150s", t < end && t->why != NULL ? t->why : r->str);
	return t < end ? t->result : STORE_ERROR;
}
