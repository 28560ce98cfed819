/*
 * test_redis_id.c - does a client that comes back with an id of Redis learn
 * that its event was lost, or that this is another log?  And is a place that
 * it was told, at which there is no event, understood?
 */
#include "tests/unit/kit.h"

enum {
	EVENTS = 6
};

/* As somebody does who makes the log anew. */
static void
init(struct log *lg)
{
	store_close(lg->writer);
	assert_int_equal(
	    store_init(lg->path, NULL, lg->why, sizeof(lg->why)), 0);
	lg->writer =
	    store_open(lg->path, STORE_WRITE, lg->why, sizeof(lg->why));
	assert_non_null(lg->writer);
}

static void
append(struct log *lg, char id[STORE_ID_SIZE], const char *uid)
{
	struct store_event ev = {
	    .data = {"x", 1}, .uid = {uid, uid == NULL ? 0 : strlen(uid)}};

	assert_int_equal(store_append(lg->writer, &ev, 1), STORE_OK);
	if (id != NULL)
		store_id_print(lg->writer, ev.id, id);
}

static void
fill(struct log *lg, char ids[EVENTS][STORE_ID_SIZE])
{
	int i;

	for (i = 0; i < EVENTS; i++)
		append(lg, ids[i], NULL);
}

static void
want(struct log *lg, const char *after, const char *text,
    enum store_result result)
{
	struct store_seek seek = {.from = STORE_FROM_HEAD};
	struct store_id id = {0, 0};
	enum store_result r;

	store_seek_named(lg->reader, text, strlen(text), &seek);
	r = kit_seek(lg, seek, &id);
	if (r != result)
		fail_msg("after %s: %s: result %d, place %llu-%llu", after,
		    text, (int)r, (unsigned long long)id.hi,
		    (unsigned long long)id.lo);
}

/* A place of this kind, told to a client, which comes back with it. */
static void
want_place(struct log *lg, const char *after, struct store_seek from)
{
	struct store_id id;
	char text[STORE_ID_SIZE];

	assert_int_equal(kit_seek(lg, from, &id), STORE_OK);
	store_place_print(lg->reader, id, text);
	want(lg, after, text, STORE_OK);
	kit_reopen(lg, 0);
	want(lg, after, text, STORE_OK);
}

static void
want_places(struct log *lg, const char *after)
{
	struct store_topic all = {"", 0, true};
	uint64_t n;

	for (n = 0; n < 9; n++)
		want_place(lg, after,
		    (struct store_seek){.from = STORE_FROM_LAST,
			.count = n,
			.topics = &all,
			.n = 1});
	want_place(lg, after, (struct store_seek){.from = STORE_FROM_HEAD});
	want_place(lg, after, (struct store_seek){.from = STORE_FROM_FIRST});
	want_place(lg, after, (struct store_seek){.from = STORE_FROM_TIME});
	want_place(lg, after,
	    (struct store_seek){.from = STORE_FROM_TIME, .time_ms = INT64_MAX});
}

static void
test_an_entry_is_its_place(void **state)
{
	char ids[EVENTS][STORE_ID_SIZE];
	struct log *lg = *state;
	int i;

	fill(lg, ids);
	for (i = 0; i < EVENTS; i++)
		want(lg, "nothing", ids[i], STORE_OK);
	kit_reopen(lg, 0);
	for (i = 0; i < EVENTS; i++)
		want(lg, "nothing", ids[i], STORE_OK);
}

static void
test_another_log_is_told(void **state)
{
	char ids[EVENTS][STORE_ID_SIZE], again[EVENTS][STORE_ID_SIZE];
	struct log *lg = *state;

	fill(lg, ids);
	redis_say("FLUSHALL%s%s", "", "");
	init(lg);
	kit_reopen(lg, 0);
	want(lg, "FLUSHALL", ids[2], STORE_UNKNOWN);
	fill(lg, again);
	kit_reopen(lg, 0);
	want(lg, "FLUSHALL", ids[2], STORE_UNKNOWN);
	want(lg, "FLUSHALL", ids[5], STORE_UNKNOWN);
	want(lg, "FLUSHALL", again[2], STORE_OK);
}

static void
test_a_key_that_was_removed_is_told(void **state)
{
	char ids[EVENTS][STORE_ID_SIZE], again[EVENTS][STORE_ID_SIZE];
	struct log *lg = *state;

	fill(lg, ids);
	redis_say("DEL %s%s", stream_of(lg->path), "");
	kit_reopen(lg, 0);
	want(lg, "DEL", ids[2], STORE_UNKNOWN);
	fill(lg, again);
	kit_reopen(lg, 0);
	want(lg, "DEL", ids[2], STORE_UNKNOWN);
	want(lg, "DEL", again[0], STORE_OK);
}

/* A replica that had not heard of the newest becomes master. */
static void
test_a_tail_that_was_lost_is_told(void **state)
{
	char ids[EVENTS][STORE_ID_SIZE], again[EVENTS][STORE_ID_SIZE];
	struct log *lg = *state;
	const char *stream = stream_of(lg->path);
	redisReply *dump, *r;

	fill(lg, ids);
	dump = redisCommand(kit_server.to, "DUMP %s", stream);
	assert_int_equal(dump->type, REDIS_REPLY_STRING);
	fill(lg, again);
	r = redisCommand(kit_server.to, "RESTORE %s 0 %b REPLACE", stream,
	    dump->str, dump->len);
	assert_string_equal(r->str, "OK");
	freeReplyObject(r);
	freeReplyObject(dump);
	kit_reopen(lg, 0);
	want(lg, "RESTORE", again[1], STORE_UNKNOWN);
	fill(lg, ids);
	kit_reopen(lg, 0);
	want(lg, "RESTORE", again[1], STORE_UNKNOWN);
	want(lg, "RESTORE", ids[1], STORE_OK);
}

static void
test_what_was_removed_proves_nothing(void **state)
{
	char ids[EVENTS][STORE_ID_SIZE], one[STORE_ID_SIZE];
	struct store_keep keep = {.rows = 2, .age_ms = 0};
	struct log *lg = *state;

	fill(lg, ids);
	redis_say("XDEL %s %s", stream_of(lg->path), ids[3]);
	kit_reopen(lg, 0);
	want(lg, "XDEL", ids[3], STORE_OK);
	want(lg, "XDEL", ids[2], STORE_OK);
	append(lg, one, NULL);
	assert_int_equal(
	    store_prune(lg->path, &keep, lg->why, sizeof(lg->why)), 4);
	kit_reopen(lg, 0);
	want(lg, "pruning", ids[1], STORE_GONE);
	want(lg, "pruning", ids[3], STORE_GONE);
	want(lg, "pruning", ids[4], STORE_OK); /* the last that went */
	want(lg, "pruning", ids[5], STORE_OK);
	want_places(lg, "pruning");
	redis_say("XTRIM %s MAXLEN 1%s", stream_of(lg->path), "");
	kit_reopen(lg, 0);
	want(lg, "XTRIM", ids[5], STORE_GONE);
	want(lg, "XTRIM", one, STORE_OK);
	want_places(lg, "XTRIM");
	redis_say("XTRIM %s MAXLEN 0%s", stream_of(lg->path), "");
	kit_reopen(lg, 0);
	want(lg, "emptying", one, STORE_OK);
	want_places(lg, "emptying");
}

static void
test_places_without_an_entry_are_understood(void **state)
{
	char ids[EVENTS][STORE_ID_SIZE];
	struct log *lg = *state;

	want_places(lg, "nothing");
	fill(lg, ids);
	want_places(lg, "appending");
	redis_say("DEL %s%s", stream_of(lg->path), "");
	redis_say("XADD %s 5-3 data x%s", stream_of(lg->path), "");
	redis_say("XADD %s 5-7 data x%s", stream_of(lg->path), "");
	redis_say("XADD %s 6-0 data x%s", stream_of(lg->path), "");
	kit_reopen(lg, 0);
	want_places(lg, "ids by hand");
	want(lg, "ids by hand", "5-4", STORE_UNKNOWN);
	redis_say("XDEL %s 6-0%s", stream_of(lg->path), "");
	kit_reopen(lg, 0);
	want_places(lg, "removing the newest");
}

/* The log came from SQLite, and its events have kept their numbers. */
static void
test_numbers_have_their_check(void **state)
{
	struct store_event ev = {.id = {0, 4}, .time_ms = 1004};
	struct log *lg = *state;
	char id[STORE_ID_SIZE], uid[STORE_ID_SIZE];
	const char *stream = stream_of(lg->path);

	store_event_print_id(lg->reader, &ev, id);
	redis_say("XADD %s 0-3 data x time 1003%s", stream, "");
	redis_say("XADD %s 0-4 data x time 1004%s", stream, "");
	redis_say("XADD %s 0-5 data x time 1005%s", stream, "");
	kit_reopen(lg, 0);
	want(lg, "nothing", id, STORE_OK);
	want(lg, "nothing", "4", STORE_OK);
	want(lg, "nothing", "4-k52q", STORE_UNKNOWN);
	want(lg, "nothing", "2-k52q", STORE_UNKNOWN);
	want(lg, "nothing", "7-k52q", STORE_UNKNOWN);
	want(lg, "nothing", "18446744073709551615-k52q", STORE_UNKNOWN);
	want(lg, "nothing", "4-k52", STORE_UNKNOWN);
	append(lg, uid, "4-k52q");
	append(lg, NULL, "9-abcd");
	append(lg, NULL, NULL);
	kit_reopen(lg, 0);
	want(lg, "uids", "4-k52q", STORE_OK);
	want(lg, "uids", "9-abcd", STORE_OK);
	want(lg, "uids", id, STORE_OK);
	redis_say("XDEL %s 0-4%s", stream, "");
	kit_reopen(lg, 0);
	want(lg, "XDEL", id, STORE_OK);
	redis_say("DEL %s%s", stream, "");
	redis_say("XADD %s 0-4 data x time 2004%s", stream, "");
	redis_say("XADD %s 0-5 data x time 2005%s", stream, "");
	kit_reopen(lg, 0);
	want(lg, "another life", id, STORE_UNKNOWN);
	want(lg, "another life", "4", STORE_OK);
}

/* How often Redis was asked to go back through entries. */
static long
steps_back(void)
{
	redisReply *r = redisCommand(kit_server.to, "INFO commandstats");
	const char *at;
	long n;

	assert_non_null(r);
	at = strstr(r->str, "cmdstat_xrevrange:calls=");
	n = at == NULL ? 0 : atol(strchr(at, '=') + 1);
	freeReplyObject(r);
	return n;
}

/* Turns until the log was asked some times more; how often was it replaced? */
static int
replaced(struct log *lg)
{
	struct store_id id;
	int i, n = 0;

	for (i = 0; i < 8; i++)
		n += kit_turn(lg, &id) == STORE_REPLACED;
	return n;
}

/*
 * Restored from another copy, the log has the same id and the same numbers, and
 * may have grown.  Nothing but the time of an entry tells, and it tells once.
 */
static void
test_another_life_of_a_copied_log_is_told(void **state)
{
	static const char *const lives[] = {
	    "redis.call('DEL', KEYS[1]) for i = 1, 5 do redis.call('XADD',"
	    " KEYS[1], '0-' .. i, 'data', 'y', 'time', 2000 + i) end",
	    "redis.call('DEL', KEYS[1]) for i = 1, 9 do redis.call('XADD',"
	    " KEYS[1], '0-' .. i, 'data', 'y', 'time', 3000 + i) end"};
	struct log *lg = *state;
	const char *stream = stream_of(lg->path);
	size_t i;

	redis_say("XADD %s 0-4 data x time 1004%s", stream, "");
	kit_reopen(lg, 0);
	assert_int_equal(replaced(lg), 0);
	redis_say("XADD %s 0-5 data x time 1005%s", stream, "");
	assert_int_equal(replaced(lg), 0);
	for (i = 0; i < sizeof(lives) / sizeof(lives[0]); i++) {
		redis_say("EVAL %s 1 %s", lives[i], stream);
		assert_int_equal(replaced(lg), 1);
		assert_int_equal(replaced(lg), 0);
	}
}

/*
 * After the log was pruned many clients may come back with such an id.  None of
 * them is to have the log searched for it as a uid.
 */
static void
test_a_number_that_is_gone_is_not_searched_for(void **state)
{
	static const char *const gone[] = {
	    "2-k52q", "4-k52q", "900-k52q", "5-main"};
	struct store_keep keep = {.rows = 3000, .age_ms = 0};
	struct log *lg = *state;
	const char *stream = stream_of(lg->path);
	long before;
	size_t i;

	redis_say("XADD %s 0-2 data x time 1002%s", stream, "");
	redis_say("XADD %s 0-4 data x time 1004%s", stream, "");
	redis_say("EVAL %s 1 %s",
	    "for i = 1, 3000 do redis.call('XADD', KEYS[1], '*', 'data', 'x')"
	    " end",
	    stream);
	append(lg, NULL, "7-main");
	assert_int_equal(
	    store_prune(lg->path, &keep, lg->why, sizeof(lg->why)), 3);
	kit_reopen(lg, 0);
	for (i = 0; i < sizeof(gone) / sizeof(gone[0]); i++) {
		before = steps_back();
		want(lg, "pruning", gone[i], STORE_GONE);
		assert_in_range(steps_back() - before, 0, 2);
	}
	want(lg, "pruning", "7-main", STORE_OK);
}

/* It stood at another place than the number says. */
static void
test_a_uid_of_that_form_that_was_removed(void **state)
{
	struct log *lg = *state;
	const char *stream = stream_of(lg->path);
	char id[STORE_ID_SIZE];

	redis_say("XADD %s 0-1 data x time 1001%s", stream, "");
	redis_say("XADD %s 0-2 data x time 1002%s", stream, "");
	append(lg, id, "2-main");
	append(lg, NULL, NULL);
	want(lg, "nothing", "2-main", STORE_OK);
	redis_say("XDEL %s %s", stream, id);
	redis_say("XDEL %s 0-2%s", stream, "");
	kit_reopen(lg, 0);
	want(lg, "XDEL", "2-main", STORE_UNKNOWN);
	want(lg, "XDEL", "2-k52q", STORE_OK);
}

static enum store_result
result_of(struct log *lg, const char *topic, const char *text)
{
	struct store_topic t = {topic, strlen(topic), false};
	struct store_seek seek = {.topics = &t, .n = 1};
	struct store_id id;

	store_seek_named(lg->reader, text, strlen(text), &seek);
	return kit_seek(lg, seek, &id);
}

static bool
is_noted(const char *stream, const char *uid)
{
	redisReply *r = redisCommand(
	    kit_server.to, "HEXISTS {%s}:log topic-of:%s", stream, uid);
	bool is;

	assert_non_null(r);
	is = r->integer == 1;
	freeReplyObject(r);
	return is;
}

/* A client of one topic must not learn that another had an event of this uid.
 */
static void
test_a_lost_uid_of_another_topic_is_as_none(void **state)
{
	struct store_keep keep = {.rows = 1, .age_ms = 0};
	struct store_event ev = {.topic = {"c", 1}, .uid = {"2-main", 6}};
	struct log *lg = *state;
	const char *stream = stream_of(lg->path);
	char id[STORE_ID_SIZE];

	redis_say("XADD %s 0-1 data x time 1001%s", stream, "");
	redis_say("XADD %s 0-2 data x time 1002%s", stream, "");
	assert_int_equal(store_append(lg->writer, &ev, 1), STORE_OK);
	store_id_print(lg->writer, ev.id, id);
	assert_true(is_noted(stream, "2-main"));
	append(lg, NULL, NULL);
	redis_say("XDEL %s %s", stream, id);
	redis_say("XDEL %s 0-2%s", stream, "");
	kit_reopen(lg, 0);
	assert_int_equal(result_of(lg, "a", "2-maim"), STORE_OK);
	assert_int_equal(result_of(lg, "a", "2-main"), STORE_OK);
	assert_int_equal(result_of(lg, "c", "2-main"), STORE_UNKNOWN);
	want(lg, "XDEL", "2-main", STORE_UNKNOWN);
	/* What is kept for it goes with the rest. */
	append(lg, NULL, NULL);
	append(lg, NULL, NULL);
	assert_true(store_prune(lg->path, &keep, lg->why, sizeof(lg->why)) > 0);
	assert_false(is_noted(stream, "2-main"));
}

/*
 * A copied log may have numbers of more than the 53 bits of a number in Lua.
 * Each of them is another number there, too.
 */
static void
test_large_numbers_are_pruned_one_by_one(void **state)
{
	static const char *const from[] = {
	    "179534000000000000", "922337203685477580"};
	struct store_keep keep = {.rows = 2, .age_ms = 0};
	struct log *lg = *state;
	const char *stream = stream_of(lg->path);
	char id[STORE_ID_SIZE];
	size_t i;
	int n;

	for (i = 0; i < sizeof(from) / sizeof(from[0]); i++) {
		for (n = 1; n < 7; n++) {
			snprintf(id, sizeof(id), "0-%s%d", from[i], n);
			redis_say("XADD %s %s data x", stream, id);
		}
		assert_int_equal(
		    store_prune(lg->path, &keep, lg->why, sizeof(lg->why)),
		    i == 0 ? 4 : 6);
		kit_reopen(lg, 0);
		snprintf(id, sizeof(id), "%s3", from[i]);
		want(lg, "pruning", id, STORE_GONE);
		snprintf(id, sizeof(id), "%s4", from[i]);
		want(lg, "pruning", id, STORE_OK);
		snprintf(id, sizeof(id), "%s5", from[i]);
		want(lg, "pruning", id, STORE_OK);
	}
}

#define T(name) \
	cmocka_unit_test_setup_teardown(name, kit_setup_redis, kit_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_an_entry_is_its_place),
	    T(test_another_log_is_told),
	    T(test_a_key_that_was_removed_is_told),
	    T(test_a_tail_that_was_lost_is_told),
	    T(test_what_was_removed_proves_nothing),
	    T(test_places_without_an_entry_are_understood),
	    T(test_numbers_have_their_check),
	    T(test_another_life_of_a_copied_log_is_told),
	    T(test_large_numbers_are_pruned_one_by_one),
	    T(test_a_number_that_is_gone_is_not_searched_for),
	    T(test_a_uid_of_that_form_that_was_removed),
	    T(test_a_lost_uid_of_another_topic_is_as_none),
	};
	int rc;

	cmocka_set_message_output(CM_OUTPUT_TAP);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	redis_gone(&kit_server);
	return rc;
}
