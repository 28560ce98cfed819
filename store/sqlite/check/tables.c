/*
 * tables.c - are the tables of a log complete, kept small, and the times right?
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "store/clock.h"
#include "store/sqlite/check/check.h"
#include "store/sqlite/keep/schema.h"

enum {
	LARGE_BYTES = 1 << 30,
	UNREAD_SIZE = 256
};

static const int64_t seconds_max = 100000000000; /* ms: the year 1973 */
static const int64_t future_ms = 60 * 1000;
static const int64_t id_max = INT64_MAX / 2;

/* Rows of an odd time among the oldest and the newest: now, margin, least. */
#define ODD_TIMES                                                           \
	"SELECT id FROM (SELECT * FROM (SELECT id, time FROM events"        \
	" ORDER BY id LIMIT 10000) UNION SELECT * FROM (SELECT id, time"    \
	" FROM events ORDER BY id DESC LIMIT 10000))"                       \
	" WHERE typeof(time) <> 'integer' OR time > %lld + %lld OR time < " \
	"%lld"

struct tables {
	const struct check *ck;
	sqlite3 *db;
	int64_t rows, first, last, seq;
	struct store_keep keep;
	char *unread; /* UNREAD_SIZE bytes: why a read has failed; or empty */
};

static const struct check_kind too_new = {
    "schema", STORE_SICK, true, "This largesse does not understand it."};
static const struct check_kind too_old = {
    "schema", STORE_AILING, true, "What is new in this largesse is not there."};
static const struct check_kind no_topic = {"topic-index", STORE_AILING, true,
    "A stream that is behind goes through all the log for one topic."};
static const struct check_kind no_uid = {"uid-index", STORE_SICK, true,
    "Publishing with a uid fails, and resuming from one takes longer with "
    "every event."};
static const struct check_kind no_trigger = {"pruned-trigger", STORE_SICK, true,
    "Nobody notes what is pruned: streams that come back are not told what "
    "they missed."};
static const struct check_kind no_notes = {"uid-trigger", STORE_AILING, true,
    "Nobody notes which uids moved: streams that come back with one are not "
    "told what they missed."};
static const struct check_kind no_keeper = {"retention-trigger", STORE_AILING,
    true, "The log was to be kept small, and grows for ever."};
static const struct check_kind behind = {"retention", STORE_AILING, true,
    "More is kept than was set: the disk is full some day."};
static const struct check_kind all_kept = {"retention", STORE_AILING, true,
    "Everything is kept, and the disk is full some day."};
static const struct check_kind all_kept_yet = {"retention", STORE_NOTE, true,
    "Everything is kept; set it before that is too much."};
static const struct check_kind in_seconds = {"time", STORE_AILING, true,
    "`since=` and --keep-age take every event for older than 1973."};
static const struct check_kind in_future = {
    "time", STORE_AILING, true, "`since=` and --keep-age go wrong until then."};
static const struct check_kind odd_time = {"time", STORE_AILING, true,
    "--keep-age keeps such an event until its time comes, and `since=` may go "
    "wrong."};
static const struct check_kind no_autoincrement = {"autoincrement",
    STORE_AILING, true,
    "An id that was removed may be given again: streams miss that event."};
static const struct check_kind no_watch = {"watch-trigger", STORE_SICK, true,
    "Changes of the table make no events any more."};
static const struct check_kind bad_watch = {
    "watch-trigger", STORE_SICK, true, "Whatever changes the table fails."};
static const struct check_kind unread_part = {"unreadable", STORE_SICK, true,
    "A part of the log cannot be read: streams that want it wait, and nothing "
    "is known of what else is wrong in it."};
static const struct check_kind ids_end = {"ids", STORE_AILING, true,
    "When they end every insert fails with `database or disk is full`."};

/*
 * What came of a statement, and passes it on.  What could not be read is not
 * what is not there.  SQLITE_ERROR is a statement that does not fit the tables,
 * of which whoever asks makes what it likes.
 */
static int
took(const struct tables *t, int r)
{
	if (r == -1 && (sqlite3_errcode(t->db) & 0xff) != SQLITE_ERROR)
		sqlite3_snprintf(
		    UNREAD_SIZE, t->unread, "%s", sqlite3_errmsg(t->db));
	return r;
}

/* One that cannot be looked for may be there. */
static bool
has_object(const struct tables *t, const char *type, const char *name)
{
	int64_t n;
	int r = took(t, sql_number(t->db, &n,
			    "SELECT 1 FROM sqlite_schema WHERE type = %Q"
			    " AND name = %Q",
			    type, name));

	return r != 0;
}

static void
check_schema(const struct tables *t, int version)
{
	static const struct {
		const char *type, *name;
		const struct check_kind *kind;
	} needed[] = {
	    {"index", "largesse_topic", &no_topic},
	    {"index", "largesse_uid", &no_uid},
	};
	const char *mend[] = {t->ck->init, NULL};
	const char *name;
	size_t i;

	if (version > SCHEMA_VERSION)
		check_tell(t->ck, &too_new, NULL,
		    "the log has schema %d, this largesse knows %d", version,
		    SCHEMA_VERSION);
	else if (version < SCHEMA_VERSION)
		check_tell(t->ck, &too_old, mend,
		    "the log has schema %d, this largesse makes %d", version,
		    SCHEMA_VERSION);
	for (i = 0; version <= SCHEMA_VERSION &&
		    i < sizeof(needed) / sizeof(needed[0]);
	     i++)
		if (!has_object(t, needed[i].type, needed[i].name))
			check_tell(t->ck, needed[i].kind, mend,
			    "the %s %s is gone", needed[i].type,
			    needed[i].name);
	for (i = 0;
	     version == SCHEMA_VERSION && (name = find_trigger(i)) != NULL; i++)
		if (!has_object(t, "trigger", name))
			check_tell(t->ck,
			    strcmp(name, "largesse_pruned") == 0 ? &no_trigger
								 : &no_notes,
			    mend, "the trigger %s is gone", name);
}

/* In what can be looked at in a moment: the oldest rows and the newest. */
static void
check_odd_times(const struct tables *t)
{
	const char *mend[] = {
	    "UPDATE the time of such events, or DELETE them", NULL};
	int64_t id, n;

	if (took(t, sql_number(t->db, &id,
			"SELECT min(id) FROM (" ODD_TIMES ")", clock_wall_ms(),
			(int64_t)SCHEMA_AHEAD_MS, seconds_max)) != 1 ||
	    took(t, sql_number(t->db, &n,
			"SELECT count(*) FROM (" ODD_TIMES ")", clock_wall_ms(),
			(int64_t)SCHEMA_AHEAD_MS, seconds_max)) != 1)
		return;
	check_tell(t->ck, &odd_time, mend,
	    "the time of event %" PRId64 " lies ahead or is none in ms since "
	    "1970%s",
	    id, n > 1 ? ", and it is not the only one" : "");
}

static bool
check_newest_time(const struct tables *t)
{
	const char *mend[] = {"INSERT milliseconds since 1970, or no time at "
			      "all: it has a default",
	    NULL};
	int64_t ms;

	if (took(t, sql_number(t->db, &ms,
			"SELECT time FROM events ORDER BY id DESC LIMIT 1")) !=
	    1)
		return false;
	if (ms > 0 && ms < seconds_max)
		check_tell(t->ck, &in_seconds, mend,
		    "the newest event's time is %" PRId64
		    ", which is in seconds",
		    ms);
	else if (ms > clock_wall_ms() + future_ms)
		check_tell(t->ck, &in_future, mend,
		    "the newest event's time is %" PRId64 " s from now",
		    (ms - clock_wall_ms()) / 1000);
	else
		return false;
	return true;
}

/* Was a limit set whose trigger somebody has dropped? */
static void
check_keeper(const struct tables *t, const char *key, const char *trigger)
{
	char set[PATH_MAX + 96];
	const char *mend[] = {set, NULL};
	int64_t n;

	if (has_object(t, "trigger", trigger) ||
	    took(t, sql_number(t->db, &n,
			"SELECT value FROM largesse WHERE key = %Q", key)) != 1)
		return;
	snprintf(set, sizeof(set), "%s --%s %" PRId64, t->ck->init, key,
	    strcmp(key, "keep-age") == 0 ? n / 1000 : n);
	check_tell(t->ck, &no_keeper, mend,
	    "--%s is set, and its trigger %s is gone", key, trigger);
}

static void
tell_behind(const struct tables *t, const char *what)
{
	char prune[PATH_MAX + 64];
	const char *mend[] = {prune, NULL};

	snprintf(
	    prune, sizeof(prune), "largesse prune %s", t->ck->word[CHECK_DB]);
	check_tell(t->ck, &behind, mend, "%s", what);
}

static void
check_keeping(const struct tables *t)
{
	int64_t oldest = 0, bytes = t->ck->st[CHECK_DB].st_size;
	const struct store_keep *keep = &t->keep;
	char set[PATH_MAX + 96];
	const char *mend[] = {set, NULL};

	if (keep->rows > 0 &&
	    t->last - t->first > (int64_t)(keep->rows * 2 + 1000))
		tell_behind(t, "twice as many events are there as are to be "
			       "kept, and more");
	if (keep->age_ms > 0 &&
	    took(t, sql_number(t->db, &oldest,
			"SELECT time FROM events ORDER BY id LIMIT 1")) == 1 &&
	    t->rows > 1000 &&
	    oldest < clock_wall_ms() - (int64_t)(keep->age_ms * 2))
		tell_behind(t, "events are there of twice the age that is to "
			       "be kept, and more");
	if (keep->rows > 0 || keep->age_ms > 0)
		return;
	snprintf(set, sizeof(set), "%s --keep-age 7d", t->ck->init);
	check_tell(t->ck, bytes > LARGE_BYTES ? &all_kept : &all_kept_yet, mend,
	    "no limit is set, and the log has %" PRId64 " MB", bytes >> 20);
}

static void
check_autoincrement(const struct tables *t)
{
	const char *mend[] = {"make the table again with id INTEGER PRIMARY "
			      "KEY AUTOINCREMENT, as largesse-events(5) shows",
	    t->ck->init, NULL};
	int64_t n;

	if (took(t, sql_number(t->db, &n, SCHEMA_LOST_AUTOINCREMENT)) == 1)
		check_tell(t->ck, &no_autoincrement, mend,
		    "the table events has lost AUTOINCREMENT");
}

/* A word of len bytes, quoted for a shell. */
static void
append_word(sqlite3_str *s, const char *word, size_t len)
{
	char plain[512], quoted[2048];

	snprintf(plain, sizeof(plain), "%.*s", (int)len, word);
	shell_quote_word(quoted, sizeof(quoted), plain);
	sqlite3_str_appendf(s, " %s", quoted);
}

/* A command with its arguments, which are lines, quoted for a shell. */
static char *
watch_command(const struct tables *t, const char *table, const char *args)
{
	sqlite3_str *s = sqlite3_str_new(NULL);
	const char *p = args == NULL ? "" : args;
	char path[4096];

	shell_quote(path, sizeof(path), t->ck->path);
	sqlite3_str_appendf(s, "largesse watch %s", path);
	append_word(s, table, strlen(table));
	while (*p != '\0') {
		size_t len = strcspn(p, "\n");

		append_word(s, p, len);
		p += len + (p[len] == '\n');
	}
	return sqlite3_str_finish(s);
}

static void
tell_watch(const struct tables *t, const struct check_kind *kind,
    const char *table, const char *args, const char *seen)
{
	char *command = watch_command(t, table, args);
	const char *mend[] = {command, NULL};

	check_tell(t->ck, kind, command == NULL ? NULL : mend, "table %s %s",
	    table, seen);
	sqlite3_free(command);
}

/* Can a change of the table be compiled with all its triggers? */
static bool
can_change(const struct tables *t, const char *table)
{
	static const char *const changes[] = {
	    "INSERT INTO \"%w\" DEFAULT VALUES", "DELETE FROM \"%w\""};
	sqlite3_stmt *st;
	bool lost;
	size_t i;
	int rc;

	for (i = 0; i < 2; i++) {
		char *sql = sqlite3_mprintf(changes[i], table);

		rc = sqlite3_prepare_v2(t->db, sql, -1, &st, NULL);
		lost = rc == SQLITE_ERROR &&
		       strstr(sqlite3_errmsg(t->db), "no such column") != NULL;
		sqlite3_finalize(st);
		sqlite3_free(sql);
		if (lost)
			return false;
	}
	return true;
}

/* What was remembered as watched, and is no more; what cannot be changed. */
static void
check_watch(const struct tables *t, const char *name)
{
	char *args = NULL, *table = NULL;
	int64_t n;

	took(t, sql_text(t->db, &args,
		    "SELECT value FROM largesse WHERE key ="
		    " 'watch-as:' || %Q",
		    name));
	if (took(t, sql_number(t->db, &n,
			"SELECT 1 FROM sqlite_schema WHERE"
			" type = 'trigger' AND name GLOB"
			" 'largesse_watch_??????_*' AND"
			" substr(name, 23) = %Q"
			" AND (lower(tbl_name) = lower(%Q) OR NOT"
			" EXISTS (SELECT 1 FROM sqlite_schema WHERE"
			" type = 'table' AND lower(name) ="
			" lower(%Q)))",
			name, name, name)) == 0) {
		if (has_object(t, "table", name)) /* and was not dropped */
			tell_watch(t, &no_watch, name, args,
			    "is to be watched and has no triggers any more");
	} else if (took(t, sql_text(t->db, &table,
			       "SELECT tbl_name FROM sqlite_schema"
			       " WHERE type = 'trigger' AND"
			       " name GLOB 'largesse_watch_??????_*' AND"
			       " substr(name, 23) = %Q",
			       name)) == 1 &&
		   !can_change(t, table))
		tell_watch(t, &bad_watch, table, args,
		    "has a trigger for a column that is not there");
	sqlite3_free(table);
	sqlite3_free(args);
}

static void
check_watches(const struct tables *t)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(t->db,
	    "SELECT substr(key, 7) FROM largesse WHERE key GLOB 'watch:*'", -1,
	    &st, NULL);

	if (rc == SQLITE_OK)
		while ((rc = sqlite3_step(st)) == SQLITE_ROW)
			check_watch(
			    t, (const char *)sqlite3_column_text(st, 0));
	took(t, rc == SQLITE_DONE ? 0 : -1);
	sqlite3_finalize(st);
}

static void
check_ids_and_keeping(struct tables *t)
{
	took(t, sql_number(t->db, &t->first, "SELECT min(id) FROM events"));
	took(t, sql_number(t->db, &t->last, "SELECT max(id) FROM events"));
	took(t, sql_number(t->db, &t->seq,
		    "SELECT seq FROM sqlite_sequence WHERE name = 'events'"));
	t->rows = t->last == 0 ? 0 : t->last - t->first + 1;
	if (t->seq > id_max)
		check_tell(t->ck, &ids_end, NULL,
		    "the newest id is %" PRId64 ", half way to the end",
		    t->seq);
	if (!check_newest_time(t))
		check_odd_times(t);
	check_autoincrement(t);
	check_watches(t);
	check_keeper(t, "keep-rows", "largesse_keep_rows");
	check_keeper(t, "keep-age", "largesse_keep_age");
	if (took(t, retention_get(t->db, &t->keep)) == 0)
		check_keeping(t);
}

static void
summarize_log(const struct tables *t, int version, char *summary, size_t size)
{
	char *log_id = NULL;

	took(t, sql_text(t->db, &log_id,
		    "SELECT value FROM largesse WHERE key = 'log'"));
	sqlite3_snprintf((int)size, summary,
	    "schema %d, log %s, ids %lld to %lld, %lld KB and a WAL of %lld KB",
	    version, log_id != NULL ? log_id : "?", t->first, t->last,
	    (sqlite3_int64)t->ck->st[CHECK_DB].st_size >> 10,
	    t->ck->there[CHECK_WAL]
		? (sqlite3_int64)t->ck->st[CHECK_WAL].st_size >> 10
		: 0);
	sqlite3_free(log_id);
}

bool
check_tables(const struct check *ck, sqlite3 *db, char *summary, size_t size)
{
	char unread[UNREAD_SIZE] = "";
	struct tables t = {.ck = ck, .db = db, .unread = unread};
	const char *mend[] = {ck->init, NULL};
	int version = schema_version(db);

	if (version == -1) {
		check_tell(ck, &check_unreadable, NULL, "%s: %s",
		    ck->file[CHECK_DB], sqlite3_errmsg(db));
		return false;
	}
	if (version == 0 || !has_object(&t, "table", "events")) {
		check_tell(ck, &check_no_log, mend,
		    "%s has no table for events", ck->file[CHECK_DB]);
		return false;
	}
	check_schema(&t, version);
	check_ids_and_keeping(&t);
	summarize_log(&t, version, summary, size);
	if (*unread != '\0')
		check_tell(ck, &unread_part, NULL, "%s: %s", ck->file[CHECK_DB],
		    unread);
	return true;
}
