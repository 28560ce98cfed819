/*
 * init.c - making a log on Redis, and removing its old entries.
 *
 * To make a log is to write a hash beside the stream, with a random id and
 * how much to keep.  The stream itself comes with the first entry.
 */
#include <sys/random.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/clock.h"
#include "store/redis/redis.h"

/* --- making -------------------------------------------------------------- */

/* A number for a script; empty: as it was set before. */
static void
print_keep(char buf[24], uint64_t n)
{
	if (n == STORE_KEEP_SAME)
		buf[0] = '\0';
	else
		snprintf(buf, 24, "%llu",
		    (unsigned long long)(n > INT64_MAX ? INT64_MAX : n));
}

static int
random_id(char id[33])
{
	unsigned char bytes[16];
	size_t i;

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return -1;
	for (i = 0; i < sizeof(bytes); i++)
		sprintf(id + 2 * i, "%02x", bytes[i]);
	return 0;
}

static bool
is_description(const redisReply *r)
{
	size_t i;

	if (r->type != REDIS_REPLY_ARRAY || r->elements != 5)
		return false;
	for (i = 0; i < 4; i++)
		if (r->element[i]->type != REDIS_REPLY_STRING ||
		    r->element[i]->len > 32 ||
		    strspn(r->element[i]->str, "0123456789abcdef") !=
			r->element[i]->len)
			return false;
	return true;
}

static void
describe_init(
    const struct redis_once *o, const redisReply *r, char *why, size_t size)
{
	unsigned long long rows = strtoull(r->element[1]->str, NULL, 10);
	unsigned long long age_ms = strtoull(r->element[2]->str, NULL, 10);
	char keep[80] = " all";
	int n = 0;

	if (rows != 0)
		n = snprintf(keep, sizeof(keep), " %llu rows", rows);
	if (age_ms != 0)
		snprintf(keep + n, sizeof(keep) - (size_t)n, "%s %llu s",
		    n > 0 ? " and" : "", age_ms / 1000);
	snprintf(why, size, "%s: stream %s, schema %s, log %s, keeps%s",
	    o->url->shown, o->url->stream, r->element[3]->str,
	    r->element[0]->str, keep);
}

int
redis_init(
    const char *path, const struct store_keep *keep, char *why, size_t size)
{
	char id[33], rows[24] = "", age[24] = "";
	const char *argv[] = {id, rows, age};
	struct redis_once o;
	redisReply *r;
	int done = -1;

	if (random_id(id) == -1) {
		snprintf(why, size, "no random numbers");
		return -1;
	}
	if (keep != NULL) {
		print_keep(rows, keep->rows);
		print_keep(age, keep->age_ms);
	}
	if (!redis_once_open(&o, path, why, size))
		return -1;
	r = redis_once_script(&o, redis_script_init, 3, argv, why, size);
	if (r != NULL && is_description(r)) {
		describe_init(&o, r, why, size);
		done = 0;
	} else if (r != NULL)
		snprintf(why, size, "%s: its answer is not one", o.url->shown);
	if (r != NULL)
		freeReplyObject(r);
	redis_once_close(&o);
	return done;
}

/* --- pruning ------------------------------------------------------------- */

/* The answer to a script that counts; -1 and why. */
static int64_t
count_by(struct redis_once *o, const char *script, int argc, const char **argv,
    char *why, size_t size)
{
	redisReply *r = redis_once_script(o, script, argc, argv, why, size);
	int64_t n;

	if (r == NULL)
		return -1;
	n = r->type == REDIS_REPLY_INTEGER ? r->integer : -1;
	freeReplyObject(r);
	if (n >= 0 && n <= INT32_MAX)
		return n;
	snprintf(why, size, "%s: not an answer of Redis", o->url->shown);
	return -1;
}

/*
 * What was added by XADD alone is gone through, so that it is known which
 * topics have ended.
 */
static int64_t
note_ended(struct redis_once *o, char *why, size_t size)
{
	int64_t more;

	do
		more = count_by(o, redis_script_ended, 0, NULL, why, size);
	while (more > 0);
	return more;
}

/* Goes through a hash by a script that says where to go on. */
static int64_t
go_through(struct redis_once *o, const char *script, char *why, size_t size)
{
	char at[24] = "0";
	const char *argv[] = {at};
	redisReply *r;
	bool is;

	do {
		r = redis_once_script(o, script, 1, argv, why, size);
		if (r == NULL)
			return -1;
		is = r->type == REDIS_REPLY_STRING && r->len > 0 &&
		     r->len < sizeof(at) &&
		     strspn(r->str, "0123456789") == r->len;
		if (is)
			snprintf(at, sizeof(at), "%s", r->str);
		freeReplyObject(r);
	} while (is && strcmp(at, "0") != 0);
	if (!is)
		snprintf(
		    why, size, "%s: not an answer of Redis", o->url->shown);
	return is ? 0 : -1;
}

/* What XTRIM took has to go from the hashes, too. */
static int64_t
drop_trimmed(struct redis_once *o, char *why, size_t size)
{
	if (go_through(o, redis_script_trimmed, why, size) == -1)
		return -1;
	return go_through(o, redis_script_passed, why, size);
}

/* A few at a time, so that no other client of Redis has to wait long. */
static int64_t
prune_entries(
    struct redis_once *o, const struct store_keep *keep, char *why, size_t size)
{
	char now[24], rows[24], age[24];
	const char *argv[] = {now, rows, age};
	int64_t removed = 0, n;

	print_keep(rows, keep->rows);
	print_keep(age, keep->age_ms);
	do {
		snprintf(now, sizeof(now), "%lld", (long long)clock_wall_ms());
		n = count_by(o, redis_script_prune, 3, argv, why, size);
		if (n < 0)
			return -1;
		removed += n;
	} while (n > 0);
	return removed;
}

int64_t
redis_prune(
    const char *path, const struct store_keep *keep, char *why, size_t size)
{
	struct store_keep what = {
	    .rows = STORE_KEEP_SAME, .age_ms = STORE_KEEP_SAME};
	struct redis_once o;
	int64_t removed;

	if (keep != NULL)
		what = *keep;
	if (!redis_once_open(&o, path, why, size))
		return -1;
	removed = note_ended(&o, why, size);
	if (removed == 0)
		removed = drop_trimmed(&o, why, size);
	if (removed == 0 && what.ended)
		removed = redis_prune_ended(&o, &what, why, size);
	else if (removed == 0)
		removed = prune_entries(&o, &what, why, size);
	if (removed == -1 && strstr(why, "NOKEEP") != NULL)
		snprintf(why, size,
		    "%s: keeps all: say how much with --keep-rows or "
		    "--keep-age",
		    o.url->shown);
	redis_once_close(&o);
	return removed;
}
