/*
 * status_json.c - /status: JSON for people, and for a page that shows it.
 */
#include <stdio.h>
#include <string.h>

#include "fcgi/base/json.h"
#include "fcgi/reply/status.h"

static json_t *
json_number(uint64_t n)
{
	return json_integer(n <= INT64_MAX ? (json_int_t)n : INT64_MAX);
}

/* A limit; none is null. */
static json_t *
json_limit(uint64_t n)
{
	return n > 0 ? json_number(n) : json_null();
}

/* A log that cannot be read now is null, and so is what is not known. */
static json_t *
json_size(const struct store_size *size)
{
	json_t *j;

	if (!size->known)
		return json_null();
	j = json_object();
	json_object_set_new(j, "bytes", json_limit(size->bytes));
	json_object_set_new(j, "rows",
	    size->rows >= 0 ? json_integer(size->rows) : json_null());
	json_object_set_new(j, "keep_rows", json_limit(size->keep_rows));
	json_object_set_new(j, "keep_age_ms", json_limit(size->keep_age_ms));
	json_object_set_new(j, "oldest_ms",
	    size->oldest_ms != STORE_NO_TIME ? json_integer(size->oldest_ms)
					     : json_null());
	return j;
}

static json_t *
json_store(const struct status *st)
{
	json_t *j = json_object();

	json_object_set_new(j, "healthy", json_boolean(st->why == NULL));
	json_object_set_new(j, "why", json_words(st->why));
	json_object_set_new(j, "log", json_words(st->log_id));
	json_object_set_new(j, "head", json_words(st->head));
	json_object_set_new(j, "size", json_size(&st->size));
	return j;
}

static json_t *
json_ended(const struct counters *count)
{
	json_t *j = json_object();
	int i;

	for (i = 0; i < END_REASONS; i++)
		json_object_set_new(j, tally_reason((enum end_reason)i),
		    json_number(count->ended[i]));
	return j;
}

/* How many were no more than the name says, in ms, and more than the last. */
static json_t *
json_buckets(const uint64_t *le, const uint64_t *of, size_t n, double unit_ms)
{
	json_t *j = json_object();
	char name[32];
	size_t i;

	for (i = 0; i < n - 1; i++) {
		snprintf(name, sizeof(name), "%g_ms", (double)le[i] * unit_ms);
		json_object_set_new(j, name, json_number(of[i]));
	}
	json_object_set_new(j, "longer", json_number(of[i]));
	return j;
}

static json_t *
json_worker(uint64_t i, const struct tally *t)
{
	json_t *j = json_object();

	json_object_set_new(j, "worker", json_number(i + 1));
	json_object_set_new(j, "streams", json_number(t->now.streams));
	json_object_set_new(j, "deliveries", json_number(t->count.deliveries));
	json_object_set_new(
	    j, "longest_turn_us", json_number(t->now.longest_turn_us));
	json_object_set_new(
	    j, "resident_bytes", json_number(t->now.resident_bytes));
	return j;
}

static json_t *
json_by_worker(const struct status *st)
{
	json_t *j = json_array();
	uint64_t i;

	if (st->tallies == NULL)
		json_array_append_new(j, json_worker(0, &st->sum));
	else
		for (i = 0; i < st->tallies->n; i++)
			json_array_append_new(
			    j, json_worker(i, &st->tallies->of[i]));
	return j;
}

/* The topics with the most streams.  *left: what the others have together. */
static json_t *
json_most(const struct status *st, uint64_t *left)
{
	json_t *j = json_array(), *one;
	uint32_t i;

	*left = st->sum.now.listens;
	for (i = 0; i < st->shown.ntopics; i++) {
		const struct board_topic *t = &st->shown.topics[i];

		one = json_object();
		json_object_set_new(
		    one, "topic", json_stringn(t->name, t->len));
		json_object_set_new(one, "streams", json_number(t->streams));
		json_array_append_new(j, one);
		*left -= t->streams < *left ? t->streams : *left;
	}
	return j;
}

static json_t *
json_slowest(const struct status *st)
{
	json_t *j = json_array(), *one;
	uint32_t i;

	for (i = 0; i < st->shown.nslow; i++) {
		const struct board_slow *s = &st->shown.slow[i];

		one = json_object();
		json_object_set_new(
		    one, "topic", json_stringn(s->name, s->len));
		json_object_set_new(one, "more_topics", json_number(s->more));
		json_object_set_new(one, "waits_ms",
		    json_number(st->now_ms > s->since_ms
				    ? st->now_ms - s->since_ms
				    : 0));
		if (*s->address != '\0')
			json_object_set_new(
			    one, "address", json_string(s->address));
		json_array_append_new(j, one);
	}
	return j;
}

static json_t *
json_limits(const struct status *st)
{
	json_t *j = json_object();
	char name[64];
	uint64_t value;
	size_t i;

	for (i = 0; status_limit(st, i, name, &value); i++)
		if (*name != '\0')
			json_object_set_new(j, name, json_number(value));
	return j;
}

/* All numbers that are lists. */
static void
set_lists(json_t *j, const struct status *st)
{
	const struct counters *count = &st->sum.count;
	uint64_t left;

	json_object_set_new(j, "ended", json_ended(count));
	json_object_set_new(j, "turns",
	    json_buckets(tally_le_us, count->turns, TURN_BUCKETS, 1e-3));
	json_object_set_new(j, "delays",
	    json_buckets(delay_le_ms, count->delays, DELAY_BUCKETS, 1));
	json_object_set_new(j, "delays_sum_ms", json_number(count->delays_ms));
	json_object_set_new(j, "by_worker", json_by_worker(st));
	json_object_set_new(j, "topics_most", json_most(st, &left));
	json_object_set_new(j, "topics_other_listens", json_number(left));
	json_object_set_new(j, "slowest", json_slowest(st));
	json_object_set_new(j, "limits", json_limits(st));
}

/* Without memory some members are missing, or the text is NULL. */
char *
status_json(const struct status *st, bool line, size_t *len)
{
	json_t *j = json_object();
	char *text;
	size_t i;

	json_object_set_new(j, "version", json_string(VERSION));
	json_object_set_new(j, "now_ms", json_number(st->now_ms));
	json_object_set_new(j, "started_ms", json_number(st->started_ms));
	json_object_set_new(j, "uptime_seconds",
	    json_number((st->now_ms - st->started_ms) / 1000));
	json_object_set_new(j, "workers", json_number(st->workers));
	json_object_set_new(j, "store", json_store(st));
	for (i = 0; i < tally_nlines; i++)
		json_object_set_new(j, tally_lines[i].name,
		    json_number(tally_number(&st->sum, &tally_lines[i])));
	set_lists(j, st);
	text = json_dumps(j, line ? JSON_COMPACT : JSON_INDENT(2));
	json_decref(j);
	*len = text != NULL ? strlen(text) : 0;
	if (text != NULL)
		text[(*len)++] = '\n'; /* takes the place of the NUL */
	return text;
}
