/*
 * test_redis_cuts.c - topics were pruned from the middle of a log on Redis: who
 * is told, and what is kept of it.
 */
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
	};
	int rc = _cmocka_run_group_tests("redis_cuts", tests, 4, NULL, NULL);

	redis_gone(&kit_server);
	return rc;
}
