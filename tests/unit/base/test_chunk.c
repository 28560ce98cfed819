/*
 * test_chunk.c - the text that grows in the chunks of a stream of JSON.
 *
 * Every text is in a block of its exact size, so the sanitizer sees a read
 * that goes too far.
 */
#include <stdlib.h>
#include <string.h>

#include "fcgi/base/chunk.h"
#include "tests/unit/cm.h"

static bool
find(struct chunk *c, const char *text, const char *path)
{
	size_t len = strlen(text);
	char *s = malloc(len > 0 ? len : 1);
	bool found;

	assert_non_null(s);
	memcpy(s, text, len);
	found = chunk_find(c, s, len, path);
	free(s);
	return found;
}

#define FOUND(text, path, string)                                  \
	do {                                                       \
		struct chunk c_;                                   \
		assert_true(find(&c_, text, path));                \
		assert_int_equal(c_.n, strlen(string));            \
		assert_memory_equal((text) + c_.at, string, c_.n); \
	} while (0)
#define NOT_FOUND(text, path)                        \
	do {                                         \
		struct chunk c_;                     \
		assert_false(find(&c_, text, path)); \
	} while (0)

static void
test_chunk_found(void **state)
{
	(void)state;
	FOUND("{\"delta\":\"a b\"}", "delta", "a b");
	FOUND(" { \"a\" : 1 , \"delta\" : \"\" } ", "delta", "");
	FOUND("{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}]}",
	    "choices.0.delta.content", "x");
	FOUND(
	    "[[],{},[1,\"]\",{\"x\":\"}\"}],[0,[\"a\",\"b\"]]]", "3.1.1", "b");
	FOUND("{\"a\":{\"delta\":\"no\"},\"delta\":\"yes\"}", "delta", "yes");
	FOUND("{\"a\":\"\\\\\",\"d\":\"\\\"\\\\\\u00e4\\n\"}", "d",
	    "\\\"\\\\\\u00e4\\n");
	FOUND("{\"\":\"e\"}", "", "e");
	FOUND("{\"a\":19.990,\"b\":true,\"c\":null,\"d\":\"\xc3\xa4\"}", "d",
	    "\xc3\xa4");
}

static void
test_chunk_not_found(void **state)
{
	(void)state;
	NOT_FOUND("", "a");
	NOT_FOUND("[DONE]", "a");
	NOT_FOUND("{\"a\":\"b\"", "a");
	NOT_FOUND("{\"a\":\"b\"}x", "a");
	NOT_FOUND("{\"a\":\"b\",\"a\":\"c\"}", "a");
	NOT_FOUND("{\"a\":\"\\ud83d\"}", "a"); /* half a character */
	NOT_FOUND("{\"a\":\"\xff\"}", "a");
	NOT_FOUND("{}", "a");
	NOT_FOUND("[]", "0");
	NOT_FOUND("\"a\"", "a");
	NOT_FOUND("12", "0");
	NOT_FOUND("{\"a\":null}", "a");
	NOT_FOUND("{\"a\":{\"b\":1}}", "a");
	NOT_FOUND("{\"a\":{\"b\":\"c\"}}", "a.b.c");
	NOT_FOUND("[\"a\"]", "1");
	NOT_FOUND("[\"a\"]", "00");
	NOT_FOUND("[\"a\"]", "");
	NOT_FOUND("[\"a\"]", "99999999999");
	NOT_FOUND("{\"ab\":\"b\"}", "a");
}

#define ALIKE(s, t, path)                                          \
	({                                                         \
		struct chunk c_, d_;                               \
		assert_true(find(&c_, s, path));                   \
		assert_true(find(&d_, t, path));                   \
		chunk_alike(&c_, s, strlen(s), &d_, t, strlen(t)); \
	})

static void
test_chunk_alike(void **state)
{
	(void)state;
	assert_true(
	    ALIKE("{\"d\":\"a\",\"n\":1}", "{\"d\":\"\",\"n\":1}", "d"));
	assert_true(ALIKE("[\"a\"]", "[\"bcd\"]", "0"));
	assert_false(
	    ALIKE("{\"d\":\"a\",\"n\":1}", "{\"d\":\"a\",\"n\":2}", "d"));
	assert_false(
	    ALIKE("{\"n\":1,\"d\":\"a\"}", "{\"n\":2,\"d\":\"a\"}", "d"));
	assert_false(ALIKE("{\"d\":\"a\"}", "{\"d\":\"a\" }", "d"));
	assert_false(ALIKE("{\"d\":\"a\"}", "{ \"d\":\"a\"}", "d"));
}

static void
test_chunk_joined(void **state)
{
	static const char *const piece[] = {
	    "{\"n\":1.50,\"d\":\"a\\n\",\"e\":0}",
	    "{\"n\":1.50,\"d\":\"\",\"e\":0}",
	    "{\"n\":1.50,\"d\":\"\\\"b\xc3\xa4\",\"e\":0}"};
	struct bytes text = {0};
	struct chunk c, d;
	int i;

	(void)state;
	assert_int_equal(bytes_add(&text, "used", 4), 0);
	text.at = 4;
	assert_int_equal(bytes_add(&text, piece[0], strlen(piece[0])), 0);
	assert_true(find(&c, piece[0], "d"));
	for (i = 1; i < 3; i++) {
		assert_true(find(&d, piece[i], "d"));
		assert_int_equal(
		    chunk_join(&c, &text, &d, piece[i], strlen(piece[i])), 0);
		assert_true(find(&d, text.s + 4, "d"));
		assert_int_equal(c.at, d.at);
		assert_int_equal(c.n, d.n);
	}
	assert_string_equal(
	    text.s + 4, "{\"n\":1.50,\"d\":\"a\\n\\\"b\xc3\xa4\",\"e\":0}");
	bytes_free(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_chunk_found),
	    cmocka_unit_test(test_chunk_not_found),
	    cmocka_unit_test(test_chunk_alike),
	    cmocka_unit_test(test_chunk_joined),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
