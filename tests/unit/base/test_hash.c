/*
 * test_hash.c - a hash table of things that contain their own links.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/cm.h"

#include "fcgi/base/hash.h"

struct thing {
	struct hash_node node;
	uint32_t number;
};

static void
free_thing(struct hash_node *node)
{
	free(node);
}

static struct thing *
add_thing(struct hash_table *t, uint32_t number, uint32_t hash)
{
	struct thing *th = calloc(1, sizeof(*th));

	assert_non_null(th);
	th->number = number;
	hash_add(t, &th->node, hash);
	return th;
}

static struct thing *
find_thing(const struct hash_table *t, uint32_t number, uint32_t hash)
{
	struct hash_node *n;

	for (n = hash_first(t, hash); n != NULL; n = hash_next(n))
		if (((struct thing *)n)->number == number)
			return (struct thing *)n;
	return NULL;
}

static uint32_t
hash_number(const struct hash_table *t, uint32_t number)
{
	return hash_bytes(t->seed, &number, sizeof(number));
}

static void
test_hash_finds_what_was_added_and_nothing_else(void **state)
{
	struct hash_table t;
	struct thing *th;
	uint32_t i;

	(void)state;
	assert_int_equal(hash_open(&t), 0);
	for (i = 0; i < 5000; i++)
		add_thing(&t, i, hash_number(&t, i));
	assert_int_equal(t.n, 5000);
	assert_true(t.mask + 1 >= 4096);
	for (i = 0; i < 5000; i++) {
		th = find_thing(&t, i, hash_number(&t, i));
		assert_non_null(th);
		if (i % 2 == 0) {
			hash_remove(&t, &th->node);
			free(th);
		}
	}
	assert_int_equal(t.n, 2500);
	for (i = 0; i < 6000; i++)
		assert_int_equal(find_thing(&t, i, hash_number(&t, i)) != NULL,
		    i < 5000 && i % 2 == 1);
	hash_close(&t, free_thing);
	assert_null(t.buckets);
}

static void
test_hash_passes_over_other_hashes_of_a_bucket(void **state)
{
	const uint32_t far = 1u << 20; /* falls into the bucket of 0 */
	struct hash_table t;
	struct hash_node *n;
	uint32_t i, count = 0;

	(void)state;
	assert_int_equal(hash_open(&t), 0);
	for (i = 0; i < 10; i++)
		add_thing(&t, i, i % 2 * far);
	for (n = hash_first(&t, far); n != NULL; n = hash_next(n)) {
		assert_int_equal(((struct thing *)n)->number % 2, 1);
		count++;
	}
	assert_int_equal(count, 5);
	hash_close(&t, free_thing);
}

static void
test_hash_shows_each_node_once(void **state)
{
	bool seen[300] = {false};
	struct hash_table t;
	struct hash_node *n;
	uint32_t i, count = 0;

	(void)state;
	assert_int_equal(hash_open(&t), 0);
	assert_null(hash_after(&t, NULL));
	for (i = 0; i < 300; i++)
		add_thing(&t, i, hash_number(&t, i % 100));
	for (n = NULL; (n = hash_after(&t, n)) != NULL; count++) {
		assert_false(seen[((struct thing *)n)->number]);
		seen[((struct thing *)n)->number] = true;
	}
	assert_int_equal(count, 300);
	hash_close(&t, free_thing);
}

static void
test_hash_tables_differ_in_their_hashes(void **state)
{
	struct hash_table a, b;

	(void)state;
	assert_int_equal(hash_open(&a), 0);
	assert_int_equal(hash_open(&b), 0);
	assert_int_not_equal(a.seed, b.seed);
	assert_int_not_equal(hash_number(&a, 1), hash_number(&b, 1));
	hash_close(&a, free_thing);
	hash_close(&b, free_thing);
}

static void
test_hash_closes_a_table_of_zeros(void **state)
{
	struct hash_table t = {0};

	(void)state;
	hash_close(&t, free_thing);
	assert_null(t.buckets);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_hash_finds_what_was_added_and_nothing_else),
	    cmocka_unit_test(test_hash_passes_over_other_hashes_of_a_bucket),
	    cmocka_unit_test(test_hash_shows_each_node_once),
	    cmocka_unit_test(test_hash_tables_differ_in_their_hashes),
	    cmocka_unit_test(test_hash_closes_a_table_of_zeros),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("hash", tests, NULL, NULL);
}
