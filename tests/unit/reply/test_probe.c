/*
 * test_probe.c - what a probe may be asked for.  What it repeats of the request
 * is never a secret and does no harm to a reader.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/reply/probe.h"
#include "tests/unit/cm.h"

static void
want_ask(const char *query, uint64_t ticks, uint64_t every, uint64_t size)
{
	struct probe_ask ask;
	const char *wrong = probe_ask_read(&ask, query);

	if (wrong != NULL)
		fprintf(stderr, "%s: %s\n", query, wrong);
	assert_null(wrong);
	assert_int_equal(ask.ticks, ticks);
	assert_int_equal(ask.every_ms, every);
	assert_int_equal(ask.size, size);
}

static void
want_refused(const char *query)
{
	struct probe_ask ask;

	if (probe_ask_read(&ask, query) == NULL)
		fprintf(stderr, "not refused: %s\n", query);
	assert_non_null(probe_ask_read(&ask, query));
}

static void
test_ask_within_bounds(void **state)
{
	(void)state;
	want_ask("", 20, 100, 0);
	want_ask("ticks=1&every=20&size=16384", 1, 20, 16384);
	want_ask("topic=x&ticks=40&nonsense&every=384", 40, 384, 0);
	want_ask("ticks=16&size=16384", 16, 100, 16384);
	want_ask("ticks=2&every=300000", 2, 300000, 0);
	want_ask("ticks=1&every=300000", 1, 300000, 0);
	want_ask("ticks=5&ticks=6", 6, 100, 0);
	want_ask("ticks=%34", 4, 100, 0);
}

static void
test_ask_beyond_bounds_is_refused(void **state)
{
	(void)state;
	want_refused("ticks=0");
	want_refused("ticks=41");
	want_refused("ticks=");
	want_refused("ticks=-1");
	want_refused("ticks=1x");
	want_refused("ticks=18446744073709551617");
	want_refused("every=19");
	want_refused("every=2001");
	want_refused("ticks=2&every=300001");
	want_refused("ticks=3&every=15000");
	want_refused("ticks=40&every=385"); /* 15,015 ms */
	want_refused("size=16385");
	want_refused("ticks=17&size=16384"); /* over 256 KiB */
	want_refused("ticks=4%00&every=20");
}

/* No query gets more than all bounds together allow. */
static void
test_ask_whole_is_bounded(void **state)
{
	char query[128];
	struct probe_ask ask;
	unsigned ticks, every, size;

	(void)state;
	for (ticks = 1; ticks <= 41; ticks++)
		for (every = 15; every < 400000; every = every * 3 / 2)
			for (size = 0; size < 20000; size += 1777) {
				snprintf(query, sizeof(query),
				    "ticks=%u&every=%u&size=%u", ticks, every,
				    size);
				if (probe_ask_read(&ask, query) != NULL)
					continue;
				assert_true(
				    ask.ticks * ask.size <= PROBE_BYTES);
				assert_true(
				    (ask.ticks - 1) * ask.every_ms <=
					PROBE_MS ||
				    (ask.ticks == 2 &&
					ask.every_ms <= PROBE_SILENCE_MS));
			}
}

/* --- echo --------------------------------------------------------------- */

static json_t *
echo_of(char *const *env, bool framed)
{
	char *buf = malloc(PROBE_TEXT_SIZE / 2);
	size_t len = probe_echo(buf, env, framed, 15000);
	json_t *j = json_loadb(buf, len, JSON_REJECT_DUPLICATES, NULL);

	assert_non_null(j);
	assert_int_equal(buf[len], '\0');
	free(buf);
	return j;
}

static void
want_text(const json_t *j, const char *name, const char *want)
{
	const json_t *is = json_object_get(j, name);

	if (want == NULL)
		assert_true(json_is_null(is));
	else
		assert_string_equal(json_string_value(is), want);
}

static json_int_t
number(const json_t *j, const char *name)
{
	const json_t *is = json_object_get(j, name);

	assert_true(json_is_integer(is));
	return json_integer_value(is);
}

static void
test_echo_of_nothing(void **state)
{
	char *const env[] = {NULL};
	json_t *j = echo_of(env, false);

	(void)state;
	want_text(j, "gateway", "cgi");
	want_text(j, "protocol", NULL);
	want_text(j, "scheme", NULL);
	want_text(j, "software", NULL);
	want_text(j, "via", NULL);
	assert_int_equal(number(j, "authorization"), 0);
	assert_int_equal(number(j, "forwarded_for"), 0);
	assert_int_equal(number(j, "heartbeat_ms"), 15000);
	json_decref(j);
}

static char authorization[] = "HTTP_AUTHORIZATION=Bearer s3cret-token";
static char cookie[] = "HTTP_COOKIE=sid=s3cret-cookie";
static char query[] = "QUERY_STRING=access_token=s3cret-query";
static char id[] = "HTTP_LAST_EVENT_ID=s3cret-id";
static char address[] = "REMOTE_ADDR=192.0.2.7";
static char forwarded[] = "HTTP_X_FORWARDED_FOR=192.0.2.8, 192.0.2.9";
static char software[] = "SERVER_SOFTWARE=Apache/2.4.62 (Debian) OpenSSL/3";
static char protocol[] = "SERVER_PROTOCOL=HTTP/1.0";
static char https[] = "HTTPS=on";
static char via[] = "HTTP_VIA=1.0 \"front\"\n\xff\x01";

static void
test_echo_repeats_no_secret_and_no_address(void **state)
{
	char *const env[] = {authorization, cookie, query, id, address,
	    forwarded, software, protocol, https, via, NULL};
	char buf[PROBE_TEXT_SIZE / 2];
	json_t *j = echo_of(env, true);

	(void)state;
	probe_echo(buf, env, true, 0);
	assert_null(strstr(buf, "s3cret"));
	assert_null(strstr(buf, "192.0"));
	assert_null(strstr(buf, "2.4"));
	want_text(j, "gateway", "fastcgi");
	want_text(j, "software", "Apache");
	want_text(j, "protocol", "HTTP/1.0");
	want_text(j, "scheme", "https");
	want_text(j, "via", "1.0 \"front\"???");
	assert_int_equal(number(j, "authorization"), 19);
	assert_int_equal(number(j, "cookie"), 17);
	assert_int_equal(number(j, "query"), 25);
	assert_int_equal(number(j, "last_event_id"), 9);
	assert_int_equal(number(j, "forwarded_for"), 2);
	json_decref(j);
}

/* The longest of all values still fits. */
static void
test_echo_of_long_values_is_cut(void **state)
{
	static const char *const names[] = {"SERVER_PROTOCOL", "REQUEST_SCHEME",
	    "SERVER_SOFTWARE", "HTTP_VIA", "HTTP_X_FORWARDED_PROTO",
	    "HTTP_COOKIE"};
	enum {
		N = sizeof(names) / sizeof(names[0])
	};
	char *env[N + 1] = {NULL};
	json_t *j;
	size_t i;

	(void)state;
	for (i = 0; i < N; i++) {
		env[i] = malloc(60000);
		assert_non_null(env[i]);
		memset(env[i], '"', 59999);
		env[i][59999] = '\0';
		memcpy(env[i], names[i], strlen(names[i]));
		env[i][strlen(names[i])] = '=';
	}
	j = echo_of(env, true);
	assert_int_equal(
	    strlen(json_string_value(json_object_get(j, "via"))), 128);
	json_decref(j);
	for (i = 0; i < N; i++)
		free(env[i]);
}

/* --- ticks -------------------------------------------------------------- */

static void
test_tick_has_the_size_asked_for(void **state)
{
	struct probe_ask ask = {20, 100, 0};
	char *buf;
	size_t len, bare, size;

	(void)state;
	buf = malloc(PROBE_TEXT_SIZE);
	bare = probe_tick(buf, 20, &ask, 1700000000000, NULL);
	free(buf);
	for (size = 1; size <= PROBE_SIZE; size += size < 200 ? 1 : 997) {
		ask.size = size;
		buf = malloc(size > bare ? size : bare);
		assert_non_null(buf);
		len = probe_tick(buf, 20, &ask, 1700000000000, NULL);
		if (size > bare + 2)
			assert_int_equal(len, size);
		else
			assert_int_equal(len, bare);
		assert_memory_equal(
		    buf + len - bare, "event: stream-probe\n", 20);
		if (len > bare) {
			assert_int_equal(buf[0], ':');
			assert_ptr_equal(
			    memchr(buf, '\n', len), buf + len - bare - 1);
		}
		free(buf);
	}
}

static void
test_tick_is_one_event(void **state)
{
	struct probe_ask ask = {7, 100, 0};
	char buf[PROBE_TEXT_SIZE];
	size_t len = probe_tick(buf, 3, &ask, 1700000000000, NULL);
	const char *want = "event: stream-probe\n"
			   "data: {\"n\":3,\"of\":7,\"sent\":1700000000000}"
			   "\n\n";

	(void)state;
	assert_int_equal(len, strlen(want));
	assert_memory_equal(buf, want, len);
	len = probe_tick(buf, 1, &ask, 5, "{}");
	want = "event: stream-probe\n"
	       "data: {\"n\":1,\"of\":7,\"sent\":5,\"echo\":{}}\n\n";
	assert_int_equal(len, strlen(want));
	assert_memory_equal(buf, want, len);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_ask_within_bounds),
	    cmocka_unit_test(test_ask_beyond_bounds_is_refused),
	    cmocka_unit_test(test_ask_whole_is_bounded),
	    cmocka_unit_test(test_echo_of_nothing),
	    cmocka_unit_test(test_echo_repeats_no_secret_and_no_address),
	    cmocka_unit_test(test_echo_of_long_values_is_cut),
	    cmocka_unit_test(test_tick_has_the_size_asked_for),
	    cmocka_unit_test(test_tick_is_one_event),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
