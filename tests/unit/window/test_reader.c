/*
 * test_reader.c - a text/event-stream, read as EventSource reads it.
 *
 * Each stream is given in one piece and again byte by byte: it must not matter
 * where a read from the network ends.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/cm.h"

#include "fcgi/window/reader.h"

/* The result: the blocks, each followed by its kind in brackets. */
struct out {
	char text[4096];
	size_t len, blocks, stop_after;
};

static bool
note(void *arg, const char *text, size_t len, enum reader_kind kind)
{
	static const char *const names[] = {
	    [READER_EVENT] = "[event]",
	    [READER_OURS] = "[ours]",
	    [READER_NONE] = "[none]",
	};
	struct out *out = arg;

	assert_true(out->len + len + 8 < sizeof(out->text));
	memcpy(out->text + out->len, text, len);
	out->len += len;
	strcpy(out->text + out->len, names[kind]);
	out->len += strlen(names[kind]);
	return ++out->blocks != out->stop_after;
}

static void
wants_len(const char *s, size_t len, const char *want, const char *id,
    int64_t retry_ms)
{
	const size_t steps[] = {1, len};
	size_t k, i, n;

	for (k = 0; k < 2; k++) {
		struct out out = {0};
		struct reader r;

		reader_init(&r);
		for (i = 0; i < len; i += n) {
			n = steps[k] < len - i ? steps[k] : len - i;
			assert_true(reader_feed(&r, s + i, n, note, &out));
		}
		out.text[out.len] = '\0';
		assert_string_equal(out.text, want);
		assert_string_equal(r.last_id.s != NULL ? r.last_id.s : "", id);
		assert_int_equal(r.retry_ms, retry_ms);
		reader_free(&r);
	}
}

static void
wants(const char *s, const char *want, const char *id, int64_t retry_ms)
{
	wants_len(s, strlen(s), want, id, retry_ms);
}

static void
test_reader_events(void **state)
{
	(void)state;
	wants("data: a\n\n", "data: a\n\n[event]", "", -1);
	wants("id: 1\ndata: a\n\nid: 2\nevent: x\ndata\n\n",
	    "id: 1\ndata: a\n\n[event]id: 2\nevent: x\ndata\n\n[event]", "2",
	    -1);
	wants("id\ndata: a\n\n", "id\ndata: a\n\n[event]", "", -1);
}

static void
test_reader_line_ends(void **state)
{
	(void)state;
	wants("data: a\r\rdata: b\r\n\r\ndata: c\n\r\ndata: d\r\n\n",
	    "data: a\n\n[event]data: b\n\n[event]data: c\n\n[event]"
	    "data: d\n\n[event]",
	    "", -1);
}

static void
test_reader_half_a_block_is_nothing(void **state)
{
	(void)state;
	wants("id: 7\ndata: a\n", "", "", -1);
	wants("data: a\n\nid: 7\ndata: b", "data: a\n\n[event]", "", -1);
}

static void
test_reader_ids(void **state)
{
	(void)state;
	wants("id: 1\ndata: a\n\ndata: b\n\n",
	    "id: 1\ndata: a\n\n[event]data: b\n\n[event]", "1", -1);
	/* An id without data counts from its blank line on. */
	wants("id: 5\n\n", "id: 5\n\n[none]", "5", -1);
	wants("id: 5\n\nid\n\n", "id: 5\n\n[none]id\n\n[none]", "", -1);
	wants("id:  5 \n\n", "id:  5 \n\n[none]", " 5 ", -1);
	wants_len(
	    "id: 1\n\nid: 2\0003\n\n", 16, "id: 1\n\n[none]id: 2", "1", -1);
}

static void
test_reader_retry(void **state)
{
	(void)state;
	wants("retry: 150\n\n", "retry: 150\n\n[none]", "", 150);
	wants("retry: 0\n", "", "", 0);
	wants("retry: 1s\nretry: -1\nretry:\nretry: 1.5\n", "", "", -1);
	wants("retry: 99999999999999999999999\n", "", "", 86400000);
}

static void
test_reader_comments(void **state)
{
	(void)state;
	wants(": hello\n", ": hello\n[none]", "", -1);
	wants(":\n:\n", ":\n[none]:\n[none]", "", -1);
	wants("data: a\n: within\n\n", "data: a\n: within\n\n[event]", "", -1);
}

static void
test_reader_own_types(void **state)
{
	(void)state;
	wants("event: stream-start\nid: 3\ndata: {}\n\n",
	    "event: stream-start\nid: 3\ndata: {}\n\n[ours]", "3", -1);
	wants("event: stream\ndata\n\n", "event: stream\ndata\n\n[event]", "",
	    -1);
	wants("event: stream-x\nevent: y\ndata\n\n",
	    "event: stream-x\nevent: y\ndata\n\n[event]", "", -1);
}

static void
test_reader_unknown_fields_and_mark(void **state)
{
	(void)state;
	wants("dat: a\n data: b\nDATA: c\n\n",
	    "dat: a\n data: b\nDATA: c\n\n[none]", "", -1);
	wants("\xef\xbb\xbfid: 4\n\n", "id: 4\n\n[none]", "4", -1);
	wants("\xef\xbb\xbf", "", "", -1);
	wants("\xef\xbb\xbf\n\xef\xbb\xbf\n\n",
	    "\n[none]\xef\xbb\xbf\n\n[none]", "", -1);
	wants("\n\xef\xbb\xbfid: 4\n\n", "\n[none]\xef\xbb\xbfid: 4\n\n[none]",
	    "", -1);
}

static void
test_reader_next_connection_forgets_half_a_block(void **state)
{
	static const char one[] = "id: 1\ndata: a\n\nid: 2\ndata: b\n",
			  two[] = "\ndata: c\n\n";
	struct out out = {0};
	struct reader r;

	(void)state;
	reader_init(&r);
	assert_true(reader_feed(&r, one, sizeof(one) - 1, note, &out));
	reader_begin(&r);
	assert_true(reader_feed(&r, two, sizeof(two) - 1, note, &out));
	out.text[out.len] = '\0';
	assert_string_equal(
	    out.text, "id: 1\ndata: a\n\n[event]\n[none]data: c\n\n[event]");
	assert_string_equal(r.last_id.s, "1");
	reader_free(&r);
}

/* Behind the blocks of the first connection it would be part of a name. */
static void
test_reader_passes_no_byte_order_mark_on(void **state)
{
	static const char s[] = "\xef\xbb\xbf"
				"data: a\n\n";
	struct out out = {0};
	struct reader r;

	(void)state;
	reader_init(&r);
	assert_true(reader_feed(&r, s, sizeof(s) - 1, note, &out));
	reader_begin(&r);
	assert_true(reader_feed(&r, s, sizeof(s) - 1, note, &out));
	out.text[out.len] = '\0';
	assert_string_equal(out.text, "data: a\n\n[event]data: a\n\n[event]");
	reader_free(&r);
}

static void
test_reader_stops_when_told(void **state)
{
	static const char s[] = "data: a\n\ndata: b\n\n";
	struct out out = {.stop_after = 1};
	struct reader r;

	(void)state;
	reader_init(&r);
	assert_false(reader_feed(&r, s, sizeof(s) - 1, note, &out));
	assert_int_equal(out.blocks, 1);
	reader_free(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_reader_events),
	    cmocka_unit_test(test_reader_line_ends),
	    cmocka_unit_test(test_reader_half_a_block_is_nothing),
	    cmocka_unit_test(test_reader_ids),
	    cmocka_unit_test(test_reader_retry),
	    cmocka_unit_test(test_reader_comments),
	    cmocka_unit_test(test_reader_own_types),
	    cmocka_unit_test(test_reader_unknown_fields_and_mark),
	    cmocka_unit_test(test_reader_next_connection_forgets_half_a_block),
	    cmocka_unit_test(test_reader_passes_no_byte_order_mark_on),
	    cmocka_unit_test(test_reader_stops_when_told),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("reader", tests, NULL, NULL);
}
