/*
 * schema.c - the tables of a log: made, adopted, upgraded.
 *
 * The tables may be in an application's own database.  So all is done in one
 * transaction, and a table that does not fit is refused before anything is
 * changed.  The second run writes nothing.  Our names begin with largesse,
 * except that of the table to which users write, events.
 *
 * An older log is upgraded by one schema after the other.  What a step makes
 * may be there already, for somebody may have made the table by hand.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "store/sqlite/keep/schema.h"

/* steps[n] takes the tables of schema n to n + 1. */
static const char *const steps[SCHEMA_VERSION] = {
    "CREATE TABLE IF NOT EXISTS largesse (\n"
    "  key   TEXT PRIMARY KEY,\n"
    "  value\n"
    ") WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS events (\n"
    "  id    INTEGER PRIMARY KEY AUTOINCREMENT\n"
    "    CONSTRAINT id_is_positive CHECK (id > 0),\n"
    "  topic TEXT NOT NULL DEFAULT 'main',\n"
    "  event TEXT,\n"
    "  data  TEXT NOT NULL DEFAULT '',\n"
    "  uid   TEXT CONSTRAINT uid_is_not_all_digits\n"
    "    CHECK (uid GLOB '*[^0-9]*'),\n"
    "  time  INTEGER NOT NULL DEFAULT\n"
    "    (" SCHEMA_NOW_MS ")\n"
    ");",
};

/*
 * What else a log needs; it is made again if somebody dropped it.  Rows of
 * largesse_revoke end streams; an older largesse takes no notice of them.
 * Every index of SQLite ends with the id of the row, so the index on topic
 * serves (topic, id).
 */
static const char besides[] =
    "CREATE INDEX IF NOT EXISTS largesse_topic ON events(topic);"
    "CREATE UNIQUE INDEX IF NOT EXISTS largesse_uid ON events(uid)"
    " WHERE uid IS NOT NULL;"
    "CREATE INDEX IF NOT EXISTS largesse_ends ON events(time)"
    " WHERE event = '" STORE_END_TYPE "';"
    "INSERT OR IGNORE INTO largesse(key, value)"
    " VALUES('log', lower(hex(randomblob(16)))), ('pruned', 0);"
    "CREATE TABLE IF NOT EXISTS largesse_revoke (\n"
    "  id      INTEGER PRIMARY KEY AUTOINCREMENT,\n"
    "  topic   TEXT,\n"
    "  subject TEXT,\n"
    "  time    INTEGER NOT NULL DEFAULT\n"
    "    (" SCHEMA_NOW_MS "),\n"
    "  CONSTRAINT topic_or_subject\n"
    "    CHECK (topic IS NOT NULL OR subject IS NOT NULL)\n"
    ");"
    "DROP INDEX IF EXISTS largesse_revoke_subject;"
    "CREATE INDEX IF NOT EXISTS largesse_revoke_of"
    " ON largesse_revoke(subject, topic, time) WHERE subject IS NOT NULL;";

/* Each gives a row that says what is wrong, if something is. */
static const char *const misfits[] = {
    "SELECT 'events is a view' FROM sqlite_schema"
    " WHERE type = 'view' AND lower(name) = 'events'",

    "SELECT 'events is written ' || name FROM sqlite_schema"
    " WHERE type = 'table' AND lower(name) = 'events' AND name <> 'events'",

    "SELECT 'events has no column ' || column1 FROM"
    " (VALUES('id'), ('topic'), ('event'), ('data'), ('uid'), ('time'))"
    " WHERE EXISTS (SELECT 1 FROM pragma_table_info('events'))"
    " AND column1 NOT IN"
    "  (SELECT lower(name) FROM pragma_table_info('events'))",

    "SELECT 'the id of events is no INTEGER PRIMARY KEY AUTOINCREMENT'"
    " FROM sqlite_schema WHERE type = 'table' AND lower(name) = 'events'"
    " AND ((sql NOT LIKE '%%AUTOINCREMENT%%' AND NOT EXISTS (SELECT 1"
    "  FROM sqlite_schema WHERE type = 'table' AND name = 'largesse'))"
    " OR NOT EXISTS"
    "  (SELECT 1 FROM pragma_table_info('events')"
    "   WHERE lower(name) = 'id' AND pk = 1))",

    "SELECT 'the topic of events may be NULL'"
    " FROM pragma_table_info('events')"
    " WHERE lower(name) = 'topic' AND NOT \"notnull\"",

    "SELECT 'events has a column that wants a value, ' || name"
    " FROM pragma_table_info('events')"
    " WHERE \"notnull\" AND dflt_value IS NULL"
    " AND lower(name) NOT IN ('id', 'topic', 'data', 'time')",

    "SELECT 'largesse_revoke has no column ' || column1"
    " FROM (VALUES('id'), ('topic'), ('subject'), ('time'))"
    " WHERE EXISTS (SELECT 1 FROM pragma_table_info('largesse_revoke'))"
    " AND column1 NOT IN"
    "  (SELECT name FROM pragma_table_info('largesse_revoke'))",

    "SELECT 'largesse_cuts has no column ' || column1"
    " FROM (VALUES('topic'), ('id'), ('folded'), ('made'))"
    " WHERE EXISTS (SELECT 1 FROM pragma_table_info('largesse_cuts'))"
    " AND column1 NOT IN"
    "  (SELECT name FROM pragma_table_info('largesse_cuts'))",

    "SELECT 'largesse has no column ' || column1"
    " FROM (VALUES('key'), ('value'))"
    " WHERE EXISTS (SELECT 1 FROM pragma_table_info('largesse'))"
    " AND column1 NOT IN (SELECT name FROM pragma_table_info('largesse'))",
};

/* The same for the rows of a table that we did not make. */
static const char *const bad_rows[] = {
    "SELECT 'events has the id ' || id || ', which is not positive'"
    " FROM events WHERE id < 1 LIMIT 1",

    "SELECT 'events has the uid ' || substr(quote(uid), 1, 40)"
    " || ', which could be an id'"
    " FROM events WHERE uid NOT GLOB '*[^0-9]*' LIMIT 1",

    "SELECT 'events has a uid twice, ' || substr(quote(uid), 1, 40)"
    " FROM events WHERE uid IS NOT NULL"
    " GROUP BY uid HAVING count(*) > 1 LIMIT 1",
};

enum {
	MISFITS = sizeof(misfits) / sizeof(misfits[0]),
	BAD_ROWS = sizeof(bad_rows) / sizeof(bad_rows[0])
};

int
schema_version(sqlite3 *db)
{
	int64_t n = 0;
	int r;

	r = sql_number(db, &n,
	    "SELECT 1 FROM sqlite_schema WHERE type = 'table'"
	    " AND name = 'largesse'");
	if (r == 1)
		r = sql_number(db, &n,
		    "SELECT CAST(value AS INTEGER) FROM largesse"
		    " WHERE key = 'schema'");
	if (r == 1)
		return n < 0 || n > INT32_MAX ? INT32_MAX : (int)n;
	return r;
}

int
schema_ready(const struct sql_job *job)
{
	int version = schema_version(job->db);

	if (version == -1)
		return sql_trouble(job);
	if (version == 0)
		return sql_no_log(job);
	if (version > SCHEMA_VERSION)
		return sql_refuse(
		    job, SCHEMA_NEWER, (int64_t)version, SCHEMA_VERSION);
	return 0;
}

int
schema_set_trigger(sqlite3 *db, const char *name, const char *sql)
{
	char *old = NULL;
	bool same;

	if (sql_text(db, &old,
		"SELECT sql FROM sqlite_schema"
		" WHERE type = 'trigger' AND name = %Q",
		name) == -1)
		return -1;
	same = old == NULL ? sql == NULL : sql != NULL && strcmp(old, sql) == 0;
	sqlite3_free(old);
	if (same)
		return 0;
	if (sql_run(db, "DROP TRIGGER IF EXISTS \"%w\"", name) == -1)
		return -1;
	return sql == NULL ? 0 : sql_run(db, "%s", sql);
}

/* Does any of n checks find something?  0 if not. */
static int
find_misfit(const struct sql_job *job, const char *const *checks, int n)
{
	char *found = NULL;
	int i, r = 0;

	for (i = 0; i < n && r == 0; i++)
		r = sql_text(job->db, &found, checks[i]);
	if (r == -1)
		return sql_trouble(job);
	if (r == 0)
		return 0;
	sql_refuse(job,
	    "not made an event log, nothing was changed: %s: "
	    "use a file of its own",
	    found);
	sqlite3_free(found);
	return -1;
}

/* The version to start from, or -1 if this database is not to be touched. */
static int
start_version(const struct sql_job *job)
{
	int version, r;
	int64_t n;

	if (find_misfit(job, misfits, MISFITS) == -1)
		return -1;
	version = schema_version(job->db);
	r = sql_number(job->db, &n,
	    "SELECT 1 FROM sqlite_schema WHERE type = 'table'"
	    " AND lower(name) = 'events'");
	if (version == -1 || r == -1)
		return sql_trouble(job);
	if (version > SCHEMA_VERSION)
		return sql_refuse(
		    job, SCHEMA_NEWER, (int64_t)version, SCHEMA_VERSION);
	if (version == 0 && r == 1 &&
	    find_misfit(job, bad_rows, BAD_ROWS) == -1)
		return -1;
	/* Ids begin anew with a new table: it is another log. */
	if (version > 0 && r == 0) {
		if (sql_run(job->db, "DELETE FROM largesse") == -1)
			return sql_trouble(job);
		version = 0;
	}
	return version;
}

/* Takes the log to the newest schema. */
static int
upgrade(const struct sql_job *job)
{
	int version = start_version(job);

	if (version == -1)
		return -1;
	for (; version < SCHEMA_VERSION; version++)
		if (sql_run(job->db, steps[version]) == -1 ||
		    sql_run(job->db,
			"INSERT OR REPLACE INTO largesse VALUES('schema', %d)",
			version + 1) == -1)
			return sql_trouble(job);
	return sql_run(job->db, besides) == 0 && find_set_triggers(job->db) == 0
		   ? 0
		   : sql_trouble(job);
}

/* All in one transaction, which is over when this returns. */
static int
make_tables(const struct sql_job *job, const struct store_keep *keep)
{
	int r;

	if (sql_run(job->db, "BEGIN IMMEDIATE") == -1)
		return sql_trouble(job);
	r = upgrade(job);
	if (r == 0 && retention_set(job->db, keep) == -1)
		r = sql_trouble(job);
	return sql_end(job, r);
}

/*
 * WAL cannot be set in a transaction, so it comes last, and a database that was
 * refused keeps its mode.  SQLite does not wait for readers of the old mode, so
 * we try again.
 */
static int
set_wal(const struct sql_job *job)
{
	static const struct timespec pause = {0, 20 * 1000000};
	char *mode = NULL;
	int tries = SQL_WAIT_MS / 20, r;
	bool is_wal;

	while (
	    (r = sql_text(job->db, &mode, "PRAGMA journal_mode = WAL")) == -1 &&
	    (sqlite3_errcode(job->db) & 0xff) == SQLITE_BUSY && --tries > 0)
		nanosleep(&pause, NULL);
	if (r != 1)
		return sql_trouble(job);
	is_wal = strcmp(mode, "wal") == 0;
	sqlite3_free(mode);
	return is_wal ? 0
		      : sql_refuse(job,
			    "its file system cannot hold a log in WAL mode");
}

static int
describe_log(const struct sql_job *job)
{
	struct store_keep keep;
	char rows[32] = "", age[32] = "", *log_id = NULL, *topics;
	int64_t lost = 0;

	topics = topics_describe(job->db);
	if (topics == NULL || retention_get(job->db, &keep) == -1 ||
	    sql_number(job->db, &lost, SCHEMA_LOST_AUTOINCREMENT) == -1 ||
	    sql_text(job->db, &log_id,
		"SELECT value FROM largesse WHERE key = 'log'") != 1) {
		sqlite3_free(topics);
		return sql_trouble(job);
	}
	if (keep.rows != 0)
		sqlite3_snprintf(sizeof(rows), rows, " %llu rows", keep.rows);
	if (keep.age_ms != 0)
		sqlite3_snprintf(
		    sizeof(age), age, " %llu s", keep.age_ms / 1000);
	sqlite3_snprintf((int)job->size, job->why,
	    "%s: schema %d, log %s, keeps%s%s%s%s%s%s", job->path,
	    SCHEMA_VERSION, log_id, rows,
	    *rows != '\0' && *age != '\0' ? " and" : "", age,
	    *rows == '\0' && *age == '\0' ? " all" : "", topics,
	    lost == 1 ? "; its table has lost AUTOINCREMENT" : "");
	sqlite3_free(topics);
	sqlite3_free(log_id);
	return 0;
}

static int
make_and_share(const struct sql_job *job, const struct store_keep *keep,
    const char *real_path)
{
	char why[256];

	if (make_tables(job, keep) == -1 || set_wal(job) == -1)
		return -1;
	if (modes_share(real_path, why, sizeof(why)) == -1)
		return sql_refuse(job, "cannot let its group write: %s", why);
	return describe_log(job);
}

int
sqlite_init(
    const char *path, const struct store_keep *keep, char *why, size_t size)
{
	struct sql_job job = {.path = path, .why = why, .size = size};
	char *real_path = modes_create(path);
	int r = -1;

	if (real_path == NULL)
		sql_refuse(&job, "%s", strerror(errno));
	else if (sql_open(&job, real_path) == 0)
		r = make_and_share(&job, keep, real_path);
	sqlite3_close(job.db);
	free(real_path);
	return r;
}
