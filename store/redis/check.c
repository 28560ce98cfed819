/*
 * check.c - what is wrong with a log on Redis: redis_check.
 *
 * It asks and changes nothing.  CONFIG may be forbidden to the user who asks;
 * then nothing is said of what only CONFIG can tell.  No password stands in a
 * message.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/redis/mend.h"
#include "store/redis/redis.h"

struct kind {
	const char *code;
	enum store_grade grade;
	const char *effect;
};

static const struct kind
    unreachable = {"unreachable", STORE_SICK,
	"Streams wait, and publishing fails."},
    no_log = {"not-a-log", STORE_SICK,
	"The responder tells all to come back, or with --listen does not "
	"start; publishing fails."},
    too_new = {"schema", STORE_SICK, "This largesse does not understand it."},
    rights = {"rights", STORE_SICK,
	"Whoever comes to Redis so can neither read the log nor publish."},
    unseen = {"unseen", STORE_NOTE,
	"Whether Redis keeps the log on its disk and in its memory is not "
	"known."},
    old = {"version", STORE_AILING,
	"Before 7.0 Redis does not count what was removed: some are told of "
	"a gap who lost nothing."},
    replica = {"replica", STORE_AILING,
	"Readers are served, but whoever publishes to this address fails."},
    no_aof = {"no-aof", STORE_AILING,
	"When Redis ends, all that came after its last snapshot is lost, and "
	"streams are told of a gap."},
    lazy = {"fsync", STORE_NOTE,
	"What was published last is lost if the machine crashes: of a second "
	"with everysec, of half a minute or so with no."},
    evicts = {"eviction", STORE_AILING,
	"When its memory is full Redis removes the whole log."},
    unpruned = {"unpruned", STORE_AILING,
	"The log grows: who adds with XADD removes nothing, largesse publish "
	"and largesse prune do."},
    all_kept = {"retention", STORE_NOTE,
	"The log grows for ever, and Redis keeps it in memory."};

enum {
	LINE = 512 /* of what mends it */
};

struct exam {
	const struct store_check *want;
	struct redis_once *once;
	struct redis_state st;
	char address[LINE / 2]; /* as a shell takes it */
	char client[LINE / 2];	/* redis-cli, and where */
};

static void
tell_finding(const struct exam *x, const struct kind *k, const char *mend,
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

/* The command that sets this now and for the next start of Redis. */
static const char *
setting(const struct exam *x, const char *what, char line[LINE * 2])
{
	snprintf(line, LINE * 2, "%s CONFIG SET %s && %s CONFIG REWRITE",
	    x->client, what, x->client);
	return line;
}

/* --- what Redis says of itself -------------------------------------------- */

/* A line `name:value' of INFO, as text that ends at its end. */
static bool
info_value(const redisReply *info, const char *name, char value[64])
{
	const char *s = info->type == REDIS_REPLY_STRING ? info->str : NULL;
	size_t len = strlen(name);

	while (s != NULL && *s != '\0') {
		if (strncmp(s, name, len) == 0 && s[len] == ':') {
			snprintf(value, 64, "%.*s",
			    (int)strcspn(s + len + 1, "\r\n"), s + len + 1);
			redis_clean(NULL, value);
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
	char a[64], b[64], line[LINE * 2];

	if (info_value(info, "redis_version", a) && atoi(a) < 7)
		tell_finding(x, &old, NULL, "Redis %s", a);
	if (info_value(info, "role", a) && strcmp(a, "slave") == 0)
		tell_finding(x, &replica, NULL, "It is a replica.");
	if (info_value(info, "aof_enabled", a) && strcmp(a, "0") == 0)
		tell_finding(x, &no_aof, setting(x, "appendonly yes", line),
		    "appendonly is off.");
	if (info_value(info, "maxmemory", a) && strcmp(a, "0") != 0 &&
	    info_value(info, "maxmemory_policy", b) &&
	    strncmp(b, "allkeys", 7) == 0)
		tell_finding(x, &evicts,
		    setting(x, "maxmemory-policy noeviction", line),
		    "maxmemory is %s bytes, and the policy %s.", a, b);
}

/* Asks for something that may be refused; NULL then. */
static redisReply *
ask_once(const struct exam *x, int argc, const char **argv)
{
	char why[256];

	return redis_once_ask(x->once, argc, argv, why, sizeof(why));
}

static void
check_fsync(const struct exam *x)
{
	const char *argv[] = {"CONFIG", "GET", "append*"};
	redisReply *r = ask_once(x, 3, argv);
	const char *fsync = "always";
	char now[32], line[LINE * 2];
	bool aof = false;
	size_t i;

	for (i = 0;
	     r != NULL && r->type == REDIS_REPLY_ARRAY && i + 1 < r->elements;
	     i += 2) {
		const char *name = r->element[i]->str;
		const char *value = r->element[i + 1]->str;

		if (r->element[i]->type != REDIS_REPLY_STRING ||
		    r->element[i + 1]->type != REDIS_REPLY_STRING)
			continue;
		if (strcmp(name, "appendonly") == 0)
			aof = strcmp(value, "yes") == 0;
		if (strcmp(name, "appendfsync") == 0)
			fsync = value;
	}
	snprintf(now, sizeof(now), "%s", fsync);
	redis_clean(NULL, now);
	if (aof && strcmp(now, "always") != 0)
		tell_finding(x, &lazy, setting(x, "appendfsync always", line),
		    "appendfsync is %s.", now);
	if (r != NULL)
		freeReplyObject(r);
}

/* --- the log -------------------------------------------------------------- */

static long long
number_of(const redisReply *r, size_t i)
{
	if (r == NULL || r->type != REDIS_REPLY_ARRAY || i >= r->elements ||
	    r->element[i]->type != REDIS_REPLY_STRING)
		return 0;
	return strtoll(r->element[i]->str, NULL, 10);
}

/*
 * Is the log kept as small as was set?  An id that Redis gave tells the time
 * of its entry.  Old entries of a log in which nobody publishes stay, and do
 * no harm.
 */
static void
check_length(const struct exam *x)
{
	const char *argv[] = {
	    "HMGET", x->once->url->key[KEY_LOG], "rows", "age"};
	redisReply *r = ask_once(x, 4, argv);
	long long rows = number_of(r, 0), age = number_of(r, 1);
	long long there = (long long)x->st.length;
	char line[LINE];

	if (r != NULL)
		freeReplyObject(r);
	if (rows == 0 && age == 0) {
		snprintf(line, sizeof(line), "largesse init %s --keep-age 7d",
		    x->address);
		tell_finding(x, &all_kept, line,
		    "no limit is set, and the log has %lld entries", there);
		return;
	}
	snprintf(line, sizeof(line), "largesse prune %s", x->address);
	if (rows > 0 && there > rows + rows / 10 + 200)
		tell_finding(x, &unpruned, line,
		    "%lld entries, and %lld are to be kept.", there, rows);
	else if (age > 0 && there > 1000 && x->st.first.hi > 0 &&
		 x->st.time_ms - (int64_t)x->st.first.hi > age * 2)
		tell_finding(x, &unpruned, line,
		    "The oldest entry is of twice the age that is to be kept, "
		    "and more.");
}

/* The state could not be read: for what reason? */
static void
tell_unread(struct exam *x, const char *why)
{
	const struct redis_url *u = x->once->url;
	char line[LINE];

	if (x->once->link.kind == REDIS_WRONG_TYPE) {
		tell_finding(x, &no_log, NULL,
		    "%s: at %s there is no stream, or none of ours: give "
		    "another name with ?stream=",
		    u->shown, u->stream);
		return;
	}
	if (x->once->link.kind == REDIS_NEWER) {
		tell_finding(x, &too_new, NULL, "%s", why);
		return;
	}
	if (x->once->link.kind != REDIS_FORBIDDEN) {
		tell_finding(x, &unreachable, NULL, "%s", why);
		return;
	}
	snprintf(line, sizeof(line),
	    "%s ACL SETUSER %s '~%s' '~{%s}:*' +@connection +@read +@write "
	    "+@scripting +multi +exec +xinfo +time",
	    x->client, u->user != NULL ? "USER" : "default", u->stream,
	    u->stream);
	tell_finding(x, &rights, line, "%s", why);
}

/* Reads the state of the log.  False: there is none, and that is told. */
static bool
look_at_state(struct exam *x, char *why, size_t size)
{
	const char *argv[] = {"0-0"};
	redisReply *r =
	    redis_once_script(x->once, redis_script_state, 1, argv, why, size);
	bool ok = r != NULL && redis_state_read(r, &x->st);
	char line[LINE];

	snprintf(line, sizeof(line), "largesse init %s", x->address);
	if (r == NULL)
		tell_unread(x, why);
	else if (!ok)
		tell_finding(x, &no_log, NULL, "%s: %s", x->once->url->shown,
		    redis_state_why(r));
	else if (x->st.log_id[0] == '\0')
		tell_finding(x, &no_log, line, "%s: no log was made.",
		    x->once->url->shown);
	if (r != NULL)
		freeReplyObject(r);
	*why = '\0';
	return ok && x->st.log_id[0] != '\0';
}

/* There is no connection. */
static void
tell_no_link(const struct exam *x, const char *why)
{
	enum redis_kind kind = x->once->link.kind;
	bool refused = kind == REDIS_NO_LOGIN || kind == REDIS_FORBIDDEN;

	tell_finding(x, refused ? &rights : &unreachable, NULL, "%s", why);
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
		tell_no_link(&x, summary);
		*summary = '\0';
		return 0;
	}
	redis_mend_address(path, x.address, sizeof(x.address));
	redis_mend_client(once.url, x.client, sizeof(x.client));
	if (look_at_state(&x, summary, size)) {
		redis_id_print(x.st.last, last);
		snprintf(summary, size,
		    "stream %s, log %s, %lld entries, the newest %s",
		    once.url->stream, x.st.log_id, (long long)x.st.length,
		    last);
		if ((info = ask_once(&x, 1, argv)) != NULL) {
			check_info(&x, info);
			freeReplyObject(info);
		} else
			tell_finding(&x, &unseen, NULL, "INFO is forbidden.");
		check_fsync(&x);
		check_length(&x);
	}
	redis_once_close(&once);
	return 0;
}
