/*
 * redis_hand.c - what people do to a log on Redis by hand: they run a
 * transaction, use redis-cli, and read every entry.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/redis.h"

#include "tests/talk/peer/peer.h"
#include "tests/talk/peer/within.h"

struct publisher {
	redisContext *to;
	const char *stream;
};

static void *
begin(struct server *sv)
{
	struct publisher *p = keep(sizeof(*p));

	p->to = redisConnectUnix(redis_own()->socket);
	p->stream = redis_stream(sv);
	check(p->to != NULL && p->to->err == 0);
	freeReplyObject(redisCommand(p->to, "MULTI"));
	return p;
}

static void
add(void *publisher, const struct row *row)
{
	struct publisher *p = publisher;

	freeReplyObject(redisCommand(p->to, "XADD %s 0-* data %b", p->stream,
	    row->data.s, row->data.len));
}

static void
end(void *publisher, bool commit)
{
	struct publisher *p = publisher;
	redisReply *r;

	if (commit) {
		r = redisCommand(p->to, "EXEC");
		check(r != NULL && r->type == REDIS_REPLY_ARRAY);
		freeReplyObject(r);
	}
	redisFree(p->to);
}

static struct ran
tool(struct server *sv, const char *topic, const char *data)
{
	const char *program = sv->program;
	struct ran r;

	sv->program = "/usr/bin/redis-cli";
	r = run_with(sv, NULL, "-s", redis_own()->socket, "XADD",
	    redis_stream(sv), "*", "topic", topic, "data", data, NULL);
	sv->program = program;
	return r;
}

static char *
field_of(const redisReply *entry, const char *name)
{
	const redisReply *e = entry->element[1];

	for (size_t i = 0; i + 1 < e->elements; i += 2)
		if (strcmp(e->element[i]->str, name) == 0)
			return text("%s", e->element[i + 1]->str);
	return NULL;
}

static struct logged
logged_of(const redisReply *entry)
{
	const char *id = entry->element[0]->str;
	char *time = field_of(entry, "time");

	return (struct logged){
	    text("%s", strncmp(id, "0-", 2) == 0 ? id + 2 : id),
	    field_of(entry, "topic"), field_of(entry, "event"),
	    field_of(entry, "data"), field_of(entry, "uid"),
	    atoll(time != NULL ? time : id)};
}

static struct logged *
all_of(struct server *sv, size_t *n)
{
	redisReply *r =
	    redisCommand(redis_own()->to, "XRANGE %s - +", redis_stream(sv));
	struct logged *all;

	check(r != NULL && r->type == REDIS_REPLY_ARRAY);
	*n = r->elements;
	all = keep((*n + 1) * sizeof(*all));
	for (size_t i = 0; i < *n; i++)
		all[i] = logged_of(r->element[i]);
	freeReplyObject(r);
	return all;
}

const struct log_hand log_redis_hand = {
    .begin = begin,
    .add = add,
    .end = end,
    .tool = tool,
    .all = all_of,
};
