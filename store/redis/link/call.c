/*
 * call.c - a command and its reply; a refused command is said again elsewhere.
 *
 * A node of a cluster that does not have the log names the one that has, and
 * the link goes there.  A refused command was not run, so nothing is written
 * twice when it is said again.
 */
#include "store/clock.h"
#include "store/redis/link/dial.h"

enum {
	HOPS = 8,	/* from node to node without a pause... */
	HOPS_MS = 60000 /* ...in so long */
};

/*
 * Nodes that do not agree send us from one to the other and back.  After a few
 * times each step takes longer than the one before.
 */
static bool
go_to_node(struct redis_link *l, const redisReply *r)
{
	int64_t now = clock_steady_ms();

	if (now - l->hops_ms > HOPS_MS) {
		l->hops = 0;
		l->hops_ms = now;
	}
	if (l->hops >= HOPS && l->fails < l->hops - HOPS)
		l->fails = l->hops - HOPS;
	if (!redis_dial_follow(l, r))
		return false;
	if (l->hops++ < HOPS)
		l->retry_ms = 1;
	return true;
}

static void
fail_for(struct redis_link *l, enum redis_kind kind, const char *why)
{
	redis_link_fail(l, "%s", why);
	l->kind = kind;
}

void
redis_link_refused(struct redis_link *l, const redisReply *r)
{
	char why[160];

	redis_trouble(l->url, r, why, sizeof(why));
	if (!redis_trouble_is(r, "MOVED") || !go_to_node(l, r))
		fail_for(l, redis_trouble_kind(r), why);
}

void
redis_link_reject(struct redis_link *l, const redisReply *r)
{
	if (r->type == REDIS_REPLY_ERROR)
		redis_link_refused(l, r);
	else
		redis_link_fail(l, "not an answer of Redis");
}

bool
redis_link_refusal(const redisReply *r)
{
	static const char *const words[] = {
	    "MOVED", "NOSCRIPT", "ASK", "TRYAGAIN", "CLUSTERDOWN"};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (redis_trouble_is(r, words[i]))
			return true;
	return false;
}

redisReply *
redis_link_call(
    struct redis_link *l, bool (*put)(void *arg), void *arg, int64_t until_ms)
{
	redisReply *r;

	while (redis_link_wait_up(l, until_ms) && put(arg)) {
		r = redis_link_wait(l, until_ms);
		if (r == NULL && l->phase == LINK_UP)
			redis_link_fail(l, "no answer");
		l->unsure = l->unsure || r == NULL;
		if (r == NULL || !redis_link_refusal(r))
			return r;
		redis_link_refused(l, r);
		freeReplyObject(r);
	}
	return NULL;
}

struct command {
	struct redis_link *link;
	int argc;
	const char **argv;
	const size_t *lens;
};

static bool
put_command(void *arg)
{
	const struct command *c = arg;

	return redis_link_put(c->link, c->argc, c->argv, c->lens);
}

redisReply *
redis_link_ask(struct redis_link *l, int argc, const char **argv,
    const size_t *lens, int64_t until_ms)
{
	struct command c = {l, argc, argv, lens};

	return redis_link_call(l, put_command, &c, until_ms);
}
