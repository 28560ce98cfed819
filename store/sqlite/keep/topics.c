/*
 * topics.c - how much is kept of the topics of a pattern, and their triggers.
 *
 * A rule is a row of the table largesse, such as `keep-ended:job*' with the age
 * in ms, and a trigger with almost that name.  If somebody dropped the trigger,
 * there is no rule.
 *
 *	keep-rows:	the newest rows of each topic.  Every insert to a topic
 *			counts them, or for many rows one insert in some, which
 *			is left to chance: ids say nothing of one topic.
 *	keep-age:	rows of this age.  The topic that is written to is
 *looked at, and a few rows of the log in turn, for topics to which nobody
 *writes. keep-ended:	topics that ended within this time, as a whole.
 *
 * A trigger does a bounded amount of work, so no INSERT waits long.
 */
#include <string.h>

#include "store/sqlite/keep/schema.h"

enum {
	EVERY_MAX = 100,   /* inserts from one count to the next, on average */
	REMOVE_TIMES = 10, /* so many times as many may be removed */
	AGE_EVERY = 10,
	AGE_TOPIC = 100, /* rows of the topic that are looked at */
	AGE_TURN = 20,	 /* and in turn */
	ENDED_EVERY = 10,
	ENDED_LOOK = 20,  /* ends that are looked at */
	ENDED_ROWS = 1000 /* of one run that are removed */
};

#define PLACE "(SELECT value FROM largesse WHERE key = %Q)"

/* --- patterns ------------------------------------------------------------ */

bool
topics_is_prefix(const char *pattern)
{
	size_t len = strlen(pattern);

	return len > 0 && pattern[len - 1] == '*';
}

char *
topics_match_sql(const char *column, const char *pattern)
{
	sqlite3_str *s;
	char *glob, *sql;
	size_t i, len = strlen(pattern);

	if (!topics_is_prefix(pattern))
		return sqlite3_mprintf("%s = %Q", column, pattern);
	s = sqlite3_str_new(NULL);
	for (i = 0; i + 1 < len; i++) /* not with %c, which makes UTF-8 */
		sqlite3_str_appendf(s,
		    strchr("*?[", pattern[i]) ? "[%.1s]" : "%.1s", pattern + i);
	sqlite3_str_appendchar(s, 1, '*');
	glob = sqlite3_str_finish(s);
	sql = glob == NULL ? NULL : sqlite3_mprintf("%s GLOB %Q", column, glob);
	sqlite3_free(glob);
	return sql;
}

/* --- the triggers -------------------------------------------------------- */

struct rule {
	const char *name; /* of the key, before the pattern */
	const char *trigger;
	/* match is of NEW.topic, topic of topic */
	char *(*sql)(const char *pattern, const char *match, const char *topic,
	    const char *place, int64_t n);
};

static char *
topic_rows_sql(const char *pattern, const char *match, const char *topic,
    const char *place, int64_t n)
{
	int every = n / 10 < 1		 ? 1
		    : n / 10 > EVERY_MAX ? EVERY_MAX
					 : (int)(n / 10);

	(void)topic, (void)place;
	return sqlite3_mprintf(
	    "CREATE TRIGGER \"largesse_keep_rows:%w\" AFTER INSERT ON events"
	    " WHEN %s AND random() %% %d = 0 BEGIN"
	    " DELETE FROM events WHERE id IN (SELECT id FROM events"
	    "  WHERE topic = NEW.topic AND id <= (SELECT id FROM events"
	    "   WHERE topic = NEW.topic ORDER BY id DESC LIMIT 1 OFFSET %lld)"
	    "  ORDER BY id LIMIT %d); END",
	    pattern, match, every, n, every * REMOVE_TIMES);
}

static char *
topic_age_sql(const char *pattern, const char *match, const char *topic,
    const char *place, int64_t n)
{
	return sqlite3_mprintf(
	    "CREATE TRIGGER \"largesse_keep_age:%w\" AFTER INSERT ON events"
	    " WHEN %s AND random() %% %d = 0 BEGIN"
	    " DELETE FROM events WHERE id IN (SELECT id FROM events"
	    "  WHERE topic = NEW.topic ORDER BY id LIMIT %d)"
	    "  AND time < " SCHEMA_NOW_MS " - %lld;"
	    " UPDATE largesse SET value = coalesce((SELECT max(id) FROM"
	    "  (SELECT id FROM events WHERE id > " PLACE
	    "   ORDER BY id LIMIT %d)), 0) WHERE key = %Q;"
	    " DELETE FROM events WHERE id IN (SELECT id FROM events"
	    "  WHERE id <= " PLACE " ORDER BY id DESC LIMIT %d)"
	    "  AND %s AND time < " SCHEMA_NOW_MS " - %lld; END",
	    pattern, match, AGE_EVERY, AGE_TOPIC, n, place, AGE_TURN, place,
	    place, AGE_TURN, topic, n);
}

/*
 * Ends are looked at from the oldest on.  Those of topics that were opened
 * again stay, and so do those of other patterns.  So if none of a few is due,
 * the next look begins after them, and at the end at the oldest again.  The
 * place is a time, for the index on the time of ends.
 */
static char *
ended_sql(const char *pattern, const char *match, const char *topic,
    const char *place, int64_t n)
{
	(void)match;
	return sqlite3_mprintf(
	    "CREATE TRIGGER \"largesse_keep_ended:%w\" AFTER INSERT ON events"
	    " WHEN NEW.event = '" STORE_END_TYPE "' OR NEW.id %% %d = 0 BEGIN"
	    " DELETE FROM events WHERE id IN (SELECT id FROM events"
	    "  WHERE topic = (SELECT topic FROM (SELECT topic, id, time"
	    "    FROM events WHERE event = '" STORE_END_TYPE "'"
	    "    AND time >= " PLACE " AND time < " SCHEMA_NOW_MS " - %lld"
	    "    ORDER BY time LIMIT %d) AS due WHERE %s AND id ="
	    "    (SELECT max(id) FROM events WHERE topic = due.topic)"
	    "   ORDER BY time LIMIT 1) ORDER BY id LIMIT %d);"
	    " UPDATE largesse SET value = (SELECT CASE"
	    "   WHEN count(*) < %d THEN 0"
	    "   WHEN max(time) = value THEN value + 1 ELSE max(time) END"
	    "  FROM (SELECT time FROM events"
	    "   WHERE event = '" STORE_END_TYPE "' AND time >= " PLACE
	    "   AND time < " SCHEMA_NOW_MS " - %lld"
	    "   ORDER BY time LIMIT %d))"
	    "  WHERE key = %Q AND changes() = 0 AND (value > 0 OR EXISTS"
	    "   (SELECT 1 FROM events WHERE event = '" STORE_END_TYPE "'"
	    "    AND time < " SCHEMA_NOW_MS " - %lld)); END",
	    pattern, ENDED_EVERY, place, n, ENDED_LOOK, topic, ENDED_ROWS,
	    ENDED_LOOK, place, n, ENDED_LOOK, place, n);
}

static const struct rule rules[] = {
    {"keep-rows:", "largesse_keep_rows:", topic_rows_sql},
    {"keep-age:", "largesse_keep_age:", topic_age_sql},
    {"keep-ended:", "largesse_keep_ended:", ended_sql},
};

enum {
	ROWS,
	AGE,
	ENDED,
	RULES
};

static int
set_trigger(sqlite3 *db, const struct rule *r, const char *pattern, int64_t n)
{
	char *name = sqlite3_mprintf("%s%s", r->trigger, pattern);
	char *place = sqlite3_mprintf("place-%s%s", r->name, pattern);
	char *match = topics_match_sql("NEW.topic", pattern);
	char *topic = topics_match_sql("topic", pattern), *sql = NULL;
	int done = -1;

	if (name != NULL && place != NULL && match != NULL && topic != NULL &&
	    (n == 0 || (sql = r->sql(pattern, match, topic, place, n)) != NULL))
		done = schema_set_trigger(db, name, sql);
	if (done == 0)
		done = n == 0
			   ? sql_run(db, "DELETE FROM largesse WHERE key = %Q",
				 place)
			   : sql_run(db,
				 "INSERT OR IGNORE INTO largesse VALUES(%Q, 0)",
				 place);
	sqlite3_free(sql);
	sqlite3_free(topic);
	sqlite3_free(match);
	sqlite3_free(place);
	sqlite3_free(name);
	return done;
}

static int
set_rule(sqlite3 *db, const struct rule *r, const char *pattern, uint64_t to)
{
	int64_t n = to < INT64_MAX ? (int64_t)to : INT64_MAX;

	if (to == STORE_KEEP_SAME)
		return 0;
	if (set_trigger(db, r, pattern, n) == -1)
		return -1;
	if (n == 0)
		return sql_run(db, "DELETE FROM largesse WHERE key = %Q || %Q",
		    r->name, pattern);
	return sql_run(db,
	    "INSERT INTO largesse VALUES(%Q || %Q, %lld) ON CONFLICT(key)"
	    " DO UPDATE SET value = excluded.value"
	    " WHERE value IS NOT excluded.value",
	    r->name, pattern, n);
}

/* --- what is set --------------------------------------------------------- */

struct found_rule {
	char *topic;
	uint64_t n;
};

struct found_rules {
	struct found_rule *at;
	size_t n;
};

static void
free_found(struct found_rules *found)
{
	while (found->n > 0)
		sqlite3_free(found->at[--found->n].topic);
	sqlite3_free(found->at);
}

static int
note_found(struct found_rules *found, sqlite3_stmt *st)
{
	struct found_rule *more =
	    sqlite3_realloc64(found->at, (found->n + 1) * sizeof(*found->at));
	char *topic = sqlite3_mprintf("%s", sqlite3_column_text(st, 0));

	if (more != NULL)
		found->at = more;
	if (more == NULL || topic == NULL) {
		sqlite3_free(topic);
		return -1;
	}
	found->at[found->n++] =
	    (struct found_rule){topic, (uint64_t)sqlite3_column_int64(st, 1)};
	return 0;
}

/* The rules of one kind.  Their triggers have to be there. */
static int
find_rules(sqlite3 *db, const struct rule *r, struct found_rules *found)
{
	sqlite3_stmt *st;
	char *sql = sqlite3_mprintf(
	    "SELECT substr(key, length(%Q) + 1), value FROM largesse AS l"
	    " WHERE substr(key, 1, length(%Q)) = %Q AND EXISTS"
	    " (SELECT 1 FROM sqlite_schema WHERE type = 'trigger' AND name ="
	    "  %Q || substr(l.key, length(%Q) + 1)) ORDER BY key",
	    r->name, r->name, r->name, r->trigger, r->name);
	int done = 0, rc = SQLITE_NOMEM;

	if (sql != NULL)
		rc = sqlite3_prepare_v2(db, sql, -1, &st, NULL);
	sqlite3_free(sql);
	if (rc != SQLITE_OK)
		return -1;
	while (done == 0 && sqlite3_step(st) == SQLITE_ROW)
		done = note_found(found, st);
	return sqlite3_finalize(st) == SQLITE_OK ? done : -1;
}

/*
 * Calls for each rule of one kind.  They are all read before: nobody can begin
 * to write while a statement of his still reads the log as it was before
 * somebody else wrote.
 */
static int
each_of(sqlite3 *db, int kind, topics_each *each, void *arg)
{
	struct store_keep keep = {.ended = kind == ENDED};
	struct found_rules found = {NULL, 0};
	int done = find_rules(db, &rules[kind], &found);
	size_t i;

	for (i = 0; i < found.n && done == 0; i++) {
		keep.topic = found.at[i].topic;
		keep.rows = kind == ROWS ? found.at[i].n : 0;
		keep.age_ms = kind == ROWS ? 0 : found.at[i].n;
		done = each(arg, &keep);
	}
	free_found(&found);
	return done;
}

int
topics_each_rule(sqlite3 *db, topics_each *each, void *arg)
{
	int kind, r = 0;

	for (kind = 0; kind < RULES && r == 0; kind++)
		r = each_of(db, kind, each, arg);
	return r;
}

/* An older largesse may have made other triggers for the same rule. */
static int
renew(void *arg, const struct store_keep *keep)
{
	sqlite3 *db = arg;

	if (keep->ended)
		return set_trigger(
		    db, &rules[ENDED], keep->topic, (int64_t)keep->age_ms);
	if (keep->rows != 0)
		return set_trigger(
		    db, &rules[ROWS], keep->topic, (int64_t)keep->rows);
	return set_trigger(db, &rules[AGE], keep->topic, (int64_t)keep->age_ms);
}

int
topics_set(sqlite3 *db, const struct store_keep *keep)
{
	const char *pattern =
	    keep == NULL || keep->topic != NULL || !keep->ended ? NULL : "*";

	if (keep != NULL && keep->topic != NULL)
		pattern = keep->topic;
	if (pattern == NULL)
		return topics_each_rule(db, renew, db);
	if (keep->ended)
		return set_rule(db, &rules[ENDED], pattern, keep->age_ms);
	if (set_rule(db, &rules[ROWS], pattern, keep->rows) == -1)
		return -1;
	return set_rule(db, &rules[AGE], pattern, keep->age_ms);
}

/* --- in words ------------------------------------------------------------ */

static int
describe(void *arg, const struct store_keep *keep)
{
	sqlite3_str *s = arg;

	if (keep->ended)
		sqlite3_str_appendf(s,
		    "; of %s topics that ended within %llu s", keep->topic,
		    keep->age_ms / 1000);
	else if (keep->rows != 0)
		sqlite3_str_appendf(
		    s, "; of %s %llu rows each", keep->topic, keep->rows);
	else
		sqlite3_str_appendf(
		    s, "; of %s %llu s", keep->topic, keep->age_ms / 1000);
	return 0;
}

char *
topics_describe(sqlite3 *db)
{
	sqlite3_str *s = sqlite3_str_new(NULL);
	int r = topics_each_rule(db, describe, s);
	char *words;

	words = sqlite3_str_finish(s);
	if (r == 0 && words == NULL)
		words = sqlite3_mprintf("");
	else if (r != 0) {
		sqlite3_free(words);
		words = NULL;
	}
	return words;
}
