/*
 * test_status.c - /status and /metrics as they are printed, from numbers that
 * the test sets.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/reply/status.h"
#include "fcgi/reply/watch.h"
#include "tests/unit/cm.h"

/* Sets the defaults, and 1000, 1001, ...  for the numbers in their order. */
static void
make(struct status *st, struct serve_conf *conf)
{
	static char word[] = "serve", db[] = "--db=x";
	char *argv[] = {word, db, NULL}, why[256];
	uint64_t *number;
	int argc = 2;
	size_t i;

	assert_int_equal(options_read(&serve_options, &argc, argv, NULL, conf,
			     why, sizeof(why)),
	    OPTIONS_OK);
	memset(st, 0, sizeof(*st));
	for (i = 0; i < tally_nlines; i++) {
		number = (uint64_t *)((char *)&st->sum + tally_lines[i].offset);
		assert_int_equal(*number, 0); /* no two lines show one number */
		*number = 1000 + i;
	}
	for (i = 0; i < END_REASONS; i++)
		st->sum.count.ended[i] = 10 + i;
	st->workers = 1;
	st->started_ms = 1700000000250;
	st->now_ms = st->started_ms + 61999;
	st->max_streams = 992;
	st->conf = conf;
	st->log_id = "5f0a";
	strcpy(st->head, "42");
}

static json_t *
read_json(const struct status *st)
{
	size_t len;
	char *text = status_json(st, false, &len);
	json_t *j;

	assert_non_null(text);
	assert_int_equal(text[len - 1], '\n');
	j = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(j);
	free(text);
	return j;
}

static json_int_t
number_at(const json_t *j, const char *name)
{
	const json_t *n = json_object_get(j, name);

	assert_true(json_is_integer(n));
	return json_integer_value(n);
}

static void
test_json_has_every_number(void **state)
{
	struct serve_conf conf;
	struct status st;
	json_t *j;
	size_t i;

	(void)state;
	make(&st, &conf);
	j = read_json(&st);
	for (i = 0; i < tally_nlines; i++)
		assert_int_equal(number_at(j, tally_lines[i].name), 1000 + i);
	for (i = 0; i < END_REASONS; i++)
		assert_int_equal(number_at(json_object_get(j, "ended"),
				     tally_reason((enum end_reason)i)),
		    10 + i);
	assert_int_equal(number_at(j, "uptime_seconds"), 61);
	assert_int_equal(number_at(j, "workers"), 1);
	assert_string_equal(
	    json_string_value(json_object_get(j, "version")), VERSION);
	json_decref(j);
	options_free(&serve_options, &conf);
}

/* A name may have any characters but controls, and JSON has them all. */
static void
test_json_has_topics_workers_and_slow_streams(void **state)
{
	static const char odd[] = "a\"b\\c </script> \xc3\xa9*";
	struct serve_conf conf;
	struct status st;
	json_t *j, *list, *one;

	(void)state;
	make(&st, &conf);
	st.sum.now.listens = 12;
	st.shown.ntopics = 1;
	st.shown.topics[0].streams = 5;
	st.shown.topics[0].len = sizeof(odd) - 1;
	memcpy(st.shown.topics[0].name, odd, sizeof(odd) - 1);
	st.shown.nslow = 2;
	st.shown.slow[0] = (struct board_slow){st.now_ms - 500, 1, 2, "x", ""};
	st.shown.slow[1] =
	    (struct board_slow){st.now_ms + 500, 1, 0, "y", "192.0.2.1"};
	j = read_json(&st);
	list = json_object_get(j, "topics_most");
	assert_int_equal(json_array_size(list), 1);
	one = json_array_get(list, 0);
	assert_string_equal(
	    json_string_value(json_object_get(one, "topic")), odd);
	assert_int_equal(number_at(one, "streams"), 5);
	assert_int_equal(number_at(j, "topics_other_listens"), 7);
	one = json_array_get(json_object_get(j, "slowest"), 0);
	assert_int_equal(number_at(one, "waits_ms"), 500);
	assert_int_equal(number_at(one, "more_topics"), 2);
	assert_null(json_object_get(one, "address"));
	one = json_array_get(json_object_get(j, "slowest"), 1);
	assert_int_equal(number_at(one, "waits_ms"), 0);
	assert_string_equal(
	    json_string_value(json_object_get(one, "address")), "192.0.2.1");
	assert_int_equal(json_array_size(json_object_get(j, "by_worker")), 1);
	assert_true(
	    json_is_null(json_object_get(json_object_get(j, "store"), "size")));
	json_decref(j);
	options_free(&serve_options, &conf);
}

/* All numbers, and all limits, as long as they can get. */
static void
set_longest(struct status *st, struct serve_conf *conf)
{
	uint64_t *n = (uint64_t *)&st->sum;
	size_t i;

	for (i = 0; i < sizeof(st->sum) / sizeof(*n); i++)
		n[i] = INT64_MAX;
	for (i = 0; i < serve_options.n; i++) {
		const struct option *o = &serve_options.list[i];

		if (o->kind == OPTION_UNSIGNED || o->kind == OPTION_AGE ||
		    o->kind == OPTION_BYTES)
			memset((char *)conf + o->offset, 0x7f, 8);
	}
	st->started_ms = st->workers = st->max_streams = INT64_MAX;
	st->now_ms = INT64_MAX;
	st->size = (struct store_size){
	    true, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX};
}

/* A name may have 256 characters of which JSON makes two each. */
static void
show_longest(struct board_side *shown)
{
	int i;

	shown->ntopics = BOARD_TOPICS;
	shown->nslow = BOARD_SLOW;
	for (i = 0; i < BOARD_TOPICS; i++) {
		shown->topics[i].streams = INT64_MAX;
		shown->topics[i].len = BOARD_NAME;
		memset(shown->topics[i].name, '"', BOARD_NAME);
	}
	for (i = 0; i < BOARD_SLOW; i++) {
		shown->slow[i].len = BOARD_NAME;
		shown->slow[i].more = UINT16_MAX;
		memset(shown->slow[i].name, '"', BOARD_NAME);
		memset(shown->slow[i].address, 'f', BOARD_ADDRESS - 1);
	}
}

/* The longest that it can get is sent to a watch as one event. */
static void
test_json_is_never_too_long_for_a_watch(void **state)
{
	static char why[sizeof(((struct hub *)NULL)->why)];
	struct serve_conf conf, odd;
	struct status st;
	struct tallies *all = tallies_make(CONF_WORKERS_MAX, 1);
	size_t len;
	uint64_t w;

	(void)state;
	make(&st, &conf);
	odd = conf;
	st.conf = &odd;
	set_longest(&st, &odd);
	for (w = 0; w < all->n; w++)
		all->of[w] = st.sum;
	st.tallies = all;
	show_longest(&st.shown);
	memset(why, 1, sizeof(why) - 1);
	st.why = why;
	st.log_id = "0123456789abcdef0123456789abcdef0123456";
	memset(st.head, '9', sizeof(st.head) - 1);
	free(status_json(&st, true, &len));
	assert_in_range(len, 20000, STATUS_JSON_MAX);
	tallies_free(all);
	options_free(&serve_options, &conf);
}

/* However long streams may live, and if nothing bounds them. */
static void
test_watch_has_an_age(void **state)
{
	(void)state;
	assert_int_equal(watch_age_ms(0), WATCH_AGE_MS);
	assert_int_equal(watch_age_ms(1000), 1000);
	assert_int_equal(watch_age_ms(UINT64_MAX), WATCH_AGE_MS);
	assert_in_range(WATCH_AGE_MS, WATCH_MS, 3600 * 1000);
}

static void
test_json_has_every_limit_with_its_unit(void **state)
{
	struct serve_conf conf;
	struct status st;
	json_t *j, *limits;

	(void)state;
	make(&st, &conf);
	j = read_json(&st);
	limits = json_object_get(j, "limits");
	assert_int_equal(number_at(limits, "max_streams"), 992);
	assert_int_equal(number_at(limits, "max_streams_per_address"), 0);
	assert_int_equal(number_at(limits, "max_topics"), 16);
	assert_int_equal(number_at(limits, "max_request_bytes"), 1 << 20);
	assert_int_equal(number_at(limits, "max_event_bytes"), 1 << 20);
	assert_int_equal(number_at(limits, "window_bytes"), 16 << 20);
	assert_int_equal(number_at(limits, "write_budget_bytes"), 256 << 10);
	assert_int_equal(number_at(limits, "max_age_ms"), 0);
	assert_int_equal(number_at(limits, "stall_ms"), 60000);
	assert_int_equal(number_at(limits, "retry_ms"), 2000);
	assert_int_equal(number_at(limits, "page_rows"), 1000);
	assert_null(json_object_get(limits, "listen_mode"));
	assert_null(json_object_get(limits, "db"));
	json_decref(j);
	options_free(&serve_options, &conf);
}

static void
test_json_says_why_the_log_is_out_of_reach(void **state)
{
	struct serve_conf conf;
	struct status st;
	json_t *j, *store;

	(void)state;
	make(&st, &conf);
	j = read_json(&st);
	store = json_object_get(j, "store");
	assert_true(json_is_true(json_object_get(store, "healthy")));
	assert_true(json_is_null(json_object_get(store, "why")));
	assert_string_equal(
	    json_string_value(json_object_get(store, "head")), "42");
	json_decref(j);
	st.why = "/a\"b\\c: no\nway \xff";
	j = read_json(&st);
	store = json_object_get(j, "store");
	assert_true(json_is_false(json_object_get(store, "healthy")));
	assert_true(json_is_string(json_object_get(store, "why")));
	json_decref(j);
	st.why = "/a\"b\\c: no\nway";
	j = read_json(&st);
	assert_string_equal(json_string_value(json_object_get(
				json_object_get(j, "store"), "why")),
	    st.why);
	json_decref(j);
	options_free(&serve_options, &conf);
}

/* --- metrics ------------------------------------------------------------ */

static char *
metrics(const struct status *st)
{
	size_t len;
	char *text = status_metrics(st, &len);

	assert_non_null(text);
	assert_int_equal(strlen(text), len);
	return text;
}

static bool
has_line(const char *text, const char *line)
{
	size_t len = strlen(line);
	const char *p = text;

	while ((p = strstr(p, line)) != NULL) {
		if ((p == text || p[-1] == '\n') && p[len] == '\n')
			return true;
		p++;
	}
	return false;
}

static void
test_metrics_have_every_number(void **state)
{
	struct serve_conf conf;
	struct status st;
	char line[128], *text;
	size_t i;

	(void)state;
	make(&st, &conf);
	text = metrics(&st);
	for (i = 0; i < tally_nlines; i++) {
		snprintf(line, sizeof(line), "largesse_%s%s %zu",
		    tally_lines[i].name, tally_lines[i].total ? "_total" : "",
		    1000 + i);
		if (strcmp(tally_lines[i].name, "longest_turn_us") == 0)
			snprintf(line, sizeof(line),
			    "largesse_longest_turn_seconds 0.%06zu", 1000 + i);
		assert_true(has_line(text, line));
	}
	assert_true(has_line(text, "largesse_ended_total{reason=\"left\"} 10"));
	assert_true(has_line(text, "largesse_limit{name=\"stall_ms\"} 60000"));
	assert_true(has_line(text, "largesse_limit{name=\"max_streams\"} 992"));
	assert_true(
	    has_line(text, "largesse_start_time_seconds 1700000000.250"));
	assert_true(has_line(text, "largesse_head_id 42"));
	assert_true(has_line(text, "largesse_store_healthy 1"));
	assert_null(strstr(text, "store_trouble"));
	free(text);
	options_free(&serve_options, &conf);
}

/* Each bucket has those before it, and the last all. */
static void
test_metrics_have_delays_as_a_histogram(void **state)
{
	struct serve_conf conf;
	struct status st;
	char *text;
	int i;

	(void)state;
	make(&st, &conf);
	for (i = 0; i < DELAY_BUCKETS; i++)
		st.sum.count.delays[i] = 1;
	st.sum.count.delays_ms = 12345;
	text = metrics(&st);
	assert_true(has_line(text, "largesse_delay_seconds_bucket"
				   "{le=\"0.001\"} 1"));
	assert_true(has_line(text, "largesse_delay_seconds_bucket"
				   "{le=\"5\"} 11"));
	assert_true(has_line(text, "largesse_delay_seconds_bucket"
				   "{le=\"+Inf\"} 12"));
	assert_true(has_line(text, "largesse_delay_seconds_sum 12.345000"));
	assert_true(has_line(text, "largesse_delay_seconds_count 12"));
	assert_int_equal(delay_bucket(0), 0);
	assert_int_equal(delay_bucket(1), 0);
	assert_int_equal(delay_bucket(2), 1);
	assert_int_equal(delay_bucket(5000), DELAY_BUCKETS - 2);
	assert_int_equal(delay_bucket(5001), DELAY_BUCKETS - 1);
	free(text);
	options_free(&serve_options, &conf);
}

/* The name of a sample is the one that the TYPE line above it announced. */
static void
check_line(char *line, char *family, size_t size)
{
	char name[128], type[16];

	if (sscanf(line, "# HELP %127s", name) == 1) {
		assert_string_not_equal(name, family);
		snprintf(family, size, "%s", name);
		return;
	}
	if (sscanf(line, "# TYPE %127s %15s", name, type) == 2) {
		assert_string_equal(name, family);
		assert_true(strcmp(type, "gauge") == 0 ||
			    strcmp(type, "counter") == 0 ||
			    strcmp(type, "histogram") == 0);
		assert_int_equal(strcmp(type, "counter") == 0,
		    strcmp(name + strlen(name) - 6, "_total") == 0);
		return;
	}
	assert_true(strncmp(line, family, strlen(family)) == 0);
	line += strlen(family);
	line += *line == '_' ? strcspn(line, " {") : 0; /* of a histogram */
	assert_true(*line == ' ' || *line == '{');
}

static void
test_metrics_announce_each_family_once(void **state)
{
	struct serve_conf conf;
	struct status st;
	char family[128] = "", *text, *line, *rest;

	(void)state;
	make(&st, &conf);
	st.why = "no";
	text = metrics(&st);
	assert_int_equal(text[strlen(text) - 1], '\n');
	for (line = strtok_r(text, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest))
		check_line(line, family, sizeof(family));
	free(text);
	options_free(&serve_options, &conf);
}

static void
test_metrics_escape_the_reason(void **state)
{
	struct serve_conf conf;
	struct status st;
	char *text;

	(void)state;
	make(&st, &conf);
	st.why = "a\"b\\c\nd";
	text = metrics(&st);
	assert_true(has_line(text, "largesse_store_healthy 0"));
	assert_true(has_line(
	    text, "largesse_store_trouble{why=\"a\\\"b\\\\c\\nd\"} 1"));
	free(text);
	options_free(&serve_options, &conf);
}

/* Ids of another engine may not be numbers. */
static void
test_metrics_leave_out_an_id_that_is_no_number(void **state)
{
	struct serve_conf conf;
	struct status st;
	char *text;

	(void)state;
	make(&st, &conf);
	strcpy(st.head, "1700000000000-3");
	text = metrics(&st);
	assert_null(strstr(text, "head_id"));
	free(text);
	options_free(&serve_options, &conf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_json_has_every_number),
	    cmocka_unit_test(test_json_has_topics_workers_and_slow_streams),
	    cmocka_unit_test(test_json_is_never_too_long_for_a_watch),
	    cmocka_unit_test(test_watch_has_an_age),
	    cmocka_unit_test(test_json_has_every_limit_with_its_unit),
	    cmocka_unit_test(test_json_says_why_the_log_is_out_of_reach),
	    cmocka_unit_test(test_metrics_have_every_number),
	    cmocka_unit_test(test_metrics_have_delays_as_a_histogram),
	    cmocka_unit_test(test_metrics_announce_each_family_once),
	    cmocka_unit_test(test_metrics_escape_the_reason),
	    cmocka_unit_test(test_metrics_leave_out_an_id_that_is_no_number),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
