/*
 * test_sqlite_bounds.c - a reader of a SQLite log is not held by what is in it.
 *
 * No test measures time.  They count calls, rows and bytes of memory.
 */
#include "tests/unit/kit.h"

enum {
	ROWS = 100000,
	BIG = 64 << 20,
	NAMES = 24
};

static const struct store_id before_all = {0, 0};

#define COUNT(n)                                     \
	"WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL" \
	" SELECT i + 1 FROM c WHERE i < " #n ") "

/* Many rows of one topic. */
static void
fill(const struct log *lg)
{
	sqlite_run(lg, "INSERT INTO events(topic, data) " COUNT(
			   100000) "SELECT 'orders', i FROM c");
}

static struct store_topic
topic(const char *name, bool prefix)
{
	return (struct store_topic){name, strlen(name), prefix};
}

/* What a reader was given, as "ID " or "ID! " for what is too large. */
struct given {
	size_t n;
	char ids[400];
	struct store_event last;
	char topic[64];
};

static bool
take(void *arg, const struct store_event *ev)
{
	struct given *g = arg;
	size_t len = strlen(g->ids);

	g->n++;
	g->last = *ev;
	assert_non_null(ev->topic.s);
	assert_non_null(ev->data.s);
	snprintf(g->topic, sizeof(g->topic), "%.*s", (int)ev->topic.len,
	    ev->topic.s);
	snprintf(g->ids + len, sizeof(g->ids) - len, "%llu%s ",
	    (unsigned long long)ev->id.lo, ev->too_large ? "!" : "");
	return true;
}

/* One call of store_read, which has to come to the end of the log. */
static void
want_at_once(
    struct log *lg, const struct store_topic *topics, size_t n, const char *ids)
{
	struct store_span span;
	struct given g = {.n = 0};

	assert_int_equal(
	    store_read(lg->reader, before_all, topics, n, 256, take, &g, &span),
	    STORE_OK);
	assert_string_equal(g.ids, ids);
	assert_true(span.at_end);
}

/* The same in as many calls as it takes. */
static void
want_all(
    struct log *lg, const struct store_topic *topics, size_t n, const char *ids)
{
	struct store_span span = {.upto = before_all};
	struct given g = {.n = 0};
	int calls = 0;

	do {
		assert_true(++calls < 1000);
		assert_int_equal(store_read(lg->reader, span.upto, topics, n,
				     256, take, &g, &span),
		    STORE_OK);
	} while (!span.at_end);
	assert_string_equal(g.ids, ids);
}

/* --- pages -------------------------------------------------------------- */

static void
test_a_prefix_that_nothing_has_is_at_the_end_at_once(void **state)
{
	struct log *lg = *state;
	struct store_topic none[] = {
	    topic("zzz", true), topic("a", true), topic("order", false)};

	fill(lg);
	want_at_once(lg, none, 1, "");
	want_at_once(lg, none, 3, "");
}

static void
test_a_prefix_of_few_topics_is_found_by_the_index(void **state)
{
	struct log *lg = *state;
	struct store_topic some[] = {topic("room/", true), topic("q", false),
	    topic("room/2", false), topic("room/2", true)};

	sqlite_run(lg, "INSERT INTO events(topic) VALUES('room/2')");
	fill(lg);
	sqlite_run(lg,
	    "INSERT INTO events(topic)"
	    " VALUES('room/1'), ('q'), ('room/22'), ('room'), ('room0')");
	fill(lg);
	sqlite_run(lg, "INSERT INTO events(topic) VALUES('room/'), ('r')");
	want_at_once(lg, some, 1, "1 100002 100004 200007 ");
	want_at_once(lg, some, 4, "1 100002 100003 100004 200007 ");
	want_at_once(lg, some + 1, 3, "1 100003 100004 ");
}

/* Topics as nobody would name them; BLOB and NULs among them. */
static const char *const odd_names[NAMES] = {"'a'", "'a/1'", "'a/2'", "'a/22'",
    "'b'", "'b/'", "'b/1'", "'A'", "''", "CAST(x'ff' AS TEXT)",
    "CAST(x'ffff' AS TEXT)", "CAST(x'61ff' AS TEXT)", "CAST(x'61ff62' AS TEXT)",
    "CAST(x'6100' AS TEXT)", "CAST(x'610062' AS TEXT)", "CAST(x'c3' AS TEXT)",
    "'ä'", "'a b'", "'a' || char(1)", "'zz'", "'zzz'", "'~'", "'5'",
    "'a' || 'a'"};

static const struct store_topic wishes[] = {{"a", 1, false}, {"a", 1, true},
    {"a/", 2, true}, {"b", 1, true}, {"\xff", 1, true}, {"a\xff", 2, true},
    {"", 0, true}, {"zz", 2, false}, {"a/2", 3, false}, {"nothing", 7, true},
    {"\xc3", 1, true}, {"5", 1, false}, {"a/2", 3, true}, {"b/", 2, false},
    {"many/", 5, true}};

enum {
	WISHES = sizeof(wishes) / sizeof(wishes[0])
};

/* All ids that are wanted, found in the plainest way. */
struct plain {
	const struct store_topic *topics;
	size_t n, count;
	uint64_t ids[ROWS * 2];
	bool all; /* do not look at topics */
	int left; /* rows until the page is to end, or 0 */
};

static bool
note(void *arg, const struct store_event *ev)
{
	struct plain *p = arg;
	size_t i;
	bool is = p->all;

	for (i = 0; i < p->n && !is; i++)
		is = ev->topic.len >= p->topics[i].len &&
		     memcmp(ev->topic.s, p->topics[i].name, p->topics[i].len) ==
			 0 &&
		     (p->topics[i].prefix || ev->topic.len == p->topics[i].len);
	if (is)
		p->ids[p->count++] = ev->id.lo;
	return p->left == 0 || --p->left > 0;
}

/* Reads to the end; returns how many pages that took. */
static size_t
read_all(struct log *lg, const struct store_topic *topics, size_t n,
    size_t limit, struct plain *p)
{
	struct store_span span = {.upto = before_all};
	struct store_id was;
	size_t pages = 0;

	do {
		was = span.upto;
		assert_int_equal(store_read(lg->reader, was, topics, n, limit,
				     note, p, &span),
		    STORE_OK);
		assert_true(span.at_end || store_id_cmp(span.upto, was) > 0);
		pages++;
	} while (!span.at_end);
	return pages;
}

/* The place before the newest count of them, in as many calls as it takes. */
static uint64_t
last_of(
    struct log *lg, const struct store_topic *topics, size_t n, uint64_t count)
{
	struct store_seek s = {
	    .from = STORE_FROM_LAST, .count = count, .topics = topics, .n = n};
	enum store_result r;
	struct store_id id;
	int calls = 0;

	while ((r = store_seek(lg->reader, &s, &id)) == STORE_AGAIN)
		assert_true(++calls < 100000);
	assert_int_equal(r, STORE_OK);
	return id.lo;
}

static void
compare(struct log *lg, const struct store_topic *topics, size_t n)
{
	struct plain *want = calloc(1, sizeof(*want));
	struct plain *have = calloc(1, sizeof(*have));
	size_t i;

	want->topics = topics;
	want->n = n;
	have->all = true;
	read_all(lg, NULL, 0, 1000, want);
	read_all(lg, topics, n, 1 + (size_t)rand() % 300, have);
	assert_int_equal(have->count, want->count);
	assert_memory_equal(
	    have->ids, want->ids, want->count * sizeof(want->ids[0]));
	for (i = 1; i <= want->count; i = i * 3 + 1)
		assert_int_equal(
		    last_of(lg, topics, n, i), want->ids[want->count - i] - 1);
	free(want);
	free(have);
}

static void
compare_some(struct log *lg, int times)
{
	struct store_topic topics[6];
	size_t n, i;

	while (times-- > 0) {
		n = 1 + (size_t)rand() % 6;
		for (i = 0; i < n; i++)
			topics[i] = wishes[rand() % WISHES];
		compare(lg, topics, n);
	}
}

static void
insert_odd(struct log *lg, const char *after)
{
	sqlite3_str *s = sqlite3_str_new(NULL);
	char *text;
	int i;

	sqlite3_str_appendall(s, "INSERT INTO events(topic) VALUES");
	for (i = 0; i < 3000; i++)
		sqlite3_str_appendf(s, "%s(%s)", i == 0 ? "" : ", ",
		    rand() % 3 == 0 ? odd_names[rand() % NAMES]
		    : rand() % 2    ? "'orders'"
				    : "'a'");
	sqlite3_str_appendall(s, after);
	text = sqlite3_str_finish(s);
	sqlite_run(lg, "%s", text);
	sqlite3_free(text);
}

static void
test_every_way_of_reading_finds_the_same(void **state)
{
	struct log *lg = *state;

	srand(7);
	insert_odd(lg, "");
	compare_some(lg, 30);
	sqlite_run(
	    lg, "INSERT INTO events(topic) " COUNT(3000) "SELECT 'x' FROM c");
	compare_some(lg, 30);
}

static void
test_more_topics_than_the_index_is_asked_for(void **state)
{
	struct log *lg = *state;

	srand(8);
	sqlite_run(lg,
	    "INSERT INTO events(topic) " COUNT(
		9000) "SELECT CASE WHEN i %% 20 = 0 THEN 'many/' || i %% 1500"
		      " ELSE 'x' END FROM c");
	insert_odd(lg, "");
	compare(lg, &wishes[WISHES - 1], 1);
	compare_some(lg, 20);
}

/* A live reader is given them, so one that comes back has to be. */
static void
test_topics_that_are_no_text_are_not_missed(void **state)
{
	struct log *lg = *state;

	srand(9);
	insert_odd(lg, ", (x'61'), (x'612f31')");
	sqlite_run(
	    lg, "INSERT INTO events(topic) " COUNT(3000) "SELECT 'x' FROM c");
	compare_some(lg, 3);
	compare(lg, &wishes[0], 1);
	compare(lg, &wishes[2], 1);
}

static void
test_a_column_that_ignores_case_lets_no_other_topic_through(void **state)
{
	struct log *lg = *state;
	struct store_topic a = topic("a", false);

	sqlite_run(lg,
	    "DROP TABLE events; CREATE TABLE events("
	    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
	    " topic TEXT NOT NULL COLLATE NOCASE, event TEXT,"
	    " data TEXT NOT NULL DEFAULT '', uid TEXT, time INTEGER);"
	    "CREATE INDEX largesse_topic ON events(topic);"
	    "INSERT INTO events(topic) VALUES('A'), ('a'), ('B'), ('a')");
	want_at_once(lg, &a, 1, "2 4 ");
}

static void
test_without_the_index_pages_end_early(void **state)
{
	struct log *lg = *state;
	struct store_topic a = topic("a", false);

	fill(lg);
	fill(lg);
	sqlite_run(lg, "INSERT INTO events(topic) VALUES('a');"
		       "DROP INDEX largesse_topic");
	compare(lg, &a, 1);
}

/* --- the newest N ------------------------------------------------------- */

static void
test_the_newest_are_limited(void **state)
{
	struct log *lg = *state;
	struct store_topic orders[] = {
	    topic("orders", false), topic("o", true), topic("zz", true)};

	fill(lg);
	assert_int_equal(
	    last_of(lg, orders, 1, UINT64_MAX), ROWS - STORE_LAST_MAX);
	assert_int_equal(
	    last_of(lg, orders + 1, 1, UINT64_MAX), ROWS - STORE_LAST_MAX);
	assert_int_equal(
	    last_of(lg, NULL, 0, 999999999), ROWS - STORE_LAST_MAX);
	assert_int_equal(last_of(lg, orders + 2, 1, 999999999), ROWS);
}

/* By the rows the old one is too far back to be found. */
static void
test_a_seek_begins_anew_in_another_log(void **state)
{
	struct log *lg = *state, other = *lg;
	struct store_topic x = topic("x", false);
	struct store_seek s = {
	    .from = STORE_FROM_LAST, .count = 5, .topics = &x, .n = 1};
	struct store_id id, place;

	fill(lg);
	sqlite_run(lg, "DROP INDEX largesse_topic");
	assert_int_equal(store_seek(lg->reader, &s, &id), STORE_AGAIN);
	lg->engine->name_log(&other, "other");
	assert_int_equal(
	    store_init(other.path, NULL, lg->why, sizeof(lg->why)), 0);
	sqlite_run(&other, "INSERT INTO events(topic) VALUES('y'), ('y')");
	lg->engine->replace(lg, other.path);
	while (kit_turn(lg, &place) != STORE_REPLACED)
		continue;
	assert_int_equal(kit_seek(lg, s, &id), STORE_OK);
	assert_int_equal(id.lo, 2);
}

static void
test_the_newest_of_a_prefix_is_found_by_the_index(void **state)
{
	struct log *lg = *state;
	struct store_topic room = topic("room/", true);
	struct store_seek s = {
	    .from = STORE_FROM_LAST, .count = 3, .topics = &room, .n = 1};
	struct store_id id;

	sqlite_run(
	    lg, "INSERT INTO events(topic) VALUES('room/1'), ('room/2')");
	fill(lg);
	fill(lg);
	assert_int_equal(store_seek(lg->reader, &s, &id), STORE_OK);
	assert_int_equal(id.lo, 0);
}

/* --- times -------------------------------------------------------------- */

static void
test_odd_times_do_not_hold_a_seek(void **state)
{
	struct log *lg = *state;
	static const int64_t times[] = {
	    INT64_MIN, -1, 0, 1, 5000, 1700000000000, INT64_MAX};
	struct store_id id;
	size_t i;

	sqlite_run(lg,
	    "INSERT INTO events(data, time) " COUNT(
		2000) "SELECT i, CASE i %% 7 WHEN 0 THEN -9223372036854775807 "
		      "- 1"
		      " WHEN 1 THEN 9223372036854775807 WHEN 2 THEN 'soon'"
		      " WHEN 3 THEN x'ff' WHEN 4 THEN 1e300 ELSE i END FROM c");
	sqlite_run(
	    lg, "INSERT INTO events(id, time) VALUES(9223372036854775806, 3)");
	for (i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		struct store_seek s = {
		    .from = STORE_FROM_TIME, .time_ms = times[i]};

		assert_int_equal(store_seek(lg->reader, &s, &id), STORE_OK);
		assert_true(id.lo <= INT64_MAX);
	}
}

/* --- what is too large -------------------------------------------------- */

/* The most memory that SQLite has held since. */
static int64_t
highest(void)
{
	return sqlite3_memory_highwater(1);
}

static void
insert_large(const struct log *lg, const char *column)
{
	sqlite_run(lg, "INSERT INTO events(%s) SELECT printf('%%.*c', %d, 'x')",
	    column, BIG);
}

static void
test_what_is_too_large_is_not_read(void **state)
{
	struct log *lg = *state;
	struct store_topic some[] = {topic("main", false), topic("ma", true)};
	struct store_span span;
	struct given g = {.n = 0};

	sqlite_run(lg, "INSERT INTO events(data) VALUES('a')");
	insert_large(lg, "data");
	sqlite_run(lg, "INSERT INTO events(data) VALUES('b')");
	insert_large(lg, "uid");
	insert_large(lg, "event");
	sqlite_run(lg, "INSERT INTO events(data) VALUES('%01001d')", 7);
	store_set_event_max(lg->reader, 1000);
	highest();
	want_all(lg, NULL, 0, "1 2! 3 4! 5! 6! ");
	want_all(lg, some, 1, "1 2! 3 4! 5! 6! ");
	want_all(lg, some, 2, "1 2! 3 4! 5! 6! ");
	assert_int_equal(last_of(lg, some, 2, 5), 1);
	assert_true(highest() < BIG / 4);
	assert_int_equal(store_read(lg->reader, (struct store_id){0, 1}, NULL,
			     0, 1, take, &g, &span),
	    STORE_OK);
	assert_true(g.last.too_large);
	assert_int_equal(g.last.data.len, 0);
	assert_string_equal(g.topic, "main");
}

static void
test_a_topic_that_is_too_large_is_passed_over(void **state)
{
	struct log *lg = *state;
	struct store_topic some[] = {topic("x", false), topic("y", true)};

	sqlite_run(lg, "INSERT INTO events(topic) VALUES('x'), ('y/1')");
	insert_large(lg, "topic");
	sqlite_run(lg, "INSERT INTO events(topic) VALUES('x')");
	store_set_event_max(lg->reader, 1000);
	highest();
	want_all(lg, NULL, 0, "1 2 3! 4 ");
	want_all(lg, some, 1, "1 4 ");
	want_all(lg, some, 2, "1 2 4 ");
	assert_int_equal(last_of(lg, some, 2, 2), 1);
	assert_true(highest() < BIG / 4);
}

/* There the rows before are passed over, and nothing brings them back. */
static void
test_without_the_index_what_is_too_large_comes_once(void **state)
{
	struct log *lg = *state;
	struct store_topic some[] = {topic("main", false), topic("x", true)};

	sqlite_run(lg, "DROP INDEX largesse_topic");
	sqlite_run(lg,
	    "INSERT INTO events(topic) " COUNT(
		200) "SELECT CASE WHEN i %% 60 = 0 THEN 'main' ELSE 'y' END"
		     " FROM c");
	insert_large(lg, "data");
	sqlite_run(lg, "INSERT INTO events(topic) VALUES('y'), ('x/1'), ('y')");
	store_set_event_max(lg->reader, 1000);
	want_all(lg, some, 2, "60 120 180 201! 203 ");
	want_all(lg, some, 1, "60 120 180 201! ");
}

static void
test_a_seek_by_time_does_not_go_through_what_is_large(void **state)
{
	struct log *lg = *state;
	struct store_seek s = {.from = STORE_FROM_TIME, .time_ms = 5000};
	struct store_id id;

	sqlite_run(lg, "INSERT INTO events(time) VALUES(1000), (2000), (3000)");
	sqlite_run(lg,
	    "INSERT INTO events(data, time)"
	    " SELECT CAST(zeroblob(%d) AS TEXT), 4000",
	    BIG);
	sqlite_run(lg, "INSERT INTO events(time) VALUES(6000), (7000)");
	store_set_event_max(lg->reader, 1000);
	highest();
	assert_int_equal(store_seek(lg->reader, &s, &id), STORE_OK);
	assert_true(id.lo == 3 || id.lo == 4);
	assert_true(highest() < BIG / 4);
}

/* Once a longer text was read SQLite has the room, but must not use it. */
static void
test_without_a_limit_all_is_read(void **state)
{
	struct log *lg = *state;

	sqlite_run(lg, "INSERT INTO events(data)"
		       " SELECT CAST(zeroblob(3000000) AS TEXT)");
	want_all(lg, NULL, 0, "1 ");
	store_set_event_max(lg->reader, 2000000);
	want_all(lg, NULL, 0, "1! ");
	store_set_event_max(lg->reader, 4000000);
	want_all(lg, NULL, 0, "1 ");
	store_set_event_max(lg->reader, 0);
	want_all(lg, NULL, 0, "1 ");
}

/* --- revocations -------------------------------------------------------- */

static void
count_revoked(void *arg, const struct store_revocation *rv)
{
	size_t *n = arg;

	n[rv->topic.s == NULL ? 0 : 1]++;
}

static enum store_result
revoked(struct log *lg, int64_t issued_ms, size_t n[2])
{
	enum store_result r = STORE_BUSY;

	/* A statement has so much time; a busy machine may not give it. */
	for (int i = 0; i < 100 && r == STORE_BUSY; i++) {
		n[0] = n[1] = 0;
		r = store_revoked(lg->reader, (struct store_text){"al", 2},
		    issued_ms, count_revoked, n);
	}
	return r;
}

static void
test_only_the_newest_revocation_counts(void **state)
{
	struct log *lg = *state;
	size_t n[2];

	sqlite_run(lg,
	    "INSERT INTO largesse_revoke(subject, topic, time) " COUNT(
		100000) "SELECT 'al', CASE i %% 4 WHEN 0 THEN NULL"
			" WHEN 1 THEN 'news' ELSE x'01' END, i FROM c");
	assert_int_equal(revoked(lg, 1000, n), STORE_OK);
	assert_int_equal(n[0], 1);
	assert_int_equal(n[1], 2);
	assert_int_equal(revoked(lg, 99998, n), STORE_OK);
	assert_int_equal(n[0], 1);
	assert_int_equal(n[1], 1);
	assert_int_equal(revoked(lg, 100001, n), STORE_OK);
	assert_int_equal(n[0] + n[1], 0);
}

static void
test_revoked_of_more_topics_than_can_be_told_is_of_all(void **state)
{
	struct log *lg = *state;
	size_t n[2];

	sqlite_run(
	    lg, "INSERT INTO largesse_revoke(subject, topic, time) " COUNT(
		    5000) "SELECT 'al', 'topic/' || i, i FROM c");
	assert_int_equal(revoked(lg, 0, n), STORE_OK);
	assert_int_equal(n[0], 1);
	assert_true(n[1] < 5000);
}

/* A log of an older largesse has another index. */
static void
test_an_older_log_is_asked_for_revocations_too(void **state)
{
	struct log *lg = *state;
	size_t n[2];

	sqlite_run(lg, "DROP INDEX largesse_revoke_of;"
		       "CREATE INDEX largesse_revoke_subject"
		       " ON largesse_revoke(subject) WHERE subject IS NOT NULL;"
		       "INSERT INTO largesse_revoke(subject, topic)"
		       " VALUES('al', NULL), ('al', 'x'), ('bo', NULL)");
	assert_int_equal(revoked(lg, 0, n), STORE_OK);
	assert_int_equal(n[0], 1);
	assert_int_equal(n[1], 1);
	assert_int_equal(
	    store_init(lg->path, NULL, lg->why, sizeof(lg->why)), 0);
	assert_int_equal(revoked(lg, 0, n), STORE_OK);
	assert_int_equal(n[0], 1);
	assert_int_equal(n[1], 1);
}

static void
test_a_revocation_that_is_too_large_stops_no_other(void **state)
{
	struct log *lg = *state;
	struct store_id after = before_all;
	size_t n[2] = {0, 0};

	sqlite_run(lg,
	    "INSERT INTO largesse_revoke(topic) VALUES('a');"
	    "INSERT INTO largesse_revoke(topic)"
	    " SELECT CAST(zeroblob(%d) AS TEXT);"
	    "INSERT INTO largesse_revoke(topic) VALUES('b')",
	    BIG);
	store_set_event_max(lg->reader, 1000);
	do
		assert_int_equal(store_revocations(
				     lg->reader, &after, 100, count_revoked, n),
		    STORE_OK);
	while (store_revocations_after(lg->reader, after));
	assert_int_equal(n[1], 2);
}

/* --- somebody has put other things in the place of our tables ------------ */

#define ENDLESS \
	"WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c)"
#define VIEW_OF_EVENTS                                                    \
	"CREATE VIEW events AS " ENDLESS " SELECT i AS id, 'x' AS topic," \
	" NULL AS event, '' AS data, NULL AS uid, 0 AS time FROM c"       \
	" WHERE i < 0"

static void
want_refused(struct log *lg, const char *sql, const char *why)
{
	struct store *st;

	sqlite_run(lg, "%s", sql);
	st = store_open(lg->path, STORE_READ, lg->why, sizeof(lg->why));
	assert_null(st);
	if (strstr(lg->why, why) == NULL)
		fail_msg("%s, not: %s", lg->why, why);
}

static void
test_a_view_is_no_log(void **state)
{
	want_refused(*state,
	    "ALTER TABLE events RENAME TO other;" VIEW_OF_EVENTS,
	    "events is a view");
}

static void
test_a_view_is_no_table_of_ours(void **state)
{
	want_refused(*state,
	    "ALTER TABLE largesse RENAME TO other;"
	    "CREATE VIEW largesse AS SELECT 'log' AS key, 'x' AS value",
	    "largesse is a view");
}

static void
test_a_view_revokes_nothing(void **state)
{
	want_refused(*state,
	    "ALTER TABLE largesse_revoke RENAME TO other;"
	    "CREATE VIEW Largesse_Revoke AS SELECT * FROM other",
	    "is a view");
}

static void
test_a_virtual_table_is_no_log(void **state)
{
	want_refused(*state,
	    "ALTER TABLE events RENAME TO other;"
	    "CREATE VIRTUAL TABLE events USING rtree(id, a, b)",
	    "events is a virtual table");
}

static void
test_a_computed_column_is_no_log(void **state)
{
	want_refused(*state,
	    "DROP TRIGGER largesse_pruned;"
	    "DROP TRIGGER largesse_cut_insert;"
	    "DROP TRIGGER largesse_cut_update;"
	    "ALTER TABLE largesse DROP COLUMN value;"
	    "ALTER TABLE largesse ADD COLUMN value AS"
	    " (hex(zeroblob(100000000)))",
	    "largesse has a column that is computed");
}

/* Reads, seeks and takes news for a while: none of them may go on for ever. */
static void
want_no_rows(struct log *lg)
{
	struct store_topic x = topic("x", true);
	struct store_seek s = {
	    .from = STORE_FROM_LAST, .count = 3, .topics = &x, .n = 1};
	struct store_span span;
	struct given g = {.n = 0};
	struct store_id id;
	int i;

	for (i = 0; i < 5; i++) {
		assert_int_not_equal(store_read(lg->reader, before_all, NULL, 0,
					 10, take, &g, &span),
		    STORE_OK);
		assert_int_not_equal(store_seek(lg->reader, &s, &id), STORE_OK);
		kit_turn(lg, &id);
	}
	assert_int_equal(g.n, 0);
}

static void
test_a_view_that_comes_later_is_not_read(void **state)
{
	struct log *lg = *state;

	want_at_once(lg, NULL, 0, "");
	sqlite_run(lg, "ALTER TABLE events RENAME TO other; " VIEW_OF_EVENTS);
	want_no_rows(lg);
}

/* Without its key each statement sorts the whole table. */
static void
test_a_statement_that_takes_long_is_stopped(void **state)
{
	struct log *lg = *state;
	struct store_span span;
	struct given g = {.n = 0};

	want_at_once(lg, NULL, 0, "");
	sqlite_run(lg, "DROP TABLE events;"
		       "CREATE TABLE events(id, topic, event, data, uid, time);"
		       "INSERT INTO events(id, topic) " COUNT(
			   1000000) "SELECT abs(random()), 'x' FROM c");
	assert_int_equal(
	    store_read(lg->reader, before_all, NULL, 0, 10, take, &g, &span),
	    STORE_BUSY);
	if (strstr(store_why(lg->reader), "was stopped") == NULL)
		fail_msg("%s", store_why(lg->reader));
	assert_int_equal(g.n, 0);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, kit_setup_sqlite, kit_teardown)
	const struct CMUnitTest tests[] = {
	    T(test_a_prefix_that_nothing_has_is_at_the_end_at_once),
	    T(test_a_prefix_of_few_topics_is_found_by_the_index),
	    T(test_every_way_of_reading_finds_the_same),
	    T(test_more_topics_than_the_index_is_asked_for),
	    T(test_topics_that_are_no_text_are_not_missed),
	    T(test_a_column_that_ignores_case_lets_no_other_topic_through),
	    T(test_without_the_index_pages_end_early),
	    T(test_the_newest_are_limited),
	    T(test_a_seek_begins_anew_in_another_log),
	    T(test_the_newest_of_a_prefix_is_found_by_the_index),
	    T(test_odd_times_do_not_hold_a_seek),
	    T(test_what_is_too_large_is_not_read),
	    T(test_a_topic_that_is_too_large_is_passed_over),
	    T(test_without_the_index_what_is_too_large_comes_once),
	    T(test_a_seek_by_time_does_not_go_through_what_is_large),
	    T(test_without_a_limit_all_is_read),
	    T(test_only_the_newest_revocation_counts),
	    T(test_revoked_of_more_topics_than_can_be_told_is_of_all),
	    T(test_an_older_log_is_asked_for_revocations_too),
	    T(test_a_revocation_that_is_too_large_stops_no_other),
	    T(test_a_view_is_no_log),
	    T(test_a_view_is_no_table_of_ours),
	    T(test_a_view_revokes_nothing),
	    T(test_a_virtual_table_is_no_log),
	    T(test_a_computed_column_is_no_log),
	    T(test_a_view_that_comes_later_is_not_read),
	    T(test_a_statement_that_takes_long_is_stopped),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("sqlite_bounds", tests, NULL, NULL);
}
