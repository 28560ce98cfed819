/*
 * test_most.c - the topics with the most streams, compared with a count of all.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/window/topics.h"
#include "tests/unit/cm.h"

enum {
	NAMES = 300,
	STEPS = 20000
};

static struct sub *
subscribe(struct topics *ts, unsigned name, bool prefix, bool bare)
{
	char text[16];
	struct sub_form form = {.bare = bare, .last = ""};
	struct request_topic rt = {text, 0, prefix};

	rt.len = (size_t)snprintf(text, sizeof(text), "t%u", name);
	return topics_subscribe(ts, &rt, 1, &form, (struct store_id){0, 1});
}

static int
most_first(const void *a, const void *b)
{
	const uint32_t *m = a, *n = b;

	return (*m < *n) - (*m > *n);
}

/* The numbers of the list are the greatest of all, in order. */
static void
check_most(struct topics *ts, size_t max)
{
	const struct topic *list[TOPICS_MOST];
	uint32_t all[4 * NAMES], n = 0, i;
	struct topic *t = NULL;
	size_t got = topics_most(ts, list, max);

	while ((t = topics_next(ts, t)) != NULL)
		if (t->nstreams > 0)
			all[n++] = t->nstreams;
	qsort(all, n, sizeof(*all), most_first);
	if (max > TOPICS_MOST)
		max = TOPICS_MOST;
	assert_int_equal(got, n < max ? n : max);
	for (i = 0; i < got; i++)
		assert_int_equal(list[i]->nstreams, all[i]);
}

/* Streams come and go; a topic without any is freed, and comes again. */
static void
test_most_are_the_greatest_of_all(void **state)
{
	static struct sub *subs[4 * NAMES];
	struct topics ts;
	unsigned i, k;

	(void)state;
	srandom(7);
	assert_int_equal(topics_open(&ts), 0);
	check_most(&ts, 5);
	for (i = 0; i < STEPS; i++) {
		k = (unsigned)(random() % (4 * NAMES));
		if (random() % 3 != 0) /* some get many */
			k = k * k / (4 * NAMES);
		if (subs[k] == NULL)
			subs[k] = subscribe(&ts, k / 4, k & 1, k & 2);
		if (random() % 2 == 0 || subs[k]->nstreams == 0) {
			subs[k]->nstreams++;
			topics_count(&ts, subs[k]->topics[0], 1);
		} else {
			subs[k]->nstreams--;
			topics_count(&ts, subs[k]->topics[0], -1);
		}
		if (subs[k]->nstreams == 0 && random() % 2 == 0) {
			topics_forget(&ts, subs[k]);
			subs[k] = NULL;
		}
		if (i % 10 == 0)
			check_most(&ts, (size_t)(random() % 80));
	}
	for (k = 0; k < 4 * NAMES; k++)
		if (subs[k] != NULL) {
			subs[k]->nstreams = 0;
			topics_forget(&ts, subs[k]);
		}
	check_most(&ts, 5);
	topics_close(&ts);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_most_are_the_greatest_of_all),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
