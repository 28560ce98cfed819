/*
 * test_end.c - where a topic has ended, whatever the engine.
 */
#include "tests/unit/kit.h"

enum {
	TOPICS = 40,
	STEPS = 2000
};

static struct store_text
text(const char *s)
{
	return (struct store_text){s, strlen(s)};
}

static struct store_id
append(struct log *lg, const char *topic, const char *type)
{
	struct store_event ev = {.topic = text(topic), .data = {"x", 1}};

	if (type != NULL)
		ev.event = text(type);
	assert_int_equal(store_append(lg->writer, &ev, 1), STORE_OK);
	lg->newest = ev.id;
	return ev.id;
}

static struct store_id
end_of(struct log *lg, const char *topic)
{
	struct store_id place, end = {7, 7};
	enum store_result r;
	int turns = 0;

	while ((r = store_end(lg->reader, text(topic), &end)) == STORE_LATER) {
		kit_turn(lg, &place);
		assert_true(++turns < 10000);
	}
	assert_int_equal(r, STORE_OK);
	return end;
}

static void
want_end(struct log *lg, const char *topic, struct store_id want)
{
	struct store_id end = end_of(lg, topic);

	if (store_id_cmp(end, want) != 0)
		fail_msg("%s ended at %llu-%llu, and not at %llu-%llu", topic,
		    (unsigned long long)end.hi, (unsigned long long)end.lo,
		    (unsigned long long)want.hi, (unsigned long long)want.lo);
}

static const struct store_id none = {0, 0};

static void
test_a_topic_ends_and_opens_again(void **state)
{
	struct log *lg = *state;
	struct store_id end;

	want_end(lg, "run/1", none);
	append(lg, "run/1", NULL);
	append(lg, "run/2", "stream-end");
	kit_settle(lg);
	want_end(lg, "run/1", none);
	end = append(lg, "run/1", "stream-end");
	append(lg, "other", "stream-start");
	kit_settle(lg);
	want_end(lg, "run/1", end);
	want_end(lg, "other", none);
	append(lg, "run/1", "stream-end-not");
	kit_settle(lg);
	want_end(lg, "run/1", none);
	end = append(lg, "run/1", "stream-end");
	kit_settle(lg);
	want_end(lg, "run/1", end);
}

/* The place where a stream begins may be newer than any news. */
static void
test_an_end_is_known_as_soon_as_its_place_is(void **state)
{
	struct log *lg = *state;
	struct store_id end;
	char topic[16];
	int i;

	for (i = 0; i < 100; i++) {
		snprintf(topic, sizeof(topic), "run/%d", i % 3);
		end = append(lg, topic, "stream-end");
		kit_settle(lg);
		want_end(lg, topic, end);
		append(lg, topic, NULL);
		kit_settle(lg);
		want_end(lg, topic, none);
	}
}

static void
test_an_end_that_was_pruned_is_none(void **state)
{
	struct store_keep keep = {.rows = 1, .age_ms = 0};
	struct log *lg = *state;

	append(lg, "run/1", "stream-end");
	append(lg, "run/2", NULL);
	assert_int_equal(
	    store_prune(lg->path, &keep, lg->why, sizeof(lg->why)), 1);
	kit_reopen(lg, 0);
	kit_settle(lg);
	want_end(lg, "run/1", none);
}

/* Another reader that comes in between knows nothing but what the log says. */
static void
test_ends_are_those_of_a_model(void **state)
{
	struct store_id ends[TOPICS] = {{0, 0}}, id;
	struct log *lg = *state;
	char topic[16];
	int step, i;

	srandom(15);
	for (step = 0; step < STEPS; step++) {
		bool end = random() % 3 == 0;

		i = (int)(random() % TOPICS);
		snprintf(topic, sizeof(topic), "run/%d", i);
		id = append(lg, topic, end ? "stream-end" : NULL);
		ends[i] = end ? id : none;
		if (random() % 100 == 0)
			kit_reopen(lg, 0);
		if (random() % 20 != 0)
			continue;
		kit_settle(lg);
		for (i = 0; i < TOPICS; i++) {
			snprintf(topic, sizeof(topic), "run/%d", i);
			want_end(lg, topic, ends[i]);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_topic_ends_and_opens_again),
	    cmocka_unit_test(test_an_end_is_known_as_soon_as_its_place_is),
	    cmocka_unit_test(test_an_end_that_was_pruned_is_none),
	    cmocka_unit_test(test_ends_are_those_of_a_model),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return kit_run("end", tests, sizeof(tests) / sizeof(*tests));
}
