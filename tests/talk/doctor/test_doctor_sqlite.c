/*
 * test_doctor_sqlite.c - what the doctor finds wrong with a log that is a file
 * of SQLite's: the file, its tables, its WAL and the rights of users.
 */
#include <sys/stat.h>

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/talk/peer/exam.h"

/* --- nothing ------------------------------------------------------------ */

static int
count_files(const struct server *sv)
{
	DIR *dir = opendir(sv->dir);
	int n = 0;

	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

static void
test_healthy_and_left_as_it_was(void)
{
	struct server *sv = log_of(10);
	int files = count_files(sv);

	want_healthy(examine(sv));
	check(count_files(sv) == files);
}

static void
test_healthy_while_in_use(void)
{
	struct server *sv = log_of(10);
	struct client *c;
	sqlite3 *db;

	start(sv, NULL);
	c = get(sv, "/events", NULL);
	want_start(c);
	db = log_open(sv->db);
	log_run(db, "INSERT INTO events(data) VALUES('x')");
	want_event(c, NULL, NULL, "x");
	want_healthy(examine(sv));
	log_run(db, "INSERT INTO events(data) VALUES('y')");
	want_event(c, NULL, NULL, "y");
}

static void
test_summary_says_what_there_is(void)
{
	const char *s = examine(log_of(7));

	check(strstr(json(s, "$.summary"), "ids 1 to 7") != NULL);
}

/* --- the file ----------------------------------------------------------- */

static void
test_missing(void)
{
	want_only(examine(prepare_nothing()), "missing");
}

static void
write_file(const char *path, const char *s)
{
	FILE *f = fopen(path, "w");

	check(f != NULL && fputs(s, f) >= 0 && fclose(f) == 0);
}

static void
test_no_database(void)
{
	struct server *sv = prepare_nothing();

	write_file(sv->db, "SQLite format 3 is what this is not, being long");
	want_only(examine(sv), "not-a-log");
	write_file(sv->db, "");
	want_only(examine(sv), "not-a-log");
}

static void
test_directory_is_no_log(void)
{
	struct server *sv = prepare_nothing();

	check(mkdir(sv->db, 0755) == 0);
	want_only(examine(sv), "not-a-log");
	check(rmdir(sv->db) == 0);
}

static void
test_database_without_events(void)
{
	struct server *sv = prepare_nothing();

	write_file(sv->db, "");
	sql(sv, "CREATE TABLE other(x)");
	want_only(examine(sv), "not-a-log");
}

/* What a migration does to a table: a new one, copied, under the old name. */
static void
test_watched_table_was_rebuilt(void)
{
	struct server *sv = log_of(10);
	const char *s;

	sql(sv, "CREATE TABLE orders(id INTEGER PRIMARY KEY, what TEXT)");
	run_with(sv, NULL, "watch", sv->db, "orders", "--topic", "it's",
	    "--events", "insert,delete", NULL);
	want_healthy(examine(sv));
	sql(sv, "CREATE TABLE n(id INTEGER PRIMARY KEY, what TEXT);"
		"DROP TABLE orders; ALTER TABLE n RENAME TO orders");
	s = examine(sv);
	want_only(s, "watch-trigger");
	want_mend(s, "watch-trigger",
	    text("largesse watch %s orders --topic 'it'\\''s'"
		 " --events insert,delete",
		sv->db));
	sql(sv, "DROP TABLE orders");
	want_healthy(examine(sv));
}

static void
test_watched_column_is_gone(void)
{
	struct server *sv = log_of(10);

	sql(sv, "CREATE TABLE orders(id INTEGER PRIMARY KEY, what TEXT)");
	run_with(sv, NULL, "watch", sv->db, "orders", NULL);
	sql(sv, "ALTER TABLE orders RENAME TO sales");
	want_healthy(examine(sv));
	sql(sv, "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql ="
		" 'CREATE TABLE sales(id INTEGER PRIMARY KEY)'"
		" WHERE name = 'sales'");
	want_only(examine(sv), "watch-trigger");
}

static void
test_a_row_of_an_odd_time(void)
{
	static const char *const odd[] = {
	    "4102444800000", "1700000000000000", "0", "-5", "'yesterday'"};
	size_t i;

	for (i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		struct server *sv = log_of(10);

		sql(sv,
		    text("UPDATE events SET time = %s WHERE id = 3", odd[i]));
		want_only(examine(sv), "time");
	}
}

static void
test_autoincrement_lost(void)
{
	struct server *sv = log_of(10);

	sql(sv, "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql ="
		" replace(sql, 'AUTOINCREMENT', '') WHERE name = 'events';"
		"DELETE FROM sqlite_sequence");
	want_only(examine(sv), "autoincrement");
}

/* Names that mean something to a shell, or in a URI. */
static void
test_path_of_any_characters(void)
{
	struct server *sv = log_of(3);
	char *path = text("%s/a b?c#d%%e.db", sv->dir);

	check(rename(sv->db, path) == 0);
	sv->db = path;
	want_healthy(examine(sv));
	check(unlink(path) == 0);
}

static void
test_not_wal(void)
{
	struct server *sv = log_of(3);

	sql(sv, "PRAGMA journal_mode = DELETE");
	want_only(examine(sv), "journal");
}

/* --- its tables --------------------------------------------------------- */

static void
test_parts_that_were_dropped(void)
{
	struct server *sv = log_of(3);

	sql(sv, "DROP INDEX largesse_topic");
	want_only(examine(sv), "topic-index");
	check(run_with(sv, NULL, "init", "--quiet", sv->db, NULL).status == 0);
	sql(sv, "DROP INDEX largesse_uid");
	want_only(examine(sv), "uid-index");
	check(run_with(sv, NULL, "init", "--quiet", sv->db, NULL).status == 0);
	sql(sv, "DROP TRIGGER largesse_pruned");
	want_only(examine(sv), "pruned-trigger");
	check(run_with(sv, NULL, "init", "--quiet", sv->db, NULL).status == 0);
	want_healthy(examine(sv));
}

/* Zeros in the place of the root of a table. */
static void
spoil(struct server *sv, const char *table)
{
	char zeros[4096] = {0};
	sqlite3 *db = log_open(sv->db);
	sqlite3_stmt *st = NULL;
	int64_t page;
	FILE *f;

	log_run(db, "PRAGMA wal_checkpoint(TRUNCATE)");
	check(sqlite3_prepare_v2(db,
		  "SELECT rootpage FROM sqlite_schema WHERE name = ?1", -1, &st,
		  NULL) == SQLITE_OK);
	sqlite3_bind_text(st, 1, table, -1, SQLITE_STATIC);
	check(sqlite3_step(st) == SQLITE_ROW);
	page = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	check((f = fopen(sv->db, "r+")) != NULL);
	check(fseek(f, (page - 1) * (long)sizeof(zeros), SEEK_SET) == 0);
	check(fwrite(zeros, sizeof(zeros), 1, f) == 1);
	check(fclose(f) == 0);
}

/* What cannot be read is not what is not there, nor what is well. */
static void
test_pages_that_cannot_be_read(void)
{
	static const char *const tables[] = {
	    "events", "sqlite_sequence", "largesse"};

	for (size_t i = 0; i < 3; i++) {
		struct server *sv = log_of(300);

		spoil(sv, tables[i]);
		check(strstr(want_only(examine(sv), "unreadable"),
			  "malformed") != NULL);
	}
}

/* A user who may not read it is told who may. */
static void
test_a_log_of_another_user(void)
{
	struct server *sv = log_of(3);
	const char *s;

	if (getuid() != 0)
		return;
	become_nobody(sv);
	check(chown(sv->db, 2, 2) == 0 && chmod(sv->db, 0660) == 0);
	s = json(examine(sv), "$.findings[0].mend[0].line");
	check(s != NULL &&
	      strcmp(s, text("sudo -u bin largesse doctor %s", sv->db)) == 0);
	/* Of a file that cannot be seen the directory tells. */
	check(chown(sv->dir, 0, 0) == 0 && chmod(sv->dir, 0700) == 0);
	s = examine(sv);
	want_only(s, "unreadable");
	want_mend(s, "unreadable", text("sudo largesse doctor %s", sv->db));
	/* What the user has closed to itself, it can open. */
	check(chmod(sv->dir, 0777) == 0);
	check(chown(sv->db, 65534, 65534) == 0 && chmod(sv->db, 0) == 0);
	s = examine(sv);
	check(strstr(s, "Permission denied") != NULL);
	check(strstr(s, "sudo") == NULL);
}

static void
test_schema_of_a_newer_one(void)
{
	struct server *sv = log_of(3);

	sql(sv, "UPDATE largesse SET value = 99 WHERE key = 'schema'");
	want_only(examine(sv), "schema");
}

static void
test_keeper_that_was_dropped(void)
{
	struct server *sv = log_of(3);

	sql(sv, "DROP TRIGGER largesse_keep_rows");
	want_only(examine(sv), "retention-trigger");
}

static void
test_more_than_is_to_be_kept(void)
{
	struct server *sv = log_of(5000);

	/* As a trigger that came long after the rows would leave it. */
	sql(sv, "UPDATE largesse SET value = 100 WHERE key = 'keep-rows'");
	want_only(examine(sv), "retention");
}

static void
test_older_than_is_to_be_kept(void)
{
	struct server *sv = log_of(2000);
	struct ran r = run_with(
	    sv, NULL, "init", "--quiet", sv->db, "--keep-age", "1h", NULL);

	check(r.status == 0);
	want_healthy(examine(sv));
	sql(sv, "UPDATE events SET time = time - 3 * 3600000");
	want_only(examine(sv), "retention");
}

static void
test_time_in_seconds_and_in_the_future(void)
{
	struct server *sv = log_of(3);

	sql(sv, "INSERT INTO events(data, time) VALUES('x', "
		"strftime('%%s', 'now'))");
	want_only(examine(sv), "time");
	sql(sv, "INSERT INTO events(data, time) VALUES('x', "
		"(strftime('%%s', 'now') + 3600) * 1000)");
	want_only(examine(sv), "time");
	append(sv, "main", "x");
	want_only(examine(sv), "time");
	sql(sv, "DELETE FROM events WHERE data = 'x' AND id < 6");
	want_healthy(examine(sv));
}

static void
test_ids_that_come_to_an_end(void)
{
	struct server *sv = prepare();

	sql(sv, "INSERT INTO events(id) VALUES(9000000000000000000)");
	want_only(examine(sv), "ids");
}

/* --- the WAL ------------------------------------------------------------ */

/* Rows enough for a WAL of more than 4,000 pages, in several commits. */
static void
fill_wal(struct server *sv, sqlite3 *db)
{
	int i;

	(void)sv;
	for (i = 0; i < 60; i++)
		log_run(db, "INSERT INTO events(data) SELECT "
			    "hex(randomblob(1600)) FROM (WITH n(i) AS "
			    "(SELECT 1 UNION ALL SELECT i + 1 FROM n "
			    "LIMIT 100) SELECT i FROM n)");
}

static void
test_reader_that_holds_up_the_checkpoint(void)
{
	struct server *sv = log_of(10);
	sqlite3 *reader = log_open(sv->db), *writer = log_open(sv->db);
	const char *seen;

	log_run(reader, "BEGIN");
	log_run(reader, "SELECT max(id) FROM events");
	fill_wal(sv, writer);
	seen = want_only(examine(sv), "checkpoint");
	if (strstr(seen, text("process %d (", (int)getpid())) == NULL)
		talk_fail("wanted process %d, got %s", (int)getpid(), seen);
	log_run(reader, "COMMIT");
	log_run(writer, "PRAGMA wal_checkpoint(PASSIVE)");
	want_healthy(examine(sv));
}

static void
test_nobody_who_checkpoints(void)
{
	struct server *sv = log_of(10);
	sqlite3 *writer = log_open(sv->db);
	const char *seen;

	log_run(writer, "PRAGMA wal_autocheckpoint = 0");
	fill_wal(sv, writer);
	seen = want_only(examine(sv), "checkpoint");
	check(strstr(seen, "no reader") != NULL);
}

static void
test_publisher_that_does_not_commit(void)
{
	struct server *sv = log_of(10);
	sqlite3 *writer = log_open(sv->db);
	const char *seen;

	log_run(writer, "BEGIN IMMEDIATE");
	log_run(writer, "INSERT INTO events(data) VALUES('x')");
	seen = want_only(examine(sv), "writer");
	check(strstr(seen, text("process %d (", (int)getpid())) != NULL);
	log_run(writer, "COMMIT");
	want_healthy(examine(sv));
}

/* --- rights ------------------------------------------------------------- */

/* A log that is open, so that its -wal and -shm are there. */
static void
modes(struct server *sv, mode_t dir, mode_t db, mode_t beside)
{
	check(chmod(sv->dir, dir) == 0);
	check(chmod(sv->db, db) == 0);
	check(chmod(text("%s-wal", sv->db), beside) == 0);
	check(chmod(text("%s-shm", sv->db), beside) == 0);
}

static void
test_rights_of_another_user(void)
{
	struct server *sv = log_of(3);
	sqlite3 *db = log_open(sv->db); /* keeps -wal and -shm there */
	const char *user = "nobody";

	log_run(db, "INSERT INTO events(data) VALUES('x')");
	modes(sv, 0700, 0666, 0666);
	check(strstr(want_only(examine_with(sv, "--user", user), "rights"),
		  "cannot enter") != NULL);
	modes(sv, 0755, 0600, 0666);
	want_only(examine_with(sv, "--user", user), "rights");
	modes(sv, 0755, 0666, 0600);
	want_only(examine_with(sv, "--user", user), "rights");
	modes(sv, 0711, 0666, 0666);
	want_only(examine_with(sv, "--user", user), "rights");
	modes(sv, 0755, 0644, 0644);
	want_only(examine_with(sv, "--user", user), "directory");
	modes(sv, 0777, 0644, 0644);
	want_only(examine_with(sv, "--user", user), "reader-first");
	modes(sv, 0777, 0666, 0644);
	want_only(examine_with(sv, "--user", user), "beside");
	modes(sv, 0777, 0666, 0666);
	want_healthy(examine_with(sv, "--user", user));
}

/* --- names -------------------------------------------------------------- */

/* SQLite would keep a -wal for each name. */
static void
test_a_log_of_two_names(void)
{
	struct server *sv = log_of(3);
	char *other = text("%s/other.db", sv->dir);

	check(link(sv->db, other) == 0);
	check(strstr(want_only(examine(sv), "elsewhere"), "2 names") != NULL);
	start(sv, NULL);
	until(strstr(errors(sv), "this file has 2 names") != NULL);
	stop(sv);
	check(unlink(other) == 0);
	want_healthy(examine(sv));
}

static void
test_a_process_with_another_wal(void)
{
	struct server *sv = log_of(3);
	char *other = text("%s/other.db", sv->dir);
	sqlite3 *db;

	check(link(sv->db, other) == 0);
	start(sv, NULL);
	want_start(get(sv, "/events", NULL));
	db = log_open(other);
	log_run(db, "INSERT INTO events(data) VALUES('x')");
	check(strstr(want_only(examine(sv), "elsewhere"), other) != NULL);
	log_close(db);
}

/*
 * A line of the doctor's is pasted: the name is one word of it, whatever is in
 * the name.
 */
static void
test_mend_is_pasted_into_a_shell(void)
{
	static const char *const names[] = {"a b.db", "it's.db",
	    "$(touch harm);touch harm.db", "`touch harm` \"x\" \\.db",
	    "-rf *.db", "~x&y|z>harm.db", "gr\xc3\xbc\xc3\x9f.db"};
	struct server *sv = prepare_nothing();
	struct ran r;
	char *line, *end;
	size_t i;

	sv->program = realpath(sv->program, keep(PATH_MAX));
	check(sv->program != NULL);
	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		sv->db = text("%s/%s", sv->dir, names[i]);
		check(run_with(sv, NULL, "init", sv->db, NULL).status == 0);
		sql(sv, "DROP INDEX largesse_topic");
		r = run_with(sv, NULL, "doctor", sv->db, NULL);
		check(strstr(r.out, "topic-index") != NULL);
		line = strstr(r.out, "largesse init ");
		check(line != NULL && (end = strchr(line, '\n')) != NULL);
		*end = '\0';
		check(system(text(
			  "cd %s && largesse() { '%s' \"$@\"; }; %s >out 2>&1",
			  sv->dir, sv->program, line)) == 0);
		check(access(text("%s/harm", sv->dir), F_OK) == -1);
		check(access(text("%s/harm.db", sv->dir), F_OK) == -1);
		want_healthy(examine(sv));
	}
}

/* Such a name cannot be typed: what stands for it stops a shell. */
static void
test_mend_of_a_name_with_a_line_end(void)
{
	struct server *sv = prepare_nothing();
	struct ran r;

	sv->db = text("%s/a\ntouch harm.db", sv->dir);
	r = run_with(sv, NULL, "doctor", sv->db, NULL);
	check(r.status == 1);
	check(strstr(r.out, "            largesse init <FILE>\n") != NULL);
	check(strstr(r.out, "\ntouch") == NULL);
}

/* --- how it is told ----------------------------------------------------- */

static void
test_told_on_a_terminal(void)
{
	struct server *sv = log_of(3);
	struct ran r;

	r = run_with(sv, NULL, "doctor", sv->db, NULL);
	check(r.status == 0);
	check(strstr(r.out, "\nhealthy\n") != NULL);
	sql(sv, "DROP INDEX largesse_topic");
	r = run_with(sv, NULL, "doctor", sv->db, NULL);
	check(r.status == 1);
	check(strstr(r.out, "warning: topic-index (certain)\n") != NULL);
	check(strstr(r.out, text("largesse init %s\n", sv->db)) != NULL);
	check(strstr(r.out, "\n1 finding\n") != NULL);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_healthy_and_left_as_it_was),
	    TALK(test_healthy_while_in_use),
	    TALK(test_summary_says_what_there_is),
	    TALK(test_missing),
	    TALK(test_no_database),
	    TALK(test_directory_is_no_log),
	    TALK(test_database_without_events),
	    TALK(test_watched_table_was_rebuilt),
	    TALK(test_watched_column_is_gone),
	    TALK(test_a_row_of_an_odd_time),
	    TALK(test_autoincrement_lost),
	    TALK(test_path_of_any_characters),
	    TALK(test_not_wal),
	    TALK(test_parts_that_were_dropped),
	    TALK(test_pages_that_cannot_be_read),
	    TALK(test_a_log_of_another_user),
	    TALK(test_schema_of_a_newer_one),
	    TALK(test_keeper_that_was_dropped),
	    TALK(test_more_than_is_to_be_kept),
	    TALK(test_older_than_is_to_be_kept),
	    TALK(test_time_in_seconds_and_in_the_future),
	    TALK(test_ids_that_come_to_an_end),
	    TALK(test_reader_that_holds_up_the_checkpoint),
	    TALK(test_nobody_who_checkpoints),
	    TALK(test_publisher_that_does_not_commit),
	    TALK(test_rights_of_another_user),
	    TALK(test_a_log_of_two_names),
	    TALK(test_a_process_with_another_wal),
	    TALK(test_mend_is_pasted_into_a_shell),
	    TALK(test_mend_of_a_name_with_a_line_end),
	    TALK(test_told_on_a_terminal),
	};

	return talk_main_sqlite(
	    argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
