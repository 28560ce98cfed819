/*
 * guard.c - what keeps a log that somebody tampered with from holding a reader.
 *
 * Whoever may write the file may put anything in the place of our tables: a
 * view that never ends, a column that is computed, a trigger.  A reader does
 * not follow any of them.  And if one of its statements takes too long all the
 * same, SQLite is told to stop it.
 */
#include "store/sqlite/keep/schema.h"
#include "store/sqlite/sqlite.h"

enum {
	OPS = 1000,	   /* of SQLite's machine, from one look to the next */
	FIRST_MS = 2000,   /* for a statement while the log is opened first */
	STATEMENT_MS = 50, /* for a statement later, in the loop */
	LENGTH_MIN = 1 << 20, /* the texts of the schema have to be read too */
	PATTERN_MAX = 100,    /* of LIKE, which can be made to take very long */
	HEAP_MIN = 32 << 20,  /* by default SQLite keeps 2 MB of a log... */
	HEAP_TEXTS = 8	      /* ...and has a few texts at hand */
};

/* Names what is no ordinary table, or a column that is computed. */
static const char misfit[] =
    "SELECT name || CASE WHEN type = 'view' THEN ' is a view'"
    "  WHEN rootpage = 0 THEN ' is a virtual table' ELSE"
    "  ' has a column that is computed' END"
    " FROM sqlite_schema AS s WHERE type IN ('table', 'view')"
    " AND lower(name) IN"
    "  ('events', 'largesse', 'largesse_revoke', 'largesse_cuts')"
    " AND (type = 'view' OR rootpage = 0 OR EXISTS"
    "  (SELECT 1 FROM pragma_table_xinfo(s.name) WHERE hidden <> 0"
    "   AND lower(name) IN ('topic', 'event', 'data', 'uid', 'time', 'key',"
    "   'value', 'subject', 'folded', 'made'))) LIMIT 1";

/* Not 0 stops the statement.  The time of the first call is its beginning. */
static int
too_long(void *arg)
{
	struct sqlite *sq = arg;
	int64_t now = clock_steady_ns();

	if (sq->guard_ns == 0)
		sq->guard_ns = now;
	return now - sq->guard_ns > sq->guard_ms * INT64_C(1000000);
}

void
guard_open(struct sqlite *sq)
{
	if (sq->mode != STORE_READ) {
		sqlite3_hard_heap_limit64(0); /* as set before a fork */
		/* Until the commit the log moves by the hand of others only. */
		sqlite3_exec(
		    sq->db, "PRAGMA cache_spill = OFF", NULL, NULL, NULL);
		return;
	}
	sqlite3_db_config(sq->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(sq->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(sq->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	sqlite3_db_config(sq->db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
	sqlite3_db_config(
	    sq->db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
	sqlite3_limit(sq->db, SQLITE_LIMIT_LIKE_PATTERN_LENGTH, PATTERN_MAX);
	sqlite3_drop_modules(sq->db, NULL);
	sqlite3_exec(sq->db, "PRAGMA cell_size_check = ON", NULL, NULL, NULL);
	sq->guard_ns = 0;
	if (sq->guard_ms == 0)
		sq->guard_ms = FIRST_MS;
	sq->length_max = 0;
	sqlite3_progress_handler(sq->db, OPS, too_long, sq);
}

void
guard_opened(struct sqlite *sq)
{
	sq->guard_ms = STATEMENT_MS;
}

void
guard_begin(struct sqlite *sq)
{
	uint64_t max = sq->base.event_max;

	sq->guard_ns = 0;
	if (max == sq->length_max || sq->mode != STORE_READ || sq->db == NULL)
		return;
	sq->length_max = max;
	if (max != 0 && max < LENGTH_MIN)
		max = LENGTH_MIN;
	if (max == 0 || max > INT32_MAX)
		max = INT32_MAX;
	sqlite3_limit(sq->db, SQLITE_LIMIT_LENGTH, (int)max);
	/* The index has whole topics, and its search asks for no limit. */
	sqlite3_hard_heap_limit64(
	    max == INT32_MAX ? 0 : HEAP_MIN + HEAP_TEXTS * (int64_t)max);
}

enum store_result
guard_tables(struct sqlite *sq)
{
	enum store_result r = STORE_OK;
	sqlite3_stmt *st;

	if (sqlite3_prepare_v2(sq->db, misfit, -1, &st, NULL) != SQLITE_OK)
		return sqlite_trouble(sq);
	switch (sqlite3_step(st)) {
	case SQLITE_ROW:
		store_set_bad(&sq->base);
		store_set_why(&sq->base, "%s: no event log: its %s", sq->path,
		    sqlite3_column_text(st, 0));
		r = STORE_ERROR;
		break;
	case SQLITE_DONE:
		break;
	default:
		r = sqlite_trouble(sq);
	}
	sqlite3_finalize(st);
	return r;
}

/*
 * The number goes up only where a program that does not know it would do harm;
 * what an older one may pass over is added without.  So a program that finds a
 * higher number keeps away: readers wait, and writers refuse.
 */
enum store_result
guard_schema(struct sqlite *sq, int64_t schema)
{
	if (schema <= SCHEMA_VERSION)
		return STORE_OK;
	store_set_bad(&sq->base);
	store_set_why(
	    &sq->base, "%s: " SCHEMA_NEWER, sq->path, schema, SCHEMA_VERSION);
	store_set_newer(&sq->base);
	return STORE_ERROR;
}

/* What cannot be read now is asked again by the first read. */
enum store_result
guard_opening(struct sqlite *sq)
{
	sqlite3_stmt *st = sq->st[ST_SELF];
	enum store_result r = STORE_OK;

	if (sqlite3_step(st) == SQLITE_ROW)
		r = guard_schema(sq, sqlite3_column_int64(st, SELF_SCHEMA));
	sqlite3_reset(st);
	return r;
}

/* Statements that may have been prepared with an index that is gone, too. */
enum store_result
guard_tables_again(struct sqlite *sq)
{
	int n = sqlite3_stmt_status(
	    sq->st[ST_SELF], SQLITE_STMTSTATUS_REPREPARE, 0);
	enum store_result r;
	size_t i;

	if (n == sq->schemas)
		return STORE_OK;
	sqlite_merge_forget(sq);
	sqlite_cuts_forget(sq);
	for (i = 0; i < REVOKE_COUNT; i++) {
		sqlite3_finalize(sq->revoke[i]);
		sq->revoke[i] = NULL;
	}
	r = guard_tables(sq);
	if (r == STORE_OK)
		sq->schemas = n;
	return r;
}
