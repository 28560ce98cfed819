/*
 * test_share.c - how much work each client makes us do, and its share of it.
 */
#include <string.h>

#include "fcgi/auth/client/share.h"
#include "tests/unit/cm.h"

static const uint64_t second = 1000000000;

static struct shares ss;

static struct address
number(uint32_t n)
{
	struct address a = {{0}};

	memcpy(a.byte, &n, sizeof(n));
	return a;
}

static bool
over(uint32_t n, uint64_t now)
{
	struct address a = number(n);

	return share_over(&ss, &a, now);
}

static void
spend_once(uint32_t n, uint64_t now, uint64_t ns)
{
	struct address a = number(n);

	share_spend(&ss, &a, now, ns);
}

/* By as many things as it takes. */
static void
spend(uint32_t n, uint64_t now, uint64_t ns)
{
	for (; ns > SHARE_MOST_NS; ns -= SHARE_MOST_NS)
		spend_once(n, now, SHARE_MOST_NS);
	spend_once(n, now, ns);
}

static void
test_one_has_its_share_and_others_have_theirs(void **state)
{
	(void)state;
	shares_open(&ss, 25, 7);
	assert_false(over(1, 10 * second));
	spend(1, 10 * second, second);
	assert_false(over(1, 10 * second));
	spend(1, 10 * second, 1);
	assert_true(over(1, 10 * second));
	assert_false(over(2, 10 * second));
	spend(2, 10 * second, second / 2);
	assert_false(over(2, 10 * second));
	assert_true(over(1, 10 * second));
}

static void
test_it_comes_back_with_time(void **state)
{
	(void)state;
	shares_open(&ss, 25, 7);
	spend(1, 10 * second, 2 * second);
	assert_true(over(1, 13 * second));
	assert_false(over(1, 14 * second));
	spend(1, 14 * second, 1000);
	assert_true(over(1, 14 * second));
	assert_false(over(1, 1000 * second));
	spend(1, 1000 * second, second / 2);
	assert_false(over(1, 1000 * second));
}

static void
test_no_limit(void **state)
{
	(void)state;
	shares_open(&ss, 0, 7);
	spend(1, second, 1000 * second);
	assert_false(over(1, second));
}

/* The disk stands still, and a page is read for this one meanwhile. */
static void
test_nobody_pays_for_a_slow_disk(void **state)
{
	uint64_t now = 10 * second;
	int i;

	(void)state;
	shares_open(&ss, 25, 7);
	spend_once(1, now, 3 * second);
	assert_false(over(1, now));
	for (i = 0; i < 1000; i++) {
		now += second / 20; /* each takes so long */
		spend_once(1, now, second / 20);
		assert_false(over(1, now));
	}
	for (i = 0; i < 1000; i++)
		spend_once(1, now, second / 1000);
	assert_true(over(1, now));
}

/* Many addresses that did little do not push out the one that did much. */
static void
test_many_addresses(void **state)
{
	uint32_t i;

	(void)state;
	shares_open(&ss, 25, 7);
	spend(1, second, 2 * second);
	for (i = 2; i < 100000; i++)
		spend(i, second, 1000);
	assert_true(over(1, second));
	for (i = 2; i < 100000; i++)
		assert_false(over(i, second));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_one_has_its_share_and_others_have_theirs),
	    cmocka_unit_test(test_it_comes_back_with_time),
	    cmocka_unit_test(test_no_limit),
	    cmocka_unit_test(test_nobody_pays_for_a_slow_disk),
	    cmocka_unit_test(test_many_addresses),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("share", tests, NULL, NULL);
}
