/*
 * test_id.c - a number with its check: what it looks like, and that a client
 * which comes back with it is told when the row is not the one that it had.  On
 * SQLite, where rows can be changed and the sequence set back.
 */
#include "tests/unit/kit.h"

#define BIG "9223372036854775807"

struct told {
	const struct log *lg;
	char id[STORE_ID_SIZE];
};

static bool
take_told(void *arg, const struct store_event *ev)
{
	struct told *t = arg;

	store_event_print_id(t->lg->reader, ev, t->id);
	return false;
}

/* The id of a row as a client is told it. */
static const char *
told(struct log *lg, uint64_t id)
{
	static char buf[8][STORE_ID_SIZE];
	static int at;
	struct told t = {lg, ""};
	struct store_span span;

	assert_int_equal(kit_read(lg, (struct store_id){0, id - 1}, NULL, 0, 1,
			     take_told, &t, &span),
	    STORE_OK);
	at = (at + 1) % 8;
	return strcpy(buf[at], t.id);
}

/* The log is what it was before this: five rows of times that are known. */
static void
fill(struct log *lg)
{
	sqlite_run(lg, "DELETE FROM events; DELETE FROM sqlite_sequence;"
		       "DELETE FROM largesse_uids;"
		       "UPDATE largesse SET value = 0 WHERE key GLOB 'pruned*';"
		       "INSERT INTO events(topic, time) VALUES('a', 1001),"
		       " ('a', 1002), ('b', 1003), ('b', 1004), ('a', 1005)");
	kit_reopen(lg, 0);
}

static struct store_id
head_of(struct log *lg)
{
	struct store_seek seek = {.from = STORE_FROM_HEAD};
	struct store_id head = {0, 0};

	assert_int_equal(kit_seek(lg, seek, &head), STORE_OK);
	return head;
}

static enum store_result
come_back(struct log *lg, const char *text, size_t len, struct store_id *id)
{
	struct store_seek seek = {.from = STORE_FROM_HEAD};

	store_seek_named(lg->reader, text, len, &seek);
	return kit_seek(lg, seek, id);
}

static void
want(struct log *lg, const char *after, const char *text,
    enum store_result result, uint64_t place)
{
	struct store_id id = {0, 0};
	enum store_result r = come_back(lg, text, strlen(text), &id);

	if (r != result || id.hi != 0 || id.lo != place)
		fail_msg("after %s: %s: result %d, place %llu", after, text,
		    (int)r, (unsigned long long)id.lo);
}

/* --- what it looks like ------------------------------------------------- */

static void
test_a_number_has_four_characters_behind_it(void **state)
{
	struct log *lg = *state;
	const char *id;

	fill(lg);
	id = told(lg, 4);
	assert_int_equal(strlen(id), strlen("4-k52q"));
	assert_memory_equal(id, "4-", 2);
	assert_in_range(id[2], 'a', 'z');
	assert_int_equal(strspn(id + 2, "abcdefghijkmnpqrstuvwxyz23456789"), 4);
	assert_string_equal(id, told(lg, 4));
	assert_string_not_equal(id + 2, told(lg, 5) + 2);
	sqlite_run(lg, "UPDATE events SET time = time + 1 WHERE id = 4");
	assert_string_not_equal(id, told(lg, 4));
	/* It is what it was in the version before: it must never change. */
	assert_string_equal(told(lg, 1), "1-khbq");
}

/* The more rows have the same check, the less it proves. */
static void
test_checks_differ(void **state)
{
	enum {
		ROWS = 2000
	};
	char(*all)[STORE_ID_SIZE] = calloc(ROWS, sizeof(*all));
	struct log *lg = *state;
	int i, j, same = 0;

	for (i = 0; i < ROWS; i++) {
		struct store_event ev = {
		    .id = {0, 7}, .time_ms = 1700000000000 + i};

		store_event_print_id(lg->reader, &ev, all[i]);
		for (j = 0; j < i; j++)
			same += strcmp(all[i], all[j]) == 0;
	}
	assert_in_range(same, 0, 10); /* of 2,000,000 pairs, about 2.5 */
	free(all);
}

static void
test_times_that_no_clock_shows_count_as_none(void **state)
{
	static const int64_t odd[] = {
	    -1, INT64_MIN + 1, INT64_MAX, INT64_C(253402300800000)};
	struct store_event ev = {.id = {0, 41}};
	char zero[STORE_ID_SIZE], buf[STORE_ID_SIZE];
	struct log *lg = *state;
	size_t i;

	store_event_print_id(lg->reader, &ev, zero);
	for (i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		ev.time_ms = odd[i];
		store_event_print_id(lg->reader, &ev, buf);
		assert_string_equal(buf, zero);
	}
	ev.time_ms = STORE_NO_TIME;
	store_event_print_id(lg->reader, &ev, buf);
	assert_string_equal(buf, "41");
}

/* What is not exactly as we print it may be a uid, and is no number. */
static void
test_what_is_no_checked_number_is_a_uid(void **state)
{
	static const char *const odd[] = {"4-", "4-k52", "4-k52qq", "04-k52q",
	    "4-K52Q", "4-k5-q", "4-5k2q", "4-kl2q", "4-ko2q", "4-k02q",
	    "4-k12q", "4_k52q", "-k52q", "x4-k52q", " 4-k52q", "4-k52q ",
	    "18446744073709551616-k52q", "99999999999999999999", "4--k52q", ""};
	struct store_seek seek = {.from = STORE_FROM_HEAD};
	struct log *lg = *state;
	size_t i;

	for (i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		store_seek_named(lg->reader, odd[i], strlen(odd[i]), &seek);
		if (seek.from != STORE_FROM_UID || seek.check != 0)
			fail_msg("%s is an id", odd[i]);
		want(lg, "nothing", odd[i], STORE_UNKNOWN, 0);
	}
	store_seek_named(lg->reader, "4-k5\0q", 6, &seek);
	assert_int_equal(seek.from, STORE_FROM_UID);
	store_seek_named(lg->reader, "4-k52q", 6, &seek);
	assert_int_equal(seek.from, STORE_FROM_ID);
	assert_int_equal(seek.id.lo, 4);
	want(lg, "nothing", "18446744073709551615-k52q", STORE_UNKNOWN, 0);
	want(lg, "nothing", BIG "-k52q", STORE_UNKNOWN, 0);
	want(lg, "nothing", BIG, STORE_UNKNOWN, 0);
	want(lg, "nothing", "18446744073709551615", STORE_UNKNOWN, 0);
}

/* --- coming back with it ------------------------------------------------ */

static void
test_the_row_of_the_check_is_the_place(void **state)
{
	static const char *const edits[] = {"UPDATE events SET data = 'new'",
	    "UPDATE events SET topic = 'c', event = 'x'",
	    "INSERT INTO events(data) VALUES('more')",
	    "DELETE FROM events WHERE id = 2",
	    "REPLACE INTO events(id, time) VALUES(3, 1003)",
	    "UPDATE sqlite_sequence SET seq = 1000 WHERE name = 'events'"};
	struct log *lg = *state;
	char id[STORE_ID_SIZE];
	size_t i;

	for (i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		fill(lg);
		strcpy(id, told(lg, 3));
		want(lg, "nothing", id, STORE_OK, 3);
		sqlite_run(lg, edits[i]);
		kit_reopen(lg, 0);
		want(lg, edits[i], id, STORE_OK, 3);
		want(lg, edits[i], "3", STORE_OK, 3);
	}
}

static void
test_another_row_is_not_the_place(void **state)
{
	static const char *const lives[] = {"UPDATE events SET time = time + 1",
	    "REPLACE INTO events(id, data) VALUES(3, 'x')",
	    "UPDATE events SET id = 30 WHERE id = 3",
	    "DELETE FROM events; DELETE FROM sqlite_sequence;"
	    "INSERT INTO events(data) VALUES(1), (2), (3), (4), (5), (6)",
	    /* without the triggers nothing is noted */
	    "DROP TRIGGER largesse_pruned;"
	    "DELETE FROM events; DELETE FROM sqlite_sequence;"
	    "INSERT INTO events(data) VALUES(1), (2), (3), (4), (5), (6)",
	    /* an older copy that has grown, and skipped the id */
	    "UPDATE events SET id = id + 10 WHERE id > 2;"
	    "UPDATE sqlite_sequence SET seq = 40 WHERE name = 'events'"};
	struct log *lg = *state;
	char id[STORE_ID_SIZE];
	struct store_id head;
	size_t i;

	for (i = 0; i < sizeof(lives) / sizeof(lives[0]); i++) {
		fill(lg);
		strcpy(id, told(lg, 3));
		sqlite_run(lg, lives[i]);
		kit_reopen(lg, 0);
		head = head_of(lg);
		want(lg, lives[i], id, STORE_UNKNOWN, head.lo);
	}
	assert_int_equal(
	    store_init(lg->path, NULL, lg->why, sizeof(lg->why)), 0);
}

static void
test_removed_rows_prove_nothing(void **state)
{
	struct log *lg = *state;
	char first[STORE_ID_SIZE], third[STORE_ID_SIZE], last[STORE_ID_SIZE];

	fill(lg);
	strcpy(first, told(lg, 1));
	strcpy(third, told(lg, 3));
	strcpy(last, told(lg, 5));
	sqlite_run(lg, "DELETE FROM events WHERE id IN (3, 5)");
	want(lg, "removing", third, STORE_GONE, 3);
	want(lg, "removing", last, STORE_OK, 5);
	sqlite_run(lg, "INSERT INTO events(time) VALUES(1006)");
	want(lg, "removing", last, STORE_OK, 5);
	sqlite_run(lg, "DELETE FROM events WHERE id < 5");
	want(lg, "pruning", first, STORE_GONE, 5);
	want(lg, "pruning", third, STORE_GONE, 5);
	want(lg, "pruning", last, STORE_OK, 5);
	sqlite_run(lg, "DELETE FROM events");
	want(lg, "emptying", last, STORE_GONE, 6);
	want(lg, "emptying", "6-k52q", STORE_OK, 6);
	want(lg, "emptying", "7-k52q", STORE_UNKNOWN, 6);
}

/* Somebody's uids may look so. */
static void
test_a_uid_of_that_form_is_found(void **state)
{
	struct log *lg = *state;

	fill(lg);
	sqlite_run(lg, "INSERT INTO events(uid, time) VALUES('3-k52q', 1006),"
		       " ('99-abcd', 1007), (NULL, 1008)");
	want(lg, "nothing", "3-k52q", STORE_OK, 6);
	want(lg, "nothing", "99-abcd", STORE_OK, 7);
	want(lg, "nothing", told(lg, 3), STORE_OK, 3);
	sqlite_run(lg, "DELETE FROM events WHERE id < 6");
	want(lg, "pruning", "3-k52q", STORE_OK, 6);
	sqlite_run(lg, "REPLACE INTO events(uid) VALUES('99-abcd')");
	want(lg, "moving", "99-abcd", STORE_UNKNOWN, 9);
	sqlite_run(lg, "DELETE FROM events WHERE uid = '3-k52q'");
	want(lg, "removing", "3-k52q", STORE_UNKNOWN, 9);
}

/* What a client of one topic comes to. */
static void
want_of(struct log *lg, const char *topic, const char *text,
    enum store_result result, uint64_t place)
{
	struct store_topic t = {topic, strlen(topic), false};
	struct store_seek seek = {.topics = &t, .n = 1};
	struct store_id id = {0, 0};
	enum store_result r;

	store_seek_named(lg->reader, text, strlen(text), &seek);
	r = kit_seek(lg, seek, &id);
	if (r != result || id.lo != place)
		fail_msg("%s of %s: result %d, place %llu", text, topic, (int)r,
		    (unsigned long long)id.lo);
}

/*
 * A publisher that repeats events may give the id of the first as a uid.  Who
 * asks for both topics may have seen either.
 */
static void
test_an_id_that_is_another_events_uid(void **state)
{
	struct log *lg = *state;
	char id[STORE_ID_SIZE];

	fill(lg);
	strcpy(id, told(lg, 3));
	sqlite_run(lg, "INSERT INTO events(topic, uid) VALUES('c', %Q)", id);
	kit_reopen(lg, 0);
	want(lg, "nothing", id, STORE_UNKNOWN, 6);
	want_of(lg, "b", id, STORE_OK, 3);
	want_of(lg, "a", id, STORE_OK, 3);
	want_of(lg, "c", id, STORE_UNKNOWN, 6);
	sqlite_run(lg, "DELETE FROM events WHERE id = 3");
	want(lg, "removing the first", id, STORE_OK, 6);
	want_of(lg, "c", id, STORE_OK, 6);
	fill(lg);
	sqlite_run(lg,
	    "INSERT INTO events(uid) VALUES(%Q);"
	    "DELETE FROM events WHERE id = 6",
	    id);
	kit_reopen(lg, 0);
	want(lg, "removing the second", id, STORE_GONE, 3);
	want_of(lg, "b", id, STORE_OK, 3);
	fill(lg);
	store_event_print_id(lg->reader,
	    &(struct store_event){.id = {0, 6}, .time_ms = 1006}, id);
	sqlite_run(lg,
	    "INSERT INTO events(uid, time) VALUES(%Q, 1006), (NULL, 2)", id);
	kit_reopen(lg, 0);
	want(lg, "making it its own", id, STORE_OK, 6);
}

/* Else all between the uid's event and the number would be passed over. */
static void
test_a_uid_of_that_form_that_was_lost(void **state)
{
	static const char *const losses[] = {
	    "DELETE FROM events WHERE uid = '9-main'",
	    "REPLACE INTO events(uid) VALUES('9-main')",
	    "UPDATE events SET uid = NULL WHERE uid = '9-main'"};
	struct log *lg = *state;
	struct store_id head;
	size_t i;

	for (i = 0; i < sizeof(losses) / sizeof(losses[0]); i++) {
		fill(lg);
		sqlite_run(lg, "INSERT INTO events(uid) VALUES('9-main'),"
			       " (NULL), (NULL), (NULL), (NULL)");
		kit_reopen(lg, 0);
		want(lg, "nothing", "9-main", STORE_OK, 6);
		sqlite_run(lg, "DELETE FROM events WHERE id = 9");
		want(lg, "removing the row", "9-main", STORE_GONE, 6);
		sqlite_run(lg, losses[i]);
		kit_reopen(lg, 0);
		head = head_of(lg);
		want(lg, losses[i], "9-main", STORE_UNKNOWN, head.lo);
	}
}

/* A client of one topic must not learn that another had an event of this uid.
 */
static void
test_a_lost_uid_of_another_topic_is_as_none(void **state)
{
	static const char *const losses[] = {
	    "DELETE FROM events WHERE uid = '9-main'",
	    "UPDATE events SET uid = NULL WHERE uid = '9-main'",
	    "REPLACE INTO events(topic, uid) VALUES('d', '9-main')",
	    "DELETE FROM events WHERE uid = '9-main';"
	    "INSERT INTO events(topic, uid) VALUES('d', '9-main')",
	    "UPDATE events SET id = 60 WHERE uid = '9-main'",
	    "DELETE FROM events WHERE uid = '9-main';"
	    "INSERT INTO events(topic, uid) VALUES('d', '9-main');"
	    "DELETE FROM events WHERE uid = '9-main'"};
	struct log *lg = *state;
	struct store_id head;
	size_t i;

	for (i = 0; i < sizeof(losses) / sizeof(losses[0]); i++) {
		fill(lg);
		sqlite_run(lg, "INSERT INTO events(topic, uid)"
			       " VALUES('c', '9-main'), ('a', NULL),"
			       " ('a', NULL), ('a', NULL), ('a', NULL);"
			       "DELETE FROM events WHERE id = 9");
		sqlite_run(lg, losses[i]);
		kit_reopen(lg, 0);
		head = head_of(lg);
		want_of(lg, "a", "9-maim", STORE_OK, 9);
		want_of(lg, "a", "9-main", STORE_OK, 9);
		want_of(lg, "c", "9-main", STORE_UNKNOWN, head.lo);
		want(lg, losses[i], "9-main", STORE_UNKNOWN, head.lo);
		if (i != 0 && i != 1 && i != 4)
			want_of(lg, "d", "9-main", STORE_UNKNOWN, head.lo);
	}
}

/* A log that was made before notes had a topic: who has lost one is told. */
static void
test_notes_without_a_topic(void **state)
{
	struct log *lg = *state;
	int made;

	fill(lg);
	sqlite_run(lg,
	    "DROP TABLE largesse_uids;"
	    "CREATE TABLE largesse_uids (uid TEXT PRIMARY KEY,"
	    " id INTEGER NOT NULL, present INTEGER NOT NULL) WITHOUT ROWID;"
	    "CREATE INDEX largesse_uids_gone ON largesse_uids(id)"
	    " WHERE present = 0;"
	    "UPDATE largesse SET value = 4 WHERE key = 'pruned';"
	    "CREATE VIEW broken AS SELECT * FROM nowhere;"
	    "INSERT INTO largesse_uids VALUES('2-gave', 9, 0),"
	    " ('4-main', 9, 1)");
	for (made = 0; made < 3; made++) {
		kit_reopen(lg, 0);
		want_of(lg, "b", "4-main", STORE_UNKNOWN, 5);
		want_of(lg, "b", "2-gave", STORE_UNKNOWN, 5);
		assert_int_equal(
		    store_init(lg->path, NULL, lg->why, sizeof(lg->why)), 0);
	}
	sqlite_run(lg, "INSERT INTO events(topic, uid) VALUES('c', '3-gave');"
		       "DELETE FROM events WHERE id IN (3, 6)");
	want_of(lg, "b", "3-gave", STORE_OK, 3);
	want_of(lg, "c", "3-gave", STORE_UNKNOWN, 6);
}

/* The time stands behind the data: what cannot be read is believed. */
static void
test_a_row_that_is_too_large(void **state)
{
	struct log *lg = *state;
	char id[STORE_ID_SIZE], buf[STORE_ID_SIZE];

	fill(lg);
	sqlite_run(
	    lg, "UPDATE events SET data = zeroblob(3000000) WHERE id = 3");
	strcpy(id, told(lg, 3));
	assert_non_null(strchr(id, '-'));
	kit_reopen(lg, 1000);
	assert_string_equal(told(lg, 3), "3");
	store_place_print(lg->reader, (struct store_id){0, 3}, buf);
	assert_string_equal(buf, "3");
	want(lg, "nothing", id, STORE_OK, 3);
	want(lg, "nothing", "3", STORE_OK, 3);
	want(lg, "nothing", "3-k52q", STORE_OK, 3);
	sqlite_run(lg, "DELETE FROM events WHERE id = 4");
	want(lg, "removing", "4-k52q", STORE_OK, 4);
}

/* --- places ------------------------------------------------------------- */

static void
want_place(struct log *lg, uint64_t place, const char *id)
{
	char buf[STORE_ID_SIZE];
	size_t len =
	    store_place_print(lg->reader, (struct store_id){0, place}, buf);

	assert_int_equal(len, strlen(buf));
	assert_string_equal(buf, id);
}

static void
test_a_place_is_told_as_the_row_before_it(void **state)
{
	struct log *lg = *state;
	char third[STORE_ID_SIZE];

	fill(lg);
	strcpy(third, told(lg, 3));
	want_place(lg, 0, "0");
	want_place(lg, 3, third);
	want_place(lg, 3, third);
	sqlite_run(lg, "DELETE FROM events WHERE id = 4");
	want_place(lg, 4, third);
	want_place(lg, 5, told(lg, 5));
	sqlite_run(lg, "DELETE FROM events WHERE id < 4");
	want_place(lg, 4, "4"); /* there is none before it */
	want_place(lg, 3, "3");
	sqlite_run(lg, "UPDATE events SET time = 1 WHERE id = 5");
	kit_reopen(lg, 0);
	want_place(lg, 5, told(lg, 5));
	want_place(lg, 6, told(lg, 5));
	want_place(lg, UINT64_MAX, "18446744073709551615");
}

/* A stranger's number must not make us count past the end of all numbers. */
static void
test_the_last_of_all_ids(void **state)
{
	static const char *const texts[] = {BIG, "1", "0",
	    "9223372036854775806", "9223372036854775808",
	    "18446744073709551615", BIG "-k52q"};
	struct store_topic a = {"a", 1, false}, all = {"", 0, true};
	struct store_seek from[] = {{.from = STORE_FROM_HEAD},
	    {.from = STORE_FROM_FIRST},
	    {.from = STORE_FROM_LAST, .count = 1, .topics = &a, .n = 1},
	    {.from = STORE_FROM_LAST, .count = 100, .topics = &all, .n = 1},
	    {.from = STORE_FROM_LAST, .count = 0},
	    {.from = STORE_FROM_TIME, .time_ms = 1},
	    {.from = STORE_FROM_TIME, .time_ms = INT64_MAX},
	    {.from = STORE_FROM_TIME, .time_ms = INT64_MIN}};
	static const char *const logs[] = {
	    "INSERT INTO events(id, topic) VALUES(" BIG ", 'a')",
	    "INSERT INTO events(id, topic) VALUES(" BIG ", 'a');"
	    "DELETE FROM events",
	    "INSERT INTO events(topic) VALUES('a'), ('b');"
	    "INSERT INTO events(id, topic) VALUES(" BIG " - 1, 'b'),"
	    " (" BIG ", 'a')"};
	struct log *lg = *state;
	struct store_span span;
	struct store_id id;
	struct told t = {lg, ""};
	char buf[STORE_ID_SIZE];
	size_t i, j;

	for (j = 0; j < sizeof(logs) / sizeof(logs[0]); j++) {
		fill(lg);
		sqlite_run(lg, "DELETE FROM events");
		sqlite_run(lg, logs[j]);
		kit_reopen(lg, 0);
		for (i = 0; i < sizeof(from) / sizeof(from[0]); i++) {
			assert_int_equal(kit_seek(lg, from[i], &id), STORE_OK);
			assert_true(id.lo <= INT64_MAX);
			store_place_print(lg->reader, id, buf);
			assert_int_equal(
			    kit_read(lg, id, &a, 1, 10, take_told, &t, &span),
			    STORE_OK);
		}
		for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
			come_back(lg, texts[i], strlen(texts[i]), &id);
	}
	fill(lg);
	sqlite_run(lg, "DELETE FROM events");
	sqlite_run(lg, logs[0]);
	kit_reopen(lg, 0);
	assert_int_equal(kit_seek(lg, from[1], &id), STORE_OK);
	assert_int_equal(id.lo, INT64_MAX - 1);
	want(lg, "the last", BIG, STORE_OK, INT64_MAX);
	want(lg, "the last", told(lg, INT64_MAX), STORE_OK, INT64_MAX);
	want(lg, "the last", "9223372036854775808", STORE_UNKNOWN, INT64_MAX);
}

#define T(name) \
	cmocka_unit_test_setup_teardown(name, kit_setup_sqlite, kit_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_a_number_has_four_characters_behind_it),
	    T(test_checks_differ),
	    T(test_times_that_no_clock_shows_count_as_none),
	    T(test_what_is_no_checked_number_is_a_uid),
	    T(test_the_row_of_the_check_is_the_place),
	    T(test_another_row_is_not_the_place),
	    T(test_removed_rows_prove_nothing),
	    T(test_a_uid_of_that_form_is_found),
	    T(test_an_id_that_is_another_events_uid),
	    T(test_a_uid_of_that_form_that_was_lost),
	    T(test_a_lost_uid_of_another_topic_is_as_none),
	    T(test_notes_without_a_topic),
	    T(test_a_row_that_is_too_large),
	    T(test_a_place_is_told_as_the_row_before_it),
	    T(test_the_last_of_all_ids),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
