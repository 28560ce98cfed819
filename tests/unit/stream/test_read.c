/*
 * test_read.c - reading news when the log fails half way: what was read is in
 * the window once, and nothing that went wrong is taken for good.
 *
 * The log is a stub (stub.h) that has as many revocations as a test says.
 */
#include <string.h>

#include "tests/unit/hub.h"
#include "tests/unit/stub.h"

#include "fcgi/stream/flush.h"
#include "fcgi/stream/news.h"

struct world {
	struct stub stub;
	struct serve_conf conf;
	uv_loop_t loop;
	struct hub hub;
	struct sub *sub;
};

static enum store_news
stub_news(struct store *st, struct store_id *id)
{
	(void)st;
	(void)id;
	return STORE_LOOK;
}

static enum store_result
stub_revocations(struct store *st, struct store_id *after, size_t limit,
    store_each_revoked *each, void *arg)
{
	const struct stub *stub = (const struct stub *)st;
	struct store_revocation rv = {.topic = {"other", 5}};

	for (; limit > 0 && after->lo < stub->store.revoked.lo; limit--) {
		if (after->lo + 1 == stub->bad_revoked)
			return STORE_ERROR;
		each(arg, &rv);
		after->lo++;
	}
	return STORE_OK;
}

static const struct store_ops ops = {.read = stub_read,
    .seek = stub_seek,
    .news = stub_news,
    .revocations = stub_revocations};

static int
setup(void **state)
{
	struct request_topic rt = {"main", 4, false};
	struct world *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return -1;
	w->stub.store.ops = &ops;
	w->stub.with = STORE_ERROR;
	w->conf.window_bytes = w->conf.max_event_bytes = 1 << 20;
	w->conf.page_rows = 100;
	lone_hub_open(&w->hub, &w->loop, &w->conf, &w->stub.store);
	w->sub = topics_subscribe(
	    &w->hub.topics, &rt, 1, NULL, (struct store_id){0, 0});
	assert_non_null(w->sub);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	topics_forget(&w->hub.topics, w->sub);
	lone_hub_close(&w->hub, &w->loop);
	free(w);
	return 0;
}

/* A look at the log, in a turn that has time for all of it. */
static void
look(struct world *w)
{
	w->hub.turn.until = UINT64_MAX;
	news_take(&w->hub);
}

/* The window has the events from one to the other, each once, and no more. */
static void
want_window(const struct world *w, uint64_t first, uint64_t last)
{
	const struct run *r = &w->sub->topics[0]->run;

	assert_int_equal(r->count, last - first + 1);
	for (size_t i = 0; i < r->count; i++)
		assert_int_equal(run_mark(r, i)->id.lo, first + i);
	assert_int_equal(r->floor.lo, first - 1);
	assert_int_equal(w->hub.head.lo, last);
}

static void
test_a_read_that_fails_half_way_is_not_repeated(void **state)
{
	struct world *w = *state;

	w->stub.bad = 6;
	look(w);
	look(w);
	look(w);
	want_window(w, 1, 5);
	w->stub.bad = 0;
	look(w);
	want_window(w, 1, STUB_EVENTS);
	assert_int_equal(w->hub.count.events, STUB_EVENTS);
}

/*
 * Rows may have been pruned before they were read, and the log cannot say: the
 * streams have to ask it themselves.
 */
static void
test_what_the_log_cannot_vouch_for_is_not_in_the_window(void **state)
{
	static const enum store_result no[] = {
	    STORE_GONE, STORE_BUSY, STORE_ERROR, STORE_LATER};
	struct world *w = *state;

	w->stub.bad = 6;
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
		w->stub.seeks = no[i];
		w->hub.head.lo = 0;
		look(w);
		want_window(w, 6, 5);
	}
	w->stub.bad = 0;
	w->stub.seeks = STORE_OK;
	look(w);
	want_window(w, 6, STUB_EVENTS);
}

/* Nothing is sent before the revocations are known that came before it. */
static void
test_revocations_are_read_on_behind_a_failure(void **state)
{
	struct world *w = *state;

	w->stub.bad = 6;
	w->stub.store.revoked.lo = 9;
	w->stub.bad_revoked = 4;
	look(w);
	assert_int_equal(w->hub.revoked.lo, 3);
	assert_true(w->hub.revoking);
	look(w);
	assert_int_equal(w->hub.revoked.lo, 3);
	assert_true(w->hub.revoking);
	w->stub.bad_revoked = 0;
	look(w);
	assert_int_equal(w->hub.revoked.lo, 9);
	assert_false(w->hub.revoking);
	want_window(w, 1, 5);
}

/*
 * A subscription is known by its address.  When its last stream has gone,
 * another may get that address, and would be sent the record of the first.
 */
static void
test_a_record_for_many_is_of_one_turn(void **state)
{
	struct world *w = *state;

	look(w);
	w->hub.turn.until = UINT64_MAX;
	w->hub.burst.sub = w->sub;
	flush_due(&w->hub, 0, 0);
	assert_null(w->hub.burst.sub);
	w->hub.burst.sub = w->sub;
	assert_int_equal(w->hub.topics.ndue, 0);
	flush_due(&w->hub, 0, 0);
	assert_null(w->hub.burst.sub);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		test_a_read_that_fails_half_way_is_not_repeated, setup,
		teardown),
	    cmocka_unit_test_setup_teardown(
		test_what_the_log_cannot_vouch_for_is_not_in_the_window, setup,
		teardown),
	    cmocka_unit_test_setup_teardown(
		test_revocations_are_read_on_behind_a_failure, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_a_record_for_many_is_of_one_turn, setup, teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("read", tests, NULL, NULL);
}
