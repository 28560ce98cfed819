/*
 * test_sqlite_failed.c - a page of a SQLite log that cannot be read is never
 * taken for a page with nothing on it.
 *
 * Each page of a log is spoilt in turn, and a reader that has none of it in
 * memory is asked everything that readers ask.  Each answer is the one of the
 * whole log, or that it cannot be told now.
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "tests/unit/kit.h"

enum {
	PAGE = 4096,
	ROWS = 240,
	REMOVED = 6, /* the oldest of them */
	LAST = 150   /* more than are looked at before the index is asked */
};

/* What came of a question. */
struct answer {
	enum store_result r;
	struct store_id id;
	uint64_t found;
};

struct question {
	const char *what;
	enum store_from from;
	const char *named; /* as a client comes back */
	const char *topic; /* NULL: all */
	int64_t time_ms;
	uint64_t count;
};

static const struct question questions[] = {
    {"the first", STORE_FROM_FIRST, NULL, NULL, 0, 0},
    {"a time", STORE_FROM_TIME, NULL, NULL, 1100, 0},
    {"a time before all", STORE_FROM_TIME, NULL, NULL, 1, 0},
    {"a number", STORE_FROM_ID, "100", NULL, 0, 0},
    {"a number that was removed", STORE_FROM_ID, "2", NULL, 0, 0},
    {"a uid", STORE_FROM_UID, "uid-90", NULL, 0, 0},
    {"a uid of its topic", STORE_FROM_UID, "uid-90", "rare", 0, 0},
    {"a uid that has moved", STORE_FROM_UID, "uid-30", NULL, 0, 0},
    {"a uid that was removed", STORE_FROM_UID, "uid-3", NULL, 0, 0},
    {"the newest", STORE_FROM_LAST, NULL, NULL, 0, LAST},
    {"the newest of a topic", STORE_FROM_LAST, NULL, "rare", 0, 20},
};
enum {
	QUESTIONS = sizeof(questions) / sizeof(questions[0])
};

static void
fill(struct log *lg)
{
	sqlite_run(lg,
	    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
	    " WHERE i < %d) INSERT INTO events(topic, data, uid, time)"
	    " SELECT iif(i %% 9 = 0, 'rare', 'main'), printf('%%.900c', 'x'),"
	    " iif(i %% 3 = 0, 'uid-' || i, NULL), 1000 + i FROM n;"
	    "DELETE FROM events WHERE id <= %d;"
	    "UPDATE events SET uid = 'moved' WHERE uid = 'uid-30';"
	    "UPDATE events SET uid = 'uid-30' WHERE uid = 'uid-60';"
	    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
	    " WHERE i < %d) INSERT INTO largesse_revoke(topic, subject, time)"
	    " SELECT 'topic-' || i, 'somebody', 1000 FROM n;"
	    "PRAGMA wal_checkpoint(TRUNCATE)",
	    ROWS, REMOVED, ROWS);
}

static struct answer
ask(struct store *st, const struct question *q)
{
	struct store_topic topic = {
	    q->topic, q->topic != NULL ? strlen(q->topic) : 0, false};
	struct store_seek seek = {.from = q->from,
	    .time_ms = q->time_ms,
	    .count = q->count,
	    .topics = &topic,
	    .n = q->topic != NULL};
	struct answer a = {.found = 0};

	if (q->named != NULL)
		store_seek_named(st, q->named, strlen(q->named), &seek);
	while ((a.r = store_seek(st, &seek, &a.id)) == STORE_AGAIN)
		continue;
	return a;
}

static bool
count_event(void *arg, const struct store_event *ev)
{
	struct answer *a = arg;

	assert_true(store_id_cmp(ev->id, a->id) > 0);
	a->id = ev->id;
	a->found++;
	return true;
}

/* Reads all of a topic, or of all. */
static struct answer
read_all(struct store *st, const char *name)
{
	struct store_topic topic = {name, name != NULL ? strlen(name) : 0, 0};
	struct store_span span = {.at_end = false};
	struct answer a = {.found = 0};
	struct store_id at = {0, 0};

	do {
		a.r = store_read(
		    st, at, &topic, name != NULL, ROWS, count_event, &a, &span);
		at = span.upto;
	} while (a.r == STORE_OK && !span.at_end);
	return a;
}

static void
count_revoked(void *arg, const struct store_revocation *rv)
{
	struct answer *a = arg;

	(void)rv;
	a->found++;
}

static struct answer
ask_revoked(struct store *st)
{
	struct answer a = {.found = 0};

	a.r = store_revoked(
	    st, (struct store_text){"somebody", 8}, 1, count_revoked, &a);
	return a;
}

static struct answer
answer_to(struct store *st, size_t i)
{
	if (i < QUESTIONS)
		return ask(st, &questions[i]);
	if (i == QUESTIONS)
		return read_all(st, NULL);
	return i == QUESTIONS + 1 ? read_all(st, "rare") : ask_revoked(st);
}

static struct store *
open_reader(const char *path)
{
	char why[512];
	struct store *st = store_open(path, STORE_READ, why, sizeof(why));

	if (st != NULL)
		store_set_poll(st, 0);
	return st;
}

/* A reader of its own for each, for SQLite keeps what it has read. */
static void
want_no_other_answer(
    const char *path, size_t page, const struct answer whole[QUESTIONS + 3])
{
	struct answer a;
	struct store *st;
	size_t i;

	for (i = 0; i < QUESTIONS + 3; i++) {
		st = open_reader(path);
		if (st == NULL)
			return; /* the page is one that all need */
		a = answer_to(st, i);
		store_close(st);
		if (a.r == STORE_BUSY || a.r == STORE_ERROR)
			continue;
		if (a.r != whole[i].r || store_id_cmp(a.id, whole[i].id) != 0 ||
		    a.found != whole[i].found)
			fail_msg("page %zu is bad, %s: %d, id %llu, %llu found,"
				 " and not %d, id %llu, %llu found",
			    page, i < QUESTIONS ? questions[i].what : "reading",
			    a.r, (unsigned long long)a.id.lo,
			    (unsigned long long)a.found, whole[i].r,
			    (unsigned long long)whole[i].id.lo,
			    (unsigned long long)whole[i].found);
	}
}

static void
write_page(const char *path, size_t page, const char *bytes)
{
	int fd = open(path, O_WRONLY);

	assert_int_not_equal(fd, -1);
	assert_int_equal(pwrite(fd, bytes, PAGE, (off_t)(page * PAGE)), PAGE);
	close(fd);
}

static void
test_a_bad_page_is_no_empty_one(void **state)
{
	struct log *lg = *state;
	struct answer whole[QUESTIONS + 3];
	char was[PAGE], bad[PAGE];
	struct store *st;
	struct stat sb;
	size_t i, page;
	int fd;

	fill(lg);
	store_close(lg->reader);
	store_close(lg->writer);
	lg->reader = lg->writer = NULL;
	sqlite_run(lg, "PRAGMA wal_checkpoint(TRUNCATE)");
	st = open_reader(lg->path);
	for (i = 0; i < QUESTIONS + 3; i++)
		whole[i] = answer_to(st, i);
	store_close(st);
	memset(bad, 0xff, sizeof(bad));
	assert_int_equal(stat(lg->path, &sb), 0);
	for (page = 0; page < (size_t)sb.st_size / PAGE; page++) {
		fd = open(lg->path, O_RDONLY);
		assert_int_equal(
		    pread(fd, was, PAGE, (off_t)(page * PAGE)), PAGE);
		close(fd);
		write_page(lg->path, page, bad);
		want_no_other_answer(lg->path, page, whole);
		write_page(lg->path, page, was);
	}
}

/* The page that has this in it, counted from 0. */
static size_t
page_with(const char *path, const char *text, char was[PAGE])
{
	int fd = open(path, O_RDONLY);
	size_t page = 0;

	assert_int_not_equal(fd, -1);
	while (pread(fd, was, PAGE, (off_t)(page * PAGE)) == PAGE &&
	       memmem(was, PAGE, text, strlen(text)) == NULL)
		page++;
	close(fd);
	return page;
}

/* What SQLite has read of a log stays in its memory. */
static void
test_a_writer_reads_a_page_again_that_was_bad(void **state)
{
	struct log *lg = *state;
	struct store_event ev = {.data = {"1", 1}};
	char was[PAGE], bad[PAGE];
	size_t page;

	assert_int_equal(store_append(lg->writer, &ev, 1), STORE_OK);
	store_close(lg->reader);
	lg->reader = NULL;
	sqlite_run(lg, "INSERT INTO events(data) VALUES('needle')");
	sqlite_run(lg, "PRAGMA wal_checkpoint(TRUNCATE)");
	page = page_with(lg->path, "needle", was);
	memset(bad, 0xff, sizeof(bad));
	write_page(lg->path, page, bad);
	assert_int_not_equal(store_append(lg->writer, &ev, 1), STORE_OK);
	write_page(lg->path, page, was);
	assert_int_equal(store_append(lg->writer, &ev, 1), STORE_OK);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_a_bad_page_is_no_empty_one,
		kit_setup_sqlite, kit_teardown),
	    cmocka_unit_test_setup_teardown(
		test_a_writer_reads_a_page_again_that_was_bad, kit_setup_sqlite,
		kit_teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("failed", tests, NULL, NULL);
}
