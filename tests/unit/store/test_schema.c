/*
 * test_schema.c - making, adopting, keeping and pruning a log.
 *
 * Each test has a directory of its own.  To see what is in the log, a test uses
 * SQLite itself, over a connection of its own.
 */
#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "store/clock.h"
#include "tests/unit/cm.h"
#include "tests/unit/dir.h"

#include "store/sqlite/keep/schema.h"
#include "store/store.h"

enum {
	PATH_SIZE = 256,
	WHY_SIZE = 512
};

struct place {
	char dir[DIR_SIZE], path[PATH_SIZE];
	char why[WHY_SIZE];
};

static int
setup(void **state)
{
	struct place *pl = calloc(1, sizeof(*pl));

	umask(022);
	if (dir_make(pl->dir) == -1)
		return -1;
	snprintf(pl->path, sizeof(pl->path), "%s/events.db", pl->dir);
	*state = pl;
	return 0;
}

static int
teardown(void **state)
{
	struct place *pl = *state;
	int r = dir_remove(pl->dir);

	free(pl);
	return r;
}

/* --- asking SQLite ------------------------------------------------------ */

static sqlite3 *
open_db(const struct place *pl)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(pl->path, &db), SQLITE_OK);
	sqlite3_busy_timeout(db, 20000);
	return db;
}

/* Runs statements as the sqlite3 program would; returns SQLite's code. */
static int
run(const struct place *pl, const char *sql)
{
	sqlite3 *db = open_db(pl);
	int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);

	sqlite3_close(db);
	return rc;
}

static int64_t
number(const struct place *pl, const char *sql)
{
	sqlite3 *db = open_db(pl);
	int64_t n = -1;

	if (sql_number(db, &n, "%s", sql) == -1)
		print_error("%s: %s\n", sql, sqlite3_errmsg(db));
	sqlite3_close(db);
	return n;
}

static void
text(const struct place *pl, const char *sql, char *buf, size_t size)
{
	sqlite3 *db = open_db(pl);
	char *s = NULL;

	assert_int_equal(sql_text(db, &s, "%s", sql), 1);
	snprintf(buf, size, "%s", s);
	sqlite3_free(s);
	sqlite3_close(db);
}

static void
log_id(const struct place *pl, char *buf, size_t size)
{
	text(pl, "SELECT value FROM largesse WHERE key = 'log'", buf, size);
}

static void
init(struct place *pl, const struct store_keep *keep)
{
	if (store_init(pl->path, keep, pl->why, sizeof(pl->why)) != 0)
		fail_msg("%s", pl->why);
}

static void
init_refuses(struct place *pl, const char *why)
{
	assert_int_equal(
	    store_init(pl->path, NULL, pl->why, sizeof(pl->why)), -1);
	if (strstr(pl->why, why) == NULL)
		fail_msg("'%s' is not in: %s", why, pl->why);
}

/* The bytes of the file; the caller frees them. */
static char *
bytes(const struct place *pl, size_t *len)
{
	FILE *f = fopen(pl->path, "rb");
	struct stat sb;
	char *p;

	assert_non_null(f);
	assert_int_equal(fstat(fileno(f), &sb), 0);
	*len = (size_t)sb.st_size;
	p = malloc(*len + 1);
	assert_non_null(p);
	assert_int_equal(fread(p, 1, *len, f), *len);
	fclose(f);
	return p;
}

static void
assert_same_bytes(const struct place *pl, char *before, size_t len)
{
	size_t now;
	char *after = bytes(pl, &now);

	assert_int_equal(now, len);
	assert_memory_equal(after, before, len);
	free(before);
	free(after);
}

/* --- making ------------------------------------------------------------- */

static void
test_init_makes_a_log(void **state)
{
	struct place *pl = *state;
	char s[64];

	init(pl, NULL);
	assert_non_null(strstr(pl->why, "keeps all"));
	text(pl, "PRAGMA journal_mode", s, sizeof(s));
	assert_string_equal(s, "wal");
	log_id(pl, s, sizeof(s));
	assert_int_equal(strlen(s), 32);
	assert_int_equal(strspn(s, "0123456789abcdef"), 32);
	assert_int_equal(number(pl, "SELECT value FROM largesse"
				    " WHERE key = 'schema'"),
	    SCHEMA_VERSION);
}

static void
test_init_defaults_of_a_row(void **state)
{
	struct place *pl = *state;
	int64_t before, after, time_ms;
	char s[64];

	init(pl, NULL);
	before = clock_wall_ms();
	assert_int_equal(
	    run(pl, "INSERT INTO events DEFAULT VALUES"), SQLITE_OK);
	after = clock_wall_ms();
	time_ms = number(pl, "SELECT time FROM events");
	assert_true(before <= time_ms && time_ms <= after);
	text(pl,
	    "SELECT id || topic || quote(event) || quote(data) || quote(uid)"
	    " FROM events",
	    s, sizeof(s));
	assert_string_equal(s, "1mainNULL''NULL");
}

/* Both forms use the same time: `now` does not change within a statement. */
static void
test_init_time_is_exact_to_the_ms(void **state)
{
	static const char ask[] =
	    "SELECT " SCHEMA_NOW_MS " - CAST(strftime('%%s', 'now') AS INTEGER)"
	    " * 1000 - CAST(substr(strftime('%%f', 'now'), 4) AS INTEGER)";
	struct place *pl = *state;
	sqlite3 *db = open_db(pl);
	int64_t n = -1, start = clock_wall_ms();

	while (clock_wall_ms() - start < 300) {
		assert_int_equal(sql_number(db, &n, ask), 1);
		assert_int_equal(n, 0);
	}
	sqlite3_close(db);
}

static void
test_init_twice_writes_nothing(void **state)
{
	struct store_keep keep = {.rows = 1000, .age_ms = 60000};
	struct place *pl = *state;
	size_t len;
	char *before;

	init(pl, &keep);
	before = bytes(pl, &len);
	init(pl, &keep);
	init(pl, NULL);
	assert_same_bytes(pl, before, len);
}

static void
test_init_at_once_by_many(void **state)
{
	struct place *pl = *state;
	pid_t pids[6];
	size_t i, n = sizeof(pids) / sizeof(pids[0]);
	int status;

	for (i = 0; i < n; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			_exit(store_init(
				  pl->path, NULL, pl->why, sizeof(pl->why)) == 0
				  ? 0
				  : 1);
		assert_true(pids[i] > 0);
	}
	for (i = 0; i < n; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	assert_int_equal(number(pl, "SELECT count(*) FROM largesse"), 5);
}

static void
test_init_rows_that_no_stream_could_carry(void **state)
{
	static const char *const bad[] = {
	    "INSERT INTO events(uid) VALUES('12')",
	    "INSERT INTO events(uid) VALUES('')",
	    "INSERT INTO events(id) VALUES(0)",
	    "INSERT INTO events(id) VALUES(-1)",
	    "INSERT INTO events(topic) VALUES(NULL)",
	    "INSERT INTO events(data) VALUES(NULL)",
	};
	struct place *pl = *state;
	size_t i;

	init(pl, NULL);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(run(pl, bad[i]), SQLITE_CONSTRAINT);
	assert_int_equal(run(pl, "INSERT INTO events(uid) VALUES"
				 "('1a'), ('-1'), (NULL), (NULL)"),
	    SQLITE_OK);
	assert_int_equal(
	    run(pl, "INSERT INTO events(uid) VALUES('1a')"), SQLITE_CONSTRAINT);
	assert_int_equal(number(pl, "SELECT count(*) FROM events"), 4);
}

static void
test_init_ids_are_never_used_again(void **state)
{
	struct place *pl = *state;

	init(pl, NULL);
	run(pl, "INSERT INTO events(data) VALUES(1), (2); DELETE FROM events;"
		"INSERT INTO events(data) VALUES(3)");
	assert_int_equal(number(pl, "SELECT id FROM events"), 3);
}

/* The query plan must use the index and not sort. */
static void
test_init_index_serves_topic_and_id(void **state)
{
	struct place *pl = *state;
	sqlite3_stmt *st;
	sqlite3 *db;

	init(pl, NULL);
	db = open_db(pl);
	assert_int_equal(sqlite3_prepare_v2(db,
			     "EXPLAIN QUERY PLAN SELECT * FROM events"
			     " WHERE topic = 'a' AND id > 5 ORDER BY id",
			     -1, &st, NULL),
	    SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	assert_string_equal((const char *)sqlite3_column_text(st, 3),
	    "SEARCH events USING INDEX largesse_topic"
	    " (topic=? AND rowid>?)");
	assert_int_equal(sqlite3_step(st), SQLITE_DONE);
	sqlite3_finalize(st);
	sqlite3_close(db);
}

/* --- in an application's own database ----------------------------------- */

static void
test_init_beside_an_application(void **state)
{
	struct place *pl = *state;

	run(pl, "CREATE TABLE orders(n); INSERT INTO orders VALUES(7);"
		"PRAGMA user_version = 42");
	init(pl, NULL);
	assert_int_equal(number(pl, "SELECT n FROM orders"), 7);
	assert_int_equal(number(pl, "PRAGMA user_version"), 42);
	run(pl, "BEGIN; UPDATE orders SET n = 8;"
		"INSERT INTO events(data) VALUES('8'); ROLLBACK");
	assert_int_equal(number(pl, "SELECT n FROM orders"), 7);
	assert_int_equal(number(pl, "SELECT count(*) FROM events"), 0);
	run(pl, "BEGIN; UPDATE orders SET n = 8;"
		"INSERT INTO events(data) VALUES('8'); COMMIT");
	assert_int_equal(number(pl, "SELECT n FROM orders"), 8);
	assert_int_equal(number(pl, "SELECT data FROM events"), 8);
}

#define GOOD_ID "id INTEGER PRIMARY KEY AUTOINCREMENT, "
#define GOOD_REST                                              \
	"event TEXT, data TEXT NOT NULL DEFAULT '', uid TEXT," \
	" time INTEGER NOT NULL DEFAULT 0"

static void
test_init_refuses_other_shapes(void **state)
{
	static const char *const sql_why[][2] = {
	    {"CREATE TABLE events(id INTEGER PRIMARY KEY, what TEXT)",
		"events has no column topic"},
	    {"CREATE TABLE Events(" GOOD_ID "topic NOT NULL, " GOOD_REST ")",
		"events is written Events"},
	    {"CREATE TABLE events(" GOOD_ID "topic NOT NULL, event, data, uid)",
		"events has no column time"},
	    {"CREATE TABLE t(a); CREATE VIEW events AS SELECT * FROM t",
		"events is a view"},
	    {"CREATE TABLE events(id INTEGER PRIMARY KEY,"
	     " topic TEXT NOT NULL, " GOOD_REST ")",
		"no INTEGER PRIMARY KEY AUTOINCREMENT"},
	    {"CREATE TABLE events(n INTEGER PRIMARY KEY AUTOINCREMENT, id,"
	     " topic TEXT NOT NULL, " GOOD_REST ")",
		"no INTEGER PRIMARY KEY AUTOINCREMENT"},
	    {"CREATE TABLE events(" GOOD_ID "topic TEXT, " GOOD_REST ")",
		"topic of events may be NULL"},
	    {"CREATE TABLE events(" GOOD_ID "topic TEXT NOT NULL,"
	     " host TEXT NOT NULL, " GOOD_REST ")",
		"wants a value, host"},
	    {"CREATE TABLE events(" GOOD_ID "topic TEXT NOT NULL,"
	     " event TEXT NOT NULL, data, uid, time)",
		"wants a value, event"},
	    {"CREATE TABLE largesse(donor TEXT, sum INTEGER)",
		"largesse has no column key"},
	};
	struct place *pl = *state;
	char *before;
	size_t i, len;

	for (i = 0; i < sizeof(sql_why) / sizeof(sql_why[0]); i++) {
		unlink(pl->path);
		assert_int_equal(run(pl, sql_why[i][0]), SQLITE_OK);
		before = bytes(pl, &len);
		init_refuses(pl, sql_why[i][1]);
		assert_same_bytes(pl, before, len);
	}
}

static void
test_init_refuses_rows_it_could_not_send(void **state)
{
	static const char *const values_why[][2] = {
	    {"(1, '77')", "events has the uid '77', which could be an id"},
	    {"(1, '')", "events has the uid '', which could be an id"},
	    {"(1, 'a'), (2, 'a')", "events has a uid twice, 'a'"},
	    {"(-4, NULL)", "events has the id -4, which is not positive"},
	};
	struct place *pl = *state;
	char sql[128], *before;
	size_t i, len;

	for (i = 0; i < sizeof(values_why) / sizeof(values_why[0]); i++) {
		unlink(pl->path);
		run(pl, "CREATE TABLE events(" GOOD_ID
			"topic TEXT NOT NULL DEFAULT 'main', " GOOD_REST ")");
		snprintf(sql, sizeof(sql),
		    "INSERT INTO events(id, uid) VALUES%s", values_why[i][0]);
		assert_int_equal(run(pl, sql), SQLITE_OK);
		before = bytes(pl, &len);
		init_refuses(pl, values_why[i][1]);
		assert_same_bytes(pl, before, len);
	}
}

static void
test_init_refuses_what_is_no_database(void **state)
{
	struct place *pl = *state;
	FILE *f = fopen(pl->path, "w");
	char *before;
	size_t i, len;

	for (i = 0; i < 100; i++)
		fprintf(f, "this is a letter to somebody\n");
	fclose(f);
	before = bytes(pl, &len);
	init_refuses(pl, "file is not a database");
	assert_same_bytes(pl, before, len);
}

/* Publishing through the store works, and a repeated uid adds nothing. */
static void
assert_publishes(struct place *pl)
{
	struct store_event ev[2] = {
	    {.data = {"x", 1}, .uid = {"u-1", 3}},
	    {.data = {"y", 1}, .uid = {"u-1", 3}},
	};
	struct store *st =
	    store_open(pl->path, STORE_WRITE, pl->why, sizeof(pl->why));

	if (st == NULL)
		fail_msg("%s", pl->why);
	assert_int_equal(store_append(st, ev, 2), STORE_OK);
	assert_false(ev[0].repeated);
	assert_true(ev[1].repeated);
	assert_int_equal(store_id_cmp(ev[0].id, ev[1].id), 0);
	store_close(st);
}

static void
test_init_adopts_a_table_made_by_hand(void **state)
{
	static const char *const tables[] = {
	    "CREATE TABLE events(" GOOD_ID
	    "topic TEXT NOT NULL DEFAULT 'main', " GOOD_REST ")",
	    "CREATE TABLE events(" GOOD_ID
	    "topic TEXT NOT NULL, event, data, uid TEXT UNIQUE, time,"
	    " host TEXT, n INTEGER NOT NULL DEFAULT 0)",
	    "CREATE TABLE events(ID INTEGER PRIMARY KEY AUTOINCREMENT,"
	    " Topic TEXT NOT NULL, Event, Data, Uid, Time);"
	    "CREATE UNIQUE INDEX by_uid ON events(uid) WHERE uid NOT NULL",
	};
	struct place *pl = *state;
	size_t i;

	for (i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		unlink(pl->path);
		assert_int_equal(run(pl, tables[i]), SQLITE_OK);
		run(pl, "INSERT INTO events(id, topic, data)"
			" VALUES(41, 'a', 'before')");
		init(pl, NULL);
		assert_int_equal(
		    number(pl, "SELECT id FROM events WHERE data = 'before'"),
		    41);
		assert_publishes(pl);
		assert_int_equal(number(pl, "SELECT max(id) FROM events"), 42);
	}
}

/* --- upgrading ---------------------------------------------------------- */

static void
test_init_refuses_a_newer_schema(void **state)
{
	struct place *pl = *state;
	char *before;
	size_t len;

	init(pl, NULL);
	run(pl, "UPDATE largesse SET value = 99 WHERE key = 'schema'");
	before = bytes(pl, &len);
	init_refuses(pl, "made by a newer largesse, with schema 99");
	assert_int_equal(
	    store_prune(pl->path, NULL, pl->why, sizeof(pl->why)), -1);
	assert_same_bytes(pl, before, len);
}

static void
test_init_makes_again_what_was_dropped(void **state)
{
	struct place *pl = *state;
	char before[64], after[64];

	init(pl, NULL);
	log_id(pl, before, sizeof(before));
	run(pl, "DROP INDEX largesse_topic; DROP INDEX largesse_uid");
	init(pl, NULL);
	log_id(pl, after, sizeof(after));
	assert_string_equal(after, before);
	assert_int_equal(number(pl, "SELECT count(*) FROM sqlite_schema"
				    " WHERE type = 'index'"
				    " AND name LIKE 'largesse_%'"),
	    7);
}

static void
test_init_of_a_dropped_table_is_another_log(void **state)
{
	struct store_keep keep = {.rows = 10, .age_ms = 0};
	struct place *pl = *state;
	char before[64], after[64];

	init(pl, &keep);
	log_id(pl, before, sizeof(before));
	run(pl, "DROP TABLE events");
	init(pl, NULL);
	log_id(pl, after, sizeof(after));
	assert_string_not_equal(after, before);
	assert_non_null(strstr(pl->why, "keeps all"));
	assert_publishes(pl);
}

/* --- keeping ------------------------------------------------------------ */

/* Inserts n rows whose time is now. */
static void
insert(const struct place *pl, int n)
{
	char sql[256];

	snprintf(sql, sizeof(sql),
	    "WITH RECURSIVE c(i) AS"
	    " (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < %d)"
	    " INSERT INTO events(data) SELECT i FROM c",
	    n);
	assert_int_equal(run(pl, sql), SQLITE_OK);
}

static void
assert_rows(const struct place *pl, int64_t first, int64_t last, int64_t n)
{
	assert_int_equal(number(pl, "SELECT min(id) FROM events"), first);
	assert_int_equal(number(pl, "SELECT max(id) FROM events"), last);
	assert_int_equal(number(pl, "SELECT count(*) FROM events"), n);
}

static void
test_keep_rows_holds_within_one_look(void **state)
{
	struct store_keep keep = {.rows = 1000, .age_ms = 0};
	struct place *pl = *state;

	init(pl, &keep);
	assert_non_null(strstr(pl->why, "keeps 1000 rows"));
	insert(pl, 3000);
	assert_rows(pl, 2001, 3000, 1000);
	insert(pl, 99); /* the next look is at id 3100 */
	assert_rows(pl, 2001, 3099, 1099);
	insert(pl, 1);
	assert_rows(pl, 2101, 3100, 1000);
}

static void
test_keep_few_rows_is_near_the_number(void **state)
{
	struct store_keep keep = {.rows = 1, .age_ms = 0};
	struct place *pl = *state;

	init(pl, &keep);
	insert(pl, 50);
	assert_rows(pl, 50, 50, 1);
	keep.rows = 25;
	init(pl, &keep);
	insert(pl, 100);
	assert_rows(pl, 126, 150, 25); /* looks at every second id */
}

/* One INSERT into a log that is far too long removes only a part of it. */
static void
test_keep_rows_catches_up_in_parts(void **state)
{
	struct store_keep keep = {.rows = 100, .age_ms = 0};
	struct place *pl = *state;

	init(pl, NULL);
	insert(pl, 5000);
	init(pl, &keep);
	insert(pl, 10); /* looks once, at id 5010 */
	assert_rows(pl, 101, 5010, 4910);
	insert(pl, 2000);
	assert_rows(pl, 6911, 7010, 100);
}

static void
test_keep_age_removes_from_the_old_end(void **state)
{
	struct store_keep keep = {.rows = 0, .age_ms = 3600 * 1000};
	struct place *pl = *state;

	init(pl, NULL);
	insert(pl, 30);
	run(pl, "UPDATE events SET time = time - 7200000 WHERE id <= 20");
	init(pl, &keep);
	assert_non_null(strstr(pl->why, "keeps 3600 s"));
	insert(pl, 9);
	assert_rows(pl, 1, 39, 39);
	insert(pl, 1);
	assert_rows(pl, 21, 40, 20);
}

/* Whatever time one row has, or many, the others go when they are old. */
static void
test_keep_age_whatever_time_a_row_has(void **state)
{
	static const char *const odd[] = {
	    "4102444800000", "1700000000000000", "'tomorrow'"};
	struct store_keep keep = {.rows = 0, .age_ms = 3600 * 1000};
	struct place *pl = *state;
	char sql[400];
	size_t i;

	init(pl, &keep);
	for (i = 0; i < 3; i++) {
		run(pl, "DELETE FROM events");
		snprintf(sql, sizeof(sql),
		    "INSERT INTO events(data, time) VALUES('odd', %s)", odd[i]);
		assert_int_equal(run(pl, sql), SQLITE_OK);
		run(pl,
		    "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1"
		    " FROM c WHERE i < 50) INSERT INTO events(time)"
		    " SELECT 1700000000000 FROM c");
		insert(pl, 20);
		assert_int_equal(number(pl, "SELECT count(*) FROM events"), 21);
	}
	run(pl, "DELETE FROM events; WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL"
		" SELECT i + 1 FROM c WHERE i < 500) INSERT INTO events(time)"
		" SELECT 4102444800000 FROM c");
	run(pl, "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1"
		" FROM c WHERE i < 500) INSERT INTO events(time)"
		" SELECT 1700000000000 FROM c");
	insert(pl, 3000);
	assert_int_equal(number(pl, "SELECT count(*) FROM events"), 3500);
}

static void
test_keep_age_removes_a_bounded_number(void **state)
{
	struct store_keep keep = {.rows = 0, .age_ms = 3600 * 1000};
	struct place *pl = *state;

	init(pl, NULL);
	insert(pl, 1000);
	run(pl, "UPDATE events SET time = time - 7200000");
	init(pl, &keep);
	insert(pl, 10);
	assert_rows(pl, 101, 1010, 910);
	insert(pl, 100);
	assert_rows(pl, 1001, 1110, 110);
}

static void
test_keep_each_is_set_by_itself(void **state)
{
	struct store_keep both = {.rows = 100, .age_ms = 60000};
	struct store_keep no_rows = {.rows = 0, .age_ms = STORE_KEEP_SAME};
	struct store_keep no_age = {.rows = STORE_KEEP_SAME, .age_ms = 0};
	struct place *pl = *state;

	init(pl, &both);
	assert_non_null(strstr(pl->why, "keeps 100 rows and 60 s"));
	init(pl, &no_rows);
	assert_non_null(strstr(pl->why, "keeps 60 s"));
	insert(pl, 300);
	assert_rows(pl, 1, 300, 300);
	init(pl, &no_age);
	assert_non_null(strstr(pl->why, "keeps all"));
	assert_int_equal(number(pl, "SELECT count(*) FROM sqlite_schema"
				    " WHERE type = 'trigger'"
				    " AND name LIKE '%keep%'"),
	    0);
	assert_int_equal(number(pl, "SELECT count(*) FROM largesse"), 5);
}

static void
test_keep_counts_a_dropped_trigger_as_none(void **state)
{
	struct store_keep keep = {.rows = 100, .age_ms = 0};
	struct place *pl = *state;

	init(pl, &keep);
	run(pl, "DROP TRIGGER largesse_keep_rows");
	init(pl, NULL);
	assert_non_null(strstr(pl->why, "keeps all"));
}

static void
test_keep_takes_any_number(void **state)
{
	struct store_keep keep = {
	    .rows = UINT64_MAX - 1, .age_ms = UINT64_MAX - 1};
	struct place *pl = *state;

	init(pl, &keep);
	insert(pl, 300);
	assert_rows(pl, 1, 300, 300);
}

/* --- pruning ------------------------------------------------------------ */

static int64_t
prune(struct place *pl, uint64_t rows, uint64_t age_ms)
{
	struct store_keep keep = {.rows = rows, .age_ms = age_ms};

	return store_prune(pl->path, &keep, pl->why, sizeof(pl->why));
}

static void
test_prune_rows_to_the_row(void **state)
{
	struct place *pl = *state;

	init(pl, NULL);
	insert(pl, 5000);
	run(pl, "DELETE FROM events WHERE id BETWEEN 4000 AND 4899");
	assert_int_equal(prune(pl, 1000, 0), 3100);
	assert_rows(pl, 3101, 5000, 1000);
	assert_int_equal(prune(pl, 1000, 0), 0);
	assert_int_equal(prune(pl, 2000, 0), 0);
	assert_int_equal(prune(pl, 1, 0), 999);
	assert_rows(pl, 5000, 5000, 1);
	insert(pl, 1);
	assert_rows(pl, 5000, 5001, 2);
}

static void
test_prune_age_wherever_it_stands(void **state)
{
	struct place *pl = *state;

	init(pl, NULL);
	insert(pl, 4000);
	run(pl, "UPDATE events SET time = time - 7200000"
		" WHERE id <= 1500 OR id = 3000");
	assert_int_equal(prune(pl, 0, 7300 * 1000), 0);
	assert_int_equal(prune(pl, 0, 3600 * 1000), 1501);
	assert_rows(pl, 1501, 4000, 2499);
	assert_int_equal(
	    number(pl, "SELECT count(*) FROM events WHERE id = 3000"), 0);
}

static void
test_prune_both(void **state)
{
	struct place *pl = *state;

	init(pl, NULL);
	insert(pl, 100);
	run(pl, "UPDATE events SET time = time - 7200000 WHERE id <= 70");
	assert_int_equal(prune(pl, 50, 3600 * 1000), 70);
	assert_rows(pl, 71, 100, 30);
}

static void
test_prune_as_init_has_set(void **state)
{
	struct store_keep keep = {.rows = 10, .age_ms = 0};
	struct place *pl = *state;

	init(pl, &keep);
	run(pl, "INSERT INTO events(id) VALUES(1001), (1002), (1003)");
	insert(pl, 7);
	assert_int_equal(
	    store_prune(pl->path, NULL, pl->why, sizeof(pl->why)), 0);
	keep.rows = 3;
	init(pl, &keep);
	assert_int_equal(
	    store_prune(pl->path, NULL, pl->why, sizeof(pl->why)), 7);
	assert_rows(pl, 1008, 1010, 3);
}

static void
test_prune_refuses_what_is_no_log(void **state)
{
	struct place *pl = *state;

	assert_int_equal(prune(pl, 1, 0), -1);
	assert_non_null(strstr(pl->why, "No such file"));
	assert_int_equal(access(pl->path, F_OK), -1);

	run(pl, "CREATE TABLE events(a); INSERT INTO events VALUES(1), (2)");
	assert_int_equal(prune(pl, 1, 0), -1);
	assert_non_null(strstr(pl->why, "not an event log"));
	assert_int_equal(number(pl, "SELECT count(*) FROM events"), 2);
}

static void
test_prune_without_a_limit_is_refused(void **state)
{
	struct place *pl = *state;

	init(pl, NULL);
	assert_int_equal(
	    store_prune(pl->path, NULL, pl->why, sizeof(pl->why)), -1);
	assert_non_null(strstr(pl->why, "--keep-rows"));
}

/* Inserts one row at a time until it is told to stop; the status says how. */
static void
publish_until(struct place *pl, int stop_fd)
{
	struct timespec pause = {0, 1000000};
	sqlite3 *db = open_db(pl);
	int n = 0;
	char c;

	fcntl(stop_fd, F_SETFL, O_NONBLOCK);
	for (; read(stop_fd, &c, 1) != 0; n++) {
		if (sqlite3_exec(db, "INSERT INTO events(topic) VALUES('new')",
			NULL, NULL, NULL) != SQLITE_OK)
			_exit(255);
		nanosleep(&pause, NULL);
	}
	sqlite3_close(db);
	_exit(n > 0 ? 0 : 254);
}

/*
 * Are rows inserted while others are removed?  A busy machine gets five
 * chances.
 */
static bool
published_meanwhile(struct place *pl)
{
	int64_t before;
	int i;

	for (i = 0; i < 5; i++) {
		insert(pl, 20000);
		before = number(pl, "SELECT max(id) FROM events");
		assert_true(prune(pl, 100, 0) >= 19900);
		if (number(pl, "SELECT max(id) FROM events") > before)
			return true;
	}
	return false;
}

static void
test_prune_beside_a_publisher(void **state)
{
	struct place *pl = *state;
	int stop[2], status;
	bool published;
	pid_t pid;

	init(pl, NULL);
	assert_int_equal(pipe(stop), 0);
	if ((pid = fork()) == 0) {
		close(stop[1]);
		publish_until(pl, stop[0]);
	}
	while (number(pl, "SELECT count(*) FROM events") < 10)
		continue;
	published = published_meanwhile(pl);
	close(stop[0]);
	close(stop[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_true(published);
}

/* --- modes -------------------------------------------------------------- */

static mode_t
mode(const struct place *pl, const char *beside)
{
	char path[PATH_SIZE + 8];
	struct stat sb;

	snprintf(path, sizeof(path), "%s%s", pl->path, beside);
	assert_int_equal(stat(path, &sb), 0);
	return sb.st_mode & ALLPERMS;
}

static void
test_modes_of_a_new_file(void **state)
{
	static const struct {
		mode_t dir, umask, file;
	} cases[] = {
	    {0755, 022, 0640},
	    {0755, 0, 0640},
	    {0755, 027, 0640},
	    {0777, 022, 0660},
	    {01777, 022, 0660},
	    {0700, 077, 0600},
	    {0770, 022, 0660},
	    {0770, 077, 0660},
	    {02775, 077, 0660},
	};
	struct place *pl = *state;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unlink(pl->path);
		chmod(pl->dir, cases[i].dir);
		umask(cases[i].umask);
		init(pl, NULL);
		assert_int_equal(mode(pl, ""), cases[i].file);
	}
}

static void
test_modes_are_added_to_never_taken(void **state)
{
	static const struct {
		mode_t dir, before, after;
	} cases[] = {
	    {0755, 0600, 0600},
	    {0755, 0666, 0666},
	    {0770, 0600, 0660},
	    {0770, 0644, 0664},
	    {0770, 0666, 0666},
	};
	struct place *pl = *state;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unlink(pl->path);
		chmod(pl->dir, 0755);
		init(pl, NULL);
		chmod(pl->dir, cases[i].dir);
		chmod(pl->path, cases[i].before);
		init(pl, NULL);
		assert_int_equal(mode(pl, ""), cases[i].after);
	}
}

static void
test_modes_of_the_files_beside(void **state)
{
	struct place *pl = *state;
	sqlite3 *db;

	init(pl, NULL);
	db = open_db(pl); /* while it is open, -wal and -shm exist */
	assert_int_equal(sqlite3_exec(db, "INSERT INTO events DEFAULT VALUES",
			     NULL, NULL, NULL),
	    SQLITE_OK);
	assert_int_equal(mode(pl, "-wal"), 0640);
	chmod(pl->dir, 0770);
	init(pl, NULL);
	assert_int_equal(mode(pl, ""), 0660);
	assert_int_equal(mode(pl, "-wal"), 0660);
	assert_int_equal(mode(pl, "-shm"), 0660);
	sqlite3_close(db);
}

static void
test_modes_of_a_refused_file_stay(void **state)
{
	struct place *pl = *state;

	run(pl, "CREATE TABLE events(a)");
	chmod(pl->dir, 0770);
	init_refuses(pl, "events has no column");
	assert_int_equal(mode(pl, ""), 0644);
}

/*
 * The directory of the link does not count: the files are made beside the real
 * one.
 */
static void
test_modes_through_a_link(void **state)
{
	struct place *pl = *state;
	char dir[PATH_SIZE], real[PATH_SIZE + 16];
	struct stat sb;

	snprintf(dir, sizeof(dir), "%s/shared", pl->dir);
	snprintf(real, sizeof(real), "%s/real.db", dir);
	assert_int_equal(mkdir(dir, 0755), 0);
	assert_int_equal(symlink("shared/real.db", pl->path), 0);
	assert_int_equal(close(open(real, O_CREAT | O_RDWR, 0600)), 0);
	chmod(dir, 0770);
	init(pl, NULL);
	assert_int_equal(stat(real, &sb), 0);
	assert_int_equal(sb.st_mode & ALLPERMS, 0660);
}

/* --- what somebody else put in the way ---------------------------------- */

/* A file of another's beside the directory, of mode 0600. */
static void
make_foreign(const struct place *pl, char path[PATH_SIZE])
{
	snprintf(path, PATH_SIZE, "%s/foreign", pl->dir);
	assert_int_equal(close(open(path, O_CREAT | O_RDWR, 0600)), 0);
}

static void
want_left_alone(const struct place *pl, const char *foreign)
{
	struct stat before, after;
	char why[256];

	assert_int_equal(stat(foreign, &before), 0);
	assert_int_equal(modes_share(pl->path, why, sizeof(why)), -1);
	assert_non_null(strstr(why, "left as it is"));
	assert_int_equal(stat(foreign, &after), 0);
	assert_int_equal(after.st_mode, before.st_mode);
	assert_int_equal(after.st_uid, before.st_uid);
	assert_int_equal(after.st_gid, before.st_gid);
}

/*
 * Whoever may write in the directory can put this under our names, also while
 * init runs: so what is called is the part that changes modes.
 */
static void
test_modes_of_what_is_no_file_of_ours_stay(void **state)
{
	static const char *const beside[] = {"", "-wal", "-shm"};
	struct place *pl = *state;
	char foreign[PATH_SIZE], path[PATH_SIZE + 8];
	size_t i;

	chmod(pl->dir, 0770);
	make_foreign(pl, foreign);
	for (i = 0; i < 3; i++) {
		unlink(pl->path);
		if (i > 0)
			init(pl, NULL);
		snprintf(path, sizeof(path), "%s%s", pl->path, beside[i]);
		assert_int_equal(symlink(foreign, path), 0);
		want_left_alone(pl, foreign);
		assert_int_equal(unlink(path), 0);
		assert_int_equal(link(foreign, path), 0);
		want_left_alone(pl, foreign);
		assert_int_equal(unlink(path), 0);
		assert_int_equal(mkfifo(path, 0600), 0);
		want_left_alone(pl, path);
		assert_int_equal(unlink(path), 0);
	}
}

/* A file of root's that was moved here; only root could give it away. */
static void
test_modes_of_a_file_of_root_stay(void **state)
{
	struct place *pl = *state;
	char path[PATH_SIZE + 8];

	if (geteuid() != 0)
		skip();
	chmod(pl->dir, 0770);
	init(pl, NULL);
	assert_int_equal(chown(pl->path, 65534, 65534), 0);
	snprintf(path, sizeof(path), "%s-shm", pl->path);
	assert_int_equal(close(open(path, O_CREAT | O_RDWR, 0600)), 0);
	want_left_alone(pl, path);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_init_makes_a_log),
	    TEST(test_init_defaults_of_a_row),
	    TEST(test_init_time_is_exact_to_the_ms),
	    TEST(test_init_twice_writes_nothing),
	    TEST(test_init_at_once_by_many),
	    TEST(test_init_rows_that_no_stream_could_carry),
	    TEST(test_init_ids_are_never_used_again),
	    TEST(test_init_index_serves_topic_and_id),
	    TEST(test_init_beside_an_application),
	    TEST(test_init_refuses_other_shapes),
	    TEST(test_init_refuses_rows_it_could_not_send),
	    TEST(test_init_refuses_what_is_no_database),
	    TEST(test_init_adopts_a_table_made_by_hand),
	    TEST(test_init_refuses_a_newer_schema),
	    TEST(test_init_makes_again_what_was_dropped),
	    TEST(test_init_of_a_dropped_table_is_another_log),
	    TEST(test_keep_rows_holds_within_one_look),
	    TEST(test_keep_few_rows_is_near_the_number),
	    TEST(test_keep_rows_catches_up_in_parts),
	    TEST(test_keep_age_removes_from_the_old_end),
	    TEST(test_keep_age_whatever_time_a_row_has),
	    TEST(test_keep_age_removes_a_bounded_number),
	    TEST(test_keep_each_is_set_by_itself),
	    TEST(test_keep_counts_a_dropped_trigger_as_none),
	    TEST(test_keep_takes_any_number),
	    TEST(test_prune_rows_to_the_row),
	    TEST(test_prune_age_wherever_it_stands),
	    TEST(test_prune_both),
	    TEST(test_prune_as_init_has_set),
	    TEST(test_prune_refuses_what_is_no_log),
	    TEST(test_prune_without_a_limit_is_refused),
	    TEST(test_prune_beside_a_publisher),
	    TEST(test_modes_of_a_new_file),
	    TEST(test_modes_are_added_to_never_taken),
	    TEST(test_modes_of_the_files_beside),
	    TEST(test_modes_of_a_refused_file_stay),
	    TEST(test_modes_of_what_is_no_file_of_ours_stay),
	    TEST(test_modes_of_a_file_of_root_stay),
	    TEST(test_modes_through_a_link),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("schema", tests, NULL, NULL);
}
