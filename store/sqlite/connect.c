/*
 * connect.c - the connection to the database, and its statements.
 *
 * It is made again when another file has taken the log's name.  What an error
 * of SQLite means to a reader is said here, too, for it is the connection that
 * has the error.
 */
#include <sys/stat.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "store/sqlite/place.h"
#include "store/sqlite/sqlite.h"

enum {
	SETTLE_MAX_MS = 300, /* files that are moved all the time */
	PAUSE_MIN_MS = 50,   /* after a log could not be opened... */
	PAUSE_MAX_MS = 800,  /* ...as often as it likes */
	ATTACH_TRIES = 4,    /* of a writer; a reader waits in between */
	READY_TRIES = 4,
	WRITER_MS = 5000, /* that a writer waits for a lock... */
	READER_MS = 1000  /* ...and a reader, before there is a loop */
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
		"  WHERE name = 'largesse_revoke'),"
		" (SELECT max(id) FROM events),"
		" (SELECT value FROM largesse WHERE key = 'cuts'),"
		" (SELECT value FROM largesse WHERE key = 'schema')",
    [ST_SCAN] =
	"SELECT " EVENT_COLUMNS " FROM events WHERE id > ?1 ORDER BY id",
    [ST_ROW] = "SELECT " EVENT_COLUMNS " FROM events WHERE id = ?1",
    [ST_UPTO] = "SELECT " EVENT_COLUMNS " FROM events WHERE id <= ?1"
		" ORDER BY id DESC LIMIT 1",
    [ST_UID] = "SELECT id FROM events WHERE uid = ?1",
    [ST_FIRST] = "SELECT min(id) FROM events",
    [ST_OLDEST] = "SELECT time FROM events ORDER BY id LIMIT 1",
    [ST_KEPT] = "SELECT value FROM largesse WHERE key = ?1 AND EXISTS"
		" (SELECT 1 FROM sqlite_schema WHERE type = 'trigger'"
		"  AND name = ?2)",
    [ST_PASS] = "SELECT id, topic FROM events WHERE id > ?1 ORDER BY id",
    [ST_NEXT] = "SELECT id FROM events WHERE id > ?1 ORDER BY id LIMIT 1",
    [ST_TOPIC] = "SELECT topic FROM events WHERE id = ?1",
    [ST_TYPE] = "SELECT event FROM events WHERE id = ?1",
    /* A row whose data is too long fails at data, and is not gone through. */
    [ST_TIME] = "SELECT id, data, time FROM events WHERE id > ?1"
		" ORDER BY id LIMIT 1",
    [ST_BACK] = "SELECT id, topic FROM events WHERE id <= ?1"
		" ORDER BY id DESC",
    [ST_BEFORE] = "SELECT max(id) FROM events WHERE id <= ?1",
    [ST_REMOVED] = "SELECT value FROM largesse WHERE key = 'pruned-time'",
    [ST_TIME_AT] = "SELECT id, data, time FROM events WHERE id <= ?1"
		   " ORDER BY id DESC LIMIT 1", /* see ST_TIME */
    [ST_BEGIN] = "BEGIN IMMEDIATE",
    [ST_SCHEMA] = "SELECT value FROM largesse WHERE key = 'schema'",
    [ST_INSERT] = INSERT "(?, ?, ?, ?, ?)"
			 " ON CONFLICT(uid) WHERE uid IS NOT NULL DO NOTHING",
    [ST_INSERT_ROWS] = INSERT ROWS_4 ", " ROWS_4 ", " ROWS_4 ", " ROWS_4,
    [ST_TAKEN] = "SELECT id, topic FROM events WHERE uid = ?1",
    [ST_COMMIT] = "COMMIT",
    [ST_ROLLBACK] = "ROLLBACK",
    [ST_MARK] = "SAVEPOINT largesse",
    [ST_UNDO] = "ROLLBACK TO largesse",
    [ST_KEEP] = "RELEASE largesse",
};

/*
 * Is the cause that no file can be made beside the log?  SQLite says so of a
 * directory without the right, but of a mount that is read-only it says only
 * that it cannot open something.
 */
static bool
is_closed(const struct sqlite *sq, int code)
{
	if (code == SQLITE_READONLY_DIRECTORY)
		return true;
	return ((code & 0xff) == SQLITE_CANTOPEN ||
		   (code & 0xff) == SQLITE_READONLY) &&
	       sq->mode == STORE_READ && place_read_only(sq->path);
}

/*
 * Does it not just pass?  What SQLite has read of the log stays in its memory,
 * the bad page, too, until somebody commits or the log is opened again.
 */
static bool
is_broken(int code)
{
	switch (code & 0xff) {
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
	case SQLITE_PROTOCOL:
		return true;
	default:
		return false;
	}
}

static void
tell_replaced(struct sqlite *sq)
{
	store_set_why(&sq->base,
	    "%s: it, its -wal or its -shm is being replaced or was removed",
	    sq->path);
}

enum store_result
sqlite_trouble(struct sqlite *sq)
{
	int code = sq->failed; /* of a read that went on after it */

	sq->failed = SQLITE_OK;
	if (sq->db == NULL)
		code = SQLITE_CANTOPEN;
	else if (code == SQLITE_OK)
		code = sqlite3_extended_errcode(sq->db);
	store_set_bad(&sq->base);
	sq->news_version = 0;
	if (sq->db == NULL)
		return STORE_BUSY; /* why was said when it went */
	if (sq->follow.torn) {
		tell_replaced(sq);
		sqlite_news_again(&sq->news);
		return STORE_BUSY;
	}
	if (is_broken(code)) {
		sq->follow.broken = true;
		store_set_broken(&sq->base);
	}
	if (code == SQLITE_INTERRUPT)
		store_set_why(&sq->base,
		    "%s: a query took longer than %d ms and was stopped: the "
		    "disk is slow, or the tables were tampered with",
		    sq->path, (int)sq->guard_ms);
	else if (is_closed(sq, code))
		store_set_why(&sq->base,
		    "%s: its directory is not writable for this user and no "
		    "publisher is connected: %s",
		    sq->path,
		    place_read_only(sq->path)
			? "it is mounted read-only: mount it to be written"
			: "put both users in the group that owns the "
			  "directory, mode 2770, and the file, mode 0660");
	else
		store_set_why(&sq->base, "%s: %s", sq->path,
		    code == sqlite3_extended_errcode(sq->db)
			? sqlite3_errmsg(sq->db)
			: sqlite3_errstr(code));
	code &= 0xff;
	return code == SQLITE_CORRUPT || code == SQLITE_NOTADB ? STORE_ERROR
							       : STORE_BUSY;
}

enum store_result
sqlite_write_trouble(struct sqlite *sq)
{
	enum store_result r = sqlite_trouble(sq);

	switch (sqlite3_errcode(sq->db) & 0xff) {
	case SQLITE_FULL:
	case SQLITE_TOOBIG:
		return STORE_FULL;
	case SQLITE_CONSTRAINT:
		return STORE_REFUSED;
	case SQLITE_READONLY:
		return STORE_ERROR;
	default:
		return r;
	}
}

enum store_result
sqlite_no_log(struct sqlite *sq)
{
	char quoted[256];

	shell_quote(quoted, sizeof(quoted), sq->path);
	store_set_why(&sq->base,
	    "%s: not an event log: make it one with: largesse init %s",
	    sq->path, quoted);
	return STORE_ERROR;
}

/* --- opening ------------------------------------------------------------ */

static void
finalize_all(sqlite3_stmt **st, size_t n)
{
	while (n-- > 0) {
		sqlite3_finalize(st[n]);
		st[n] = NULL;
	}
}

/*
 * The last connection to a log writes what its -wal has into it, which takes as
 * long as it takes.  If the log was replaced meanwhile, that would be pages of
 * the log before it among those of this one.
 */
static void
close_db(struct sqlite *sq)
{
	if (sq->mode == STORE_WRITE && sq->db != NULL &&
	    (sq->wait_ms != STORE_PATIENT ||
		!files_same(&sq->follow.files, sq->db, sq->path)))
		sqlite3_db_config(
		    sq->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite3_close(sq->db);
	sq->db = NULL;
}

void
sqlite_detach(struct sqlite *sq)
{
	finalize_all(sq->st, ST_COUNT);
	finalize_all(sq->revoke, REVOKE_COUNT);
	sqlite_merge_forget(sq);
	sqlite_cuts_forget(sq);
	sq->schemas = 0;
	sq->row.version = 0;
	close_db(sq);
	sq->plain_version = 0;
	sq->inside = sq->singly = false;
}

static int
prepare_statement(struct sqlite *sq, const char *text, sqlite3_stmt **st)
{
	return sqlite3_prepare_v3(
	    sq->db, text, -1, SQLITE_PREPARE_PERSISTENT, st, NULL);
}

/* Where no table has AUTOINCREMENT there may be no sequences at all. */
static const char self_without_sequences[] =
    "SELECT (SELECT value FROM largesse WHERE key = 'log'), 0,"
    " (SELECT value FROM largesse WHERE key = 'pruned'), NULL,"
    " (SELECT max(id) FROM events),"
    " (SELECT value FROM largesse WHERE key = 'cuts'),"
    " (SELECT value FROM largesse WHERE key = 'schema')";

static int
prepare_self(struct sqlite *sq)
{
	return prepare_statement(sq, sql[ST_SELF], &sq->st[ST_SELF]) ==
			   SQLITE_OK ||
		       prepare_statement(sq, self_without_sequences,
			   &sq->st[ST_SELF]) == SQLITE_OK
		   ? 0
		   : -1;
}

static int
prepare_all(struct sqlite *sq)
{
	int i, last = sq->mode == STORE_WRITE ? ST_COUNT : ST_BEGIN;

	for (i = 0; i < last; i++)
		if (i != ST_SELF &&
		    prepare_statement(sq, sql[i], &sq->st[i]) != SQLITE_OK)
			return -1;
	return prepare_self(sq);
}

/*
 * How long SQLite waits for a lock.  Whoever is the last to close a log locks
 * it for a moment, to write back its -wal: the sqlite3 program at the end of
 * each INSERT, if nobody else has the log open.
 */
static int
busy_ms(const struct sqlite *sq)
{
	if (sq->in_loop)
		return 0;
	if (sq->wait_ms != STORE_PATIENT)
		return sq->wait_ms;
	return sq->mode == STORE_READ ? READER_MS : WRITER_MS;
}

void
sqlite_in_loop(struct sqlite *sq)
{
	sq->in_loop = true;
	if (sq->db != NULL)
		sqlite3_busy_timeout(sq->db, busy_ms(sq));
}

static enum store_result
attach(struct sqlite *sq)
{
	int flags = sq->mode == STORE_WRITE ? SQLITE_OPEN_READWRITE
					    : SQLITE_OPEN_READONLY;
	enum store_result r;

	files_begin(&sq->follow.files);
	sq->follow.attached_ms = clock_steady_ms();
	sq->follow.broken = sq->follow.torn = false;
	sq->failed = SQLITE_OK;
	if (sqlite3_open_v2(sq->path, &sq->db, flags | SQLITE_OPEN_NOMUTEX,
		NULL) != SQLITE_OK)
		goto trouble;
	files_note(&sq->follow.files, sq->db); /* nothing of it is read yet */
	sqlite3_extended_result_codes(sq->db, 1);
	sqlite3_busy_timeout(sq->db, busy_ms(sq));
	guard_open(sq);
	if (sq->mode == STORE_WRITE && sqlite3_db_readonly(sq->db, "main")) {
		store_set_why(&sq->base,
		    "%s: may be read but not written by this user: %s",
		    sq->path,
		    place_read_only(sq->path)
			? "it is mounted read-only"
			: "see FILES in largesse-deploy(7) for the rights it "
			  "takes");
		sqlite_detach(sq);
		return STORE_ERROR;
	}
	r = guard_tables(sq);
	if (r == STORE_ERROR) {
		sqlite_detach(sq);
		return r;
	}
	if (r == STORE_OK && prepare_all(sq) == 0 &&
	    sqlite_set_synchronous(&sq->base, !sq->lazy) == 0) {
		r = guard_opening(sq);
		if (r != STORE_OK) {
			sqlite_detach(sq);
			return r;
		}
		guard_opened(sq);
		files_opened(&sq->follow.files, sq->db);
		return STORE_OK;
	}
trouble:
	r = sqlite_trouble(sq);
	if (sqlite3_extended_errcode(sq->db) == SQLITE_ERROR)
		r = sqlite_no_log(sq);
	sqlite_detach(sq);
	return r;
}

/*
 * A reader that waited for the last publisher to close the log has a log that
 * was written to since it was opened, which looks like cp.  So it is opened
 * once more.
 */
enum store_result
sqlite_attach(struct sqlite *sq)
{
	enum store_result r = attach(sq);

	if (r != STORE_OK || sq->mode != STORE_READ ||
	    !files_moved(&sq->follow.files))
		return r;
	sqlite_detach(sq);
	return attach(sq);
}

void
sqlite_let_go(struct sqlite *sq, unsigned ms)
{
	struct follow *f = &sq->follow;
	int64_t now = clock_steady_ms();

	sqlite_detach(sq);
	sq->self.version = sq->news_version = 0;
	if (f->away_ms == 0)
		f->away_ms = now;
	f->settle_after_ms = ms;
	f->settle_ms = now + ms;
	f->settle_max_ms = f->away_ms + SETTLE_MAX_MS;
	store_set_bad(&sq->base);
	tell_replaced(sq);
}

/*
 * What has the name cannot be opened.  Opening makes files beside it and
 * removes them, which wakes all who follow the log: so each of them waits, and
 * longer each time.
 */
static void
pause_opening(struct follow *f)
{
	int64_t now = clock_steady_ms();

	f->failed_ms = f->failed_ms == 0 ? PAUSE_MIN_MS : 2 * f->failed_ms;
	if (f->failed_ms > PAUSE_MAX_MS)
		f->failed_ms = PAUSE_MAX_MS;
	f->settle_ms = f->settle_max_ms = now + f->failed_ms;
	f->settle_after_ms = 0;
}

/* Is there a file that can be opened?  An empty one is no log yet, and SQLite
   removes the -wal of one. */
static bool
is_file_there(struct sqlite *sq)
{
	struct stat sb;

	if (stat(sq->path, &sb) == 0 && sb.st_size > 0)
		return true;
	store_set_bad(&sq->base);
	if (sb.st_size == 0 && access(sq->path, F_OK) == 0)
		store_set_why(&sq->base, "%s: the file is empty", sq->path);
	else
		store_set_why(&sq->base, "%s: %s", sq->path, strerror(errno));
	return false;
}

/*
 * A file may get or lose its name while we open it.  Then we have one that
 * nobody else has.
 */
bool
sqlite_reattach(struct sqlite *sq)
{
	struct follow *f = &sq->follow;
	int tries = sq->mode == STORE_READ ? 1 : ATTACH_TRIES;
	enum store_result r;

	sqlite_detach(sq);
	sq->self.version = sq->news_version = 0;
	for (; tries > 0; tries--) {
		if (!is_file_there(sq))
			return false;
		r = sqlite_attach(sq);
		if (r == STORE_ERROR || f->broken)
			pause_opening(f);
		if (r != STORE_OK)
			return false;
		if (files_same(&f->files, sq->db, sq->path)) {
			f->away_ms = f->failed_ms = 0;
			return true;
		}
		sqlite_detach(sq);
	}
	sqlite_let_go(sq, FOLLOW_SETTLE_MS);
	return false;
}

/*
 * Whoever replaces a log does it in several steps.  A writer that came between
 * two of them would write to the new log by the -wal of the old one.
 */
bool
sqlite_ready(struct sqlite *sq)
{
	int i;

	for (i = 0; i < READY_TRIES; i++) {
		/* A bad page that was read stays in memory. */
		if (sq->db != NULL &&
		    (sq->follow.broken ||
			!files_as_noted(&sq->follow.files, sq->db)))
			sqlite_detach(sq);
		if (sq->db != NULL &&
		    files_same(&sq->follow.files, sq->db, sq->path))
			return true;
		if (sq->db != NULL) {
			sqlite_let_go(sq, FOLLOW_SETTLE_MS);
			usleep(FOLLOW_SETTLE_MS * 1000);
		}
		if (!sqlite_reattach(sq))
			return false;
	}
	return sq->db != NULL;
}

int
sqlite_set_synchronous(struct store *store, bool on)
{
	struct sqlite *sq = sqlite_of(store);

	sq->lazy = !on;
	if (sq->mode != STORE_WRITE || sq->db == NULL)
		return 0;
	if (sqlite3_exec(sq->db,
		on ? "PRAGMA synchronous = FULL"
		   : "PRAGMA synchronous = NORMAL",
		NULL, NULL, NULL) == SQLITE_OK)
		return 0;
	sqlite_trouble(sq);
	return -1;
}
