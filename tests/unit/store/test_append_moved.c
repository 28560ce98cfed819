/*
 * test_append_moved.c - the log is replaced in the middle of a transaction that
 * adds events to it: they are in the log that is there then, whole, and that
 * log has nothing of the one before.
 *
 * A trigger of the log replaces it, so it happens at one certain moment.
 */
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/kit.h"

enum {
	OLD = 2000, /* rows of the log, and of the copy that replaces it */
	NEW = 300
};

struct stage {
	struct log log;
	char other[330];
	void (*replace)(struct stage *);
	int times; /* that it is still to be replaced */
};

static struct stage *on; /* where the trigger is at work */

static void
on_row(sqlite3_context *ctx, int n, sqlite3_value **v)
{
	(void)n;
	(void)v;
	if (on->times > 0) {
		on->times--;
		on->replace(on);
	}
	sqlite3_result_null(ctx);
}

/* Each connection of this program has the function that the trigger calls. */
static int
give_function(sqlite3 *db, char **why, const sqlite3_api_routines *api)
{
	(void)why;
	(void)api;
	return sqlite3_create_function(db, "replace_log", 0,
	    SQLITE_UTF8 | SQLITE_INNOCUOUS, NULL, on_row, NULL, NULL);
}

static void
copy_bytes(const char *from, const char *to)
{
	int in = open(from, O_RDONLY),
	    out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	static char buf[1 << 16];
	ssize_t n;

	assert_true(in != -1 && out != -1);
	while ((n = read(in, buf, sizeof(buf))) > 0)
		assert_int_equal(write(out, buf, (size_t)n), n);
	close(in);
	close(out);
}

static void
cp_over(struct stage *s)
{
	copy_bytes(s->other, s->log.path);
}

static void
mv_over(struct stage *s)
{
	char path[340];

	snprintf(path, sizeof(path), "%s.new", s->other);
	copy_bytes(s->other, path);
	sqlite_replace(&s->log, path);
}

/* As `cp -a' does it when the log is a copy with its own -wal and -shm. */
static void
cut_shm(struct stage *s)
{
	char path[340];

	snprintf(path, sizeof(path), "%s-shm", s->log.path);
	assert_int_equal(truncate(path, 0), 0);
}

/* A log, and a copy of it that went its own way, each with rows of its own. */
static void
make_logs(struct stage *s, const char *mode)
{
	struct log *lg = &s->log;

	assert_int_equal(dir_make(lg->dir), 0);
	sqlite_name(lg, "events");
	assert_int_equal(
	    store_init(lg->path, NULL, lg->why, sizeof(lg->why)), 0);
	sqlite_run(lg,
	    "PRAGMA journal_mode = %s;"
	    "CREATE TRIGGER t AFTER INSERT ON events WHEN new.data = 'now'"
	    " BEGIN SELECT replace_log(); END;"
	    "CREATE TRIGGER d AFTER DELETE ON events WHEN old.data = '500'"
	    " BEGIN SELECT replace_log(); END;",
	    mode);
	snprintf(s->other, sizeof(s->other), "%s/other.db", lg->dir);
	copy_bytes(lg->path, s->other);
	sqlite_run(lg,
	    "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT %d)"
	    " INSERT INTO events(topic, data) SELECT 'old', i FROM n",
	    OLD);
	sqlite_name(lg, "other");
	sqlite_run(lg,
	    "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT %d)"
	    " INSERT INTO events(topic, data) SELECT 'new', i FROM n",
	    NEW);
	sqlite_name(lg, "events");
}

static void
open_writer(struct stage *s)
{
	s->log.writer = store_open(
	    s->log.path, STORE_WRITE, s->log.why, sizeof(s->log.why));
	assert_non_null(s->log.writer);
}

static struct stage *
stage_of(const char *mode, void (*replace)(struct stage *), int times)
{
	struct stage *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	on = s;
	make_logs(s, mode);
	open_writer(s);
	s->replace = replace;
	s->times = times;
	return s;
}

static void
unmake(struct stage *s)
{
	store_close(s->log.writer);
	assert_int_equal(dir_remove(s->log.dir), 0);
	free(s);
}

static struct store_event
event_of(const char *data)
{
	return (struct store_event){
	    .topic = {"x", 1}, .data = {data, strlen(data)}};
}

/* The log is whole, and has so many rows of a topic. */
static void
want_in_log(struct stage *s, const char *topic, int want)
{
	sqlite3 *db;
	char *text = sqlite3_mprintf(
	    "SELECT count(*), (SELECT integrity_check FROM"
	    " pragma_integrity_check) FROM events WHERE topic = %Q",
	    topic);
	sqlite3_stmt *st;

	assert_int_equal(sqlite3_open(s->log.path, &db), SQLITE_OK);
	assert_int_equal(
	    sqlite3_prepare_v2(db, text, -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	assert_string_equal((const char *)sqlite3_column_text(st, 1), "ok");
	assert_int_equal(sqlite3_column_int(st, 0), want);
	sqlite3_finalize(st);
	sqlite3_close(db);
	sqlite3_free(text);
}

static void
append_two(struct stage *s)
{
	struct store_event ev[] = {event_of("now"), event_of("then")};

	if (store_append(s->log.writer, ev, 2) != STORE_OK)
		fail_msg("%s", store_why(s->log.writer));
	want_in_log(s, "x", 2);
}

static void
test_cp_over_a_log_without_wal(void **state)
{
	struct stage *s = stage_of("DELETE", cp_over, 1);

	(void)state;
	append_two(s);
	want_in_log(s, "new", NEW);
	want_in_log(s, "old", 0);
	unmake(s);
}

static void
test_mv_over_a_log(void **state)
{
	struct stage *s = stage_of("WAL", mv_over, 1);

	(void)state;
	append_two(s);
	want_in_log(s, "new", NEW);
	unmake(s);
}

static void
test_several_publishers(void **state)
{
	struct stage *s = stage_of("WAL", mv_over, 1);
	struct store_event ev[] = {
	    event_of("one"), event_of("now"), event_of("three")};
	struct store_batch b[] = {{.events = &ev[0], .n = 1},
	    {.events = &ev[1], .n = 1}, {.events = &ev[2], .n = 1}};

	(void)state;
	store_append_all(s->log.writer, b, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(b[i].result, STORE_OK);
		assert_int_equal(ev[i].id.lo, NEW + 1 + i);
	}
	want_in_log(s, "x", 3);
	want_in_log(s, "new", NEW);
	unmake(s);
}

static void
cut_within(void)
{
	struct stage *s = stage_of("WAL", cut_shm, 0);
	struct store_event ev[] = {event_of("now"), event_of("then")};

	append_two(s); /* now the -wal has something to look for */
	s->times = 1;
	ev[1].topic = (struct store_text){"a", 1}; /* looks into the index */
	if (store_append(s->log.writer, ev, 2) != STORE_OK)
		fail_msg("%s", store_why(s->log.writer));
	want_in_log(s, "old", OLD);
	want_in_log(s, "x", 3);
	want_in_log(s, "a", 1);
	unmake(s);
}

/* The commit finds the index cut before it writes anything. */
static void
cut_under_the_commit(void)
{
	struct stage *s = stage_of("WAL", cut_shm, 1);
	struct store_event ev = event_of("now"), next = event_of("next");

	ev.topic = (struct store_text){"y", 1};
	assert_int_equal(store_append(s->log.writer, &ev, 1), STORE_BUSY);
	assert_int_equal(store_append(s->log.writer, &next, 1), STORE_OK);
	want_in_log(s, "old", OLD);
	want_in_log(s, "y", 0);
	want_in_log(s, "x", 1);
	unmake(s);
}

/* Of the rows that were removed then, none is missing in the log of today. */
static void
prune_while(void (*replace)(struct stage *), const char *topic, int rows)
{
	struct stage *s = stage_of("WAL", replace, 1);
	struct store_keep keep = {.rows = 10, .age_ms = 0};
	char *why = s->log.why;

	store_close(s->log.writer);
	assert_int_equal(
	    store_prune(s->log.path, &keep, why, sizeof(s->log.why)), -1);
	if (strstr(why, "it was replaced meanwhile") == NULL)
		fail_msg("%s", why);
	want_in_log(s, topic, rows);
	assert_true(
	    store_prune(s->log.path, &keep, why, sizeof(s->log.why)) > 0);
	want_in_log(s, topic, 10);
	open_writer(s);
	unmake(s);
}

static void
test_pruning(void **state)
{
	(void)state;
	prune_while(mv_over, "new", NEW);
}

/* Both in one: the program takes SIGBUS once, and cmocka for each test. */
static void
test_an_index_that_is_cut(void **state)
{
	(void)state;
	cut_within();
	cut_under_the_commit();
}

/* It is said that nothing was written, and nothing was. */
static void
test_a_log_that_is_replaced_each_time(void **state)
{
	struct stage *s = stage_of("WAL", mv_over, 1000);
	struct store_event ev = event_of("now");

	(void)state;
	assert_int_equal(store_append(s->log.writer, &ev, 1), STORE_BUSY);
	assert_non_null(strstr(store_why(s->log.writer), "is being replaced"));
	s->times = 0;
	want_in_log(s, "x", 0);
	append_two(s);
	unmake(s);
}

/* Another publisher has the lock nearly all the time, and commits. */
static void
publish_all_the_time(const struct log *lg)
{
	sqlite3 *db;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (sqlite3_open(lg->path, &db) != SQLITE_OK)
		_exit(1);
	sqlite3_busy_timeout(db, WAIT_MS);
	for (;;) {
		sqlite3_exec(db,
		    "BEGIN IMMEDIATE;"
		    "INSERT INTO events(topic, data) VALUES('z', 'z')",
		    NULL, NULL, NULL);
		usleep(100 * 1000);
		sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
		usleep(5 * 1000);
	}
}

/* On a busy machine its turn may be over before we have seen it. */
static void
append_in_the_end(const struct stage *s, struct store_event *ev, int n)
{
	enum store_result r = STORE_BUSY;
	int tries;

	for (tries = 0; r == STORE_BUSY && tries < 20; tries++)
		r = store_append(s->log.writer, ev, (size_t)n);
	if (r != STORE_OK)
		fail_msg("%s", store_why(s->log.writer));
}

/* Whoever waits for the lock has it after a commit of another. */
static void
test_the_commit_of_another_is_no_other_log(void **state)
{
	struct stage *s = stage_of("DELETE", cp_over, 0);
	struct store_event ev[] = {event_of("x"), event_of("y")};
	pid_t pid;
	int i;

	(void)state;
	store_close(s->log.writer); /* a child must not inherit it */
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0)
		publish_all_the_time(&s->log);
	open_writer(s);
	for (i = 0; i < 10; i++)
		append_in_the_end(s, ev, 2);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	want_in_log(s, "x", 20);
	unmake(s);
}

/* A transaction that is larger than SQLite's cache is no copy over the log. */
static void
test_a_large_transaction_without_wal(void **state)
{
	enum {
		MANY = 5000,
		BYTES = 4000
	};
	struct stage *s = stage_of("DELETE", cp_over, 0);
	struct store_event *ev = calloc(MANY, sizeof(*ev));
	char *data = calloc(1, BYTES + 1);

	(void)state;
	assert_non_null(ev);
	assert_non_null(data);
	memset(data, 'x', BYTES);
	for (size_t i = 0; i < MANY; i++)
		ev[i] = event_of(data);
	assert_int_equal(store_append(s->log.writer, ev, MANY), STORE_OK);
	want_in_log(s, "x", MANY);
	free(data);
	free(ev);
	unmake(s);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    /* The first, before cmocka takes SIGBUS back. */
	    cmocka_unit_test(test_an_index_that_is_cut),
	    cmocka_unit_test(test_cp_over_a_log_without_wal),
	    cmocka_unit_test(test_mv_over_a_log),
	    cmocka_unit_test(test_several_publishers),
	    cmocka_unit_test(test_pruning),
	    cmocka_unit_test(test_a_log_that_is_replaced_each_time),
	    cmocka_unit_test(test_the_commit_of_another_is_no_other_log),
	    cmocka_unit_test(test_a_large_transaction_without_wal),
	};

	sqlite3_auto_extension((void (*)(void))give_function);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
