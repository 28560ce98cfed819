/*
 * test_sqlite_rows.c - pages of any log have what its rows have: no more, no
 * less, and in order.
 *
 * Logs, topics, starts and limits are made up at random, from a seed that
 * LARGESSE_TEST_SEED sets.  What comes is compared with a look at all rows.
 */
#include "tests/unit/kit.h"

enum {
	ROWS_MAX = 1500,
	ASKED_MAX = 300,
	EVENT_MAX = 3000,
	QUESTIONS = 40,
	LARGE = (1 << 20) + 100000 /* more than a reader reads of a row */
};

struct row {
	uint64_t id;
	char topic[24];
	size_t len;
	int64_t time_ms;
	size_t data;
	bool event; /* it is the event that is so long */
};

struct rows {
	struct row row[ROWS_MAX * 2];
	size_t n;
	uint64_t next;
};

static sqlite3 *
open_log(const struct log *lg)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(lg->path, &db), SQLITE_OK);
	sqlite3_busy_timeout(db, WAIT_MS);
	return db;
}

static void
run(sqlite3 *db, const char *text)
{
	if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", text, sqlite3_errmsg(db));
}

static size_t
below(size_t n)
{
	return (size_t)rand() % n;
}

/* A topic, or a piece of one: few letters, so that they often are alike. */
static size_t
some_name(char *s, size_t max)
{
	static const char letters[] = {
	    'a', 'a', 'b', '/', '\0', '\xff', '\xc3', '\xa4', '\x7f', '\xef'};
	size_t i, len = below(max);

	for (i = 0; i < len; i++)
		s[i] = letters[below(sizeof(letters))];
	return len;
}

/* One row in so many...; 0: no row, and of mass: each. */
struct taste {
	size_t mass;	    /* is not of the topic that most have */
	size_t large, over; /* cannot be read; is longer than asked for */
	size_t gap;	    /* stands behind a gap of ids */
};

static void
make_row(struct rows *rs, const struct taste *t)
{
	struct row *r = &rs->row[rs->n++];

	memset(r, 0, sizeof(*r));
	rs->next += t->gap != 0 && below(t->gap) == 0 ? 1 + below(5000) : 1;
	r->id = rs->next;
	if (t->mass != 0 && below(t->mass) != 0)
		r->len = (size_t)snprintf(r->topic, sizeof(r->topic), "mass");
	else
		r->len = some_name(r->topic, 5);
	if (t->large != 0 && below(t->large) == 0)
		r->data = LARGE;
	else if (t->over != 0 && below(t->over) == 0)
		r->data = EVENT_MAX + 1;
	r->event = r->data != 0 && below(3) == 0;
	r->time_ms = 1000 + (int64_t)r->id / 3;
}

static void
insert(sqlite3 *db, const struct row *r)
{
	static char x[LARGE];
	sqlite3_stmt *st;

	if (x[0] == '\0')
		memset(x, 'x', sizeof(x));
	assert_int_equal(sqlite3_prepare_v2(db,
			     "INSERT INTO events(id, topic, event, data, time)"
			     " VALUES(?1, ?2, ?3, ?4, ?5)",
			     -1, &st, NULL),
	    SQLITE_OK);
	sqlite3_bind_int64(st, 1, (int64_t)r->id);
	sqlite3_bind_text(st, 2, r->topic, (int)r->len, SQLITE_STATIC);
	if (r->event)
		sqlite3_bind_text(st, 3, x, (int)r->data, SQLITE_STATIC);
	sqlite3_bind_text(st, 4, x, r->event ? 1 : (int)r->data, SQLITE_STATIC);
	sqlite3_bind_int64(st, 5, r->time_ms);
	assert_int_equal(sqlite3_step(st), SQLITE_DONE);
	sqlite3_finalize(st);
}

static void
grow(sqlite3 *db, struct rows *rs, const struct taste *t, size_t n)
{
	run(db, "BEGIN IMMEDIATE");
	while (n-- > 0 && rs->n < ROWS_MAX * 2) {
		make_row(rs, t);
		insert(db, &rs->row[rs->n - 1]);
	}
	run(db, "COMMIT");
}

/* Removes the oldest rows. */
static void
prune(sqlite3 *db, struct rows *rs, size_t n)
{
	char text[100];

	if (n >= rs->n)
		return;
	snprintf(text, sizeof(text), "DELETE FROM events WHERE id < %llu",
	    (unsigned long long)rs->row[n].id);
	run(db, text);
	rs->n -= n;
	memmove(rs->row, rs->row + n, rs->n * sizeof(rs->row[0]));
}

/* --- what is asked ------------------------------------------------------ */

struct asked {
	struct store_topic topic[ASKED_MAX];
	char name[ASKED_MAX][8];
	size_t n;
};

static void
ask_some(struct asked *a)
{
	size_t i;

	a->n = below(4) == 0 ? below(40) : below(5);
	if (below(20) == 0)
		a->n = 250 + below(50);
	for (i = 0; i < a->n; i++) {
		a->topic[i].len = some_name(a->name[i], 4);
		a->topic[i].name = a->name[i];
		a->topic[i].prefix = below(3) == 0;
	}
}

static bool
is_asked(const struct asked *a, const struct row *r)
{
	size_t i;

	for (i = 0; i < a->n; i++)
		if ((a->topic[i].prefix ? a->topic[i].len <= r->len
					: a->topic[i].len == r->len) &&
		    memcmp(a->topic[i].name, r->topic, a->topic[i].len) == 0)
			return true;
	return a->n == 0;
}

/* --- what comes --------------------------------------------------------- */

struct follow {
	const struct rows *rows;
	const struct asked *asked;
	size_t at;   /* the next row to come, or one that was not asked for */
	size_t left; /* events until the page is to end; 0: the limit does */
};

static const struct row *
next_asked(struct follow *f)
{
	while (f->at < f->rows->n && !is_asked(f->asked, &f->rows->row[f->at]))
		f->at++;
	return f->at < f->rows->n ? &f->rows->row[f->at] : NULL;
}

static bool
take(void *arg, const struct store_event *ev)
{
	struct follow *f = arg;
	const struct row *r = next_asked(f);

	assert_non_null(r);
	assert_int_equal(ev->id.lo, r->id);
	assert_int_equal(ev->topic.len, r->len);
	assert_memory_equal(ev->topic.s, r->topic, r->len);
	assert_int_equal(ev->too_large, r->data > EVENT_MAX);
	if (!ev->too_large)
		assert_int_equal(ev->data.len, r->data);
	f->at++;
	return f->left == 0 || --f->left > 0;
}

static size_t
row_after(const struct rows *rs, uint64_t id)
{
	size_t i = 0;

	while (i < rs->n && rs->row[i].id <= id)
		i++;
	return i;
}

/* Reads from a place to the end.  The log may grow while it does. */
static void
read_from(struct log *lg, sqlite3 *db, struct rows *rs, const struct asked *a,
    const struct taste *t, uint64_t after)
{
	struct store_span span = {.upto = {0, after}, .at_end = false};
	struct follow f = {rs, a, row_after(rs, after), 0};
	enum store_result r;
	struct store_id was;
	size_t limit;

	do {
		was = span.upto;
		limit = 1 + below(200);
		f.left = below(3) == 0 ? 1 + below(20) : 0;
		r = store_read(
		    lg->reader, was, a->topic, a->n, limit, take, &f, &span);
		if (r == STORE_BUSY)
			continue; /* a busy machine: SQLite was stopped */
		if (r != STORE_OK)
			fail_msg("%s", store_why(lg->reader));
		assert_true(span.at_end || store_id_cmp(span.upto, was) > 0);
		next_asked(&f);
		if (f.at < rs->n)
			assert_true(span.upto.lo < rs->row[f.at].id);
		if (span.at_end)
			assert_int_equal(f.at, rs->n);
		if (!span.at_end && below(8) == 0 && rs->n < ROWS_MAX)
			grow(db, rs, t, below(5));
	} while (!span.at_end);
}

/* The newest so many; rows are added between two calls, and removed. */
static void
seek_last(struct log *lg, sqlite3 *db, struct rows *rs, const struct asked *a,
    const struct taste *t)
{
	uint64_t count = 1 + below(below(2) ? 5 : 500);
	struct store_seek s = {.from = STORE_FROM_LAST,
	    .count = count,
	    .topics = a->topic,
	    .n = a->n};
	uint64_t head = rs->next, want = head, left = count;
	enum store_result r;
	struct store_id id;
	size_t i;

	for (i = rs->n; i > 0 && left > 0; i--)
		if (is_asked(a, &rs->row[i - 1])) {
			want = rs->row[i - 1].id - 1;
			left--;
		}
	while ((r = store_seek(lg->reader, &s, &id)) == STORE_AGAIN ||
	       r == STORE_BUSY)
		if (below(2) == 0 && rs->n < ROWS_MAX)
			grow(db, rs, t, below(5));
	if (r != STORE_OK)
		fail_msg("%s", store_why(lg->reader));
	assert_int_equal(id.lo, want);
}

static void
seek_time(struct log *lg, const struct rows *rs)
{
	struct store_seek s = {.from = STORE_FROM_TIME};
	struct store_id id;
	const struct row *r = &rs->row[below(rs->n)];
	size_t i;

	s.time_ms = r->time_ms;
	assert_int_equal(store_seek(lg->reader, &s, &id), STORE_OK);
	i = row_after(rs, id.lo);
	/* Nothing of this time or later is left out. */
	if (i > 0)
		assert_true(rs->row[i - 1].time_ms < s.time_ms);
}

static void
compare(struct log *lg, struct rows *rs, const struct taste *t, bool index)
{
	sqlite3 *db = open_log(lg);
	struct asked *a = calloc(1, sizeof(*a));
	int i;

	if (!index)
		run(db, "DROP INDEX largesse_topic");
	run(db, "PRAGMA synchronous = OFF");
	grow(db, rs, t, below(ROWS_MAX));
	for (i = 0; i < QUESTIONS; i++) {
		ask_some(a);
		read_from(lg, db, rs, a, t,
		    below(2) == 0 || rs->n == 0
			? 0
			: rs->row[below(rs->n)].id - below(2));
		seek_last(lg, db, rs, a, t);
		if (rs->n > 0)
			seek_time(lg, rs);
		if (below(6) == 0)
			prune(db, rs, below(30));
		if (below(6) == 0 && rs->n < ROWS_MAX)
			grow(db, rs, t, below(100));
	}
	free(a);
	sqlite3_close(db);
}

static void
compare_logs(struct log *lg, bool index, bool large)
{
	const char *text = getenv("LARGESSE_TEST_SEED");
	unsigned seed = text != NULL ? (unsigned)atoi(text) : 1;
	struct rows *rs = calloc(1, sizeof(*rs));
	static const size_t mass[] = {0, 2, 10, 100};
	struct taste t = {.mass = mass[seed % 4],
	    .large = large ? 60 : 0,
	    .over = 9,
	    .gap = seed % 3 == 0 ? 20 : 0};

	srand(seed);
	store_set_event_max(lg->reader, EVENT_MAX);
	compare(lg, rs, &t, index);
	free(rs);
}

static void
test_with_the_index(void **state)
{
	compare_logs(*state, true, false);
}

static void
test_without_the_index(void **state)
{
	compare_logs(*state, false, false);
}

static void
test_with_the_index_and_large_rows(void **state)
{
	compare_logs(*state, true, true);
}

static void
test_without_the_index_and_with_large_rows(void **state)
{
	compare_logs(*state, false, true);
}

/* One topic in a log of others: most of who is behind asks so. */
static void
test_one_topic_with_large_rows(void **state)
{
	struct rows *rs = calloc(1, sizeof(*rs));
	struct asked *a = calloc(1, sizeof(*a));
	struct taste others = {.mass = SIZE_MAX};
	struct log *lg = *state;
	sqlite3 *db = open_log(lg);
	size_t i;

	store_set_event_max(lg->reader, EVENT_MAX);
	a->n = 1;
	a->topic[0] = (struct store_topic){"a", 1, false};
	for (i = 0; i < 12; i++) {
		grow(db, rs, &others, 50);
		make_row(rs, &others);
		rs->row[rs->n - 1].topic[0] = 'a';
		rs->row[rs->n - 1].len = 1;
		rs->row[rs->n - 1].data = i % 3 == 1 ? LARGE : i;
		insert(db, &rs->row[rs->n - 1]);
	}
	for (i = 0; i < rs->n; i += 7)
		read_from(lg, db, rs, a, &others, rs->row[i].id);
	sqlite3_close(db);
	free(a);
	free(rs);
}

#define TEST(t) \
	cmocka_unit_test_setup_teardown(t, kit_setup_sqlite, kit_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_with_the_index),
	    TEST(test_without_the_index),
	    TEST(test_with_the_index_and_large_rows),
	    TEST(test_without_the_index_and_with_large_rows),
	    TEST(test_one_topic_with_large_rows),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("sqlite_rows", tests, NULL, NULL);
}
