/*
 * test_sqlite.c - what happens only with a log in a SQLite file: columns of
 * any type, modes of the files, and tables of another program.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/talk/peer/keyed.h"

static void
want_served(struct server *sv)
{
	struct client *c = get(sv, "/events?topic=a", NULL);

	want_start(c);
	want_nothing_more(c, sv, "a");
}

static struct client *
reader(struct server *sv, const char *sub, const char *uri)
{
	return open_with(sv, uri, token_for(sub, "\"*\""));
}

static void
test_a_log_in_the_database_of_an_application(void)
{
	struct server *sv = prepare_nothing();
	sqlite3 *db;

	check(sqlite3_open(sv->db, &db) == SQLITE_OK);
	log_run(db, "CREATE TABLE users(name TEXT)");
	log_run(db, "INSERT INTO users VALUES('eve')");
	sqlite3_close(db);
	check(run_with(sv, NULL, "init", sv->db, NULL).status == 0);
	check(sql_number(sv, "SELECT count(*) FROM users") == 1);
	start(sv, NULL);
	want_served(sv);
	sql(sv, "INSERT INTO users VALUES('adam')");
	want_served(sv);
}

static void
test_no_log(void)
{
	struct server *sv = prepare_nothing();
	struct ran r = serve_ends(sv);
	struct stat st;

	want_one_line(&r, 1);
	check(strstr(r.err, sv->db) != NULL);
	check(stat(sv->db, &st) != 0);
	check(stat(sv->socket, &st) != 0);
}

static void
test_a_file_that_is_no_log(void)
{
	struct server *sv = prepare_nothing();
	FILE *f = fopen(sv->db, "w");
	struct ran r;

	check(f != NULL);
	for (int i = 0; i < 1000; i++)
		fprintf(f, "this is not a database\n");
	fclose(f);
	r = serve_ends(sv);
	want_one_line(&r, 1);
}

static void
test_a_database_without_a_log(void)
{
	struct server *sv = prepare_nothing();
	struct ran r;
	sqlite3 *db;

	check(sqlite3_open(sv->db, &db) == SQLITE_OK);
	log_run(db, "CREATE TABLE users(name TEXT)");
	sqlite3_close(db);
	r = serve_ends(sv);
	want_one_line(&r, 1);
	check(strstr(r.err, "init") != NULL);
}

/* Modes are mended while it runs: it says so once, and does not give up. */
static void
test_a_log_that_may_not_be_read(void)
{
	struct server *sv = prepare();
	struct client *c;
	int complaints = 0;

	check(chmod(sv->db, 0) == 0);
	become_nobody(sv);
	start(sv, NULL);
	for (int i = 0; i < 3; i++) {
		c = get(sv, "/events", NULL);
		check(want_headers(c) == 200);
		check(want_farewell(c) > 0);
	}
	until(strstr(errors(sv), text("%s: ", sv->db)) != NULL);
	for (const char *s = errors(sv); (s = strstr(s, sv->db)); s++)
		complaints++;
	check(complaints == 1);
	check(chmod(sv->db, 0666) == 0);
	get_in_the_end(sv, "0");
}

/* Read-only, it needs no right to change rows: not even as its own user. */
static void
test_a_reader_without_the_right_to_write(void)
{
	struct server *sv = prepare();
	sqlite3 *publisher = log_open(sv->db);
	struct client *c;

	log_run(publisher, "INSERT INTO events(data) VALUES('before')");
	check(chmod(sv->db, 0444) == 0);
	check(chmod(text("%s-wal", sv->db), 0444) == 0);
	check(chmod(text("%s-shm", sv->db), 0444) == 0);
	become_nobody(sv);
	start(sv, NULL);
	c = get(sv, "/events?last=1", NULL);
	want_start(c);
	want(c, "id: 1\ndata: before\n\n");
	log_run(publisher, "INSERT INTO events(data) VALUES('after')");
	want(c, "id: 2\ndata: after\n\n");
}

static void
test_a_blob_is_its_bytes(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events");
	sqlite3 *db = log_open(sv->db);

	log_append_bytes(db, SQLITE_BLOB, "a\nb\0c\xff", 6);
	want_data(c, "a\nb\0c\xef\xbf\xbd", 8);
}

static void
test_numbers_are_their_text(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events");

	sql(sv, "INSERT INTO events(event, data) VALUES(7, 42), (NULL, 1.5)");
	want_event(c, "1", "7", "42");
	want_event(c, "2", "message", "1.5");
}

/* Either the log refuses it, or the number stands for it on the wire. */
static void
test_uid_that_could_not_come_back_is_no_id(void)
{
	static const char *const uid[] = {"'a' || char(10) || 'data: x'",
	    "'a' || char(13)", "CAST(x'6100' AS TEXT)", "' a'", "'a '",
	    "'12345'", "12345", "''", "'earliest'", "char(252)",
	    "CAST(x'ff' AS TEXT)", "hex(zeroblob(65))", "x'00'"};
	struct server *sv = serve();
	struct client *c = stream(sv, "/events");
	sqlite3 *db = log_open(sv->db);

	for (size_t i = 0; i < sizeof(uid) / sizeof(uid[0]); i++) {
		if (log_try(
			db, text("INSERT INTO events(uid, data) VALUES(%s, %d)",
				uid[i], (int)i)) == SQLITE_OK)
			want_event(c,
			    text("%lld",
				(long long)sqlite3_last_insert_rowid(db)),
			    "message", text("%d", (int)i));
	}
	want_nothing_more(c, sv, "main");
}

/* A log that an older largesse made has no such table. */
static void
test_log_without_the_table(void)
{
	struct server *sv = prepare_keys();
	struct client *c;

	sql(sv, "DROP TABLE largesse_revoke");
	start(sv, KEYED(sv), NULL);
	c = reader(sv, "al", "/events?topic=a");
	append(sv, "a", "one");
	want_event(c, "1", "message", "one");
	check(run_with(sv, NULL, "init", sv->db, NULL).status == 0);
	sql(sv, "INSERT INTO largesse_revoke(subject) VALUES('al')");
	want_farewell(c);
}

/* A page in the middle of the table of events is not one any more. */
static void
break_a_page(struct server *sv)
{
	static uint8_t page[4096];
	int64_t size, at, n = 0;
	FILE *f;

	sql(sv, "PRAGMA wal_checkpoint(TRUNCATE)");
	size = sql_number(sv, "PRAGMA page_count");
	check(sql_number(sv, "PRAGMA page_size") == (int64_t)sizeof(page));
	check((f = fopen(sv->db, "r+")) != NULL);
	for (at = size / 3; at < size && n == 0; at++) {
		fseek(f, at * (long)sizeof(page), SEEK_SET);
		check(fread(page, sizeof(page), 1, f) == 1);
		if (page[0] != 0x0d) /* a leaf of a table */
			continue;
		memset(page, 0x55, sizeof(page));
		fseek(f, at * (long)sizeof(page), SEEK_SET);
		n += fwrite(page, sizeof(page), 1, f) == 1;
	}
	check(fclose(f) == 0 && n == 1);
}

static struct client *
behind(struct server *sv)
{
	struct client *c = join(sv);
	struct bytes b = {0};

	put_request(&b, 1, KEEP_CONN, "GET", "/events", NULL,
	    "HTTP_LAST_EVENT_ID", "1", NULL);
	c->keep_conn = true;
	say(c, &b);
	bytes_free(&b);
	want_start(c);
	return c;
}

/*
 * Streams that are behind wait while the log cannot be read.  One of them is
 * taken back, and its connection asks for something else.
 */
static void
test_a_kept_connection_does_not_wait_for_the_log(void)
{
	struct server *sv = prepare();
	struct client *c;
	struct bytes b = {0};

	append_many(sv, "main", 1, 400, 900);
	break_a_page(sv);
	start(sv, "--window", "1", "--poll", "0", NULL);
	behind(sv);
	behind(sv);
	c = behind(sv);
	put_record(&b, R_ABORT, 1, NULL, 0, 0);
	say(c, &b);
	while (next_or_end(c) != NULL)
		; /* what stands before the bad page */
	c->ended = false;
	b.len = 0;
	put_request(&b, 1, KEEP_CONN, "GET", "/events/health", NULL, NULL);
	say(c, &b);
	bytes_free(&b);
	want_headers(c);
	check(body_of(c)[0] != '\0');
}

/*
 * SQLite takes these names for something else, and some of its functions do
 * not.  init used to leave a file that no other command could open.
 */
static void
test_names_that_are_no_path(void)
{
	static const char *const names[] = {
	    "file:x.db", "file:x.db?mode=memory", ":memory:", ""};
	static const char *const words[][4] = {{"init", "?"},
	    {"publish", "?", "hello"}, {"prune", "?", "--keep-rows", "1"},
	    {"tail", "?"}, {"doctor", "?"}, {"watch", "?", "t"},
	    {"watch", "?", "--list"}, {"serve", "--db", "?"}};
	struct server *sv = prepare();
	const char *w[4], *name;
	struct ran r;
	int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	size_t i, j, k;

	sv->program = realpath(sv->program, keep(PATH_MAX));
	check(sv->program != NULL && chdir(sv->dir) == 0);
	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		for (j = 0; j < sizeof(words) / sizeof(*words); j++) {
			for (k = 0; k < 4; k++)
				w[k] = words[j][k] == NULL ||
					       strcmp(words[j][k], "?") != 0
					   ? words[j][k]
					   : names[i];
			r = run_with(sv, NULL, w[0], w[1], w[2], w[3], NULL);
			want_one_line(&r, 1);
			name = *names[i] != '\0' ? names[i] : "''";
			check(strstr(r.err, text("largesse: %s: ", name)) ==
			      r.err);
			check(access("file:x.db", F_OK) == -1);
			check(access(":memory:", F_OK) == -1);
		}
		r = run_with(sv, NULL, "copy", sv->db, names[i], NULL);
		want_one_line(&r, 1);
	}
	r = run_with(sv, NULL, "init", "./file:x.db", NULL);
	check(r.status == 0 && access("file:x.db", F_OK) == 0);
	r = run_with(sv, NULL, "publish", "./file:x.db", "hello", NULL);
	check(r.status == 0 && strcmp(r.out, "1\n") == 0);
	check(fchdir(here) == 0 && close(here) == 0);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_a_log_in_the_database_of_an_application),
	    TALK(test_no_log),
	    TALK(test_a_file_that_is_no_log),
	    TALK(test_a_database_without_a_log),
	    TALK(test_a_log_that_may_not_be_read),
	    TALK(test_a_reader_without_the_right_to_write),
	    TALK(test_a_blob_is_its_bytes),
	    TALK(test_numbers_are_their_text),
	    TALK(test_uid_that_could_not_come_back_is_no_id),
	    TALK(test_log_without_the_table),
	    TALK(test_names_that_are_no_path),
	    TALK(test_a_kept_connection_does_not_wait_for_the_log),
	};

	return talk_main_sqlite(
	    argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
