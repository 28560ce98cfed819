/*
 * redis.c - the event log as its publishers see it: a stream of Redis.
 *
 * Rows are added as `largesse copy' adds them, with the ids that a log in
 * SQLite would have: 1, 2, 3... (Redis calls them 0-1, 0-2, 0-3...).  So a
 * claim can name the ids, whatever the engine.  All claims of a file share one
 * redis-server, and each has a stream of its own.
 */
#include <sys/stat.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/redis.h"

#include "tests/talk/peer/peer.h"
#include "tests/talk/peer/within.h"

static struct redis_server redis; /* that of this process */
static pid_t redis_owner;
static struct redis_server own; /* a child's view of it */

/* The connection of this process: a child may not use its parent's. */
static redisContext *
to(void)
{
	if (redis_owner == getpid())
		return redis.to;
	if (own.to == NULL) {
		strcpy(own.socket, redis.socket);
		if (!redis_connect(&own))
			abort();
	}
	return own.to;
}

static void
begin(void)
{
	static const char *const words[] = {
	    "--unixsocketperm", "777", "--appendonly", "yes"};

	if (redis.dir[0] != '\0') {
		redis_run(); /* whatever a claim that failed has left */
		return;
	}
	memcpy(redis.words, words, sizeof(words));
	if (!redis_new(&redis))
		talk_fail("redis-server does not start");
	redis_owner = getpid();
}

void
redis_end(void)
{
	if (redis.dir[0] != '\0' && redis_owner == getpid())
		redis_gone(&redis);
}

static char *
redis_name(const struct server *sv)
{
	begin();
	return text("redis+unix://%s?stream=t-%s", redis.socket,
	    strrchr(sv->dir, '.') + 1);
}

static const char *
stream_of(const struct server *sv)
{
	return strrchr(sv->db, '=') + 1;
}

static redisReply *
reply(void)
{
	redisReply *r = NULL;

	if (redisGetReply(to(), (void **)&r) != REDIS_OK)
		talk_fail("redis: %s", to()->errstr);
	return r;
}

/* Says it, and fails the test if it is refused.  The number in its answer. */
int64_t
redis_tell(const char *fmt, ...)
{
	redisReply *r;
	int64_t n;
	va_list ap;

	va_start(ap, fmt);
	redisvAppendCommand(to(), fmt, ap);
	va_end(ap);
	r = reply();
	if (r->type == REDIS_REPLY_ERROR)
		talk_fail("redis: %s: %s", fmt, r->str);
	n = r->integer;
	freeReplyObject(r);
	return n;
}

/* XADD of one row; a NULL is a field that is not there. */
static void
put_row(const struct server *sv, const struct row *row, bool late)
{
	static const char *const name[] = {"topic", "event", "data", "uid"};
	const struct column *col[] = {
	    &row->topic, &row->event, &row->data, &row->uid};
	const char *argv[16] = {"XADD", stream_of(sv)};
	size_t len[16], n = 3;
	struct timespec ts;

	argv[2] = late		 ? "*"
		  : row->id == 0 ? "0-*"
				 : text("0-%lld", (long long)row->id);
	for (int i = 0; i < 3; i++)
		len[i] = strlen(argv[i]);
	for (int i = 0; i < 4; i++) {
		if (col[i]->s == NULL)
			continue;
		argv[n] = name[i];
		len[n++] = strlen(name[i]);
		argv[n] = col[i]->s;
		len[n++] = col[i]->len;
	}
	clock_gettime(CLOCK_REALTIME, &ts);
	argv[n] = "time";
	len[n++] = 4;
	argv[n] = text("%lld", row->time_ms != 0
				   ? (long long)row->time_ms
				   : ts.tv_sec * 1000LL + ts.tv_nsec / 1000000);
	len[n] = strlen(argv[n]);
	redisAppendCommandArgv(to(), (int)n + 1, argv, len);
}

/* After an event that Redis gave its id to, only Redis can give one. */
static bool
is_late(const struct server *sv)
{
	redisReply *r =
	    redisCommand(to(), "XREVRANGE %s + - COUNT 1", stream_of(sv));
	bool late = r != NULL && r->type == REDIS_REPLY_ARRAY &&
		    r->elements == 1 &&
		    strncmp(r->element[0]->element[0]->str, "0-", 2) != 0;

	freeReplyObject(r);
	return late;
}

static int64_t
redis_append(struct server *sv, const struct row *rows, size_t n)
{
	bool late = is_late(sv);
	int64_t id = 0;
	redisReply *r;

	redisAppendCommand(to(), "MULTI");
	for (size_t i = 0; i < n; i++)
		put_row(sv, &rows[i], late);
	redisAppendCommand(to(), "EXEC");
	for (size_t i = 0; i < n + 1; i++)
		freeReplyObject(reply());
	r = reply();
	if (r->type != REDIS_REPLY_ARRAY || r->elements != n)
		talk_fail("redis: rows were not added");
	if (r->element[n - 1]->type == REDIS_REPLY_ERROR)
		talk_fail("redis: %s", r->element[n - 1]->str);
	if (strncmp(r->element[n - 1]->str, "0-", 2) == 0)
		id = atoll(r->element[n - 1]->str + 2);
	freeReplyObject(r);
	return id;
}

static int64_t
redis_count(struct server *sv)
{
	return redis_tell("XLEN %s", stream_of(sv));
}

static int64_t
redis_next(struct server *sv, int64_t id)
{
	redisReply *r = redisCommand(
	    to(), "XRANGE %s (0-%lld + COUNT 1", stream_of(sv), (long long)id);

	id = 0;
	if (r != NULL && r->type == REDIS_REPLY_ARRAY && r->elements == 1)
		id = atoll(r->element[0]->element[0]->str + 2);
	freeReplyObject(r);
	return id;
}

static void
redis_remove_before(struct server *sv, int64_t id)
{
	redis_tell("XTRIM %s MINID = 0-%lld", stream_of(sv), (long long)id);
}

static void
redis_revoke(struct server *sv, const struct revocation *rv, size_t n,
    const struct row *row)
{
	const char *argv[9] = {
	    "XADD", text("{%s}:revoked", stream_of(sv)), "*"};
	redisReply *r;
	int argc;

	redisAppendCommand(to(), "MULTI");
	for (size_t i = 0; i < n; i++) {
		argc = 3;
		if (rv[i].topic != NULL) {
			argv[argc++] = "topic";
			argv[argc++] = rv[i].topic;
		}
		if (rv[i].subject != NULL) {
			argv[argc++] = "subject";
			argv[argc++] = rv[i].subject;
		}
		if (rv[i].time_ms != 0) {
			argv[argc++] = "time";
			argv[argc++] = text("%lld", (long long)rv[i].time_ms);
		}
		redisAppendCommandArgv(to(), argc, argv, NULL);
	}
	if (row != NULL)
		put_row(sv, row, is_late(sv));
	redisAppendCommand(to(), "EXEC");
	for (size_t i = 0; i < n + 1 + (row != NULL); i++)
		freeReplyObject(reply());
	r = reply();
	if (r->type != REDIS_REPLY_ARRAY)
		talk_fail("redis: nothing was revoked");
	freeReplyObject(r);
}

static char *
redis_shown(const struct server *sv)
{
	(void)sv;
	return redis.socket;
}

static void
redis_share(struct server *sv)
{
	(void)sv; /* its socket is for all */
}

/* --- what only Redis has ------------------------------------------------- */

char *
redis_text(const char *command)
{
	redisReply *r = redisCommand(to(), command);
	char *s;

	if (r == NULL || r->type == REDIS_REPLY_ERROR)
		talk_fail("redis: %s: %s", command,
		    r == NULL ? to()->errstr : r->str);
	s = text("%s", r->str != NULL ? r->str : "");
	freeReplyObject(r);
	return s;
}

const char *
redis_stream(const struct server *sv)
{
	return stream_of(sv);
}

void
redis_down(int signum)
{
	redis_stop(&redis, signum);
}

void
redis_up(void)
{
	if (!redis_start(&redis))
		talk_fail("redis-server does not start again");
}

struct redis_server *
redis_own(void)
{
	return &redis;
}

const struct log_engine log_redis = {
    .name = "redis",
    .name_log = redis_name,
    .append = redis_append,
    .count = redis_count,
    .next = redis_next,
    .remove_before = redis_remove_before,
    .revoke = redis_revoke,
    .shown = redis_shown,
    .share = redis_share,
    .hand = &log_redis_hand,
    .harm = &log_redis_harm,
};
