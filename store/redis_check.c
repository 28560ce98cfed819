/*
 * redis_check.c - what is wrong with a log on Redis: redis_check.
 *
 * It asks and changes nothing.  CONFIG may be forbidden to whoever asks: then
 * what only it can tell is passed over.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/redis.h"

struct kind {
	const char *code;
	enum store_grade grade;
	const char *effect;
};

static const struct kind
    unreachable = {"unreachable", STORE_SICK,
	"Streams wait, and publishing fails."},
    no_log = {"not-a-log", STORE_SICK,
	"The responder does not start, and publishing fails."},
    old = {"version", STORE_AILING,
	"Before 7.0 Redis does not count what was removed: some are told of "
	"a gap who lost nothing."},
    replica = {"replica", STORE_AILING,
	"Readers are served, but whoever publishes to this address fails."},
    no_aof = {"no-aof", STORE_AILING,
	"When Redis ends, all that came after its last snapshot is lost, and "
	"streams are told of a gap."},
    lazy = {"fsync", STORE_NOTE,
	"What was published in the last second is lost if the machine "
	"crashes."},
    evicts = {"eviction", STORE_AILING,
	"When its memory is full Redis removes the whole log."},
    unpruned = {"unpruned", STORE_AILING,
	"The log grows: who adds with XADD removes nothing, largesse publish "
	"and largesse prune do."};

struct exam {
	const struct store_check *want;
	struct redis_once *once;
	struct redis_state st;
};

static void
tell(const struct exam *x, const struct kind *k, const char *mend,
    const char *fmt, ...)
{
	struct store_finding f = {.code = k->code,
	    .grade = k->grade,
	    .certain = true,
	    .effect = k->effect,
	    .mend = {mend}};
	char seen[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(seen, sizeof(seen), fmt, ap);
	va_end(ap);
	f.seen = seen;
	x->want->found(x->want->arg, &f);
}

/* A line `name:value' of INFO, as text that ends at its end. */
static bool
info_value(const redisReply *info, const char *name, char value[64])
{
	const char *s = info->str;
	size_t len = strlen(name);

	while (s != NULL && *s != '\0') {
		if (strncmp(s, name, len) == 0 && s[len] == ':') {
			snprintf(value, 64, "%.*s",
			    (int)strcspn(s + len + 1, "\r\n"), s + len + 1);
			return true;
		}
		s = strchr(s, '\n');
		s = s == NULL ? NULL : s + 1;
	}
	return false;
}

static void
check_info(const struct exam *x, const redisReply *info)
{
	char a[64], b[64];

	if (info_value(info, "redis_version", a) && atoi(a) < 7)
		tell(x, &old, NULL, "Redis %s", a);
	if (info_value(info, "role", a) && strcmp(a, "slave") == 0)
		tell(x, &replica, NULL, "It is a replica.");
	if (info_value(info, "aof_enabled", a) && strcmp(a, "0") == 0)
		tell(x, &no_aof,
		    "redis-cli CONFIG SET appendonly yes && redis-cli CONFIG "
		    "REWRITE",
		    "appendonly is off.");
	if (info_value(info, "maxmemory", a) && strcmp(a, "0") != 0 &&
	    info_value(info, "maxmemory_policy", b) &&
	    strncmp(b, "allkeys", 7) == 0)
		tell(x, &evicts,
		    "redis-cli CONFIG SET maxmemory-policy noeviction",
		    "maxmemory is %s bytes, and the policy %s.", a, b);
}

/* Asks for something that may be refused; NULL then. */
static redisReply *
ask(const struct exam *x, int argc, const char **argv)
{
	char why[256];

	return redis_once_ask(x->once, argc, argv, why, sizeof(why));
}

static void
check_fsync(const struct exam *x)
{
	const char *argv[] = {"CONFIG", "GET", "append*"};
	redisReply *r = ask(x, 3, argv);
	bool aof = false, always = true;
	size_t i;

	for (i = 0; r != NULL && i + 1 < r->elements; i += 2) {
		const char *name = r->element[i]->str;
		const char *value = r->element[i + 1]->str;

		if (strcmp(name, "appendonly") == 0)
			aof = strcmp(value, "yes") == 0;
		if (strcmp(name, "appendfsync") == 0)
			always = strcmp(value, "always") == 0;
	}
	if (aof && !always)
		tell(x, &lazy,
		    "redis-cli CONFIG SET appendfsync always && redis-cli "
		    "CONFIG REWRITE",
		    "appendfsync is not always.");
	if (r != NULL)
		freeReplyObject(r);
}

static void
check_length(const struct exam *x)
{
	const char *argv[] = {"HGET", x->once->url->key[KEY_LOG], "rows"};
	redisReply *r = ask(x, 3, argv);
	long long rows = 0;

	if (r != NULL && r->type == REDIS_REPLY_STRING)
		rows = strtoll(r->str, NULL, 10);
	if (rows > 0 && x->st.length > rows + rows / 10 + 200)
		tell(x, &unpruned, "largesse prune ADDRESS",
		    "%lld entries, and %lld are to be kept.",
		    (long long)x->st.length, rows);
	if (r != NULL)
		freeReplyObject(r);
}

/* What the log says of itself.  False, and told: there is none. */
static bool
look(struct exam *x, char *why, size_t size)
{
	const char *argv[] = {"0-0"};
	redisReply *r =
	    redis_once_script(x->once, redis_script_state, 1, argv, why, size);
	bool ok = r != NULL && redis_state_read(r, &x->st);

	if (r == NULL)
		tell(x, &unreachable, NULL, "%s", why);
	else if (!ok || x->st.log_id[0] == '\0')
		tell(x, &no_log, "largesse init ADDRESS",
		    "%s: no log was made.", x->once->url->shown);
	if (r != NULL)
		freeReplyObject(r);
	*why = '\0';
	return ok && x->st.log_id[0] != '\0';
}

int
redis_check(const char *path, const struct store_check *want, char *summary,
    size_t size)
{
	const char *argv[] = {"INFO"};
	struct redis_once once;
	struct exam x = {.want = want, .once = &once};
	char last[STORE_ID_SIZE];
	redisReply *info;

	if (!redis_once_open(&once, path, summary, size)) {
		tell(&x, &unreachable, NULL, "%s", summary);
		*summary = '\0';
		return 0;
	}
	if (look(&x, summary, size)) {
		redis_id_print(x.st.last, last);
		snprintf(summary, size,
		    "%s: stream %s, log %s, %lld entries, the newest %s",
		    once.url->shown, once.url->stream, x.st.log_id,
		    (long long)x.st.length, last);
		if ((info = ask(&x, 1, argv)) != NULL) {
			check_info(&x, info);
			freeReplyObject(info);
		}
		check_fsync(&x);
		check_length(&x);
	}
	redis_once_close(&once);
	return 0;
}
