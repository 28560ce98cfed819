/*
 * sqlite.c - the event log in a SQLite file: opening it, and the transaction
 * that every read of it is.
 *
 * In each the log is first known again (identity.c), so that no row of another
 * log is ever taken for one of ours; and none outlasts a turn, or the WAL
 * could not be checkpointed.
 */
#include <sys/stat.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/clock.h"
#include "store/sqlite/sqlite.h"

enum {
	BAD_MS = 2000 /* trouble shorter than this is nobody's business */
};

#define INSERT "INSERT INTO events(topic, event, data, uid, time) VALUES"
#define ROW    "(?, ?, ?, NULL, ?)"
#define ROWS_4 ROW ", " ROW ", " ROW ", " ROW

static const char *const sql[ST_COUNT] = {
    [ST_VERSION] = "PRAGMA data_version",
    [ST_SELF] = "SELECT (SELECT value FROM largesse WHERE key = 'log'),"
		" (SELECT seq FROM sqlite_sequence WHERE name = 'events'),"
		" (SELECT value FROM largesse WHERE key = 'pruned'),"
		" (SELECT seq FROM sqlite_sequence"
		"  WHERE name = 'largesse_revoke')",
    [ST_SCAN] =
	"SELECT " EVENT_COLUMNS " FROM events WHERE id > ?1 ORDER BY id",
    [ST_ROW] = "SELECT " EVENT_COLUMNS " FROM events WHERE id = ?1",
    [ST_UID] = "SELECT id FROM events WHERE uid = ?1",
    [ST_FIRST] = "SELECT min(id) FROM events",
    [ST_BACK] = "SELECT id, topic FROM events WHERE id <= ?1"
		" ORDER BY id DESC",
    [ST_BEGIN] = "BEGIN IMMEDIATE",
    [ST_INSERT] = INSERT "(?, ?, ?, ?, ?)"
			 " ON CONFLICT(uid) WHERE uid IS NOT NULL DO NOTHING",
    [ST_INSERT_ROWS] = INSERT ROWS_4 ", " ROWS_4 ", " ROWS_4 ", " ROWS_4,
    [ST_COMMIT] = "COMMIT",
    [ST_ROLLBACK] = "ROLLBACK",
    [ST_MARK] = "SAVEPOINT largesse",
    [ST_UNDO] = "ROLLBACK TO largesse",
    [ST_KEEP] = "RELEASE largesse",
};

struct store_text
sqlite_text(sqlite3_stmt *st, int column)
{
	struct store_text t;

	t.s = (const char *)sqlite3_column_text(st, column);
	t.len = t.s == NULL ? 0 : (size_t)sqlite3_column_bytes(st, column);
	return t;
}

struct store_event
sqlite_event(sqlite3_stmt *st)
{
	return (struct store_event){
	    .id.lo = (uint64_t)sqlite3_column_int64(st, COL_ID),
	    .topic = sqlite_text(st, COL_TOPIC),
	    .event = sqlite_text(st, COL_EVENT),
	    .data = sqlite_text(st, COL_DATA),
	    .uid = sqlite_text(st, COL_UID),
	    .time_ms = sqlite3_column_int64(st, COL_TIME),
	};
}

void
sqlite_bind_text(sqlite3_stmt *st, int i, struct store_text t)
{
	if (t.s == NULL)
		sqlite3_bind_null(st, i);
	else
		sqlite3_bind_text64(
		    st, i, t.s, t.len, SQLITE_STATIC, SQLITE_UTF8);
}

enum store_result
sqlite_trouble(struct sqlite *sq)
{
	int code =
	    sq->db == NULL ? SQLITE_CANTOPEN : sqlite3_extended_errcode(sq->db);

	if (sq->bad_since == 0)
		sq->bad_since = clock_steady_ms();
	sq->news_version = 0;
	if (sq->db == NULL)
		return STORE_BUSY; /* why was said when it went */
	if (code == SQLITE_READONLY_DIRECTORY)
		store_set_why(&sq->base,
		    "%s: its directory is not writable for this user and no "
		    "publisher is connected: put both users in the group that "
		    "owns the directory, mode 2770, and the file, mode 0660",
		    sq->path);
	else
		store_set_why(
		    &sq->base, "%s: %s", sq->path, sqlite3_errmsg(sq->db));
	code &= 0xff;
	return code == SQLITE_CORRUPT || code == SQLITE_NOTADB ? STORE_ERROR
							       : STORE_BUSY;
}

/* --- opening ------------------------------------------------------------ */

static void
detach(struct sqlite *sq)
{
	size_t i;

	for (i = 0; i < ST_COUNT; i++) {
		sqlite3_finalize(sq->st[i]);
		sq->st[i] = NULL;
	}
	for (i = 0; i < REVOKE_COUNT; i++) {
		sqlite3_finalize(sq->revoke[i]);
		sq->revoke[i] = NULL;
	}
	for (i = 0; i < TOPICS_MAX; i++) {
		sqlite3_finalize(sq->topic_asc[i]);
		sqlite3_finalize(sq->topic_desc[i]);
		sq->topic_asc[i] = sq->topic_desc[i] = NULL;
	}
	sqlite3_close(sq->db);
	sq->db = NULL;
	sq->inside = sq->singly = false;
}

static int
prepare(struct sqlite *sq, const char *text, sqlite3_stmt **st)
{
	return sqlite3_prepare_v3(
	    sq->db, text, -1, SQLITE_PREPARE_PERSISTENT, st, NULL);
}

static int
prepare_all(struct sqlite *sq)
{
	int i, last = sq->mode == STORE_WRITE ? ST_COUNT : ST_BEGIN;

	for (i = 0; i < last; i++)
		if (prepare(sq, sql[i], &sq->st[i]) != SQLITE_OK)
			return -1;
	return 0;
}

sqlite3_stmt *
sqlite_topic_statement(struct sqlite *sq, size_t i, bool newest)
{
	sqlite3_stmt **st = newest ? &sq->topic_desc[i] : &sq->topic_asc[i];

	if (*st == NULL)
		prepare(sq,
		    newest ? "SELECT id FROM events WHERE topic = ?1"
			     " AND id <= ?2 ORDER BY id DESC"
			   : "SELECT " EVENT_COLUMNS " FROM events WHERE"
			     " topic = ?1 AND id > ?2 ORDER BY id",
		    st);
	return *st;
}

/*
 * Opens the file and everything that is asked of it.  STORE_BUSY is worth
 * trying again, STORE_ERROR is not: this is no log of ours.
 */
static enum store_result
attach(struct sqlite *sq)
{
	int flags = sq->mode == STORE_WRITE ? SQLITE_OPEN_READWRITE
					    : SQLITE_OPEN_READONLY;
	enum store_result r;

	if (sqlite3_open_v2(sq->path, &sq->db, flags | SQLITE_OPEN_NOMUTEX,
		NULL) != SQLITE_OK)
		goto trouble;
	sqlite3_extended_result_codes(sq->db, 1);
	sqlite3_busy_timeout(sq->db, sq->mode == STORE_WRITE ? 5000 : 0);
	if (sq->mode == STORE_WRITE && sqlite3_db_readonly(sq->db, "main")) {
		store_set_why(&sq->base,
		    "%s: may be read but not written by this user: see FILES "
		    "in largesse(1) for the rights it takes",
		    sq->path);
		detach(sq);
		return STORE_ERROR;
	}
	if (prepare_all(sq) == 0 &&
	    sqlite_set_synchronous(&sq->base, !sq->lazy) == 0)
		return STORE_OK;
trouble:
	r = sqlite_trouble(sq);
	if (sqlite3_extended_errcode(sq->db) == SQLITE_ERROR) {
		store_set_why(&sq->base,
		    "%s: not an event log: make it one "
		    "with: largesse init %s",
		    sq->path, sq->path);
		r = STORE_ERROR;
	}
	detach(sq);
	return r;
}

/* There may be none: then db is NULL until there is. */
bool
sqlite_reattach(struct sqlite *sq)
{
	struct stat sb;

	detach(sq);
	sq->self.version = sq->news_version = 0;
	if (stat(sq->path, &sb) == -1) {
		store_set_why(&sq->base, "%s: %s", sq->path, strerror(errno));
		sqlite_trouble(sq);
		return false;
	}
	if (attach(sq) != STORE_OK)
		return false;
	identity_take_files(sq, &sb);
	return true;
}

/* --- a read ------------------------------------------------------------- */

void
sqlite_end(struct sqlite *sq)
{
	if (sq->db != NULL)
		sqlite3_reset(sq->st[ST_VERSION]);
	sq->inside = false;
}

/* Begins the transaction, of whatever log is there. */
static enum store_result
begin(struct sqlite *sq)
{
	enum store_result r;

	if (sq->db != NULL && sqlite3_step(sq->st[ST_VERSION]) == SQLITE_ROW)
		return STORE_OK;
	r = sqlite_trouble(sq);
	sqlite_end(sq);
	return r;
}

enum store_result
sqlite_enter(struct sqlite *sq)
{
	enum store_result r;
	uint32_t version;

	if (sq->inside) /* held, and known to be our log */
		return STORE_OK;
	r = begin(sq);
	if (r != STORE_OK)
		return r;
	version = (uint32_t)sqlite3_column_int64(sq->st[ST_VERSION], 0);
	if (version != sq->self.version)
		r = identity_verify(sq);
	if (r != STORE_OK) {
		if (r == STORE_UNKNOWN) {
			sq->replaced = true;
			sqlite_news_again(&sq->news);
		} else
			sqlite_trouble(sq);
		sqlite_end(sq);
		return STORE_BUSY;
	}
	sq->self.version = version;
	sq->bad_since = 0;
	sq->inside = true;
	return STORE_OK;
}

enum store_result
sqlite_enter_any(struct sqlite *sq)
{
	enum store_result r = begin(sq);

	if (r == STORE_OK)
		identity_take(sq);
	return r;
}

void
sqlite_leave(struct sqlite *sq)
{
	if (!sq->hold)
		sqlite_end(sq);
}

static void
sqlite_hold(struct store *st, bool hold)
{
	struct sqlite *sq = (struct sqlite *)st;

	sq->hold = hold;
	if (!hold)
		sqlite_end(sq);
}

/* --- the door ----------------------------------------------------------- */

static const char *
sqlite_log_id(const struct store *st)
{
	return ((const struct sqlite *)st)->self.log_id;
}

static bool
sqlite_healthy(const struct store *st)
{
	const struct sqlite *sq = (const struct sqlite *)st;

	return sq->bad_since == 0 || clock_steady_ms() - sq->bad_since < BAD_MS;
}

static void
sqlite_close(struct store *st)
{
	struct sqlite *sq = (struct sqlite *)st;

	detach(sq);
	if (sq->watching)
		sqlite_news_close(&sq->news);
	free(sq->path);
	free(sq);
}

static const struct store_ops ops = {
    .close = sqlite_close,
    .log_id = sqlite_log_id,
    .read = sqlite_read,
    .seek = sqlite_seek,
    .hold = sqlite_hold,
    .fd = sqlite_fd,
    .set_poll = sqlite_set_poll,
    .news = sqlite_news,
    .healthy = sqlite_healthy,
    .revocations = sqlite_revocations,
    .revocations_after = sqlite_revocations_after,
    .revoked = sqlite_revoked,
    .append = sqlite_append,
    .append_all = sqlite_append_all,
    .set_synchronous = sqlite_set_synchronous,
    .numbers = sqlite_numbers,
    .copy_begin = sqlite_copy_begin,
    .copy_in = sqlite_copy_in,
};

/* The first look at the log; trouble that may pass is left to the sweep. */
static enum store_result
first_look(struct sqlite *sq)
{
	enum store_result r = attach(sq);

	if (r == STORE_OK)
		r = sqlite_enter_any(sq);
	if (r != STORE_OK)
		return r;
	sqlite_end(sq);
	if (sq->self.log_id[0] != '\0')
		return STORE_OK;
	store_set_why(&sq->base,
	    "%s: not an event log: make it one with: "
	    "largesse init %s",
	    sq->path, sq->path);
	return STORE_ERROR;
}

struct store *
sqlite_open(const char *path, enum store_mode mode, char *why, size_t size)
{
	struct sqlite *sq = calloc(1, sizeof(*sq));
	enum store_result r = STORE_ERROR;
	struct stat sb;

	if (sq == NULL || (sq->path = strdup(path)) == NULL) {
		free(sq);
		sqlite3_snprintf((int)size, why, "out of memory");
		return NULL;
	}
	sq->base.ops = &ops;
	sq->mode = mode;
	if (stat(path, &sb) == -1)
		store_set_why(&sq->base, "%s: %s%s", path, strerror(errno),
		    errno == ENOENT ? ": make it with: largesse init" : "");
	else if (mode == STORE_READ &&
		 !(sq->watching = true, sqlite_news_open(&sq->news, path) == 0))
		store_set_why(&sq->base, "%s: cannot watch its directory: %s",
		    path, strerror(errno));
	else
		r = first_look(sq);
	if (r == STORE_OK || (r == STORE_BUSY && mode == STORE_READ))
		return &sq->base;
	sqlite3_snprintf((int)size, why, "%s", sq->base.why);
	sqlite_close(&sq->base);
	return NULL;
}
