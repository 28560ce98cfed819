/*
 * snapshot.c - the transaction that every read of the log is.
 *
 * It begins with the question whether this is still the log that we know
 * (identity.c), so no row of another log is ever taken for one of ours.  No
 * transaction lasts longer than a turn, or the WAL could not be checkpointed.
 */
#include "store/sqlite/sqlite.h"

void
sqlite_end(struct sqlite *sq)
{
	if (sq->db != NULL)
		sqlite3_reset(sq->st[ST_VERSION]);
	sq->inside = false;
}

bool
sqlite_is_torn(struct sqlite *sq, bool certain)
{
	struct follow *f = &sq->follow;
	int misses = 0, most = 0;

	if (sq->mode != STORE_READ || sq->db == NULL)
		return false;
	sqlite3_db_status(
	    sq->db, SQLITE_DBSTATUS_CACHE_MISS, &misses, &most, 0);
	if (!f->torn && (certain || misses != f->misses))
		f->torn = files_torn(&f->files, sq->db);
	f->misses = misses;
	if (f->torn)
		sq->failed = SQLITE_CORRUPT;
	return f->torn;
}

/*
 * Is what SQLite has of the log in its memory still of this log?  Without a
 * -wal somebody may have committed since that was seen to, and that is nothing
 * else than cp to us: so the log is opened again.
 */
static bool
is_whole(struct sqlite *sq)
{
	if (sq->mode != STORE_READ)
		return true;
	if (files_as_noted(&sq->follow.files, sq->db))
		return !sqlite_is_torn(sq, true);
	sqlite_news_again(&sq->news);
	return false;
}

/* Begins the transaction, of whatever log is there. */
static enum store_result
begin_snapshot(struct sqlite *sq)
{
	bool began =
	    sq->db != NULL && sqlite3_step(sq->st[ST_VERSION]) == SQLITE_ROW;
	enum store_result r = STORE_BUSY;

	if (began && is_whole(sq))
		return STORE_OK;
	if (!began || sq->follow.torn)
		r = sqlite_trouble(sq);
	sqlite_end(sq);
	return r;
}

enum store_result
sqlite_enter(struct sqlite *sq)
{
	enum store_result r;
	uint32_t version;

	guard_begin(sq);
	sq->failed = SQLITE_OK;
	if (sq->inside) /* held, and known to be our log */
		return STORE_OK;
	if (sq->db != NULL &&
	    (sq->follow.torn || files_lost(&sq->follow.files)))
		sqlite_let_go(sq, FOLLOW_SETTLE_MS);
	r = begin_snapshot(sq);
	if (r != STORE_OK)
		return r;
	version = (uint32_t)sqlite3_column_int64(sq->st[ST_VERSION], 0);
	if (version != sq->self.version)
		r = identity_verify(sq);
	if (r == STORE_OK && version != sq->self.version &&
	    (guard_schema(sq, sq->schema) != STORE_OK ||
		guard_tables_again(sq) != STORE_OK)) {
		sqlite_end(sq);
		return STORE_BUSY;
	}
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
	sq->inside = true;
	return STORE_OK;
}

enum store_result
sqlite_enter_any(struct sqlite *sq, struct identity_read *rd)
{
	enum store_result r;

	guard_begin(sq);
	sq->failed = SQLITE_OK;
	r = begin_snapshot(sq);
	if (r != STORE_OK)
		return r;
	if (identity_read(sq, rd) != STORE_BUSY)
		return STORE_OK;
	r = sqlite_trouble(sq);
	sqlite_end(sq);
	return r;
}

void
sqlite_seen(struct sqlite *sq)
{
	if (sq->follow.unseen < FOLLOW_TRIES)
		store_set_seen(&sq->base);
}

void
sqlite_leave(struct sqlite *sq)
{
	if (!sq->hold)
		sqlite_end(sq);
}
