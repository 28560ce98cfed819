/*
 * watch.c - triggers that turn the changes of a table into events.
 *
 * The table and the log are in one database, so an event is committed with
 * the change of which it tells, or not at all.  A trigger must never make an
 * application's own statement fail: whatever a row holds, there is a topic and
 * there is JSON for it.
 *
 * A trigger is called largesse_watch_EVENT_TABLE.  The table largesse says in
 * words what it does, under watch:TABLE.  Both keep the name that the table
 * had when they were made.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "store/sqlite/keep/schema.h"

#define PREFIX	   "largesse_watch_"
#define PREFIX_LEN "22" /* with the event, which has six letters, and _ */
#define OURS	   "type = 'trigger' AND name GLOB '" PREFIX "??????_*'"

enum {
	COLUMNS_MAX = 60 /* each makes every change a little slower */
};

struct watching {
	struct sql_job job;
	const struct store_watch *watch;
	char *table; /* as the schema spells it */
	char *topic_column;
	char *columns[COLUMNS_MAX]; /* n of them */
	size_t n;
};

/* --- the table and its columns ------------------------------------------ */

static int
find_table(struct watching *w)
{
	const char *name = w->watch->table;
	int r;

	if (schema_ready(&w->job) == -1)
		return -1;
	r = sql_text(w->job.db, &w->table,
	    "SELECT name FROM sqlite_schema WHERE type = 'table'"
	    " AND lower(name) = lower(%Q)",
	    name);
	if (r == -1)
		return sql_trouble(&w->job);
	if (r == 0)
		return sql_refuse(&w->job, "no table %s in it", name);
	if (sqlite3_stricmp(name, "events") == 0 ||
	    sqlite3_stricmp(name, "largesse") == 0 ||
	    sqlite3_strnicmp(name, "sqlite_", 7) == 0)
		return sql_refuse(&w->job, "%s cannot be watched", name);
	return 0;
}

/* The name of a column as the schema spells it; case does not count. */
static int
find_column(const struct watching *w, const char *name, char **found)
{
	int r = sql_text(w->job.db, found,
	    "SELECT name FROM pragma_table_xinfo(%Q)"
	    " WHERE hidden <> 1 AND lower(name) = lower(%Q)",
	    w->table, name);

	if (r == -1)
		return sql_trouble(&w->job);
	return r == 1 ? 0
		      : sql_refuse(&w->job, "table %s has no column %s",
			    w->table, name);
}

static int
add_column(struct watching *w, const char *name)
{
	if (w->n == COLUMNS_MAX)
		return sql_refuse(&w->job,
		    "table %s: more than %d columns: choose some with "
		    "--columns",
		    w->table, COLUMNS_MAX);
	if (find_column(w, name, &w->columns[w->n]) == -1)
		return -1;
	w->n++;
	return 0;
}

static int
all_columns(struct watching *w)
{
	sqlite3_stmt *st = NULL;
	char *sql = sqlite3_mprintf("SELECT name FROM pragma_table_xinfo(%Q)"
				    " WHERE hidden <> 1 ORDER BY cid",
	    w->table);
	int rc = SQLITE_NOMEM, r = 0;

	if (sql != NULL)
		rc = sqlite3_prepare_v2(w->job.db, sql, -1, &st, NULL);
	sqlite3_free(sql);
	while (rc == SQLITE_OK && r == 0 && sqlite3_step(st) == SQLITE_ROW)
		r = add_column(w, (const char *)sqlite3_column_text(st, 0));
	if (sqlite3_finalize(st) != SQLITE_OK || rc != SQLITE_OK)
		return sql_trouble(&w->job);
	return r;
}

static int
chosen_columns(struct watching *w)
{
	char *list = strdup(w->watch->columns), *rest = list, *name;
	int r = list == NULL ? sql_refuse(&w->job, "no memory") : 0;

	while (r == 0 && (name = strsep(&rest, ",")) != NULL)
		r = add_column(w, name);
	free(list);
	return r;
}

static int
find_all(struct watching *w)
{
	if (find_table(w) == -1)
		return -1;
	if (w->watch->topic_column != NULL &&
	    find_column(w, w->watch->topic_column, &w->topic_column) == -1)
		return -1;
	return w->watch->columns == NULL ? all_columns(w) : chosen_columns(w);
}

/* --- a trigger ---------------------------------------------------------- */

/*
 * The JSON of a value v.  json_object is not used: it may be missing, and
 * SQLite before 3.41 refuses it in a trigger where PRAGMA trusted_schema is
 * off.  JSON has no BLOB, no NUL and no infinity: a BLOB is told in hex, a text
 * with a NUL likewise, and infinity as null.  Most texts need no escaping, and
 * those that do have quotes and ends of lines; other controls are rare.
 */
#define GLOB_LINES " || char(9) || char(10) || char(13) || "
#define GLOB_RARE                                           \
	"char(1) || '-' || char(8) || char(11) || char(12)" \
	" || char(14) || '-' || char(31) || ']*'"
#define ESCAPED                                                            \
	"replace(replace(replace(replace(replace(v, '\\', '\\\\'), '\"', " \
	"'\\\"'), char(10), '\\n'), char(13), '\\r'), char(9), '\\t')"
static const char json_value[] =
    "CASE typeof(v) WHEN 'null' THEN 'null' WHEN 'integer' THEN v"
    " WHEN 'real' THEN CASE WHEN abs(v) = 9e999"
    "  THEN 'null' ELSE v END"
    " WHEN 'blob' THEN '\"' || hex(v) || '\"'"
    " ELSE '\"' || CASE WHEN instr(v, char(0)) THEN hex(v)"
    "  WHEN NOT v GLOB '*[\"\\'" GLOB_LINES GLOB_RARE " THEN v"
    "  WHEN NOT v GLOB '*[' || " GLOB_RARE " THEN " ESCAPED
    "  ELSE (WITH RECURSIVE e(c, s) AS (SELECT 1, " ESCAPED
    "   UNION ALL SELECT c + 1, replace(s, char(c), CASE c"
    "    WHEN 8 THEN '\\b' WHEN 12 THEN '\\f'"
    "    ELSE printf('\\u%04x', c) END) FROM e WHERE c < 32)"
    "   SELECT s FROM e WHERE c = 32) END || '\"' END";

/* The name of a column as JSON has it, with the colon. */
static char *
json_name(const char *name)
{
	sqlite3_str *s = sqlite3_str_new(NULL);

	sqlite3_str_appendchar(s, 1, '"');
	for (; *name != '\0'; name++)
		if (*name == '"' || *name == '\\')
			sqlite3_str_appendf(s, "\\%c", *name);
		else if ((unsigned char)*name < ' ')
			sqlite3_str_appendf(s, "\\u%04x", *name);
		else
			sqlite3_str_appendchar(s, 1, *name);
	sqlite3_str_appendall(s, "\":");
	return sqlite3_str_finish(s);
}

/* INSERT INTO events of one row, which is NEW or OLD. */
static void
put_event(sqlite3_str *s, const struct watching *w, const char *event,
    const char *row)
{
	const char *topic =
	    w->watch->topic == NULL ? w->table : w->watch->topic;
	size_t i;

	sqlite3_str_appendf(
	    s, " INSERT INTO events(topic, event, data) SELECT ");
	if (w->topic_column != NULL)
		sqlite3_str_appendf(s,
		    "coalesce(nullif(CAST(%s.\"%w\" AS TEXT), ''), %Q)", row,
		    w->topic_column, topic);
	else
		sqlite3_str_appendf(s, "%Q", topic);
	sqlite3_str_appendf(s,
	    ", %Q, (SELECT '{' || group_concat(k || %s, ',')"
	    " || '}' FROM (",
	    event, json_value);
	for (i = 0; i < w->n; i++) {
		char *name = json_name(w->columns[i]);

		sqlite3_str_appendf(s, "%sSELECT %Q AS k, %s.\"%w\" AS v",
		    i > 0 ? " UNION ALL " : "", name, row, w->columns[i]);
		sqlite3_free(name);
	}
	sqlite3_str_appendf(s, "))");
}

static void
put_differs(sqlite3_str *s, const char *column, const char *before)
{
	sqlite3_str_appendf(
	    s, "%sOLD.\"%w\" IS NOT NEW.\"%w\"", before, column, column);
}

/*
 * An update that changes none of the columns that are told gives no event.
 * When a row moves to another topic, those who listen to the old topic are
 * told that it was deleted.
 */
static void
put_update(sqlite3_str *s, const struct watching *w)
{
	size_t i;

	sqlite3_str_appendf(s, " WHEN ");
	for (i = 0; i < w->n; i++)
		put_differs(s, w->columns[i], i > 0 ? " OR " : "");
	if (w->topic_column != NULL)
		put_differs(s, w->topic_column, " OR ");
	sqlite3_str_appendf(s, " BEGIN");
	if (w->topic_column != NULL) {
		put_event(s, w, "delete", "OLD");
		put_differs(s, w->topic_column, " WHERE ");
		sqlite3_str_appendf(s, ";");
	}
	put_event(s, w, "update", "NEW");
}

static int
make_trigger(const struct watching *w, const char *event)
{
	sqlite3_str *s = sqlite3_str_new(w->job.db);
	char *sql;
	int r;

	sqlite3_str_appendf(s,
	    "CREATE TRIGGER \"" PREFIX "%w_%w\" AFTER %s ON \"%w\"", event,
	    w->table, event, w->table);
	if (strcmp(event, "update") == 0)
		put_update(s, w);
	else {
		sqlite3_str_appendf(s, " BEGIN");
		put_event(
		    s, w, event, strcmp(event, "delete") == 0 ? "OLD" : "NEW");
	}
	sqlite3_str_appendf(s, "; END");
	if ((sql = sqlite3_str_finish(s)) == NULL)
		return sql_refuse(&w->job, "no memory");
	r = sql_run(w->job.db, "%s", sql) == 0 ? 0 : sql_trouble(&w->job);
	sqlite3_free(sql);
	return r;
}

/* --- all of a table's --------------------------------------------------- */

/* Returns how many triggers were dropped, or -1. */
static int
drop_triggers(const struct watching *w)
{
	char *name = NULL;
	int n = 0, r;

	while ((r = sql_text(w->job.db, &name,
		    "SELECT name FROM sqlite_schema WHERE " OURS
		    " AND (lower(tbl_name) = lower(%Q)"
		    "  OR lower(substr(name, " PREFIX_LEN " + 1)) = lower(%Q))"
		    " LIMIT 1",
		    w->watch->table, w->watch->table)) == 1) {
		if (sql_run(w->job.db, "DROP TRIGGER \"%w\"", name) == 0 &&
		    sql_run(w->job.db,
			"DELETE FROM largesse WHERE key IN ("
			"'watch:' || substr(%Q, " PREFIX_LEN " + 1),"
			" 'watch-as:' || substr(%Q, " PREFIX_LEN " + 1))",
			name, name) == 0)
			n++;
		else
			r = -1;
		sqlite3_free(name);
		if (r == -1)
			break;
	}
	if (r == 0)
		r = sql_run(w->job.db,
		    "DELETE FROM largesse WHERE lower(key) IN"
		    " (lower('watch:' || %Q), lower('watch-as:' || %Q))",
		    w->watch->table, w->watch->table);
	return r == -1 ? sql_trouble(&w->job) : n;
}

/* The arguments by which it is made again, a line each. */
static char *
watch_arguments(const struct watching *w)
{
	sqlite3_str *s = sqlite3_str_new(w->job.db);
	const struct store_watch *watch = w->watch;

	if (watch->topic != NULL)
		sqlite3_str_appendf(s, "--topic\n%s\n", watch->topic);
	if (watch->topic_column != NULL)
		sqlite3_str_appendf(
		    s, "--topic-column\n%s\n", watch->topic_column);
	if (watch->columns != NULL)
		sqlite3_str_appendf(s, "--columns\n%s\n", watch->columns);
	if (!watch->on_insert || !watch->on_update || !watch->on_delete)
		sqlite3_str_appendf(s, "--events\n%s%s%s%s%s\n",
		    watch->on_insert ? "insert" : "",
		    watch->on_insert && watch->on_update ? "," : "",
		    watch->on_update ? "update" : "",
		    watch->on_delete && (watch->on_insert || watch->on_update)
			? ","
			: "",
		    watch->on_delete ? "delete" : "");
	return sqlite3_str_finish(s);
}

/* In words: where the events go, and what is in them. */
static int
remember_watch(const struct watching *w)
{
	sqlite3_str *s = sqlite3_str_new(w->job.db);
	const char *topic =
	    w->watch->topic == NULL ? w->table : w->watch->topic;
	char *words, *args;
	size_t i;
	int r;

	if (w->topic_column != NULL)
		sqlite3_str_appendf(
		    s, "topic by column %s, else %s", w->topic_column, topic);
	else
		sqlite3_str_appendf(s, "topic %s", topic);
	for (i = 0; i < w->n; i++)
		sqlite3_str_appendf(
		    s, "%s%s", i > 0 ? ", " : ": ", w->columns[i]);
	if ((words = sqlite3_str_finish(s)) == NULL)
		return sql_refuse(&w->job, "no memory");
	args = watch_arguments(w); /* NULL: there are none */
	r = sql_run(w->job.db,
	    "INSERT OR REPLACE INTO largesse VALUES('watch:' || %Q, %Q),"
	    " ('watch-as:' || %Q, %Q)",
	    w->table, words, w->table, args == NULL ? "" : args);
	sqlite3_free(args);
	sqlite3_free(words);
	return r == 0 ? 0 : sql_trouble(&w->job);
}

static int
make_triggers(struct watching *w)
{
	if (find_all(w) == -1 || drop_triggers(w) == -1)
		return -1;
	if ((w->watch->on_insert && make_trigger(w, "insert") == -1) ||
	    (w->watch->on_update && make_trigger(w, "update") == -1) ||
	    (w->watch->on_delete && make_trigger(w, "delete") == -1))
		return -1;
	return remember_watch(w);
}

/* Does work as one transaction. */
static int
in_transaction(struct watching *w, int (*work)(struct watching *))
{
	if (sql_run(w->job.db, "BEGIN IMMEDIATE") == -1)
		return sql_trouble(&w->job);
	return sql_end(&w->job, work(w));
}

static void
free_watching(struct watching *w)
{
	sqlite3_free(w->table);
	sqlite3_free(w->topic_column);
	while (w->n > 0)
		sqlite3_free(w->columns[--w->n]);
	sqlite3_close(w->job.db);
}

/* --- what door.c calls -------------------------------------------------- */

static int
list_watched(
    struct watching *w, void (*each)(void *arg, const char *line), void *arg)
{
	static const char sql[] =
	    "SELECT tbl_name || ': ' || group_concat(substr(name, 16, 6))"
	    " || ' to ' || coalesce((SELECT value FROM largesse WHERE key ="
	    "  'watch:' || substr(name, " PREFIX_LEN " + 1)), '?')"
	    " FROM (SELECT * FROM sqlite_schema WHERE " OURS
	    "  ORDER BY tbl_name, substr(name, 16, 6) = 'delete', name)"
	    " GROUP BY tbl_name UNION ALL"
	    " SELECT substr(key, 7) || ': no triggers any more, to ' || value"
	    " FROM largesse WHERE key GLOB 'watch:*' AND EXISTS"
	    "  (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND "
	    "lower(name)"
	    "   = lower(substr(key, 7)))"
	    " AND substr(key, 7) NOT IN"
	    "  (SELECT substr(name, " PREFIX_LEN " + 1) FROM sqlite_schema"
	    "   WHERE " OURS ")";
	sqlite3_stmt *st;

	if (schema_ready(&w->job) == -1)
		return -1;
	if (sqlite3_prepare_v2(w->job.db, sql, -1, &st, NULL) != SQLITE_OK)
		return sql_trouble(&w->job);
	while (sqlite3_step(st) == SQLITE_ROW)
		each(arg, (const char *)sqlite3_column_text(st, 0));
	return sqlite3_finalize(st) == SQLITE_OK ? 0 : sql_trouble(&w->job);
}

int
sqlite_watched(const char *path, void (*each)(void *arg, const char *line),
    void *arg, char *why, size_t size)
{
	struct watching w = {.job = {path, why, size, NULL}};
	int r;

	if (sql_open(&w.job, path) == -1)
		return -1;
	r = list_watched(&w, each, arg);
	free_watching(&w);
	return r;
}

static int
drop_watch(struct watching *w)
{
	return schema_ready(&w->job) == -1 ? -1 : drop_triggers(w);
}

int
sqlite_unwatch(const char *path, const char *table, char *why, size_t size)
{
	struct store_watch watch = {.table = table};
	struct watching w = {.job = {path, why, size, NULL}, .watch = &watch};
	int r;

	if (sql_open(&w.job, path) == -1)
		return -1;
	r = in_transaction(&w, drop_watch);
	free_watching(&w);
	return r;
}

int
sqlite_watch(
    const char *path, const struct store_watch *watch, char *why, size_t size)
{
	struct watching w = {.job = {path, why, size, NULL}, .watch = watch};
	int r;

	if (sql_open(&w.job, path) == -1)
		return -1;
	r = in_transaction(&w, make_triggers);
	if (r == 0)
		sqlite3_snprintf((int)size, why, "%s: watched", w.table);
	free_watching(&w);
	return r;
}
