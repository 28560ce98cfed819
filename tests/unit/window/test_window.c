/*
 * test_window.c - the window, its runs, and what is due from them.
 *
 * What a stream gets is compared with a simpler twin, which goes through a list
 * of all events from the start.  The pieces have random sizes, so every event
 * is cut everywhere.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/cm.h"

#include "fcgi/window/burst.h"
#include "fcgi/window/due.h"
#include "fcgi/window/record.h"
#include "fcgi/window/window.h"
#include "store/engine.h"

enum {
	EVENTS = 400,
	NAMES = 6
};

static const char *const names[NAMES] = {"a", "ab", "abc", "b", "news", "n"};

struct world {
	struct store store; /* only to print ids */
	struct topics topics;
	struct window window;
	int topic[EVENTS + 1]; /* topic of event i, from 1 on */
	uint64_t id[EVENTS + 1];
	int n;
	unsigned seed;
};

static struct world *
make_world(uint64_t window_bytes)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	assert_int_equal(topics_open(&w->topics), 0);
	assert_int_equal(window_open(&w->window, window_bytes, 1 << 20), 0);
	w->seed = 1;
	return w;
}

static void
free_world(struct world *w)
{
	topics_close(&w->topics);
	window_close(&w->window);
	free(w);
}

static int
chance(struct world *w, int n)
{
	return rand_r(&w->seed) % n;
}

static size_t
body_event_text(const struct world *w, int i, char *buf, size_t size)
{
	return (size_t)snprintf(buf, size, "id: %llu\ndata: %d%.*s\n\n",
	    (unsigned long long)w->id[i], i, i % 40,
	    "----------------------------------------");
}

static void
add(struct world *w, const char *topic, int t)
{
	char data[64];
	int i = ++w->n;
	struct store_event ev = {
	    .topic = {topic, strlen(topic)}, .time_ms = STORE_NO_TIME};

	w->topic[i] = t;
	w->id[i] = w->id[i - 1] + 1 + (uint64_t)chance(w, 3);
	ev.id.lo = w->id[i];
	ev.data.len = (size_t)snprintf(data, sizeof(data), "%d%.*s", i, i % 40,
	    "----------------------------------------");
	ev.data.s = data;
	window_add(&w->window, &w->topics, &w->store, &ev);
}

static void
add_any(struct world *w)
{
	int t = chance(w, NAMES);

	add(w, names[t], t);
}

static struct sub *
subscribe(struct world *w, const struct request_topic *rt, size_t n)
{
	struct sub *sub = topics_subscribe(
	    &w->topics, rt, n, NULL, (struct store_id){0, w->id[w->n]});

	assert_non_null(sub);
	return sub;
}

static struct request_topic
topic(const char *name, bool prefix)
{
	return (struct request_topic){name, strlen(name), prefix};
}

static bool
wants(const struct request_topic *rt, size_t n, const char *name)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (rt[i].prefix ? strncmp(name, rt[i].name, rt[i].len) == 0
				 : strcmp(name, rt[i].name) == 0)
			return true;
	return false;
}

/* The twin: everything that a stream of these topics gets after `from`. */
static char *
expected(const struct world *w, const struct request_topic *rt, size_t n,
    int from, size_t *len)
{
	char *all = malloc(EVENTS * 100);
	int i;

	*len = 0;
	for (i = from + 1; i <= w->n; i++)
		if (wants(rt, n, names[w->topic[i]]))
			*len += body_event_text(w, i, all + *len, 100);
	return all;
}

static void
due_of(struct due *d, const struct sub *sub)
{
	size_t i;

	d->n = sub->ntopics;
	for (i = 0; i < d->n; i++)
		d->run[i] = &sub->topics[i]->run;
}

/* Takes everything that is due, in pieces of random size; returns it. */
static char *
take_all(struct world *w, const struct sub *sub, struct due_place *place,
    size_t *len, uint64_t *events)
{
	char *all = malloc(EVENTS * 100);
	struct iovec iov[DUE_PIECES];
	struct due d;
	size_t got, sent;
	int i, n;

	for (*len = 0;;) {
		due_of(&d, sub);
		assert_true(due_find(&d, *place));
		n = due_pieces(
		    &d, *place, iov, 1 + (size_t)chance(w, 300), &got);
		if (n == 0)
			return all;
		sent = (size_t)chance(w, (int)got + 1);
		*place = due_sent(&d, *place, sent, events);
		for (i = 0; i < n && sent > 0; i++) {
			size_t part =
			    iov[i].iov_len < sent ? iov[i].iov_len : sent;

			memcpy(all + *len, iov[i].iov_base, part);
			*len += part;
			sent -= part;
		}
	}
}

static void
check_subscription(const struct request_topic *rt, size_t n)
{
	struct world *w = make_world(1 << 20);
	struct sub *sub = subscribe(w, rt, n);
	struct due_place place = {{0, 0}, 0};
	uint64_t events = 0, all_events = 0;
	size_t len, want_len, done = 0;
	char *got, *want;
	int i;

	while (w->n < EVENTS) {
		for (i = chance(w, 30); i >= 0 && w->n < EVENTS; i--)
			add_any(w);
		got = take_all(w, sub, &place, &len, &events);
		want = expected(w, rt, n, 0, &want_len);
		assert_int_equal(done + len, want_len);
		assert_memory_equal(got, want + done, len);
		done += len;
		free(got);
		free(want);
	}
	for (i = 1; i <= w->n; i++)
		all_events += wants(rt, n, names[w->topic[i]]);
	assert_int_equal(events, all_events);
	assert_int_equal(place.offset, 0);
	free_world(w);
}

static void
test_one_topic_is_sent_whole_however_it_is_cut(void **state)
{
	struct request_topic rt[] = {topic("a", false)};

	(void)state;
	check_subscription(rt, 1);
}

static void
test_several_topics_are_merged_in_order(void **state)
{
	struct request_topic rt[] = {
	    topic("a", false), topic("b", false), topic("news", false)};

	(void)state;
	check_subscription(rt, 3);
}

static void
test_prefixes_and_names_that_overlap_repeat_nothing(void **state)
{
	struct request_topic rt[] = {topic("ab", false), topic("b", false),
	    topic("a", true), topic("ab", true), topic("n", true)};

	(void)state;
	check_subscription(rt, 5);
}

static void
test_everything(void **state)
{
	struct request_topic rt[] = {topic("", true)};

	(void)state;
	check_subscription(rt, 1);
}

static void
test_same_topics_share_one_subscription(void **state)
{
	struct request_topic rt[] = {topic("a", false), topic("b", false)};
	struct world *w = make_world(1 << 20);

	(void)state;
	assert_ptr_equal(subscribe(w, rt, 2), subscribe(w, rt, 2));
	assert_ptr_not_equal(subscribe(w, rt, 2), subscribe(w, rt, 1));
	assert_int_equal(w->topics.topics.n, 2);
	free_world(w);
}

static void
test_only_subscriptions_with_news_are_due(void **state)
{
	struct request_topic a[] = {topic("a", false)};
	struct request_topic b[] = {topic("b", false)};
	struct world *w = make_world(1 << 20);
	struct sub *sub = subscribe(w, a, 1);

	(void)state;
	subscribe(w, b, 1);
	add(w, "a", 0);
	add(w, "a", 0);
	assert_int_equal(w->topics.ndue, 1);
	assert_ptr_equal(w->topics.due[0], sub);
	free_world(w);
}

static void
test_the_window_keeps_to_its_limit_and_says_what_it_lost(void **state)
{
	enum {
		LIMIT = 4096
	};
	struct request_topic rt[] = {topic("", true)};
	struct world *w = make_world(LIMIT);
	struct sub *sub = subscribe(w, rt, 1);
	struct run *r = &sub->topics[0]->run;
	struct due_place place;
	uint64_t events = 0;
	size_t len, want_len;
	char *got, *want;
	int i, first;

	(void)state;
	for (i = 0; i < EVENTS; i++) {
		add_any(w);
		assert_true(w->topics.kept_bytes <= LIMIT);
	}
	assert_true(r->count > 10 && r->count < EVENTS);
	first = EVENTS - (int)r->count;
	assert_int_equal(r->floor.lo, w->id[first]);
	place = (struct due_place){r->floor, 0};
	got = take_all(w, sub, &place, &len, &events);
	want = expected(w, rt, 1, first, &want_len);
	assert_int_equal(len, want_len);
	assert_memory_equal(got, want, len);
	free(got);
	free(want);
	free_world(w);
}

static void
test_a_topic_that_all_left_gives_its_memory_back(void **state)
{
	struct request_topic a[] = {topic("a", false)};
	struct world *w = make_world(1 << 20);
	struct sub *sub = subscribe(w, a, 1);
	uint64_t kept;
	int i;

	(void)state;
	for (i = 0; i < 50; i++)
		add(w, "a", 0);
	topics_forget(&w->topics, sub);
	assert_int_equal(w->topics.kept_bytes, 0);
	/* A listener is back: for events before it, the log has to be read. */
	sub = subscribe(w, a, 1);
	add(w, "a", 0);
	assert_int_equal(sub->topics[0]->run.count, 1);
	assert_int_equal(sub->topics[0]->run.floor.lo, w->id[50]);
	kept = w->topics.kept_bytes;
	window_forget(&w->window, &w->topics, (struct store_id){0, 9999});
	assert_true(kept > 0);
	assert_int_equal(w->topics.kept_bytes, 0);
	assert_int_equal(sub->topics[0]->run.floor.lo, 9999);
	free_world(w);
}

static void
test_a_half_event_that_is_gone_is_not_found(void **state)
{
	struct request_topic a[] = {topic("a", false)};
	struct world *w = make_world(1 << 20);
	struct sub *sub = subscribe(w, a, 1);
	struct due d;

	(void)state;
	add(w, "a", 0);
	add(w, "a", 0);
	due_of(&d, sub);
	assert_true(due_find(&d, (struct due_place){{0, w->id[1]}, 3}));
	run_drop(&sub->topics[0]->run);
	assert_false(due_find(&d, (struct due_place){{0, w->id[1]}, 3}));
	free_world(w);
}

static void
test_an_event_over_the_limit_is_told_in_its_place(void **state)
{
	struct request_topic a[] = {topic("a", false)};
	struct world *w = make_world(1 << 20);
	struct sub *sub = subscribe(w, a, 1);
	struct run *r = &sub->topics[0]->run;
	static const char start[] = "event: stream-gap\nid: ";

	(void)state;
	w->window.max_event_bytes = 3;
	w->n = 50;
	add(w, "a", 0); /* its data is longer than three bytes */
	assert_int_equal(r->count, 1);
	assert_memory_equal(run_bytes(r, r->start), start, sizeof(start) - 1);
	assert_non_null(strstr(run_bytes(r, r->start), "too-large"));
	free_world(w);
}

static void
test_a_burst_is_what_is_due_in_one_record(void **state)
{
	struct request_topic rt[] = {topic("a", false), topic("b", false)};
	struct world *w = make_world(1 << 20);
	struct sub *sub = subscribe(w, rt, 2);
	struct burst *b = calloc(1, sizeof(*b));
	struct store_id from = {0, 0};
	struct due d;
	size_t len;
	char *want;

	(void)state;
	while (w->n < EVENTS) {
		add_any(w);
		due_of(&d, sub);
		assert_true(due_find(&d, (struct due_place){from, 0}));
		burst_make(b, sub, from, &d);
		want = expected(w, rt, 2, 0, &len);
		if (len > RECORD_MAX || len == 0) {
			assert_null(b->sub);
		} else if (b->sub != NULL) { /* else too many pieces */
			assert_int_equal(b->len, len);
			assert_memory_equal(
			    burst_frame(b, 0x102) + RECORD_HEADER, want, len);
			assert_int_equal(b->frame[2], 1);
			assert_int_equal(b->frame[3], 2);
			assert_int_equal(b->frame[4] << 8 | b->frame[5], len);
			assert_true(burst_fits(b, sub, from));
			assert_false(burst_fits(b, sub, b->to));
		}
		free(want);
	}
	free(b);
	free_world(w);
}

/* A socket takes n bytes at a time; the records must come out whole. */
static void
test_records_survive_any_cut(void **state)
{
	char content[5000], out[20000], back[5000];
	struct record r = {0, 0, 0};
	uint8_t head[RECORD_HEADER];
	size_t done = 0, len, head_len, out_len = 0, n, i, back_len = 0;
	unsigned seed = 7;

	(void)state;
	for (i = 0; i < sizeof(content); i++)
		content[i] = (char)rand_r(&seed);
	while (done < sizeof(content)) {
		len = 1 + (size_t)rand_r(&seed) % 900;
		if (len > sizeof(content) - done)
			len = sizeof(content) - done;
		if (len > record_room(&r))
			len = record_room(&r);
		head_len = record_frame(&r, 0x1234, len, head);
		n = (size_t)rand_r(&seed) % (head_len + len + 1);
		for (i = 0; i < n; i++)
			out[out_len++] = i < head_len
					     ? (char)head[i]
					     : content[done + i - head_len];
		done += record_sent(&r, head_len, len, n);
	}
	assert_int_equal(r.left, 0);
	for (i = 0; i < out_len; i += RECORD_HEADER + len) {
		const uint8_t *h = (const uint8_t *)out + i;

		assert_int_equal(h[0], 1);
		assert_int_equal(h[1], 6);
		assert_int_equal(h[2] << 8 | h[3], 0x1234);
		len = (size_t)(h[4] << 8 | h[5]);
		memcpy(back + back_len, h + RECORD_HEADER, len);
		back_len += len;
	}
	assert_int_equal(back_len, sizeof(content));
	assert_memory_equal(back, content, sizeof(content));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_one_topic_is_sent_whole_however_it_is_cut),
	    cmocka_unit_test(test_several_topics_are_merged_in_order),
	    cmocka_unit_test(
		test_prefixes_and_names_that_overlap_repeat_nothing),
	    cmocka_unit_test(test_everything),
	    cmocka_unit_test(test_same_topics_share_one_subscription),
	    cmocka_unit_test(test_only_subscriptions_with_news_are_due),
	    cmocka_unit_test(
		test_the_window_keeps_to_its_limit_and_says_what_it_lost),
	    cmocka_unit_test(test_a_topic_that_all_left_gives_its_memory_back),
	    cmocka_unit_test(test_a_half_event_that_is_gone_is_not_found),
	    cmocka_unit_test(test_an_event_over_the_limit_is_told_in_its_place),
	    cmocka_unit_test(test_a_burst_is_what_is_due_in_one_record),
	    cmocka_unit_test(test_records_survive_any_cut),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("window", tests, NULL, NULL);
}
