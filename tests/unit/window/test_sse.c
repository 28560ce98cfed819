/*
 * test_sse.c - an event as text/event-stream: what is written, byte by byte.
 *
 * Every text is in a buffer of its exact size, and is written to a buffer of
 * the size that was promised.  So the sanitizer sees a step that goes too far.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/window/sse.h"
#include "tests/unit/cm.h"

#define FFFD	"\xef\xbf\xbd"
#define TEXT(s) (exact((s), sizeof(s) - 1))
#define NONE	((struct store_text){NULL, 0})

/* A copy in a buffer of its exact size; want frees it. */
static struct store_text
exact(const char *s, size_t len)
{
	char *copy = malloc(len + (len == 0));

	assert_non_null(copy);
	memcpy(copy, s, len);
	return (struct store_text){copy, len};
}

static void
want_bytes(const char *got, size_t len, const char *want, size_t want_len)
{
	if (len != want_len || memcmp(got, want, len) != 0)
		fprintf(stderr, "got:\n%.*s\nwant:\n%.*s\n", (int)len, got,
		    (int)want_len, want);
	assert_int_equal(len, want_len);
	assert_memory_equal(got, want, len);
}

static void
want(struct store_text event, struct store_text data, struct store_text uid,
    const char *text, size_t text_len)
{
	struct store_event ev = {.event = event, .data = data, .uid = uid};
	size_t size = sse_event_size(&ev);
	char *buf = malloc(size);
	size_t len;

	assert_non_null(buf);
	len = sse_event(buf, &ev, "42");
	assert_true(len <= size);
	want_bytes(buf, len, text, text_len);
	free(buf);
	free((char *)event.s);
	free((char *)data.s);
	free((char *)uid.s);
}

#define WANT(event, data, uid, s) want(event, data, uid, s, sizeof(s) - 1)
#define WANT_DATA(data, s)	  WANT(NONE, TEXT(data), NONE, "id: 42\n" s "\n")
#define WANT_TYPE(type, s) \
	WANT(TEXT(type), TEXT("x"), NONE, "id: 42\n" s "data: x\n\n")

static void
test_event_in_order_id_type_data(void **state)
{
	(void)state;
	WANT(TEXT("foo"), TEXT("hello"), NONE,
	    "id: 42\nevent: foo\ndata: hello\n\n");
	WANT(NONE, TEXT("hello"), NONE, "id: 42\ndata: hello\n\n");
	WANT(NONE, TEXT("hello"), TEXT("order-7"),
	    "id: order-7\ndata: hello\n\n");
}

static void
test_data_null_and_empty_are_one_empty_line(void **state)
{
	(void)state;
	WANT(NONE, NONE, NONE, "id: 42\ndata: \n\n");
	WANT_DATA("", "data: \n");
}

static void
test_data_each_line_end_makes_a_line(void **state)
{
	(void)state;
	WANT_DATA("a\nb", "data: a\ndata: b\n");
	WANT_DATA("a\rb", "data: a\ndata: b\n");
	WANT_DATA("a\r\nb", "data: a\ndata: b\n");
	WANT_DATA("a\n\rb", "data: a\ndata: \ndata: b\n");
	WANT_DATA("a\r\r\nb", "data: a\ndata: \ndata: b\n");
	WANT_DATA("\n", "data: \ndata: \n");
	WANT_DATA("a\n", "data: a\ndata: \n");
	WANT_DATA("a\r", "data: a\ndata: \n");
	WANT_DATA("a\r\n", "data: a\ndata: \n");
	WANT_DATA("\n\nid: 9", "data: \ndata: \ndata: id: 9\n");
}

/* Blanks, colons and control characters stay as the publisher sent them. */
static void
test_data_keeps_all_else(void **state)
{
	(void)state;
	WANT_DATA(" two  blanks ", "data:  two  blanks \n");
	WANT_DATA(":not a comment", "data: :not a comment\n");
	WANT_DATA("a\0b\tc\033d\177", "data: a\0b\tc\033d\177\n");
	WANT_DATA("\xef\xbb\xbf"
		  "bom",
	    "data: \xef\xbb\xbf"
	    "bom\n");
	WANT_DATA("gr\xc3\xbc\xc3\x9f\x65 \xe2\x82\xac \xf0\x9f\x8e\x81",
	    "data: gr\xc3\xbc\xc3\x9f\x65 \xe2\x82\xac \xf0\x9f\x8e\x81\n");
}

/* CR and LF stand at every place of eight bytes, and around them. */
static void
test_data_line_end_at_any_offset(void **state)
{
	char text[40], line[64];
	size_t len, at, i;

	(void)state;
	for (len = 1; len < sizeof(text); len++)
		for (i = 0; i < 2 * len; i++) {
			at = i / 2;
			memset(text, 'x', len);
			text[at] = "\r\n"[i % 2];
			memcpy(line, "id: 42\ndata: ", 13);
			memset(line + 13, 'x', at);
			memcpy(line + 13 + at, "\ndata: ", 7);
			memset(line + 20 + at, 'x', len - at - 1);
			memcpy(line + 19 + len, "\n\n", 2);
			want(NONE, exact(text, len), NONE, line, 21 + len);
		}
}

/* The promised size is enough even when every byte grows. */
static void
test_size_holds_for_the_worst(void **state)
{
	static const char worst[] = {'\n', '\r', '\xff', '\x80', '\xc3', 'a'};
	struct store_event ev = {0};
	char text[300], *buf;
	size_t i, j, size;

	(void)state;
	for (i = 0; i < sizeof(worst); i++)
		for (j = 0; j <= sizeof(text); j++) {
			memset(text, worst[i], sizeof(text));
			ev.data = exact(text, j);
			ev.event = exact(text, j);
			size = sse_event_size(&ev);
			buf = malloc(size);
			assert_non_null(buf);
			assert_true(sse_event(buf, &ev, "1") <= size);
			free(buf);
			free((char *)ev.data.s);
			free((char *)ev.event.s);
		}
}

static void
test_type_null_and_empty_are_no_field(void **state)
{
	(void)state;
	WANT_TYPE("", "");
	WANT(NONE, TEXT("x"), NONE, "id: 42\ndata: x\n\n");
}

static void
test_type_cannot_leave_its_line(void **state)
{
	(void)state;
	WANT_TYPE("a\nid: 9", "event: a" FFFD "id: 9\n");
	WANT_TYPE("a\r\nb\0c", "event: a" FFFD FFFD "b" FFFD "c\n");
	WANT_TYPE("\n", "event: " FFFD "\n");
}

static void
test_type_of_ours_is_not_forged(void **state)
{
	(void)state;
	WANT_TYPE("stream-gap", "event: stream" FFFD "gap\n");
	WANT_TYPE("stream-", "event: stream" FFFD "\n");
	WANT_TYPE("stream-end", "event: stream-end\n");
	WANT_TYPE("stream-en", "event: stream" FFFD "en\n");
	WANT_TYPE("stream-end\n", "event: stream" FFFD "end" FFFD "\n");
	WANT_TYPE("stream-ends", "event: stream" FFFD "ends\n");
	WANT_TYPE("stream", "event: stream\n");
	WANT_TYPE("streams-x", "event: streams-x\n");
	WANT_TYPE("Stream-x", "event: Stream-x\n");
	WANT_TYPE(" stream-x", "event:  stream-x\n");
}

/* Each maximal subpart becomes one U+FFFD (Unicode 3.9, tables 3-8 to 3-11). */
static void
test_bad_utf8_as_a_browser_decodes_it(void **state)
{
	(void)state;
	WANT_DATA("\xff", "data: " FFFD "\n");
	WANT_DATA("\x80\xbf", "data: " FFFD FFFD "\n");
	WANT_DATA("\xc0\xaf", "data: " FFFD FFFD "\n");
	WANT_DATA("\xe0\x80\x80", "data: " FFFD FFFD FFFD "\n");
	WANT_DATA("\xed\xa0\x80", "data: " FFFD FFFD FFFD "\n");
	WANT_DATA("\xf0\x80\x80\x80", "data: " FFFD FFFD FFFD FFFD "\n");
	WANT_DATA("\xf5\x80\x80\x80", "data: " FFFD FFFD FFFD FFFD "\n");
	WANT_DATA("\xf4\x90\x80\x80", "data: " FFFD FFFD FFFD FFFD "\n");
	WANT_DATA("\xe2\x82", "data: " FFFD "\n");
	WANT_DATA("\xe2\x82\nb", "data: " FFFD "\ndata: b\n");
	WANT_DATA("\xf0\x9f\x8e", "data: " FFFD "\n");
	WANT_DATA("\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41",
	    "data: " FFFD FFFD FFFD FFFD "A\n");
	WANT_TYPE("a\xffz", "event: a" FFFD "z\n");
}

static bool
uid_ok(const char *s)
{
	return sse_uid_ok((struct store_text){s, strlen(s)});
}

static void
test_uid_only_what_comes_back_in_a_header(void **state)
{
	char text[130];

	(void)state;
	assert_true(uid_ok("a"));
	assert_true(uid_ok("0x1f"));
	assert_true(uid_ok("!order/7?a=b~"));
	assert_true(uid_ok("earlier"));
	assert_true(uid_ok("earliest1"));
	assert_true(uid_ok("??"));
	assert_false(uid_ok("earliest"));
	assert_false(uid_ok("?"));
	assert_false(uid_ok(""));
	assert_false(uid_ok("7"));
	assert_false(uid_ok("00123"));
	assert_false(uid_ok("a b"));
	assert_false(uid_ok(" a"));
	assert_false(uid_ok("a\n"));
	assert_false(uid_ok("a\x7f"));
	assert_false(uid_ok("\xc3\xbc"));
	assert_false(sse_uid_ok(NONE));
	assert_false(sse_uid_ok((struct store_text){"a\0b", 3}));
	memset(text, 'u', sizeof(text));
	assert_true(sse_uid_ok((struct store_text){text, 128}));
	assert_false(sse_uid_ok((struct store_text){text, 129}));
}

static void
test_uid_that_is_not_ok_leaves_the_number(void **state)
{
	(void)state;
	WANT(NONE, TEXT("x"), TEXT("a\nevent: b"), "id: 42\ndata: x\n\n");
	WANT(NONE, TEXT("x"), TEXT("17"), "id: 42\ndata: x\n\n");
	WANT(NONE, TEXT("x"), TEXT(""), "id: 42\ndata: x\n\n");
}

static void
test_utf8_line_and_text(void **state)
{
	char buf[64];
	size_t n;

	(void)state;
	n = sse_utf8(buf, "a\n\0\xff", 4, false);
	want_bytes(buf, n, "a\n\0" FFFD, 6);
	n = sse_utf8(buf, "a\n\0\xff", 4, true);
	want_bytes(buf, n, "a" FFFD FFFD FFFD, 10);
	assert_int_equal(sse_utf8(buf, NULL, 0, true), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_event_in_order_id_type_data),
	    cmocka_unit_test(test_data_null_and_empty_are_one_empty_line),
	    cmocka_unit_test(test_data_each_line_end_makes_a_line),
	    cmocka_unit_test(test_data_keeps_all_else),
	    cmocka_unit_test(test_data_line_end_at_any_offset),
	    cmocka_unit_test(test_size_holds_for_the_worst),
	    cmocka_unit_test(test_type_null_and_empty_are_no_field),
	    cmocka_unit_test(test_type_cannot_leave_its_line),
	    cmocka_unit_test(test_type_of_ours_is_not_forged),
	    cmocka_unit_test(test_bad_utf8_as_a_browser_decodes_it),
	    cmocka_unit_test(test_uid_only_what_comes_back_in_a_header),
	    cmocka_unit_test(test_uid_that_is_not_ok_leaves_the_number),
	    cmocka_unit_test(test_utf8_line_and_text),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
