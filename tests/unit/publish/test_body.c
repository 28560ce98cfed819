/*
 * test_body.c - the body of a POST: what is accepted, and what is said about
 * the rest.
 *
 * Every body is in a block of its exact size and the one byte more that is
 * promised, so the sanitizer sees a read that goes too far.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/publish/body.h"
#include "fcgi/base/utf8.h"
#include "tests/unit/cm.h"

#define FORM   "application/x-www-form-urlencoded"
#define JSON   "application/json"
#define NDJSON "application/x-ndjson"

static const struct body_limits usual = {100, 1000, false};

struct read {
	struct body body;
	char *text;
	int status;
};

static struct read
read_bytes(
    const char *type, const char *s, size_t len, const struct body_limits *l)
{
	struct read r = {.text = malloc(len + 1)};

	assert_non_null(r.text);
	memcpy(r.text, s, len);
	r.status = body_read(&r.body, type, r.text, len, l);
	if (r.status != 0) {
		assert_true(r.body.why[0] != '\0');
		assert_true(utf8_clean(r.body.why, strlen(r.body.why)));
	}
	return r;
}

static void
done(struct read *r)
{
	body_free(&r->body);
	body_free(&r->body); /* takes a body in any state */
	free(r->text);
}

static void
want_text(struct store_text t, const char *want, size_t len)
{
	if (want == NULL) {
		assert_null(t.s);
		return;
	}
	assert_non_null(t.s);
	assert_int_equal(t.len, len);
	assert_memory_equal(t.s, want, len);
}

static void
want_event(const struct store_event *ev, const char *topic, const char *event,
    const char *data, const char *uid)
{
	want_text(ev->topic, topic, topic == NULL ? 0 : strlen(topic));
	want_text(ev->event, event, event == NULL ? 0 : strlen(event));
	want_text(ev->data, data, data == NULL ? 0 : strlen(data));
	want_text(ev->uid, uid, uid == NULL ? 0 : strlen(uid));
	assert_int_equal(ev->time_ms, 0);
}

/* Wants one event with these texts. */
static void
want_one(const char *type, const char *s, const char *topic, const char *event,
    const char *data, const char *uid)
{
	struct read r = read_bytes(type, s, strlen(s), &usual);

	if (r.status != 0)
		fail_msg("%s: %d %s", s, r.status, r.body.why);
	assert_int_equal(r.body.n, 1);
	want_event(&r.body.events[0], topic, event, data, uid);
	done(&r);
}

static void
want_refusal_of(const struct body_limits *l, const char *type, const char *s,
    size_t len, int status, const char *why)
{
	struct read r = read_bytes(type, s, len, l);

	if (r.status != status || strstr(r.body.why, why) == NULL)
		fail_msg("%.*s: wanted %d %s; came %d %s", (int)len, s, status,
		    why, r.status, r.body.why);
	done(&r);
}

#define REFUSED(type, s, status, why) \
	want_refusal_of(&usual, type, s, sizeof(s) - 1, status, why)

/* --- what is taken ------------------------------------------------------ */

static void
test_form(void **state)
{
	(void)state;
	want_one(FORM, "data=hello", NULL, NULL, "hello", NULL);
	want_one(FORM, "topic=a%2Fb&event=e&data=x+y%0Az&uid=u-1", "a/b", "e",
	    "x y\nz", "u-1");
	want_one(FORM, "topic=&event=&uid=&data=", NULL, NULL, "", NULL);
	want_one(FORM "; charset=utf-8", "data=1", NULL, NULL, "1", NULL);
	want_one(
	    "APPLICATION/X-WWW-Form-Urlencoded", "data", NULL, NULL, "", NULL);
	want_one(FORM, "topic=n%C3%A4", "n\xc3\xa4", NULL, NULL, NULL);
}

static void
test_json_object(void **state)
{
	(void)state;
	want_one(JSON, "{}", NULL, NULL, NULL, NULL);
	want_one(JSON,
	    "{\"topic\":\"t\",\"event\":\"e\",\"data\":\"d\",\"uid\":\"u\"}",
	    "t", "e", "d", "u");
	want_one(JSON, " {\"topic\":null,\"event\":\"\",\"uid\":null} ", NULL,
	    NULL, NULL, NULL);
	want_one(JSON "; charset=UTF-8", "{\"data\":\"\\u00e4\\n\"}", NULL,
	    NULL, "\xc3\xa4\n", NULL);
}

/* Wants this JSON to be published as it stands in an object, byte for byte. */
static void
want_as_written(const char *value)
{
	static const char *const forms[] = {"{\"data\":%s}",
	    " { \"topic\" : \"t\" , \"data\" : %s , \"uid\":null } ",
	    "{\"\\u0064at\\u0061\":%s}",
	    "{\"event\":\"\\\"data\\\":1,{[\",\"data\":%s}"};
	char s[400], lines[500];
	struct read r;
	size_t i;

	for (i = 0; i < 4; i++) {
		snprintf(s, sizeof(s), forms[i], value);
		r = read_bytes(JSON, s, strlen(s), &usual);
		if (r.status != 0)
			fail_msg("%s: %d %s", s, r.status, r.body.why);
		want_text(r.body.events[0].data, value, strlen(value));
		assert_int_equal(r.body.n, 1);
		done(&r);
		snprintf(lines, sizeof(lines),
		    "[ {\"data\":\"]\"}\t,{\"data\":[7.0]} ,%s\n]", s);
		r = read_bytes(JSON, lines, strlen(lines), &usual);
		if (r.status != 0)
			fail_msg("%s: %d %s", lines, r.status, r.body.why);
		want_text(r.body.events[1].data, "[7.0]", 5);
		want_text(r.body.events[2].data, value, strlen(value));
		done(&r);
		if (strchr(value, '\n') != NULL)
			continue;
		snprintf(lines, sizeof(lines), "{\"data\":7.0}\r\n%s\r\n", s);
		r = read_bytes(NDJSON, lines, strlen(lines), &usual);
		if (r.status != 0)
			fail_msg("%s: %d %s", lines, r.status, r.body.why);
		want_text(r.body.events[0].data, "7.0", 3);
		want_text(r.body.events[1].data, value, strlen(value));
		done(&r);
	}
}

/* Data that is not a string is published as its JSON text. */
static void
test_json_data_of_any_kind(void **state)
{
	static const char *const values[] = {"17", "true", "false", "[]", "{}",
	    "0", "-0", "-0.0", "19.99", "1.10", "1e2", "1E+2", "1.5e-7",
	    "12345678901234567890", "18446744073709551615", "-9e400", "1e400",
	    "1e-400",
	    "0.1000000000000000055511151231257827021181583404541015625",
	    "{\"b\":[1, 2.5],\"a\":\"x\"}", "{\"price\":19.99}",
	    "{\"id\":18446744073709551615}", "[1e400,-0,[1.10]]",
	    "{ \"a\" :\n\t[ 1.0 , null,true ] ,\r\n \"b\" : { } }",
	    "{\"a\":\"}]\\\"\\\\\",\"b\":\"\\u00e4\"}", "[\"1.10 -0 1e400\"]",
	    "{\"data\":{\"data\":1.0}}"};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		want_as_written(values[i]);
	want_one(JSON, "{\"data\":null}", NULL, NULL, NULL, NULL);
}

/* Numbers are as strict as the rest. */
static void
test_bad_numbers(void **state)
{
	static const char *const values[] = {"00", "01", "-", "-01", "+1", ".5",
	    "5.", "1.e5", "1e", "1e+", "1e5.5", "1-2", "--1", "0x10", "1_000",
	    "NaN", "Infinity", "-Infinity", "1 2", "1e400 1", "truee1", "true1",
	    "1true", "[1,]", "[1 2]", "{\"a\":1e400\"b\":2}", "{\"a\":01e400}",
	    "1e400\"", "[1e400", "\"", "1e400e", "\xef\xbc\x91"};
	char s[100];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		snprintf(s, sizeof(s), "{\"data\":%s}", values[i]);
		want_refusal_of(&usual, JSON, s, strlen(s), 400, "not JSON");
		want_refusal_of(&usual, NDJSON, s, strlen(s), 400, "not JSON");
	}
	REFUSED(JSON, "{\"data\":1,\"\\u0064ata\":2}", 400, "twice");
	REFUSED(JSON, "{\"data\":{\"a\":1e400,\"a\":2}}", 400, "twice");
	REFUSED(JSON, "{\"topic\":1e400}", 400, "topic is not a string");
	REFUSED(JSON, "1e400", 400, "not a JSON object");
	REFUSED(JSON, "[1e400]", 400, "event 1: not a JSON object");
	REFUSED(JSON, "{\"data\":1e400,}", 400, "not JSON, at byte 15 of it");
}

/* Some programs put a byte order mark before what they write. */
static void
test_a_byte_order_mark_means_nothing(void **state)
{
	static const char lines[] = "\xef\xbb\xbf{\"data\":\"1\"}\n"
				    "\xef\xbb\xbf{\"data\":2.0}";
	struct read r = read_bytes(NDJSON, lines, sizeof(lines) - 1, &usual);

	(void)state;
	assert_int_equal(r.status, 0);
	want_event(&r.body.events[0], NULL, NULL, "1", NULL);
	want_event(&r.body.events[1], NULL, NULL, "2.0", NULL);
	done(&r);
	want_one(JSON, "\xef\xbb\xbf{\"data\":\"a\"}", NULL, NULL, "a", NULL);
	want_one(
	    JSON, "\xef\xbb\xbf [{\"data\":1.0}]", NULL, NULL, "1.0", NULL);
	REFUSED(JSON, "\xef\xbb\xbf", 400, "not JSON");
	REFUSED(JSON, "\xef\xbb\xbf\xef\xbb\xbf{}", 400, "not JSON");
	REFUSED(JSON, "\xef\xbb{}", 400, "not JSON");
	REFUSED(JSON, "{}\xef\xbb\xbf", 400, "not JSON");
	REFUSED(JSON, "\xff\xfe{\0}\0", 400, "not JSON");
	REFUSED(NDJSON, "\xef\xbb\xbf", 400, "no line");
	REFUSED(FORM,
	    "\xef\xbb\xbf"
	    "data=1",
	    400, "is not known");
}

/* jansson passes over a NUL after a number, and after true, false and null. */
static void
test_a_nul_is_no_json(void **state)
{
	static const char *const good[] = {"{\"topic\":null,\"data\":5}",
	    "[{\"data\":[1,true,{\"a\":null}]},{\"data\":1e400}]",
	    "{\"data\":\"a\",\"uid\":\"u\"}"};
	char s[100];
	size_t i, j, len;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		len = strlen(good[i]);
		for (j = 0; j <= len; j++) {
			memcpy(s, good[i], j);
			s[j] = '\0';
			memcpy(s + j + 1, good[i] + j, len - j);
			want_refusal_of(
			    &usual, JSON, s, len + 1, 400, "not JSON, at byte");
			want_refusal_of(&usual, NDJSON, s, len + 1, 400,
			    "not JSON, at byte");
		}
	}
}

static void
test_nul_in_data(void **state)
{
	struct read r =
	    read_bytes(JSON, "{\"data\":\"a\\u0000b\"}", 19, &usual);

	(void)state;
	assert_int_equal(r.status, 0);
	want_text(r.body.events[0].data, "a\0b", 3);
	done(&r);
}

static void
test_array(void **state)
{
	static const char s[] = "[{\"data\":\"1\"},{\"topic\":\"x\"},{}]";
	struct read r = read_bytes(JSON, s, sizeof(s) - 1, &usual);

	(void)state;
	assert_int_equal(r.status, 0);
	assert_int_equal(r.body.n, 3);
	want_event(&r.body.events[0], NULL, NULL, "1", NULL);
	want_event(&r.body.events[1], "x", NULL, NULL, NULL);
	want_event(&r.body.events[2], NULL, NULL, NULL, NULL);
	assert_int_equal(r.body.bytes, 2);
	done(&r);
}

/* Lines end with LF or CR LF; the last one may have no end. */
static void
test_ndjson(void **state)
{
	static const char s[] = "{\"data\":\"1\"}\r\n\n  \n{\"data\":2}\n"
				"{\"data\":{\"a\":3}}";
	struct read r = read_bytes(NDJSON, s, sizeof(s) - 1, &usual);

	(void)state;
	assert_int_equal(r.status, 0);
	assert_int_equal(r.body.n, 3);
	want_event(&r.body.events[0], NULL, NULL, "1", NULL);
	want_event(&r.body.events[1], NULL, NULL, "2", NULL);
	want_event(&r.body.events[2], NULL, NULL, "{\"a\":3}", NULL);
	done(&r);
}

/* --- what is not -------------------------------------------------------- */

static void
test_other_types(void **state)
{
	static const char *const types[] = {NULL, "", "text/plain",
	    "multipart/form-data; boundary=x", "application/jsonp",
	    "application/json-seq", "application/x-ndjson2", "json"};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		want_refusal_of(&usual, types[i], "{}", 2, 415, "application");
}

static void
test_empty_bodies(void **state)
{
	(void)state;
	REFUSED(FORM, "", 400, "empty");
	REFUSED(JSON, "", 400, "not JSON");
	REFUSED(JSON, "[]", 400, "empty array");
	REFUSED(NDJSON, "", 400, "no line");
	REFUSED(NDJSON, "\n\r\n \n", 400, "no line");
}

static void
test_bad_forms(void **state)
{
	(void)state;
	REFUSED(FORM, "topics=a&data=1", 400, "'topics' is not known");
	REFUSED(FORM, "data=1&data=2", 400, "data is there twice");
	REFUSED(FORM, "%00=1", 400, "not known");
	REFUSED(FORM, "data=%FF", 400, "data: not UTF-8");
	REFUSED(FORM, "data=%ED%A0%80", 400, "data: not UTF-8");
	REFUSED(FORM, "topic=a%00b", 400, "topic:");
	REFUSED(FORM, "id=3&data=x", 400, "'id' is not known");
}

static void
test_bad_json(void **state)
{
	(void)state;
	REFUSED(JSON, "{", 400, "not JSON");
	REFUSED(JSON, "{} x", 400, "not JSON");
	REFUSED(JSON, "\"a\"", 400, "not a JSON object");
	REFUSED(JSON, "17", 400, "not a JSON object");
	REFUSED(JSON, "{\"data\":\"\xff\"}", 400, "not JSON");
	REFUSED(JSON, "{\"data\":\"a\nb\"}", 400, "not JSON");
	REFUSED(JSON, "{\"topic\":1}", 400, "topic is not a string");
	REFUSED(JSON, "{\"uid\":17}", 400, "uid is not a string");
	REFUSED(JSON, "{\"data\":1,\"data\":2}", 400, "twice");
	REFUSED(JSON, "{\"time\":1}", 400, "'time' is not known");
	REFUSED(JSON, "{\"a\\nb\":1}", 400, "not known");
	REFUSED(JSON, "{\"data\\u0000\":1}", 400, "not JSON");
	REFUSED(JSON, "[{},5]", 400, "event 2: not a JSON object");
	REFUSED(JSON, "[{},{},{\"x\":1}]", 400, "event 3: 'x'");
}

static void
test_deep_json(void **state)
{
	char *s = malloc(200000);

	(void)state;
	memset(s, '[', 200000);
	want_refusal_of(&usual, JSON, s, 200000, 400, "deep");
	free(s);
}

static void
test_a_bad_line_is_named_by_its_number(void **state)
{
	(void)state;
	REFUSED(NDJSON, "{}\n\n{}\n{\"topic\":\"a*\"}\n{}", 400, "line 4: ");
	REFUSED(NDJSON, "{}\nnonsense", 400, "line 2: not JSON");
	REFUSED(NDJSON, "{} {}", 400, "line 1: not JSON");
	REFUSED(NDJSON, "[{}]", 400, "line 1: not a JSON object");
	REFUSED(NDJSON, "{\n}", 400, "line 1: ");
}

static void
test_bad_events(void **state)
{
	(void)state;
	REFUSED(JSON, "{\"topic\":\"\"}", 400, "topic: empty");
	REFUSED(JSON, "{\"topic\":\"a\\nb\"}", 400, "topic:");
	REFUSED(JSON, "{\"topic\":\"a*\"}", 400, "topic:");
	REFUSED(JSON, "{\"event\":\"a\\rb\"}", 400, "event:");
	REFUSED(JSON, "{\"event\":\"stream-gap\"}", 400, "event:");
	REFUSED(JSON, "{\"event\":\"stream-end2\"}", 400, "event:");
	REFUSED(JSON, "{\"event\":\"stream-en\"}", 400, "event:");
	REFUSED(JSON, "{\"uid\":\"\"}", 400, "uid: empty");
	REFUSED(JSON, "{\"uid\":\"12\"}", 400, "uid: all digits");
	REFUSED(JSON, "{\"uid\":\"a b\"}", 400, "uid:");
	REFUSED(JSON, "{\"uid\":\"\xc3\xa4\"}", 400, "uid:");
	REFUSED(JSON, "{\"uid\":\"earliest\"}", 400, "uid:");
	REFUSED(JSON, "{\"uid\":\"?\"}", 400, "uid:");
}

/* Posts a form with one field whose value is one letter, len times. */
static void
want_length(const char *field, size_t len, int status)
{
	char *s = malloc(strlen(field) + 1 + len);
	size_t n = strlen(field);
	struct read r;

	memcpy(s, field, n);
	s[n++] = '=';
	memset(s + n, 'x', len);
	r = read_bytes(FORM, s, n + len, &usual);
	assert_int_equal(r.status, status);
	done(&r);
	free(s);
}

static void
test_limits_of_an_event(void **state)
{
	(void)state;
	want_length("topic", 255, 0);
	want_length("topic", 256, 413);
	want_length("event", 255, 0);
	want_length("event", 256, 413);
	want_length("uid", 128, 0);
	want_length("uid", 129, 413);
	want_length("data", 1000, 0);
	want_length("data", 1001, 413);
}

static void
test_limit_of_a_batch(void **state)
{
	static const struct body_limits two = {2, 10, false};

	(void)state;
	want_refusal_of(&two, JSON, "[{},{},{}]", 10, 413, "more than 2");
	want_refusal_of(
	    &two, NDJSON, "{}\n{}\n{}\n", 9, 413, "line 3: more than 2");
	want_refusal_of(&two, JSON, "[{\"data\":\"12345678901\"}]", 24, 413,
	    "event 1: an event over");
}

/* --- JSON read in place, and by the parser ------------------------------ */

static bool
same_text(struct store_text a, struct store_text b)
{
	return (a.s == NULL) == (b.s == NULL) && a.len == b.len &&
	       (a.len == 0 || memcmp(a.s, b.s, a.len) == 0);
}

static void
want_same(const char *type, const char *s, size_t len)
{
	static const struct body_limits plain = {6, 300, false},
					parser = {6, 300, true};
	struct read a = read_bytes(type, s, len, &plain);
	struct read b = read_bytes(type, s, len, &parser);
	const struct store_event *x, *y;
	bool same = a.status == b.status &&
		    strcmp(a.body.why, b.body.why) == 0 &&
		    (a.status != 0 ||
			(a.body.n == b.body.n && a.body.bytes == b.body.bytes));
	size_t i;

	for (i = 0; same && a.status == 0 && i < a.body.n; i++) {
		x = &a.body.events[i];
		y = &b.body.events[i];
		same = same_text(x->topic, y->topic) &&
		       same_text(x->event, y->event) &&
		       same_text(x->data, y->data) && same_text(x->uid, y->uid);
	}
	if (!same)
		fail_msg("%s\n%.*s\n%d %s\n%d %s", type, (int)len, s, a.status,
		    a.body.why, b.status, b.body.why);
	done(&a);
	done(&b);
}

/* Bodies made at random of the pieces that matter to a reader of JSON. */
static void
test_plain_json_is_as_the_parser_has_it(void **state)
{
	static const char *const parts[] = {"{\"data\":\"", "{", "}", "[", "]",
	    ",", ":", "\"", "\n", " ", "\t", "\r", "null", "\"topic\"",
	    "\"data\":", "\"uid\":\"u1\"", "\"event\":\"\"", "\"}", "\"},{",
	    "\"}\n{\"data\":\"", "\\n", "\\\"", "\\\\", "\\u00e4",
	    "\\ud83d\\ude00", "\\ud83d", "\\ude00", "\\u0000", "\\u12", "\\x",
	    "\\/", "\xc3\xa4", "\xc3", "\xf0\x9f\x98\x80", "\xed\xa0\x80",
	    "plain text of some length, ", "1", "1e400", "-0.10", "[2.50",
	    "\xef\xbb\xbf", "\"\\u0064ata\":", "true", "{\"a\":1}", "\x01",
	    "\x7f", "[{\"topic\":\"a\"}", "{\"topic\":\"a\",\"data\":\"b\"}",
	    "\"topic\":\"a*\"", "{\"to\\u0070ic\":\"a\"}", ",\"data\":null",
	    "{\"uid\":\"a1\",\"uid\":\"a1\"}"};
	const size_t nparts = sizeof(parts) / sizeof(parts[0]);
	char s[2048];
	int i, j, n;
	size_t len;

	(void)state;
	srandom(5);
	for (i = 0; i < 60000; i++) {
		n = 1 + (int)(random() % 12);
		len = 0;
		for (j = 0; j < n; j++)
			len = (size_t)(stpcpy(s + len,
					   parts[j == 0 && i % 2 == 0
						     ? 0
						     : (size_t)random() %
							   nparts]) -
				       s);
		if (i % 4 < 2)
			len = (size_t)(stpcpy(s + len, "\"}") - s);
		want_same(i % 3 == 0 ? NDJSON : JSON, s, len);
	}
}

/* In good bodies every byte is changed to another. */
static void
test_plain_json_with_a_byte_changed(void **state)
{
	static const char bytes[] = "\"\\{}[],: \n\x01\x80\xff"
				    "u0";
	static const char *const good[] = {
	    "{\"topic\":\"a\",\"event\":\"e\",\"data\":\"x\\u00e4 "
	    "\\ud83d\\ude00\\n\xc3\xa4 and so on\",\"uid\":\"u-1\"}",
	    " [ {\"data\" : \"one\"} ,{ } , {\"data\":null,\"topic\":\"b\"}] ",
	    "{\"data\":\"1\"}\n\n {\"data\":\"2\"} \r\n{\"data\":{\"a\":1}}\n"};
	size_t i, j, k, len;
	char s[256];

	(void)state;
	for (i = 0; i < 3; i++) {
		len = strlen(good[i]);
		for (j = 0; j < len; j++)
			for (k = 0; k < sizeof(bytes); k++) {
				memcpy(s, good[i], len);
				s[j] = bytes[k];
				want_same(JSON, s, len);
				want_same(NDJSON, s, len);
				want_same(JSON, s, j);
				want_same(NDJSON, s, j);
			}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_form),
	    cmocka_unit_test(test_json_object),
	    cmocka_unit_test(test_json_data_of_any_kind),
	    cmocka_unit_test(test_bad_numbers),
	    cmocka_unit_test(test_a_byte_order_mark_means_nothing),
	    cmocka_unit_test(test_a_nul_is_no_json),
	    cmocka_unit_test(test_nul_in_data),
	    cmocka_unit_test(test_array),
	    cmocka_unit_test(test_ndjson),
	    cmocka_unit_test(test_other_types),
	    cmocka_unit_test(test_empty_bodies),
	    cmocka_unit_test(test_bad_forms),
	    cmocka_unit_test(test_bad_json),
	    cmocka_unit_test(test_deep_json),
	    cmocka_unit_test(test_a_bad_line_is_named_by_its_number),
	    cmocka_unit_test(test_bad_events),
	    cmocka_unit_test(test_limits_of_an_event),
	    cmocka_unit_test(test_limit_of_a_batch),
	    cmocka_unit_test(test_plain_json_is_as_the_parser_has_it),
	    cmocka_unit_test(test_plain_json_with_a_byte_changed),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
