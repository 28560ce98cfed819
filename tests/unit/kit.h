/*
 * kit.h - a log on each engine, for tests that use store.h alone.
 *
 * Each engine makes and loses a log in its own way.  struct engine hides that,
 * so a test does not know which engine its log is on.
 */
#ifndef KIT_H
#define KIT_H

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "tests/redis.h"
#include "tests/unit/cm.h"
#include "tests/unit/dir.h"

#include "store/store.h"

enum {
	WAIT_MS = 60000
};

struct log {
	const struct engine *engine;
	char dir[DIR_SIZE], path[300], why[512];
	struct store *writer, *reader;
	struct store_id newest; /* the last that was appended */
};

struct engine {
	const char *name;
	void (*name_log)(struct log *, const char *name); /* sets path */
	/* Puts the log at `other' in the place of ours. */
	void (*replace)(struct log *, const char *other);
	void (*unmake)(const struct log *); /* after this it is no log */
};

/* --- SQLite ------------------------------------------------------------- */

static inline void
sqlite_name(struct log *lg, const char *name)
{
	snprintf(lg->path, sizeof(lg->path), "%s/%s.db", lg->dir, name);
}

static inline void
sqlite_replace(struct log *lg, const char *other)
{
	static const char *const suffix[] = {"-wal", "-shm"};
	char path[310];
	size_t i;

	for (i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s%s", lg->path, suffix[i]);
		unlink(path);
	}
	assert_int_equal(rename(other, lg->path), 0);
}

/* A statement, by somebody who comes and goes; fmt as of sqlite3_mprintf. */
static inline void
sqlite_run(const struct log *lg, const char *fmt, ...)
{
	char *text;
	sqlite3 *db;
	va_list ap;

	va_start(ap, fmt);
	text = sqlite3_vmprintf(fmt, ap);
	va_end(ap);
	assert_int_equal(sqlite3_open(lg->path, &db), SQLITE_OK);
	sqlite3_busy_timeout(db, WAIT_MS);
	if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", text, sqlite3_errmsg(db));
	sqlite3_close(db);
	sqlite3_free(text);
}

static inline void
sqlite_unmake(const struct log *lg)
{
	sqlite_run(lg, "DROP TABLE largesse");
}

static const struct engine kit_sqlite = {
    "sqlite", sqlite_name, sqlite_replace, sqlite_unmake};

/* --- Redis: one server for all tests, a stream of its own for each ------- */

static struct redis_server kit_server;

static inline void
redis_name(struct log *lg, const char *name)
{
	const char *unique = strrchr(lg->dir, '.') + 1;

	snprintf(lg->path, sizeof(lg->path), "redis+unix://%s?stream=%s-%s",
	    kit_server.socket, name, unique);
}

static inline void
redis_say(const char *fmt, const char *a, const char *b)
{
	redisReply *r = redisCommand(kit_server.to, fmt, a, b);

	assert_non_null(r);
	if (r->type == REDIS_REPLY_ERROR)
		print_message("%s\n", r->str);
	assert_int_not_equal(r->type, REDIS_REPLY_ERROR);
	freeReplyObject(r);
}

static inline const char *
stream_of(const char *path)
{
	return strrchr(path, '=') + 1;
}

static inline void
redis_replace(struct log *lg, const char *other)
{
	const char *to = stream_of(lg->path), *from = stream_of(other);

	redis_say("RENAME {%s}:log {%s}:log", from, to);
	redis_say("RENAME %s %s", from, to);
	redis_say("DEL {%s}:uid {%s}:uids", to, to);
}

static inline void
redis_unmake(const struct log *lg)
{
	redis_say("DEL {%s}:log%s", stream_of(lg->path), "");
}

static const struct engine kit_redis = {
    "redis", redis_name, redis_replace, redis_unmake};

/* --- for every engine --------------------------------------------------- */

static inline int
kit_setup(const struct engine *engine, void **state)
{
	struct log *lg = calloc(1, sizeof(*lg));

	lg->engine = engine;
	if (dir_make(lg->dir) == -1)
		return -1;
	if (engine == &kit_redis && kit_server.pid == 0 &&
	    !redis_new(&kit_server))
		return -1;
	engine->name_log(lg, "events");
	if (store_init(lg->path, NULL, lg->why, sizeof(lg->why)) == -1 ||
	    (lg->writer = store_open(
		 lg->path, STORE_WRITE, lg->why, sizeof(lg->why))) == NULL ||
	    (lg->reader = store_open(
		 lg->path, STORE_READ, lg->why, sizeof(lg->why))) == NULL) {
		print_message("%s\n", lg->why);
		return -1;
	}
	*state = lg;
	return 0;
}

static inline int
kit_setup_sqlite(void **state)
{
	return kit_setup(&kit_sqlite, state);
}

static inline int
kit_setup_redis(void **state)
{
	return kit_setup(&kit_redis, state);
}

static inline int
kit_teardown(void **state)
{
	struct log *lg = *state;
	int rc;

	store_close(lg->writer);
	store_close(lg->reader);
	rc = dir_remove(lg->dir);
	free(lg);
	return rc;
}

/* A reader that knows nothing yet, as after a restart. */
static inline void
kit_reopen(struct log *lg, uint64_t event_max)
{
	store_close(lg->reader);
	lg->reader = store_open(lg->path, STORE_READ, lg->why, sizeof(lg->why));
	assert_non_null(lg->reader);
	store_set_event_max(lg->reader, event_max);
}

/* Waits for what the loop would wait for.  Fails if that takes too long. */
static inline enum store_news
kit_turn(struct log *lg, struct store_id *id)
{
	struct pollfd pfd = {.fd = store_fd(lg->reader), .events = POLLIN};

	assert_int_equal(poll(&pfd, 1, WAIT_MS), 1);
	return store_news(lg->reader, id);
}

static inline enum store_result
kit_seek(struct log *lg, struct store_seek sk, struct store_id *id)
{
	struct store_id place;
	enum store_result r;
	int turns = 0;

	while ((r = store_seek(lg->reader, &sk, id)) == STORE_LATER ||
	       r == STORE_AGAIN) {
		if (r == STORE_LATER)
			kit_turn(lg, &place);
		assert_true(++turns < 10000);
	}
	return r;
}

static inline enum store_result
kit_read(struct log *lg, struct store_id after,
    const struct store_topic *topics, size_t n, size_t limit, store_each *each,
    void *arg, struct store_span *span)
{
	struct store_id place;
	enum store_result r;
	int turns = 0;

	while ((r = store_read(lg->reader, after, topics, n, limit, each, arg,
		    span)) == STORE_LATER) {
		kit_turn(lg, &place);
		assert_true(++turns < 10000);
	}
	return r;
}

/* Waits until the reader knows of what was appended. */
static inline void
kit_settle(struct log *lg)
{
	struct store_seek head = {.from = STORE_FROM_HEAD};
	struct store_id id;

	do
		assert_int_equal(kit_seek(lg, head, &id), STORE_OK);
	while (store_id_cmp(id, lg->newest) < 0);
}

/* The number that a query of a log in SQLite answers. */
static inline int64_t
kit_number(const struct log *lg, const char *sql)
{
	sqlite3_stmt *st = NULL;
	sqlite3 *db;
	int64_t n;

	assert_int_equal(sqlite3_open(lg->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return n;
}

/* Runs all tests once for each engine, under a name that says which. */
static inline int
kit_run(const char *group, const struct CMUnitTest *tests, size_t n)
{
	static const struct {
		const char *name;
		CMFixtureFunction setup;
	} engines[] = {
	    {"sqlite", kit_setup_sqlite}, {"redis", kit_setup_redis}};
	struct CMUnitTest *all = calloc(2 * n, sizeof(*all));
	char *name;
	size_t i;
	int rc;

	for (i = 0; i < 2 * n; i++) {
		all[i] = tests[i % n];
		if (asprintf(&name, "%s on %s", all[i].name,
			engines[i / n].name) == -1)
			abort();
		all[i].name = name;
		all[i].setup_func = engines[i / n].setup;
		all[i].teardown_func = kit_teardown;
	}
	rc = _cmocka_run_group_tests(group, all, 2 * n, NULL, NULL);
	for (i = 0; i < 2 * n; i++)
		free((char *)(uintptr_t)all[i].name);
	free(all);
	redis_gone(&kit_server);
	return rc;
}

#endif
