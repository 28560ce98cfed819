/*
 * test_page.c - a page of the log, when the log fails half way: what was read
 * is kept, and the next page goes on behind it.
 *
 * The log is a stub (stub.h).
 */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/stub.h"

#include "fcgi/window/page.h"

static const struct store_ops ops = {.read = stub_read, .seek = stub_seek};

struct world {
	struct stub stub;
	struct topics topics;
	struct sub *sub;
	struct pages pages;
	struct page *page;
	struct page_cuts cuts;
	struct store_id id; /* where the reader is, and then went */
};

static int
setup(void **state)
{
	struct request_topic rt = {"main", 4, false};
	struct world *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return -1;
	w->stub.store.ops = &ops;
	assert_int_equal(topics_open(&w->topics), 0);
	w->sub =
	    topics_subscribe(&w->topics, &rt, 1, NULL, (struct store_id){0, 0});
	assert_non_null(w->sub);
	pages_open(&w->pages, 100, 1 << 20);
	w->pages.until_ns = UINT64_MAX;
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	pages_close(&w->pages);
	topics_forget(&w->topics, w->sub);
	topics_close(&w->topics);
	free(w);
	return 0;
}

static enum store_result
get(struct world *w, uint64_t after)
{
	const struct store_id head = {0, STUB_EVENTS};

	w->id = (struct store_id){0, after};
	w->page = NULL;
	return pages_get(&w->pages, &w->stub.store, w->sub, &w->cuts, &w->id,
	    head, &w->page);
}

static void
want_events(const struct world *w, uint64_t first, uint64_t last)
{
	const struct run *r = &w->page->run;

	assert_int_equal(r->count, last - first + 1);
	for (size_t i = 0; i < r->count; i++)
		assert_int_equal(run_mark(r, i)->id.lo, first + i);
	assert_int_equal(w->page->upto.lo, last);
}

static void
test_what_came_before_the_failure_is_kept(void **state)
{
	struct world *w = *state;

	w->stub.bad = 6;
	w->stub.with = STORE_ERROR;
	assert_int_equal(get(w, 2), STORE_OK);
	want_events(w, 3, 5);
	assert_int_equal(get(w, 5), STORE_ERROR);
	w->stub.bad = 0;
	assert_int_equal(get(w, 5), STORE_OK);
	want_events(w, 6, STUB_EVENTS);
}

/* The page does not reach to the head, and is read once for two streams. */
static void
test_a_page_cut_short_serves_others(void **state)
{
	struct world *w = *state;

	w->stub.bad = 6;
	w->stub.with = STORE_BUSY;
	assert_int_equal(get(w, 0), STORE_OK);
	want_events(w, 1, 5);
	assert_int_equal(get(w, 3), STORE_OK);
	want_events(w, 1, 5);
	assert_int_equal(w->pages.reads, 1);
}

static void
test_a_failure_at_once_is_no_page(void **state)
{
	struct world *w = *state;

	w->stub.bad = 3;
	w->stub.with = STORE_BUSY;
	assert_int_equal(get(w, 2), STORE_BUSY);
	w->stub.with = STORE_LATER;
	assert_int_equal(get(w, 2), STORE_LATER);
	assert_int_equal(w->pages.reads, 0);
}

/* Without an answer whether the place is still there, nothing is kept. */
static void
test_a_cut_page_is_vouched_for_like_any_other(void **state)
{
	struct world *w = *state;

	w->stub.bad = 6;
	w->stub.with = STORE_ERROR;
	w->stub.seeks = STORE_ERROR;
	assert_int_equal(get(w, 2), STORE_ERROR);
	w->stub.seeks = STORE_OK;
	w->stub.pruned = 4;
	assert_int_equal(get(w, 2), STORE_GONE);
	assert_int_equal(w->id.lo, 4);
	w->stub.pruned = 0;
	assert_int_equal(get(w, 2), STORE_OK);
	want_events(w, 3, 5);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		test_what_came_before_the_failure_is_kept, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_a_page_cut_short_serves_others, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_a_failure_at_once_is_no_page, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_a_cut_page_is_vouched_for_like_any_other, setup, teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("page", tests, NULL, NULL);
}
