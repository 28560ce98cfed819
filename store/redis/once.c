/*
 * once.c - a link to Redis for what is done once: make, prune, check.
 *
 * It waits for each answer, as whoever typed the command does.
 */
#include <stdio.h>
#include <string.h>

#include "store/redis/redis.h"

static void
tell_why(const struct redis_once *o, char *why, size_t size)
{
	snprintf(why, size, "%s: %s", o->url->shown,
	    o->link.why[0] != '\0' ? o->link.why : "no answer");
}

bool
redis_once_open(struct redis_once *o, const char *path, char *why, size_t size)
{
	memset(o, 0, sizeof(*o));
	o->link.fd = -1;
	if ((o->url = redis_url_read(path, why, size)) == NULL)
		return false;
	redis_link_init(&o->link, o->url, NULL, -1);
	if (redis_link_wait_up(&o->link, clock_steady_ms() + REDIS_WAIT_MS))
		return true;
	tell_why(o, why, size);
	redis_once_close(o);
	return false;
}

void
redis_once_close(struct redis_once *o)
{
	redis_link_close(&o->link);
	redis_url_free(o->url);
	o->url = NULL;
}

redisReply *
redis_once_ask(
    struct redis_once *o, int argc, const char **argv, char *why, size_t size)
{
	struct redis_link *l = &o->link;
	redisReply *r = redis_link_ask(
	    l, argc, argv, NULL, clock_steady_ms() + REDIS_WAIT_MS);

	if (r != NULL && r->type != REDIS_REPLY_ERROR)
		return r;
	if (r != NULL) {
		redis_trouble(o->url, r, l->why, sizeof(l->why));
		l->kind = redis_trouble_kind(r);
		freeReplyObject(r);
	}
	tell_why(o, why, size);
	return NULL;
}

redisReply *
redis_once_script(struct redis_once *o, const char *script, int argc,
    const char **argv, char *why, size_t size)
{
	const char *all[16];
	int i, n = REDIS_HEAD;

	redis_head(all, o->url, "EVAL", script);
	for (i = 0; i < argc && n < 16; i++)
		all[n++] = argv[i];
	return redis_once_ask(o, n, all, why, size);
}
