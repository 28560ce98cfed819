/*
 * test_redis_cuts.c - topics were pruned from the middle of a log on Redis: who
 * is told, and what is kept of it.
 */
#include "store/engine.h"
#include "tests/unit/kit.h"

static const struct store_topic news = {"news", 4, false},
				new_all = {"new", 3, true},
				one = {"run/1", 5, false},
				runs = {"run/", 4, true};

static struct store_id
publish(struct log *lg, const char *topic, bool end)
{
	struct store_event ev = {
	    .topic = {topic, strlen(topic)}, .time_ms = 1000};

	if (end)
		ev.event = (struct store_text){"stream-end", 10};
	assert_int_equal(store_append(lg->writer, &ev, 1), STORE_OK);
	return lg->newest = ev.id;
}

static int64_t
prune(struct log *lg, const char *pattern)
{
	struct store_keep keep = {.rows = STORE_KEEP_SAME,
	    .age_ms = 3600000,
	    .topic = pattern,
	    .ended = true};
	int64_t n = store_prune(lg->path, &keep, lg->why, sizeof(lg->why));

	if (n < 0)
		fail_msg("%s", lg->why);
	kit_settle(lg); /* what the reader was told before is used up */
	return n;
}

static long long
number(const struct log *lg, const char *command)
{
	redisReply *r =
	    redisCommand(kit_server.to, command, stream_of(lg->path));
	long long n =
	    r->type == REDIS_REPLY_STRING ? atoll(r->str) : r->integer;

	freeReplyObject(r);
	return n;
}

/* The place of an answer is the one that was asked for. */
static void
want_known(struct log *lg, struct store_topic topic, struct store_id place,
    uint64_t cuts, enum store_result want)
{
	struct store_seek seek = {.from = STORE_FROM_ID,
	    .id = place,
	    .topics = &topic,
	    .n = 1,
	    .cuts = cuts};
	struct store_id at = {0, 0};

	assert_int_equal(kit_seek(lg, seek, &at), want);
	assert_int_equal(store_id_cmp(at, place), 0);
}

static void
want(struct log *lg, struct store_topic topic, struct store_id place,
    enum store_result result)
{
	want_known(lg, topic, place, 0, result);
}

/* A run of two, each with this many others like it, and news around. */
static struct store_id
fill(struct log *lg, int n)
{
	struct store_id before = publish(lg, "news", false);
	char name[16];
	int i;

	for (i = 1; i <= n; i++) {
		snprintf(name, sizeof(name), "run/%d", i);
		publish(lg, name, false);
		publish(lg, name, true);
	}
	publish(lg, "news", false);
	kit_settle(lg);
	return before;
}

static void
test_who_is_told(void **state)
{
	struct log *lg = *state;
	struct store_id before = fill(lg, 100), end = lg->newest;
	uint64_t known;

	want(lg, one, before, STORE_OK);
	assert_int_equal(prune(lg, "run/*"), 200);
	assert_int_equal(number(lg, "XLEN %s"), 2);
	want(lg, one, before, STORE_GONE);
	want(lg, runs, before, STORE_GONE);
	want(lg, news, before, STORE_OK);
	want(lg, new_all, before, STORE_OK);
	want(lg, one, end, STORE_OK);
	want(lg, runs, end, STORE_OK);
	known = store_cuts(lg->reader);
	assert_int_equal(known, 100);
	want_known(lg, one, before, known, STORE_OK);
	want_known(lg, runs, before, known, STORE_OK);
	publish(lg, "run/1", true);
	publish(lg, "news", false);
	assert_int_equal(prune(lg, "run/1"), 1);
	kit_settle(lg);
	want_known(lg, one, before, known, STORE_GONE);
	want_known(lg, runs, before, known, STORE_GONE);
	want_known(lg, news, before, known, STORE_OK);
	want(lg, one, end, STORE_GONE);
}

/* Of very many cuts not all are looked at: then it may be one of them. */
static void
test_a_prefix_and_very_many_cuts(void **state)
{
	struct log *lg = *state;
	struct store_id before = fill(lg, 2600);

	assert_int_equal(prune(lg, "*"), 5200);
	kit_settle(lg);
	want(lg, one, before, STORE_GONE);
	want(lg, runs, before, STORE_GONE);
	want(lg, news, before, STORE_OK);
	want(lg, new_all, before, STORE_GONE);
	want(lg, new_all, lg->newest, STORE_OK);
}

/* A topic that was opened again has not ended, also if XADD did it. */
static void
test_open_topics_stay(void **state)
{
	struct log *lg = *state;
	struct store_id before = fill(lg, 3);

	redis_say("XADD %s * topic run/1 data x%s", stream_of(lg->path), "");
	publish(lg, "run/2", false);
	assert_int_equal(prune(lg, "run/*"), 2);
	want(lg, one, before, STORE_OK);
	assert_int_equal(number(lg, "HLEN {%s}:cuts"), 1);
	assert_int_equal(number(lg, "HLEN {%s}:ended"), 0);
	redis_say("XADD %s * topic run/1 event stream-end time 1%s",
	    stream_of(lg->path), "");
	assert_int_equal(prune(lg, "run/*"), 4);
	want(lg, one, before, STORE_GONE);
}

/* The hash does not grow for ever; who was told by it is told all the same. */
static void
test_cuts_before_the_oldest_entry_are_dropped(void **state)
{
	struct log *lg = *state;
	struct store_id before = fill(lg, 100), id;
	struct store_seek seek = {
	    .from = STORE_FROM_ID, .id = before, .topics = &one, .n = 1};

	assert_int_equal(prune(lg, "run/*"), 200);
	assert_int_equal(number(lg, "HLEN {%s}:cuts"), 100);
	assert_int_equal(prune(lg, "run/*"), 0);
	assert_int_equal(number(lg, "HLEN {%s}:cuts"), 100);
	redis_say("XTRIM %s MAXLEN 1%s", stream_of(lg->path), "");
	assert_int_equal(prune(lg, "run/*"), 0);
	assert_int_equal(number(lg, "HLEN {%s}:cuts"), 0);
	kit_reopen(lg, 0);
	assert_int_equal(kit_seek(lg, seek, &id), STORE_GONE);
}

/* --- by chance, against a model ------------------------------------------- */

enum {
	TOPICS = 6,
	STEPS = 3000
};

struct entry {
	struct store_id id;
	int topic, gone; /* in which step; 0: it is there */
	bool end, trimmed;
};

static struct entry model[STEPS + 1]; /* the first is none */
static int entries;

static const char *
name_of(int topic)
{
	static const char *const names[TOPICS] = {
	    "a", "b", "run/1", "run/2", "run/3", "runs"};

	return names[topic];
}

static void
do_publish(struct log *lg)
{
	struct entry *e = &model[++entries];

	*e = (struct entry){
	    .topic = (int)(random() % TOPICS), .end = random() % 5 == 0};
	e->id = publish(lg, name_of(e->topic), e->end);
}

/* All of a topic whose newest entry is an end. */
static int64_t
remove_topic(int topic, int step)
{
	int64_t n = 0;
	int i, last = entries;

	while (last > 0 && (model[last].topic != topic || model[last].gone))
		last--;
	for (i = 1; i <= last && model[last].end; i++)
		if (model[i].topic == topic && model[i].gone == 0) {
			model[i].gone = step;
			n++;
		}
	return n;
}

static void
do_prune(struct log *lg, int step)
{
	int topic = (int)(random() % TOPICS), i;
	int64_t n = 0;

	if (random() % 2 == 0) {
		n = remove_topic(topic, step);
		assert_int_equal(prune(lg, name_of(topic)), n);
		return;
	}
	for (i = 0; i < TOPICS; i++)
		if (strncmp(name_of(i), "run/", 4) == 0)
			n += remove_topic(i, step);
	assert_int_equal(prune(lg, "run/*"), n);
}

static void
do_trim(struct log *lg, int step)
{
	struct store_keep keep = {.rows = 40};
	int i, left = 40;

	assert_true(
	    store_prune(lg->path, &keep, lg->why, sizeof(lg->why)) >= 0);
	for (i = entries; i > 0; i--)
		if (model[i].gone == 0 && left-- <= 0) {
			model[i].gone = step;
			model[i].trimmed = true;
		}
}

/* Who has the entry at, and knows of what was cut up to a step. */
static void
check_place(struct log *lg, int at, int since, uint64_t known)
{
	int topic = (int)(random() % TOPICS), i, first = 1;
	const char *name = name_of(topic);
	struct store_topic t = {name, strlen(name), random() % 3 == 0};
	struct store_seek seek = {.from = STORE_FROM_ID,
	    .id = model[at].id,
	    .topics = &t,
	    .n = 1,
	    .cuts = known};
	struct store_id id;
	bool gone, lost = false;

	gone = kit_seek(lg, seek, &id) == STORE_GONE;
	for (i = at + 1; i <= entries; i++)
		lost =
		    lost || (store_topic_match(&t, 1, name_of(model[i].topic),
				 strlen(name_of(model[i].topic))) &&
				(model[i].trimmed || model[i].gone > since) &&
				model[i].gone != 0);
	while (first <= entries && model[first].gone != 0)
		first++;
	if (lost != gone && (lost || at >= first))
		fail_msg("%d of %d, %s: %s", at, entries, name,
		    lost ? "not told" : "told of none");
}

static void
test_what_a_model_says(void **state)
{
	struct log *lg = *state;
	uint64_t known = 0;
	int i, since = 0, dice;

	srandom(15);
	entries = 0;
	for (i = 1; i <= STEPS; i++) {
		dice = (int)(random() % 100);
		if (dice < 60 || entries == 0)
			do_publish(lg);
		else if (dice < 70)
			do_prune(lg, i);
		else if (dice == 70)
			do_trim(lg, i);
		else if (dice == 71)
			kit_reopen(lg, 0);
		else {
			kit_settle(lg);
			dice = (int)(random() % 2);
			check_place(lg, 1 + (int)(random() % entries),
			    dice ? since : 0, dice ? known : 0);
			if (random() % 8 == 0) {
				kit_settle(lg);
				known = store_cuts(lg->reader);
				since = i;
			}
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		test_who_is_told, kit_setup_redis, kit_teardown),
	    cmocka_unit_test_setup_teardown(test_a_prefix_and_very_many_cuts,
		kit_setup_redis, kit_teardown),
	    cmocka_unit_test_setup_teardown(
		test_open_topics_stay, kit_setup_redis, kit_teardown),
	    cmocka_unit_test_setup_teardown(
		test_cuts_before_the_oldest_entry_are_dropped, kit_setup_redis,
		kit_teardown),
	    cmocka_unit_test_setup_teardown(
		test_what_a_model_says, kit_setup_redis, kit_teardown),
	};
	int rc;

	cmocka_set_message_output(CM_OUTPUT_TAP);
	rc = _cmocka_run_group_tests("redis_cuts", tests, 5, NULL, NULL);
	redis_gone(&kit_server);
	return rc;
}
