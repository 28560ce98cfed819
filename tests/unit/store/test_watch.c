/*
 * test_watch.c - changes of a table become events: what an event says and in
 * which topic it is.  No row can make the application's own statement fail.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "store/store.h"
#include "tests/unit/cm.h"
#include "tests/unit/dir.h"

struct place {
	char dir[DIR_SIZE], path[160], why[512], lines[512];
	sqlite3 *db;
};

static void
run(struct place *pl, const char *sql)
{
	char *why = NULL;

	if (sqlite3_exec(pl->db, sql, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s: %s", sql, why);
}

static int
setup(void **state)
{
	struct place *pl = calloc(1, sizeof(*pl));

	if (dir_make(pl->dir) == -1)
		return -1;
	snprintf(pl->path, sizeof(pl->path), "%s/app.db", pl->dir);
	if (store_init(pl->path, NULL, pl->why, sizeof(pl->why)) == -1 ||
	    sqlite3_open(pl->path, &pl->db) != SQLITE_OK)
		return -1;
	*state = pl;
	return 0;
}

static int
teardown(void **state)
{
	struct place *pl = *state;
	int r;

	sqlite3_close(pl->db);
	r = dir_remove(pl->dir);
	free(pl);
	return r;
}

static void
watch_as(struct place *pl, struct store_watch w)
{
	if (!w.on_insert && !w.on_update && !w.on_delete)
		w.on_insert = w.on_update = w.on_delete = true;
	if (store_watch(pl->path, &w, pl->why, sizeof(pl->why)) == -1)
		fail_msg("%s", pl->why);
}

#define WATCH(pl, ...) watch_as(pl, (struct store_watch){__VA_ARGS__})

static void
want_refusal(struct place *pl, struct store_watch w, const char *why)
{
	w.on_insert = true;
	assert_int_equal(
	    store_watch(pl->path, &w, pl->why, sizeof(pl->why)), -1);
	if (strstr(pl->why, why) == NULL || strstr(pl->why, pl->path) == NULL)
		fail_msg("wanted %s; came %s", why, pl->why);
}

/* Wants these events, a line `topic event data` each, and removes them. */
static void
want_events(struct place *pl, const char *want)
{
	sqlite3_stmt *st;
	char got[4096] = "";
	size_t len = 0;

	sqlite3_prepare_v2(pl->db,
	    "SELECT topic || ' ' || event || ' ' || data || char(10)"
	    " FROM events ORDER BY id",
	    -1, &st, NULL);
	while (sqlite3_step(st) == SQLITE_ROW)
		len += (size_t)snprintf(got + len, sizeof(got) - len, "%s",
		    sqlite3_column_text(st, 0));
	assert_int_equal(sqlite3_finalize(st), SQLITE_OK);
	assert_string_equal(got, want);
	run(pl, "DELETE FROM events");
}

static void
take_line(void *arg, const char *line)
{
	struct place *pl = arg;
	size_t len = strlen(pl->lines);

	snprintf(pl->lines + len, sizeof(pl->lines) - len, "%s\n", line);
}

static void
want_list(struct place *pl, const char *want)
{
	pl->lines[0] = '\0';
	assert_int_equal(
	    store_watched(pl->path, take_line, pl, pl->why, sizeof(pl->why)),
	    0);
	assert_string_equal(pl->lines, want);
}

static void
test_each_change_is_an_event(void **state)
{
	struct place *pl = *state;

	run(pl, "CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT)");
	WATCH(pl, .table = "t");
	run(pl, "INSERT INTO t VALUES(1, 'a'), (2, 'b')");
	run(pl, "UPDATE t SET name = 'c' WHERE id = 2");
	run(pl, "DELETE FROM t");
	want_events(pl, "t insert {\"id\":1,\"name\":\"a\"}\n"
			"t insert {\"id\":2,\"name\":\"b\"}\n"
			"t update {\"id\":2,\"name\":\"c\"}\n"
			"t delete {\"id\":1,\"name\":\"a\"}\n"
			"t delete {\"id\":2,\"name\":\"c\"}\n");
}

static void
test_only_what_was_chosen(void **state)
{
	struct place *pl = *state;

	run(pl, "CREATE TABLE t(id INTEGER PRIMARY KEY, name, secret)");
	WATCH(pl, .table = "T", .topic = "it's", .columns = "NAME,id",
	    .on_insert = true, .on_update = true);
	run(pl, "INSERT INTO t VALUES(1, 'a', 'x')");
	run(pl, "UPDATE t SET secret = 'y'"); /* makes no event */
	run(pl, "UPDATE t SET name = name");
	run(pl, "UPDATE t SET name = NULL");
	run(pl, "DELETE FROM t");
	want_events(pl, "it's insert {\"name\":\"a\",\"id\":1}\n"
			"it's update {\"name\":null,\"id\":1}\n");
}

/* A reader of the topic gets an event when a row comes, changes or goes. */
static void
test_topic_by_column(void **state)
{
	struct place *pl = *state;

	run(pl, "CREATE TABLE t(id INTEGER PRIMARY KEY, room, n)");
	WATCH(pl, .table = "t", .topic_column = "room", .topic = "none",
	    .columns = "id");
	run(pl, "INSERT INTO t VALUES(1, 'a', 0), (2, NULL, 0), (3, '', 0),"
		" (4, 17, 0)");
	want_events(pl, "a insert {\"id\":1}\nnone insert {\"id\":2}\n"
			"none insert {\"id\":3}\n17 insert {\"id\":4}\n");
	run(pl, "UPDATE t SET room = 'b' WHERE id < 3");
	want_events(pl, "a delete {\"id\":1}\nb update {\"id\":1}\n"
			"none delete {\"id\":2}\nb update {\"id\":2}\n");
	run(pl, "UPDATE t SET n = 1");
	want_events(pl, "");
	run(pl, "DELETE FROM t WHERE id = 1");
	want_events(pl, "b delete {\"id\":1}\n");
}

/* JSON has neither BLOB nor infinity nor NUL. */
static void
test_values_of_any_kind(void **state)
{
	struct place *pl = *state;

	run(pl, "CREATE TABLE t(v)");
	WATCH(pl, .table = "t");
	run(pl, "INSERT INTO t VALUES(x'00ff'), (9e999), (-9e999), (1.5),"
		" (NULL), ('a\"b\n'), (9223372036854775807), (x'')");
	want_events(pl, "t insert {\"v\":\"00FF\"}\nt insert {\"v\":null}\n"
			"t insert {\"v\":null}\nt insert {\"v\":1.5}\n"
			"t insert {\"v\":null}\n"
			"t insert {\"v\":\"a\\\"b\\n\"}\n"
			"t insert {\"v\":9223372036854775807}\n"
			"t insert {\"v\":\"\"}\n");
	run(pl, "INSERT INTO t VALUES('a' || char(0)), ('\\'),"
		" (char(9, 13, 8, 12, 1, 31, 32, 127, 8364)), (-0.5), (2.0)");
	want_events(pl, "t insert {\"v\":\"6100\"}\n"
			"t insert {\"v\":\"\\\\\"}\n"
			"t insert {\"v\":\"\\t\\r\\b\\f\\u0001\\u001f"
			" \x7f\xe2\x82\xac\"}\n"
			"t insert {\"v\":-0.5}\nt insert {\"v\":2.0}\n");
}

/* SQLite itself says that what is written is JSON, and what it holds. */
static void
test_every_character_is_json(void **state)
{
	struct place *pl = *state;
	sqlite3_stmt *st;

	run(pl, "CREATE TABLE t(v)");
	WATCH(pl, .table = "t");
	run(pl, "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1"
		" FROM c WHERE n < 300) INSERT INTO t"
		" SELECT 'x' || char(n) || char(n, 301 - n) FROM c");
	sqlite3_prepare_v2(pl->db,
	    "SELECT count(*) FROM t JOIN events ON events.id = t.rowid"
	    " WHERE json_valid(data) AND json_extract(data, '$.v') = v",
	    -1, &st, NULL);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	assert_int_equal(sqlite3_column_int(st, 0), 300);
	sqlite3_finalize(st);
}

/* What the application has set for itself, as SQLite advises or as it likes. */
static void
test_the_applications_settings(void **state)
{
	static const char *const settings[] = {"PRAGMA trusted_schema = OFF",
	    "PRAGMA recursive_triggers = ON", "PRAGMA foreign_keys = ON",
	    "PRAGMA ignore_check_constraints = ON",
	    "PRAGMA legacy_alter_table = ON", "PRAGMA cell_size_check = ON",
	    "PRAGMA case_sensitive_like = ON",
	    "PRAGMA reverse_unordered_selects"
	    " = ON",
	    "PRAGMA full_column_names = ON", "PRAGMA short_column_names = OFF"};
	struct place *pl = *state;
	size_t i;

	run(pl, "CREATE TABLE t(id INTEGER PRIMARY KEY, v,"
		" g AS (v || '!'), h AS (id + 1) STORED)");
	run(pl, "CREATE TABLE w(k TEXT PRIMARY KEY, v) WITHOUT ROWID");
	WATCH(pl, .table = "t", .topic_column = "v");
	WATCH(pl, .table = "w");
	for (i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		run(pl, settings[i]);
	sqlite3_db_config(pl->db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
	sqlite3_db_config(pl->db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
	sqlite3_db_config(pl->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	run(pl, "INSERT INTO t(v) VALUES('a\"b'); UPDATE t SET v = x'0a';"
		"INSERT OR REPLACE INTO t(id, v) VALUES(1, 9e999);"
		"INSERT OR IGNORE INTO t(id, v) VALUES(1, 0); DELETE FROM t");
	want_events(pl,
	    "a\"b insert "
	    "{\"id\":1,\"v\":\"a\\\"b\",\"g\":\"a\\\"b!\",\"h\":2}\n"
	    "a\"b delete "
	    "{\"id\":1,\"v\":\"a\\\"b\",\"g\":\"a\\\"b!\",\"h\":2}\n"
	    "\n update {\"id\":1,\"v\":\"0A\",\"g\":\"\\n!\",\"h\":2}\n"
	    "\n delete {\"id\":1,\"v\":\"0A\",\"g\":\"\\n!\",\"h\":2}\n"
	    "Inf insert {\"id\":1,\"v\":null,\"g\":\"Inf!\",\"h\":2}\n"
	    "Inf delete {\"id\":1,\"v\":null,\"g\":\"Inf!\",\"h\":2}\n");
	run(pl,
	    "INSERT INTO w VALUES('a', NULL); REPLACE INTO w VALUES('a', 2);"
	    "DELETE FROM w");
	want_events(pl, "w insert {\"k\":\"a\",\"v\":null}\n"
			"w delete {\"k\":\"a\",\"v\":null}\n"
			"w insert {\"k\":\"a\",\"v\":2}\n"
			"w delete {\"k\":\"a\",\"v\":2}\n");
}

static void
test_names_that_have_to_be_quoted(void **state)
{
	struct place *pl = *state;

	run(pl, "CREATE TABLE \"o'r\"\"d; --%s\"(\"na'm\"\"e\" TEXT,"
		" \"select\", \"%d]\")");
	WATCH(pl, .table = "o'r\"d; --%s", .topic = "x'); DROP TABLE t; --");
	run(pl, "INSERT INTO \"o'r\"\"d; --%s\" VALUES(1, 2, 3)");
	want_events(pl, "x'); DROP TABLE t; -- insert"
			" {\"na'm\\\"e\":\"1\",\"select\":2,\"%d]\":3}\n");
	want_list(pl, "o'r\"d; --%s: insert,update,delete to topic"
		      " x'); DROP TABLE t; --: na'm\"e, select, %d]\n");
	assert_int_equal(
	    store_unwatch(pl->path, "o'r\"d; --%s", pl->why, sizeof(pl->why)),
	    3);
	want_list(pl, "");
}

static void
test_listed_replaced_and_removed(void **state)
{
	struct place *pl = *state;

	run(pl, "CREATE TABLE a(x); CREATE TABLE b(x, y)");
	want_list(pl, "");
	WATCH(pl, .table = "b", .topic_column = "y");
	WATCH(pl, .table = "a");
	want_list(pl, "a: insert,update,delete to topic a: x\n"
		      "b: insert,update,delete to topic by column y, else b:"
		      " x, y\n");
	WATCH(pl, .table = "b", .on_delete = true, .columns = "x");
	want_list(pl, "a: insert,update,delete to topic a: x\n"
		      "b: delete to topic b: x\n");
	run(pl, "INSERT INTO b VALUES(1, 2); DELETE FROM b");
	want_events(pl, "b delete {\"x\":1}\n");
	run(pl, "ALTER TABLE b RENAME TO c; ALTER TABLE c RENAME x TO z;"
		"INSERT INTO c VALUES(1, 2); DELETE FROM c");
	want_events(pl, "b delete {\"x\":1}\n");
	want_list(pl, "a: insert,update,delete to topic a: x\n"
		      "c: delete to topic b: x\n");
	assert_int_equal(
	    store_unwatch(pl->path, "C", pl->why, sizeof(pl->why)), 1);
	assert_int_equal(
	    store_unwatch(pl->path, "c", pl->why, sizeof(pl->why)), 0);
	run(pl, "DROP TABLE a");
	want_list(pl, "");
}

/* A migration makes the table anew, and our triggers go with the old one. */
static void
test_lost_in_a_rebuild(void **state)
{
	struct place *pl = *state;

	run(pl, "CREATE TABLE a(x)");
	WATCH(pl, .table = "a", .topic = "t");
	run(pl, "CREATE TABLE n(x); DROP TABLE a; ALTER TABLE n RENAME TO a");
	want_list(pl, "a: no triggers any more, to topic t: x\n");
	WATCH(pl, .table = "A", .topic = "t");
	want_list(pl, "a: insert,update,delete to topic t: x\n");
	run(pl, "ALTER TABLE a RENAME TO old; CREATE TABLE a(x, y)");
	WATCH(pl, .table = "a");
	want_list(pl, "a: insert,update,delete to topic a: x, y\n");
	run(pl, "INSERT INTO old VALUES(1); INSERT INTO a VALUES(1, 2)");
	want_events(pl, "a insert {\"x\":1,\"y\":2}\n");
	run(pl, "DROP TABLE a");
	want_list(pl, "");
}

static void
test_rolled_back_with_the_change(void **state)
{
	struct place *pl = *state;

	run(pl, "CREATE TABLE t(x UNIQUE)");
	WATCH(pl, .table = "t");
	run(pl, "BEGIN; INSERT INTO t VALUES(1); ROLLBACK");
	run(pl, "INSERT INTO t VALUES(1)");
	assert_int_not_equal(
	    sqlite3_exec(pl->db, "INSERT INTO t VALUES(1)", NULL, NULL, NULL),
	    SQLITE_OK);
	want_events(pl, "t insert {\"x\":1}\n");
}

/* The application asks for its last row id, and gets that of its own row. */
static void
test_the_application_sees_its_own_row_id(void **state)
{
	struct place *pl = *state;

	run(pl, "CREATE TABLE t(id INTEGER PRIMARY KEY)");
	WATCH(pl, .table = "t");
	run(pl, "INSERT INTO t VALUES(4711)");
	assert_int_equal(sqlite3_last_insert_rowid(pl->db), 4711);
	assert_int_equal(sqlite3_changes(pl->db), 1);
}

static void
test_refusals(void **state)
{
	struct place *pl = *state;
	char sql[1024] = "CREATE TABLE wide(c0";
	int i;

	for (i = 1; i < 61; i++)
		snprintf(
		    sql + strlen(sql), sizeof(sql) - strlen(sql), ",c%d", i);
	strcat(sql, ")");
	run(pl, sql);
	run(pl, "CREATE TABLE t(x); CREATE VIEW v AS SELECT * FROM t");
	want_refusal(pl, (struct store_watch){.table = "no"}, "no table no");
	want_refusal(pl, (struct store_watch){.table = "v"}, "no table v");
	want_refusal(pl, (struct store_watch){.table = "Events"}, "cannot");
	want_refusal(pl, (struct store_watch){.table = "largesse"}, "cannot");
	want_refusal(
	    pl, (struct store_watch){.table = "sqlite_sequence"}, "cannot");
	want_refusal(pl, (struct store_watch){.table = "t", .columns = "x,y"},
	    "no column y");
	want_refusal(
	    pl, (struct store_watch){.table = "t", .columns = ""}, "no column");
	want_refusal(pl,
	    (struct store_watch){.table = "t", .topic_column = "q"},
	    "no column q");
	want_refusal(pl, (struct store_watch){.table = "wide"}, "--columns");
	WATCH(pl, .table = "wide", .columns = "c0,c60");
	want_list(pl, "wide: insert,update,delete to topic wide: c0, c60\n");
	run(pl, "DROP TABLE largesse");
	want_refusal(pl, (struct store_watch){.table = "t"}, "largesse init");
}

/* After a refused call the table is watched as it was before. */
static void
test_a_refusal_changes_nothing(void **state)
{
	struct place *pl = *state;

	run(pl, "CREATE TABLE t(x)");
	WATCH(pl, .table = "t");
	want_refusal(
	    pl, (struct store_watch){.table = "t", .columns = "y"}, "y");
	want_list(pl, "t: insert,update,delete to topic t: x\n");
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_each_change_is_an_event),
	    T(test_only_what_was_chosen),
	    T(test_topic_by_column),
	    T(test_values_of_any_kind),
	    T(test_every_character_is_json),
	    T(test_the_applications_settings),
	    T(test_names_that_have_to_be_quoted),
	    T(test_listed_replaced_and_removed),
	    T(test_lost_in_a_rebuild),
	    T(test_rolled_back_with_the_change),
	    T(test_the_application_sees_its_own_row_id),
	    T(test_refusals),
	    T(test_a_refusal_changes_nothing),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
