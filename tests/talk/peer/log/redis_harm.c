/*
 * redis_harm.c - what can go wrong with a log on Redis.  Its keys are renamed,
 * overwritten by a copy, or made anew; its server cannot be reached, or stands
 * still; its user may only read.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/redis.h"

#include "tests/talk/peer/peer.h"
#include "tests/talk/peer/within.h"

enum {
	KEYS = 5
};

static const char *
key(const struct server *sv, int i)
{
	static const char *const suffix[] = {"log", "uid", "uids", "revoked"};
	const char *name = redis_stream(sv);

	return i == 0 ? name : text("{%s}:%s", name, suffix[i - 1]);
}

static void
lose(struct server *sv)
{
	const char *socket = redis_own()->socket;

	(void)sv;
	check(rename(socket, text("%s.away", socket)) == 0);
	redis_tell("CLIENT KILL TYPE normal SKIPME yes");
}

static void
find(struct server *sv)
{
	const char *socket = redis_own()->socket;

	(void)sv;
	check(rename(text("%s.away", socket), socket) == 0);
}

static void
remove_all(struct server *sv)
{
	redis_tell("DEL %s %s %s %s %s", key(sv, 0), key(sv, 1), key(sv, 2),
	    key(sv, 3), key(sv, 4));
}

/* The keys of one become the other's, all at one moment. */
static void
take_over(const char *how, struct server *sv, struct server *from)
{
	bool is[KEYS];
	int i;

	for (i = 0; i < KEYS; i++)
		is[i] = redis_tell("EXISTS %s", key(from, i)) == 1;
	redis_tell("MULTI");
	remove_all(sv);
	for (i = 0; i < KEYS; i++)
		if (is[i])
			redis_tell("%s %s %s", how, key(from, i), key(sv, i));
	redis_tell("EXEC");
}

static void
replace(struct server *sv, struct server *by)
{
	take_over("RENAME", sv, by);
}

static void
restore(struct server *sv, struct server *from)
{
	take_over("COPY", sv, from);
}

static void
copy(struct server *sv, struct server *to)
{
	restore(to, sv);
}

static void
rewind_ids(struct server *sv, const struct row *row)
{
	redis_tell("MULTI");
	redis_tell("DEL %s", key(sv, 0));
	redis_tell(
	    "XADD %s 0-1 data %b", key(sv, 0), row->data.s, row->data.len);
	redis_tell("EXEC");
}

static void
set_schema(struct server *sv, int number)
{
	redis_tell("HSET %s schema %d", key(sv, 1), number);
}

static void
only_read(struct server *sv)
{
	redis_tell("ACL SETUSER reader on >word ~* &* +@all -@write");
	sv->db = text("redis+unix://reader:word@%s?stream=%s",
	    redis_own()->socket, redis_stream(sv));
}

/* A uid that looks like one of its own ids. */
static const char *
refuses(struct server *sv)
{
	(void)sv;
	return "{\"uid\":\"1-2\"}";
}

static void
hold(struct server *sv)
{
	(void)sv;
	redis_tell("CLIENT PAUSE 600000 WRITE");
}

static void
let_go(struct server *sv)
{
	(void)sv;
	redis_tell("CLIENT UNPAUSE");
}

static void
shut(struct server *sv)
{
	(void)sv;
	check(kill(redis_own()->pid, SIGSTOP) == 0);
}

static void
reopen(struct server *sv)
{
	(void)sv;
	check(kill(redis_own()->pid, SIGCONT) == 0);
}

void
redis_run(void)
{
	struct redis_server *rs = redis_own();

	if (rs->pid == 0) {
		redis_up();
		return;
	}
	reopen(NULL);
	if (access(rs->socket, F_OK) != 0)
		find(NULL);
	let_go(NULL);
}

const struct log_harm log_redis_harm = {
    .lose = lose,
    .find = find,
    .remove = remove_all,
    .replace = replace,
    .copy = copy,
    .restore = restore,
    .rewind = rewind_ids,
    .schema = set_schema,
    .only_read = only_read,
    .refuses = refuses,
    .hold = hold,
    .let_go = let_go,
    .shut = shut,
    .reopen = reopen,
};
