/*
 * test_cuts.c - rows of a topic were removed and older rows of others stayed:
 * who asks for the topic from before that is told, and nobody else.
 */
#include <inttypes.h>
#include <time.h>

#include "tests/unit/kit.h"

static const struct store_topic one = {"run/1", 5, false},
				two = {"run/2", 5, false},
				news = {"news", 4, false},
				runs = {"run/", 4, true}, all = {"", 0, true};

/* What is asked, and what is known already. */
struct asked {
	uint64_t place;
	const struct store_topic *topics;
	size_t n;
	uint64_t cuts;
	bool folded; /* what came of it */
	uint64_t at;
};

static enum store_result
ask(struct log *lg, struct asked *a)
{
	struct store_seek s = {.from = STORE_FROM_ID,
	    .id = {0, a->place},
	    .named = true,
	    .topics = a->topics,
	    .n = a->n,
	    .cuts = a->cuts};
	struct store_id id;
	enum store_result r;

	while ((r = store_seek(lg->reader, &s, &id)) == STORE_AGAIN)
		s.cuts = a->cuts > 0 ? s.cuts : 0;
	a->folded = s.folded;
	a->at = id.lo;
	return r;
}

/* GONE as a cut is: the stream goes on from the place that was asked for. */
static void
want_cut(struct log *lg, const struct store_topic *topics, size_t n,
    uint64_t place, bool folded)
{
	struct asked a = {.place = place, .topics = topics, .n = n};

	assert_int_equal(ask(lg, &a), STORE_GONE);
	assert_int_equal(a.at, place);
	assert_int_equal(a.folded, folded);
}

static void
want_whole(
    struct log *lg, const struct store_topic *topics, size_t n, uint64_t place)
{
	struct asked a = {.place = place, .topics = topics, .n = n};

	assert_int_equal(ask(lg, &a), STORE_OK);
	assert_int_equal(a.at, place);
	assert_false(a.folded);
}

/* news is at 1, 4, 7, 10; run/1 at 2, 5, 8, 11; run/2 at 3, 6, 9, 12. */
static void
fill(const struct log *lg)
{
	int i;

	for (i = 0; i < 4; i++)
		sqlite_run(lg, "INSERT INTO events(topic)"
			       " VALUES('news'), ('run/1'), ('run/2')");
}

static void
test_a_topic_that_was_removed(void **state)
{
	struct log *lg = *state;
	struct store_topic some[3] = {news, two, one};

	fill(lg);
	want_whole(lg, &one, 1, 3);
	sqlite_run(lg, "DELETE FROM events WHERE topic = 'run/1'");
	want_cut(lg, &one, 1, 1, false);
	want_cut(lg, &one, 1, 2, false);
	want_cut(lg, &one, 1, 10, false);
	want_whole(lg, &one, 1, 11);
	want_whole(lg, &two, 1, 2);
	want_whole(lg, &news, 1, 2);
	want_whole(lg, some, 2, 2);
	want_cut(lg, some, 3, 2, false);
	want_cut(lg, &runs, 1, 2, false);
	want_cut(lg, &all, 1, 2, false);
	want_cut(lg, NULL, 0, 2, false);
	want_whole(lg, NULL, 0, 11);
	want_whole(lg, &runs, 1, 11);
	sqlite_run(lg, "INSERT INTO events(topic) VALUES('run/1')");
	want_cut(lg, &one, 1, 2, false);
	want_whole(lg, &one, 1, 12);
}

static void
test_a_fold(void **state)
{
	struct log *lg = *state;
	struct store_topic both[2] = {one, two};

	fill(lg);
	sqlite_run(lg,
	    "BEGIN; DELETE FROM events WHERE topic = 'run/1' AND id < 11;"
	    "INSERT INTO largesse_cuts(topic, id, folded)"
	    " VALUES('run/1', 11, 1) ON CONFLICT(topic) DO UPDATE"
	    " SET id = max(id, excluded.id), folded = 1; COMMIT");
	want_cut(lg, &one, 1, 2, true);
	want_cut(lg, &one, 1, 10, true);
	want_cut(lg, &runs, 1, 10, true);
	want_cut(lg, &all, 1, 10, true);
	want_whole(lg, &one, 1, 11);
	want_whole(lg, &two, 1, 2);
	sqlite_run(lg, "DELETE FROM events WHERE topic = 'run/2'");
	want_cut(lg, both, 2, 2, false);
	want_cut(lg, &runs, 1, 2, false);
	want_cut(lg, &one, 1, 2, true);
	sqlite_run(lg, "DELETE FROM events WHERE topic = 'run/1'");
	want_cut(lg, &one, 1, 2, false);
}

/* The folded run was the oldest, so what it had is below the oldest row. */
static void
test_a_fold_of_the_oldest(void **state)
{
	struct log *lg = *state;
	struct store_topic both[2] = {one, news};
	struct asked a = {.place = 1, .topics = &one, .n = 1};

	sqlite_run(lg, "INSERT INTO events(topic) VALUES"
		       "('run/1'), ('run/1'), ('run/1'), ('news')");
	sqlite_run(lg, "BEGIN; DELETE FROM events WHERE id < 3;"
		       "INSERT INTO largesse_cuts(topic, id, folded)"
		       " VALUES('run/1', 3, 1); COMMIT");
	assert_int_equal(ask(lg, &a), STORE_GONE);
	assert_int_equal(a.at, 2);
	assert_true(a.folded);
	want_cut(lg, &one, 1, 2, true);
	a.topics = both;
	a.n = 2;
	assert_int_equal(ask(lg, &a), STORE_GONE);
	assert_false(a.folded);
}

/* A stream that was told, or that began after it, is told of newer ones. */
static void
test_a_cut_that_is_known(void **state)
{
	struct log *lg = *state;
	struct asked a = {.place = 2, .topics = &one, .n = 1};

	fill(lg);
	sqlite_run(lg, "DELETE FROM events WHERE topic = 'run/1' AND id < 9");
	assert_int_equal(ask(lg, &a), STORE_GONE);
	a.cuts = store_cuts(lg->reader);
	assert_int_equal(ask(lg, &a), STORE_OK);
	a.topics = &runs;
	assert_int_equal(ask(lg, &a), STORE_OK);
	sqlite_run(lg, "DELETE FROM events WHERE topic = 'news' AND id > 1");
	assert_int_equal(ask(lg, &a), STORE_OK);
	sqlite_run(lg, "DELETE FROM events WHERE topic = 'run/1'");
	assert_int_equal(ask(lg, &a), STORE_GONE);
	a.topics = &one;
	assert_int_equal(ask(lg, &a), STORE_GONE);
	a.cuts = UINT64_MAX;
	assert_int_equal(ask(lg, &a), STORE_OK);
}

static void
test_a_uid_before_a_cut(void **state)
{
	struct log *lg = *state;
	struct store_seek s = {
	    .from = STORE_FROM_UID, .uid = {"u-3", 3}, .topics = &two, .n = 1};
	struct store_id id;

	sqlite_run(lg, "INSERT INTO events(topic, uid) VALUES('news', 'u-1'),"
		       " ('run/1', 'u-2'), ('run/2', 'u-3'), ('run/2', 'u-4'),"
		       " ('run/1', 'u-5'), ('run/2', 'u-6'), ('news', 'u-7'),"
		       " ('run/1', 'u-8'), ('run/2', 'u-9')");
	sqlite_run(lg, "DELETE FROM events WHERE id = 6");
	assert_int_equal(kit_seek(lg, s, &id), STORE_GONE);
	assert_int_equal(id.lo, 3);
	s.uid.s = "u-9";
	assert_int_equal(kit_seek(lg, s, &id), STORE_OK);
	assert_int_equal(id.lo, 9);
	s.uid.s = "u-6"; /* which is gone itself */
	assert_int_equal(kit_seek(lg, s, &id), STORE_UNKNOWN);
}

#define HOW_MANY "SELECT count(*) FROM largesse_cuts"

static void
test_retention_makes_no_cuts(void **state)
{
	struct store_keep keep = {.rows = 20, .age_ms = 0};
	struct log *lg = *state;
	int i;

	assert_int_equal(
	    store_init(lg->path, &keep, lg->why, sizeof(lg->why)), 0);
	for (i = 0; i < 30; i++)
		fill(lg);
	assert_int_equal(kit_number(lg, HOW_MANY), 0);
	sqlite_run(lg, "DELETE FROM events WHERE topic = 'run/1'");
	assert_int_equal(kit_number(lg, HOW_MANY), 1);
	for (i = 0; i < 3; i++)
		fill(lg);
	assert_int_equal(kit_number(lg, HOW_MANY), 0);
	sqlite_run(lg, "DELETE FROM events WHERE topic = 'run/1';"
		       "DELETE FROM events");
	assert_int_equal(kit_number(lg, HOW_MANY), 0);
}

/* A log of an older largesse has no cuts: until init all is as it was. */
static void
test_an_older_log(void **state)
{
	struct log *lg = *state;

	fill(lg);
	sqlite_run(lg,
	    "DROP TABLE largesse_cuts; DROP TRIGGER largesse_cut_delete;"
	    "DELETE FROM largesse WHERE key = 'cuts'");
	kit_reopen(lg, 0);
	sqlite_run(lg, "DELETE FROM events WHERE topic = 'run/1'");
	want_whole(lg, &one, 1, 2);
	assert_int_equal(
	    store_init(lg->path, NULL, lg->why, sizeof(lg->why)), 0);
	want_whole(lg, &one, 1, 2);
	sqlite_run(lg, "DELETE FROM events WHERE topic = 'run/2'");
	want_cut(lg, &two, 1, 3, false);
	want_whole(lg, &one, 1, 2);
}

/* However many there are, no call takes long, and the answer is right. */
static void
test_very_many(void **state)
{
	static const struct store_topic other = {"s", 1, true},
					near = {"run/12345", 9, true};
	struct log *lg = *state;
	struct store_seek s = {
	    .from = STORE_FROM_ID, .id = {0, 1}, .topics = &runs, .n = 1};
	struct store_topic both[2] = {news, {"run/3", 5, true}};
	struct store_id id;
	enum store_result r;
	size_t calls = 1;

	sqlite_run(lg, "INSERT INTO events(topic) VALUES('a')");
	sqlite_run(lg, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1"
		       " FROM n WHERE i < 60000) INSERT INTO events(topic)"
		       " SELECT 'run/' || i FROM n");
	sqlite_run(lg, "INSERT INTO events(topic) VALUES('news')");
	sqlite_run(lg, "BEGIN; DELETE FROM events WHERE topic GLOB 'run/*';"
		       "UPDATE largesse_cuts SET folded = 1; COMMIT");
	want_whole(lg, &other, 1, 1);
	want_cut(lg, &near, 1, 1, true);
	want_cut(lg, both, 2, 1, true);
	while ((r = store_seek(lg->reader, &s, &id)) == STORE_AGAIN)
		calls++;
	assert_int_equal(r, STORE_GONE);
	assert_true(s.folded);
	s = (struct store_seek){.from = STORE_FROM_ID,
	    .id = {0, 1},
	    .topics = (struct store_topic[]){{"run/no", 6, true}, runs},
	    .n = 1};
	assert_int_equal(store_seek(lg->reader, &s, &id), STORE_OK);
}

/*
 * A stream that reads on asks anew each time, and remembers the cuts that it
 * knows: here none when it began.  Those of its own topics are before its
 * place.
 */
static void
test_very_many_for_a_stream(void **state)
{
	struct log *lg = *state;
	struct store_id id;
	enum store_result r;
	uint64_t known = 0;
	int calls = 0;

	sqlite_run(lg, "INSERT INTO events(topic) VALUES('a')");
	sqlite_run(lg,
	    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
	    " WHERE i < 60000) INSERT INTO events(topic)"
	    " SELECT CASE WHEN i > 300 THEN 'other/' ELSE 'run/' END || i"
	    " FROM n");
	sqlite_run(lg, "INSERT INTO events(topic) VALUES('run/1')");
	sqlite_run(lg, "DELETE FROM events WHERE id > 1 AND id < 60002");
	do {
		struct store_seek s = {.from = STORE_FROM_ID,
		    .id = {0, 301},
		    .topics = &runs,
		    .n = 1,
		    .cuts = known};

		r = store_seek(lg->reader, &s, &id);
		known = s.cuts;
	} while (r == STORE_AGAIN && ++calls < 10000);
	assert_int_equal(r, STORE_OK);
	assert_int_equal(id.lo, 301);
}

/* --- against a model ---------------------------------------------------- */

enum {
	ROWS_MAX = 4000,
	TOPICS = 6,
	STEPS = 600
};

/* What the log should have, and what was ever cut from it. */
struct model {
	bool there[ROWS_MAX]; /* by id */
	int topic[ROWS_MAX];
	uint64_t head, pruned;
	struct {
		uint64_t id; /* 0: none */
		bool folded;
		int step; /* when it was made */
	} cut[TOPICS];
	int step, known_step;
	uint64_t known;
};

static uint64_t
oldest(const struct model *m)
{
	uint64_t id = 1;

	while (id <= m->head && !m->there[id])
		id++;
	return id;
}

static void
model_remove(struct model *m, uint64_t id)
{
	int t = m->topic[id];

	if (oldest(m) < id) {
		if (m->cut[t].id < id)
			m->cut[t].id = id;
		m->cut[t].folded = false;
		m->cut[t].step = m->step;
	}
	m->there[id] = false;
	if (m->pruned < id)
		m->pruned = id;
}

static void
append_some(struct log *lg, struct model *m)
{
	int n = 1 + rand() % 6;

	while (n-- > 0 && m->head + 1 < ROWS_MAX) {
		int t = rand() % TOPICS;

		sqlite_run(lg, "INSERT INTO events(topic) VALUES('t/%d')", t);
		m->there[++m->head] = true;
		m->topic[m->head] = t;
	}
}

static void
remove_topic(struct log *lg, struct model *m)
{
	int t = rand() % TOPICS;
	uint64_t from = m->head > 0 ? (uint64_t)rand() % m->head : 0, id;

	if (rand() % 2)
		from = 0;
	sqlite_run(lg,
	    "DELETE FROM events WHERE id IN (SELECT id FROM events"
	    " WHERE topic = 't/%d' AND id > %d ORDER BY id)",
	    t, (int)from);
	for (id = from + 1; id <= m->head; id++)
		if (m->there[id] && m->topic[id] == t)
			model_remove(m, id);
}

static void
remove_oldest(struct log *lg, struct model *m)
{
	uint64_t upto = oldest(m) + (uint64_t)(rand() % 8), id;

	sqlite_run(lg,
	    "DELETE FROM events WHERE id IN"
	    " (SELECT id FROM events WHERE id <= %d ORDER BY id)",
	    (int)upto);
	for (id = 1; id <= upto && id <= m->head; id++)
		if (m->there[id])
			model_remove(m, id);
}

/* All rows of the topic become the last of them. */
static void
fold_topic(struct log *lg, struct model *m)
{
	int t = rand() % TOPICS;
	uint64_t last = m->head, id;

	while (last > 0 && !(m->there[last] && m->topic[last] == t))
		last--;
	if (last == 0)
		return;
	sqlite_run(lg,
	    "BEGIN; DELETE FROM events WHERE id IN (SELECT id FROM events"
	    " WHERE topic = 't/%d' AND id < %d ORDER BY id);"
	    "INSERT INTO largesse_cuts(topic, id, folded)"
	    " VALUES('t/%d', %d, 1) ON CONFLICT(topic) DO UPDATE"
	    " SET id = max(id, excluded.id), folded = 1; COMMIT",
	    t, (int)last, t, (int)last);
	for (id = 1; id < last; id++)
		if (m->there[id] && m->topic[id] == t)
			model_remove(m, id);
	if (m->cut[t].id < last)
		m->cut[t].id = last;
	m->cut[t].folded = true;
	m->cut[t].step = m->step;
}

/* Some topics, by name or as t/ or all; mask has which those are. */
static size_t
choose(struct store_topic *topics, char names[TOPICS][8], unsigned *mask)
{
	size_t n = 0;
	int t;

	*mask = 0;
	if (rand() % 4 == 0) {
		topics[0] =
		    (struct store_topic){"t/", 2 * (size_t)(rand() % 2), true};
		*mask = (1U << TOPICS) - 1;
		return 1;
	}
	for (t = 0; t < TOPICS; t++) {
		if (rand() % 3 != 0)
			continue;
		*mask |= 1U << t;
		snprintf(names[t], sizeof(names[t]), "t/%d", t);
		topics[n++] =
		    (struct store_topic){names[t], 3, rand() % 3 == 0};
	}
	if (n == 0)
		topics[n++] = (struct store_topic){"other", 5, rand() % 2};
	return n;
}

static void
check_one(struct log *lg, const struct model *m, bool knows)
{
	struct store_topic topics[TOPICS];
	char names[TOPICS][8];
	unsigned mask;
	struct asked a = {.place = (uint64_t)rand() % (m->head + 1),
	    .topics = topics,
	    .n = choose(topics, names, &mask),
	    .cuts = knows ? m->known : 0};
	bool below = a.place + 1 < oldest(m) && a.place < m->pruned;
	bool cut = false, folded = true;
	enum store_result r = ask(lg, &a);
	int t;

	for (t = 0; t < TOPICS; t++)
		if ((mask >> t & 1) && m->cut[t].id > a.place &&
		    (!knows || m->cut[t].step > m->known_step)) {
			cut = true;
			folded &= m->cut[t].folded;
		}
	if (r != (below || cut ? STORE_GONE : STORE_OK) ||
	    (r == STORE_GONE && !below &&
		(a.folded != folded || a.at != a.place)))
		fail_msg("step %d, place %d of %d, topics %x: result %d,"
			 " at %d, folded %d; below %d, cut %d, folded %d",
		    m->step, (int)a.place, (int)m->head, mask, (int)r,
		    (int)a.at, a.folded, below, cut, folded);
}

static void
test_as_the_model_says(void **state)
{
	struct log *lg = *state;
	struct model *m = calloc(1, sizeof(*m));
	const char *given = getenv("CUTS_SEED");
	unsigned seed = given != NULL ? (unsigned)strtoul(given, NULL, 10)
				      : (unsigned)time(NULL);
	int i;

	assert_non_null(m);
	print_message("# CUTS_SEED=%u\n", seed);
	srand(seed);
	for (m->step = 1; m->step <= STEPS; m->step++) {
		switch (rand() % 8) {
		case 0:
			remove_topic(lg, m);
			break;
		case 1:
			remove_oldest(lg, m);
			break;
		case 2:
			fold_topic(lg, m);
			break;
		default:
			append_some(lg, m);
		}
		for (i = 0; i < 8; i++)
			check_one(lg, m, m->known > 0 && i % 2);
		if (rand() % 30 == 0) {
			m->known = store_cuts(lg->reader);
			m->known_step = m->step;
		}
	}
	free(m);
}

#define T(name) \
	cmocka_unit_test_setup_teardown(name, kit_setup_sqlite, kit_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_a_topic_that_was_removed),
	    T(test_a_fold),
	    T(test_a_fold_of_the_oldest),
	    T(test_a_cut_that_is_known),
	    T(test_a_uid_before_a_cut),
	    T(test_retention_makes_no_cuts),
	    T(test_an_older_log),
	    T(test_very_many),
	    T(test_very_many_for_a_stream),
	    T(test_as_the_model_says),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
