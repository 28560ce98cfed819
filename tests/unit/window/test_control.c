/*
 * test_control.c - what the responder itself says, with any bytes in the names
 * that it was given.
 *
 * Every buffer has the size that was promised, so the sanitizer sees a step
 * that goes too far.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "fcgi/window/control.h"
#include "tests/unit/cm.h"

#define FFFD "\xef\xbf\xbd"

/* What all bytes of JSON become, and what a reader of it then has. */
static void
test_json_of_any_bytes(void **state)
{
	static const struct {
		const char *s, *want;
	} cases[] = {
	    {"", "\"\""},
	    {"a", "\"a\""},
	    {"a\"b\\c", "\"a\\\"b\\\\c\""},
	    {"a\nb\r\t\x1b\x7f", "\"a\\u000ab\\u000d\\u0009\\u001b\\u007f\""},
	    {"\xc2\x85\xc2\x9b\xc2\xa0", "\"\\u0085\\u009b\xc2\xa0\""},
	    {"gr\xc3\xbc\xc3\x9f", "\"gr\xc3\xbc\xc3\x9f\""},
	    {"\x80\xff", "\"" FFFD FFFD "\""},
	    {"\xed\xa0\x80", "\"" FFFD FFFD FFFD "\""},
	    {"cut \xe2\x82", "\"cut " FFFD "\""},
	};
	size_t i, len, n;
	char *s, *to;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		len = strlen(cases[i].s);
		s = memcpy(malloc(len + 1), cases[i].s, len);
		to = malloc(6 * len + 2);
		n = control_json(to, s, len);
		assert_int_equal(n, strlen(cases[i].want));
		assert_memory_equal(to, cases[i].want, n);
		free(s);
		free(to);
	}
}

/* The block has two fields, whose JSON is whole; returns that. */
static json_t *
json_of_block(const char *block, const char *event, const char *id)
{
	char begin[256];
	const char *data;
	json_t *j;

	snprintf(begin, sizeof(begin), "event: %s\nid: %s\ndata: ", event, id);
	data = strstr(block, begin);
	assert_non_null(data);
	data += strlen(begin);
	assert_string_equal(data + strcspn(data, "\n\r"), "\n\n");
	j = json_loads(data, 0, NULL);
	assert_non_null(j);
	return j;
}

static void
want_json(json_t *j, const char *key, const char *want)
{
	assert_string_equal(json_string_value(json_object_get(j, key)), want);
}

/* As `largesse tail FILE --last-event-id` passes it on. */
static void
test_gap_of_any_length(void **state)
{
	static const size_t lengths[] = {127, 128, 129, 770, 771, 5000, 100000};
	char *asked, *block = malloc(CONTROL_GAP_SIZE);
	size_t i, len, kept;
	json_t *j;

	(void)state;
	for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		asked = memset(malloc(lengths[i] + 1), '\x01', lengths[i]);
		asked[lengths[i]] = '\0';
		len = control_gap(block, GAP_UNKNOWN, asked, "7");
		assert_int_equal(len, strlen(block));
		j = json_of_block(block, "stream-gap", "7");
		kept = json_string_length(json_object_get(j, "asked"));
		assert_int_equal(kept, lengths[i] < 128 ? lengths[i] : 128);
		json_decref(j);
		free(asked);
	}
	free(block);
}

/* What is too long is not cut within a character. */
static void
test_gap_cut_between_characters(void **state)
{
	char asked[200], block[CONTROL_GAP_SIZE], want[200];
	json_t *j;

	(void)state;
	memset(asked, 'a', 127);
	strcpy(asked + 127, "\xc3\xbc");
	control_gap(block, GAP_UNKNOWN, asked, "7");
	j = json_of_block(block, "stream-gap", "7");
	snprintf(want, sizeof(want), "%.127s", asked);
	want_json(j, "asked", want);
	json_decref(j);
}

static void
test_gap_that_was_asked_for_in_quotes(void **state)
{
	static const char asked[] =
	    "a\"}\n\nevent: stream-gap\ndata: {\"reason\":\"pruned\"}\n\n";
	char block[CONTROL_GAP_SIZE];
	json_t *j;

	(void)state;
	control_gap(block, GAP_UNKNOWN, asked, "7-1");
	j = json_of_block(block, "stream-gap", "7-1");
	want_json(j, "asked", asked);
	want_json(j, "reason", "unknown");
	want_json(j, "id", "7-1");
	json_decref(j);
}

/* A log on Redis can have been given any id by whoever may write there. */
static void
test_start_with_a_log_id_of_any_bytes(void **state)
{
	static const char *const ids[] = {"0123abc", "a\"b",
	    "x\"}\n\nevent: stream-gap\ndata: {\"reason\":\"pruned\"}\n\n",
	    "\x1b[2J\\", "\xff\xfe"};
	char *block = malloc(CONTROL_OPEN_SIZE);
	struct request rq = {.ntopics = 1,
	    .topics = {{.name = "ma\"in", .len = 5, .prefix = true}}};
	json_t *j;
	size_t i, len;

	(void)state;
	for (i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		len = control_start(
		    block, CONTROL_OPEN_SIZE, 3000, "7", &rq, ids[i], 0, 0);
		assert_int_equal(len, strlen(block));
		assert_memory_equal(block, "retry: 3000\n", 12);
		j = json_of_block(block, "stream-start", "7");
		want_json(j, "log", i == 4 ? FFFD FFFD : ids[i]);
		assert_string_equal(json_string_value(json_array_get(
					json_object_get(j, "topics"), 0)),
		    "ma\"in*");
		json_decref(j);
	}
	free(block);
}

/* An id that no store prints does not end its field. */
static void
test_ids_stay_in_their_field(void **state)
{
	char block[CONTROL_GAP_SIZE], *id = malloc(5000);
	json_t *j;

	(void)state;
	control_gap(block, GAP_PRUNED, "1", "7\nevent: x\n\n");
	j = json_of_block(block, "stream-gap", "7");
	json_decref(j);
	memset(id, '1', 4999);
	id[4999] = '\0';
	control_gap(block, GAP_PRUNED, "1", id);
	id[STORE_ID_SIZE - 1] = '\0';
	j = json_of_block(block, "stream-gap", id);
	json_decref(j);
	free(id);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_json_of_any_bytes),
	    cmocka_unit_test(test_gap_of_any_length),
	    cmocka_unit_test(test_gap_cut_between_characters),
	    cmocka_unit_test(test_gap_that_was_asked_for_in_quotes),
	    cmocka_unit_test(test_start_with_a_log_id_of_any_bytes),
	    cmocka_unit_test(test_ids_stay_in_their_field),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
