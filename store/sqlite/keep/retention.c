/*
 * retention.c - the triggers by which a log stays small.
 *
 * Publishers pay for it, readers never.  A trigger acts at one insert in many
 * (measured: at each insert -41 % inserts a second, at one in 100 -2 %).  It
 * begins at the oldest row and removes a bounded number, so that no INSERT
 * waits long.  Rows are counted by their ids, so of a log with gaps fewer
 * remain.
 *
 * What is set stands in the table largesse.  If somebody dropped the trigger,
 * it counts as not set.
 */
#include "store/sqlite/keep/schema.h"

/* Inserts between two looks, and rows that one of them may remove. */
enum {
	ROWS_EVERY_MAX = 100,
	AGE_EVERY = 10, /* costs no more, and a quiet log is not late */
	AGE_ASKED = 10, /* of the oldest rows */
	AGE_TURN = 20,	/* rows that are looked at in turn */
	REMOVE_TIMES = 10
};

#define ROWS_TRIGGER "largesse_keep_rows"
#define AGE_TRIGGER  "largesse_keep_age"
#define AGE_PLACE    "keep-age-place"

static int64_t
bounded(uint64_t n)
{
	return n < INT64_MAX ? (int64_t)n : INT64_MAX;
}

static char *
rows_sql(uint64_t rows)
{
	uint64_t every = rows / 10;

	every = every < 1 ? 1 : every > ROWS_EVERY_MAX ? ROWS_EVERY_MAX : every;
	return sqlite3_mprintf(
	    "CREATE TRIGGER " ROWS_TRIGGER " AFTER INSERT ON events"
	    " WHEN NEW.id %% %d = 0 BEGIN"
	    " DELETE FROM events WHERE id IN (SELECT id FROM events"
	    " WHERE id <= NEW.id - %lld ORDER BY id LIMIT %d); END",
	    (int)every, bounded(rows), (int)every * REMOVE_TIMES);
}

/*
 * Times need not grow with ids, for a publisher's clock may have been wrong. So
 * a few of the oldest rows are asked, and if any of them is old, more are
 * looked at.  If none is, a few rows further on are looked at in turn, which
 * finds what is old behind any number of rows whose time lies ahead.
 */
static char *
age_sql(uint64_t age_ms)
{
	return sqlite3_mprintf(
	    "CREATE TRIGGER " AGE_TRIGGER " AFTER INSERT ON events"
	    " WHEN NEW.id %% %d = 0 BEGIN"
	    " DELETE FROM events WHERE id IN (SELECT id FROM events"
	    "  WHERE EXISTS (SELECT 1 FROM (SELECT time FROM events"
	    "   ORDER BY id LIMIT %d) WHERE time < " SCHEMA_NOW_MS " - %lld)"
	    "  ORDER BY id LIMIT %d) AND time < " SCHEMA_NOW_MS " - %lld;"
	    " UPDATE largesse SET value = coalesce((SELECT max(id) FROM"
	    "  (SELECT id FROM events WHERE id > (SELECT value FROM largesse"
	    "   WHERE key = '" AGE_PLACE "') ORDER BY id LIMIT %d)), 0)"
	    "  WHERE key = '" AGE_PLACE "';"
	    " DELETE FROM events WHERE id IN (SELECT id FROM events WHERE id <="
	    "   (SELECT value FROM largesse WHERE key = '" AGE_PLACE "')"
	    "  AND NOT EXISTS (SELECT 1 FROM (SELECT time FROM events"
	    "   ORDER BY id LIMIT %d) WHERE time < " SCHEMA_NOW_MS " - %lld)"
	    "  ORDER BY id DESC LIMIT %d) AND time < " SCHEMA_NOW_MS
	    " - %lld; END",
	    AGE_EVERY, AGE_ASKED, bounded(age_ms), AGE_EVERY * REMOVE_TIMES,
	    bounded(age_ms), AGE_TURN, AGE_ASKED, bounded(age_ms), AGE_TURN,
	    bounded(age_ms));
}

/* Where the trigger looks next; it begins again at the end. */
static int
set_age_place(sqlite3 *db, uint64_t age_ms)
{
	return sql_run(db,
	    age_ms == 0 ? "DELETE FROM largesse WHERE key = '" AGE_PLACE "'"
			: "INSERT OR IGNORE INTO largesse VALUES('" AGE_PLACE
			  "', 0)");
}

static int
remember_limit(sqlite3 *db, const char *key, uint64_t n)
{
	if (n == 0)
		return sql_run(db, "DELETE FROM largesse WHERE key = %Q", key);
	return sql_run(db,
	    "INSERT INTO largesse VALUES(%Q, %lld) ON CONFLICT(key) DO UPDATE"
	    " SET value = excluded.value WHERE value IS NOT excluded.value",
	    key, bounded(n));
}

static int
set_limit(sqlite3 *db, const char *key, const char *trigger, uint64_t n,
    char *(*make_sql)(uint64_t))
{
	char *sql = NULL;
	int r = -1;

	if (n == 0 || (sql = make_sql(n)) != NULL)
		r = schema_set_trigger(db, trigger, sql);
	sqlite3_free(sql);
	return r == 0 ? remember_limit(db, key, n) : r;
}

int
retention_set(sqlite3 *db, const struct store_keep *keep)
{
	struct store_keep now;

	if (retention_get(db, &now) == -1)
		return -1;
	if (topics_set(db, keep) == -1)
		return -1;
	if (keep != NULL && (keep->topic != NULL || keep->ended))
		keep = NULL;
	if (keep != NULL && keep->rows != STORE_KEEP_SAME)
		now.rows = keep->rows;
	if (keep != NULL && keep->age_ms != STORE_KEEP_SAME)
		now.age_ms = keep->age_ms;
	if (set_limit(db, "keep-rows", ROWS_TRIGGER, now.rows, rows_sql) == -1)
		return -1;
	if (set_age_place(db, now.age_ms) == -1)
		return -1;
	return set_limit(db, "keep-age", AGE_TRIGGER, now.age_ms, age_sql);
}

static int
get_limit(sqlite3 *db, uint64_t *to, const char *key, const char *trigger)
{
	int64_t n = 0;

	if (sql_number(db, &n,
		"SELECT value FROM largesse WHERE key = %Q AND EXISTS"
		" (SELECT 1 FROM sqlite_schema"
		"  WHERE type = 'trigger' AND name = %Q)",
		key, trigger) == -1)
		return -1;
	*to = n > 0 ? (uint64_t)n : 0;
	return 0;
}

int
retention_get(sqlite3 *db, struct store_keep *keep)
{
	if (get_limit(db, &keep->rows, "keep-rows", ROWS_TRIGGER) == -1)
		return -1;
	return get_limit(db, &keep->age_ms, "keep-age", AGE_TRIGGER);
}
