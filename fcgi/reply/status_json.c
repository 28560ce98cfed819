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

static json_t *
json_store(const struct status *st)
{
	json_t *j = json_object();

	json_object_set_new(j, "healthy", json_boolean(st->why == NULL));
	json_object_set_new(j, "why", json_words(st->why));
	json_object_set_new(j, "log", json_words(st->log_id));
	json_object_set_new(j, "head", json_words(st->head));
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

/* How many turns took no longer than the name says, and longer than the last.
 */
static json_t *
json_turns(const struct counters *count)
{
	json_t *j = json_object();
	char name[32];
	size_t i;

	for (i = 0; i < TURN_BUCKETS - 1; i++) {
		snprintf(
		    name, sizeof(name), "%g_ms", (double)tally_le_us[i] / 1000);
		json_object_set_new(j, name, json_number(count->turns[i]));
	}
	json_object_set_new(j, "longer", json_number(count->turns[i]));
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

/* Without memory some members are missing, or the text is NULL. */
char *
status_json(const struct status *st, size_t *len)
{
	json_t *j = json_object();
	char *text;
	size_t i;

	json_object_set_new(j, "version", json_string(VERSION));
	json_object_set_new(j, "started_ms", json_number(st->started_ms));
	json_object_set_new(j, "uptime_seconds",
	    json_number((st->now_ms - st->started_ms) / 1000));
	json_object_set_new(j, "workers", json_number(st->workers));
	json_object_set_new(j, "store", json_store(st));
	for (i = 0; i < tally_nlines; i++)
		json_object_set_new(j, tally_lines[i].name,
		    json_number(tally_number(&st->sum, &tally_lines[i])));
	json_object_set_new(j, "ended", json_ended(&st->sum.count));
	json_object_set_new(j, "turns", json_turns(&st->sum.count));
	json_object_set_new(j, "limits", json_limits(st));
	text = json_dumps(j, JSON_INDENT(2));
	json_decref(j);
	*len = text != NULL ? strlen(text) : 0;
	if (text != NULL)
		text[(*len)++] = '\n'; /* takes the place of the NUL */
	return text;
}
