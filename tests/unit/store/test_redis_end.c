/*
 * test_redis_end.c - where a topic has ended when entries come by XADD, and go
 * by XDEL and XTRIM, without a word to us.
 */
#include "tests/unit/kit.h"

enum {
	TOPICS = 30,
	STEPS = 1500,
	MOST = 50000
};

static struct store_text
text(const char *s)
{
	return (struct store_text){s, strlen(s)};
}

static const struct store_id none = {0, 0};

/* --- what the log has ----------------------------------------------------- */

struct entry {
	struct store_id id;
	int topic;
	bool end;
};

static struct {
	struct entry at[MOST];
	size_t first, n;		 /* those before first were trimmed */
	struct store_id deleted[TOPICS]; /* the end that was taken out, or 0 */
} model;

static void
note(struct log *lg, struct store_id id, int topic, bool end)
{
	assert_true(model.n < MOST);
	model.at[model.n++] = (struct entry){id, topic, end};
	lg->newest = id;
}

/* The newest entry of a topic, or NULL. */
static struct entry *
newest(int topic)
{
	size_t i = model.n;

	while (i-- > model.first)
		if (model.at[i].topic == topic)
			return &model.at[i];
	return NULL;
}

static const char *
name_of(int topic)
{
	static char name[16];

	snprintf(name, sizeof(name), "run/%d", topic);
	return name;
}

/* --- what is done --------------------------------------------------------- */

static redisReply *
run(const char *fmt, ...)
{
	redisReply *r;
	va_list ap;

	va_start(ap, fmt);
	r = redisvCommand(kit_server.to, fmt, ap);
	va_end(ap);
	assert_non_null(r);
	if (r->type == REDIS_REPLY_ERROR)
		fail_msg("%s", r->str);
	return r;
}

static void
add_by_hand(struct log *lg, int topic, bool end)
{
	redisReply *r = end ? run("XADD %s * topic %s event stream-end",
				  stream_of(lg->path), name_of(topic))
			    : run("XADD %s * topic %s data x",
				  stream_of(lg->path), name_of(topic));
	struct store_id id;

	assert_true(store_id_parse(lg->reader, r->str, r->len, &id));
	freeReplyObject(r);
	note(lg, id, topic, end);
}

static void
publish(struct log *lg, int topic, bool end)
{
	struct store_event ev = {.topic = text(name_of(topic))};

	ev.event = text(end ? "stream-end" : "message");
	assert_int_equal(store_append(lg->writer, &ev, 1), STORE_OK);
	note(lg, ev.id, topic, end);
}

/* Takes out the newest entry of a topic, if that is an end. */
static void
delete_end(struct log *lg, int topic)
{
	struct entry *e = newest(topic);
	char id[STORE_ID_SIZE];

	if (e == NULL || !e->end)
		return;
	store_id_print(lg->reader, e->id, id);
	freeReplyObject(run("XDEL %s %s", stream_of(lg->path), id));
	e->topic = -1;
	model.deleted[topic] = e->id;
}

static void
trim(struct log *lg)
{
	size_t left = 0, i;
	const int keep = 30;
	redisReply *r = run("XTRIM %s MAXLEN %d", stream_of(lg->path), keep);

	freeReplyObject(r);
	for (i = model.n; i > model.first && left < (size_t)keep; i--)
		left += model.at[i - 1].topic >= 0;
	model.first = i;
}

static void
prune(struct log *lg, uint64_t rows)
{
	struct store_keep keep = {.rows = rows, .age_ms = 0};

	assert_true(
	    store_prune(lg->path, &keep, lg->why, sizeof(lg->why)) >= 0);
}

/* --- what is said --------------------------------------------------------- */

static struct store_id
end_of(struct log *lg, int topic)
{
	struct store_id place, end = {7, 7};
	enum store_result r;
	int turns = 0;

	while ((r = store_end(lg->reader, text(name_of(topic)), &end)) ==
	       STORE_LATER) {
		kit_turn(lg, &place);
		assert_true(++turns < 10000);
	}
	assert_int_equal(r, STORE_OK);
	return end;
}

/*
 * Where an end was taken out it may be that no other is known.  A reader that
 * has just been told of it may take a moment.
 */
static void
check(struct log *lg, int topic)
{
	const struct entry *e = newest(topic);
	struct store_id gone = model.deleted[topic], place, end,
			want = e != NULL && e->end ? e->id : none;

	while (store_id_cmp(end = end_of(lg, topic), gone) == 0 &&
	       store_id_cmp(gone, none) != 0)
		kit_turn(lg, &place);
	if (store_id_cmp(end, want) == 0 ||
	    (store_id_cmp(gone, none) != 0 && store_id_cmp(end, none) == 0))
		return;
	fail_msg("%s ended at %llu-%llu, and not at %llu-%llu", name_of(topic),
	    (unsigned long long)end.hi, (unsigned long long)end.lo,
	    (unsigned long long)want.hi, (unsigned long long)want.lo);
}

static void
check_all(struct log *lg)
{
	int i;

	kit_settle(lg);
	for (i = 0; i < TOPICS; i++)
		check(lg, i);
}

static void
step(struct log *lg, int by_hand)
{
	int topic = (int)(random() % TOPICS), dice = (int)(random() % 1000);

	if (dice < 4)
		delete_end(lg, topic);
	else if (dice < 15)
		trim(lg);
	else if (dice < 25)
		kit_reopen(lg, 0);
	else if ((int)(random() % 100) < by_hand)
		add_by_hand(lg, topic, dice % 3 == 0);
	else
		publish(lg, topic, dice % 3 == 0);
}

static void
check_model(struct log *lg, int by_hand)
{
	int i;

	srandom(15);
	memset(&model, 0, sizeof(model));
	for (i = 0; i < STEPS; i++) {
		step(lg, by_hand);
		if (random() % 25 == 0)
			check_all(lg);
	}
	prune(lg, MOST);
	kit_reopen(lg, 0);
	check_all(lg);
}

static void
test_some_entries_are_added_by_hand(void **state)
{
	check_model(*state, 20);
}

static void
test_all_entries_are_added_by_hand(void **state)
{
	check_model(*state, 100);
}

static void
test_no_entry_is_added_by_hand(void **state)
{
	check_model(*state, 0);
}

/* Adds n entries by hand. */
static void
add_many(struct log *lg, int n)
{
	int i;

	for (i = 0; i < n; i++)
		redisAppendCommand(kit_server.to, "XADD %s * topic run/0",
		    stream_of(lg->path));
	for (i = 0; i < n; i++) {
		redisReply *r = NULL;
		struct store_id id;

		redisGetReply(kit_server.to, (void **)&r);
		store_id_parse(lg->reader, r->str, r->len, &id);
		freeReplyObject(r);
		note(lg, id, 0, false);
	}
}

/*
 * An end far back that nobody noted is not looked for without an end.  It is
 * found again when somebody prunes.  A topic that was opened again by hand has
 * not ended, however far back that was.
 */
static void
test_an_end_far_back_is_found_after_a_prune(void **state)
{
	struct log *lg = *state;
	struct store_id place;

	memset(&model, 0, sizeof(model));
	publish(lg, 1, true);
	publish(lg, 2, true);
	add_by_hand(lg, 1, false);
	add_by_hand(lg, 3, true);
	add_many(lg, 25000);
	kit_reopen(lg, 0);
	kit_settle(lg);
	assert_int_equal(store_id_cmp(end_of(lg, 1), none), 0);
	assert_int_equal(store_id_cmp(end_of(lg, 3), none), 0);
	prune(lg, MOST);
	while (store_id_cmp(end_of(lg, 3), none) == 0)
		kit_turn(lg, &place);
	check(lg, 2);
	kit_reopen(lg, 0);
	check_all(lg);
}

/* --- many ------------------------------------------------------------------
 */

enum {
	MANY = 20000,
	BATCH = 500
};

/* One event of each of n topics; every second one ends. */
static void
publish_many(struct log *lg, int n, struct store_id *ids)
{
	static struct store_event ev[BATCH];
	static char names[BATCH][16];
	int i, j;

	for (i = 0; i < n; i += BATCH) {
		memset(ev, 0, sizeof(ev));
		for (j = 0; j < BATCH; j++) {
			snprintf(names[j], 16, "run/%d", i + j);
			ev[j].topic = text(names[j]);
			ev[j].event = text(j % 2 ? "stream-end" : "message");
		}
		assert_int_equal(store_append(lg->writer, ev, BATCH), STORE_OK);
		for (j = 0; j < BATCH; j++)
			ids[i + j] = j % 2 ? ev[j].id : none;
		lg->newest = ev[BATCH - 1].id;
	}
}

/* As the streams of n topics open, and ask again when something was told. */
static int
ask_many(struct log *lg, int from, int n, const struct store_id *ids)
{
	struct store_id place, end;
	int turns = 0, left, i;
	char name[16];

	for (;; turns++) {
		left = 0;
		store_hold(lg->reader);
		for (i = from; i < from + n; i++) {
			snprintf(name, sizeof(name), "run/%d", i);
			if (store_end(lg->reader, text(name), &end) ==
			    STORE_LATER)
				left++;
			else if (store_id_cmp(end, ids[i]) != 0)
				fail_msg("%s", name);
		}
		store_release(lg->reader);
		if (left == 0)
			return turns;
		do
			kit_turn(lg, &place);
		while (!store_answered(lg->reader));
	}
}

static void
test_thousands_are_asked_in_a_few_turns(void **state)
{
	static struct store_id ids[MANY];
	struct log *lg = *state;
	int turns;

	publish_many(lg, 2000, ids);
	kit_reopen(lg, 0);
	turns = ask_many(lg, 0, 2000, ids);
	print_message("2000 topics in %d turns\n", turns);
	assert_in_range(turns, 1, 20);
	assert_int_equal(ask_many(lg, 0, 2000, ids), 0);
}

/* More topics than the reader remembers. */
static void
test_what_was_forgotten_is_asked_again(void **state)
{
	static struct store_id ids[MANY];
	struct log *lg = *state;
	int i;

	publish_many(lg, MANY / 2, ids);
	kit_settle(lg);
	publish_many(lg, MANY, ids);
	kit_settle(lg);
	for (i = 0; i < MANY; i += 1000)
		ask_many(lg, i, 1000, ids);
	assert_true(ask_many(lg, 0, 1000, ids) > 0);
}

/* The hash does not grow for ever. */
static void
test_ends_go_with_their_entries(void **state)
{
	struct log *lg = *state;
	redisReply *r;
	int i;

	memset(&model, 0, sizeof(model));
	for (i = 0; i < TOPICS; i++)
		publish(lg, i, true);
	publish(lg, 0, false);
	prune(lg, 3);
	r = run("HLEN {%s}:ended", stream_of(lg->path));
	assert_int_equal(r->integer, 2);
	freeReplyObject(r);
}

/* Nor if it is XTRIM that takes the entries. */
static void
test_ends_that_were_trimmed_are_dropped(void **state)
{
	static struct store_id ids[MANY];
	struct log *lg = *state;
	redisReply *r;

	publish_many(lg, MANY, ids);
	freeReplyObject(run("XTRIM %s MAXLEN 10", stream_of(lg->path)));
	prune(lg, MOST);
	r = run("HLEN {%s}:ended", stream_of(lg->path));
	assert_int_equal(r->integer, 5);
	freeReplyObject(r);
}

/* --- a copy ----------------------------------------------------------------
 */

static bool
take_newest(void *arg, const struct store_event *ev)
{
	(void)arg;
	(void)ev;
	return true;
}

static void
want_ended(struct log *lg, const char *topic, const char *id)
{
	redisReply *r = run("HGET {%s}:ended %s", stream_of(lg->path), topic);

	if (id == NULL)
		assert_int_equal(r->type, REDIS_REPLY_NIL);
	else
		assert_string_equal(r->str, id);
	freeReplyObject(r);
}

/* Who reads the copy need not go through it. */
static void
test_a_copy_has_the_ends_of_the_log(void **state)
{
	static const char log_id[] = "00112233445566778899aabbccddeeff";
	struct store_event ev[] = {
	    {.id = {0, 3}, .topic = {"a", 1}, .event = {"stream-end", 10}},
	    {.id = {0, 5}, .topic = {"b", 1}, .event = {"stream-end", 10}},
	    {.id = {0, 7}, .topic = {"a", 1}}};
	struct store_copy copy = {.log_id = log_id,
	    .upto = {0, 7},
	    .events = ev,
	    .n = sizeof(ev) / sizeof(*ev)};
	struct store_copied done = {.upto = {0, 0}};
	struct store_origin origin = {.log_id = log_id, .numbers = 7};
	struct log *lg = *state;
	redisReply *r;

	assert_int_equal(
	    store_copy_begin(lg->writer, &origin, &done, take_newest, NULL),
	    STORE_OK);
	assert_int_equal(store_copy_in(lg->writer, &copy), STORE_OK);
	want_ended(lg, "a", NULL);
	want_ended(lg, "b", "0-5");
	r = run("HGET {%s}:log ended", stream_of(lg->path));
	assert_string_equal(r->str, "0-7");
	freeReplyObject(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_some_entries_are_added_by_hand,
		kit_setup_redis, kit_teardown),
	    cmocka_unit_test_setup_teardown(test_all_entries_are_added_by_hand,
		kit_setup_redis, kit_teardown),
	    cmocka_unit_test_setup_teardown(
		test_no_entry_is_added_by_hand, kit_setup_redis, kit_teardown),
	    cmocka_unit_test_setup_teardown(
		test_an_end_far_back_is_found_after_a_prune, kit_setup_redis,
		kit_teardown),
	    cmocka_unit_test_setup_teardown(
		test_thousands_are_asked_in_a_few_turns, kit_setup_redis,
		kit_teardown),
	    cmocka_unit_test_setup_teardown(
		test_what_was_forgotten_is_asked_again, kit_setup_redis,
		kit_teardown),
	    cmocka_unit_test_setup_teardown(test_a_copy_has_the_ends_of_the_log,
		kit_setup_redis, kit_teardown),
	    cmocka_unit_test_setup_teardown(
		test_ends_go_with_their_entries, kit_setup_redis, kit_teardown),
	    cmocka_unit_test_setup_teardown(
		test_ends_that_were_trimmed_are_dropped, kit_setup_redis,
		kit_teardown),
	};
	int rc;

	cmocka_set_message_output(CM_OUTPUT_TAP);
	rc = _cmocka_run_group_tests("redis_end", tests, 9, NULL, NULL);
	redis_gone(&kit_server);
	return rc;
}
