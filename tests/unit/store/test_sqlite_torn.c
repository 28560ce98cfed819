/*
 * test_sqlite_torn.c - a SQLite log that is written over in place, as cp does,
 * while it is being read.
 *
 * cp knows nothing of locks.  A copy that VACUUM INTO made has the same rows on
 * other pages.  Whoever has some pages of the one and reads the others from the
 * other sees no error, and rows that are missing.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "store/sqlite/files/files.h"
#include "tests/unit/kit.h"

enum {
	ROWS = 600,
	TRIES = 100000,
	STEP = 17 /* rows are read, and then it is written over */
};

struct torn {
	struct log *lg;
	char before[310], after[310];
	size_t left; /* rows until it is written over; 0: it was */
	int64_t last;
	size_t n;
};

/* Another process does it: the locks of this one are to stay. */
static void
write_over(const char *from, const char *to)
{
	char buf[4096];
	ssize_t len;
	int a, b, status;
	pid_t pid = fork();

	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		a = open(from, O_RDONLY);
		b = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		while ((len = read(a, buf, sizeof(buf))) > 0)
			if (write(b, buf, (size_t)len) != len)
				_exit(1);
		_exit(len == 0 && b != -1 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* Rows whose pages lie one among the other, and a copy where they do not. */
static void
fill(struct torn *t, const char *mode)
{
	struct log *lg = t->lg;

	snprintf(t->before, sizeof(t->before), "%s.before", lg->path);
	snprintf(t->after, sizeof(t->after), "%s.after", lg->path);
	store_close(lg->reader);
	store_close(lg->writer);
	lg->reader = lg->writer = NULL;
	sqlite_run(lg,
	    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
	    " WHERE i < %d) INSERT INTO events(topic, data)"
	    " SELECT iif(i %% 2, 'odd', 'even'), printf('%%.200c', 'x') FROM n;"
	    "UPDATE events SET data = printf('%%.700c', 'y') WHERE id %% 5 = 0;"
	    "VACUUM INTO %Q",
	    ROWS, t->after);
	sqlite_run(lg, "PRAGMA journal_mode = %s", mode);
	write_over(lg->path, t->before);
	if (strcmp(mode, "WAL") == 0) {
		lg = &(struct log){.engine = t->lg->engine};
		memcpy(lg->path, t->after, sizeof(t->after) - 10);
		sqlite_run(lg, "PRAGMA journal_mode = WAL");
	}
}

static bool
take(void *arg, const struct store_event *ev)
{
	struct torn *t = arg;

	t->last = (int64_t)ev->id.lo;
	t->n++;
	if (t->left > 0 && --t->left == 0)
		write_over(t->after, t->lg->path);
	return true;
}

/* Reads on until all rows have come.  Not one may be passed over. */
static void
read_all(struct torn *t, const struct store_topic *topics, size_t n)
{
	struct store_id at = {0, 0}, place;
	struct store_span span;
	int tries = 0;

	t->n = 0;
	t->last = 0;
	do {
		assert_true(++tries < TRIES);
		if (store_read(t->lg->reader, at, topics, n, ROWS, take, t,
			&span) == STORE_OK) {
			at = span.upto;
			if (span.at_end)
				break;
			continue;
		}
		at.lo = (uint64_t)t->last;
		assert_int_not_equal(kit_turn(t->lg, &place), STORE_REPLACED);
	} while (true);
	assert_int_equal(t->left, 0);
	assert_int_equal(t->n, n == 0 ? ROWS : ROWS / 2);
}

static void
read_while_written_over(struct log *lg, const char *mode)
{
	static const struct store_topic odd = {"odd", 3, false};
	struct torn t = {.lg = lg};
	size_t n, after;

	fill(&t, mode);
	for (after = 1; after < ROWS / 2; after += STEP)
		for (n = 0; n < 2; n++) {
			store_close(lg->reader);
			write_over(t.before, lg->path);
			lg->reader = NULL;
			kit_reopen(lg, 0);
			t.left = after;
			read_all(&t, &odd, n);
		}
}

static void
test_a_log_written_over_while_it_is_read_loses_no_row(void **state)
{
	read_while_written_over(*state, "WAL");
}

static void
test_nor_does_one_without_a_wal(void **state)
{
	read_while_written_over(*state, "DELETE");
}

/* What a checkpoint writes while a connection is made was not written by cp. */
static void
test_a_checkpoint_while_it_is_opened_is_no_other_hand(void **state)
{
	struct log *lg = *state;
	struct files f = {0};
	sqlite3 *db;

	sqlite_run(lg, "INSERT INTO events(data) VALUES('x')");
	files_begin(&f);
	assert_int_equal(sqlite3_open(lg->path, &db), SQLITE_OK);
	files_note(&f, db);
	sqlite_run(lg, "PRAGMA wal_checkpoint");
	assert_int_equal(
	    sqlite3_exec(db, "SELECT 1 FROM events", NULL, NULL, NULL),
	    SQLITE_OK);
	files_opened(&f, db);
	assert_false(files_torn(&f, db));
	assert_false(files_torn(&f, db));
	sqlite3_close(db);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		test_a_log_written_over_while_it_is_read_loses_no_row,
		kit_setup_sqlite, kit_teardown),
	    cmocka_unit_test_setup_teardown(test_nor_does_one_without_a_wal,
		kit_setup_sqlite, kit_teardown),
	    cmocka_unit_test_setup_teardown(
		test_a_checkpoint_while_it_is_opened_is_no_other_hand,
		kit_setup_sqlite, kit_teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
