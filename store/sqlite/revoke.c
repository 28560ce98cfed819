/*
 * revoke.c - what was taken away from readers, in the table largesse_revoke.
 *
 * The look at the log that every new commit needs (identity.c) brings the
 * newest id of the table along.  So a log in which nothing is revoked costs
 * nothing more.
 */
#include "store/sqlite/sqlite.h"

enum {
	COL_REVOKE_ID,
	COL_REVOKE_TOPIC,
	COL_REVOKE_SUBJECT,
	COL_REVOKE_TIME
};

static const char *const sql[REVOKE_COUNT] = {
    [REVOKE_AFTER] = "SELECT id, topic, subject, time FROM largesse_revoke"
		     " WHERE id > ?1 ORDER BY id LIMIT ?2",
    [REVOKE_SUBJECT] = "SELECT id, topic, subject, time FROM largesse_revoke"
		       " WHERE subject = ?1 AND time >= ?2",
};

/* NULL: there is no such table, or something is wrong with the log. */
static sqlite3_stmt *
revoke_statement_of(struct sqlite *sq, enum revoke_statement s)
{
	if (sq->revoke[s] == NULL)
		sqlite3_prepare_v3(sq->db, sql[s], -1,
		    SQLITE_PREPARE_PERSISTENT, &sq->revoke[s], NULL);
	return sq->revoke[s];
}

/* Hands out all rows of a statement and leaves; the last one's id in *last. */
static enum store_result
each_revoked(struct sqlite *sq, sqlite3_stmt *st, store_each_revoked *each,
    void *arg, size_t *n, int64_t *last)
{
	enum store_result r = STORE_OK;

	*n = 0;
	while (st != NULL && sqlite3_step(st) == SQLITE_ROW) {
		struct store_revocation rv = {
		    .topic = sqlite_text(st, COL_REVOKE_TOPIC),
		    .subject = sqlite_text(st, COL_REVOKE_SUBJECT),
		    .time_ms = sqlite3_column_int64(st, COL_REVOKE_TIME),
		};

		*last = sqlite3_column_int64(st, COL_REVOKE_ID);
		each(arg, &rv);
		++*n;
	}
	if (st == NULL || sqlite3_reset(st) != SQLITE_OK)
		r = sqlite_trouble(sq);
	sqlite_leave(sq);
	return r;
}

enum store_result
sqlite_revocations(struct store *store, struct store_id *after, size_t limit,
    store_each_revoked *each, void *arg)
{
	struct sqlite *sq = sqlite_of(store);
	enum store_result r = sqlite_enter(sq);
	int64_t last = (int64_t)after->lo;
	sqlite3_stmt *st;
	size_t n;

	if (r != STORE_OK)
		return r;
	if (limit == 0 || sq->base.revoked.lo <= after->lo) {
		if (limit == 0)
			after->lo = sq->base.revoked.lo;
		sqlite_leave(sq);
		return STORE_OK;
	}
	st = revoke_statement_of(sq, REVOKE_AFTER);
	if (st != NULL) {
		sqlite3_bind_int64(st, 1, last);
		sqlite3_bind_int64(
		    st, 2, limit < INT32_MAX ? limit : INT32_MAX);
	}
	r = each_revoked(sq, st, each, arg, &n, &last);
	if (r == STORE_OK && n < limit)
		last = (int64_t)sq->base.revoked.lo; /* deleted since */
	after->lo = (uint64_t)last;
	return r;
}

enum store_result
sqlite_revoked(struct store *store, struct store_text subject,
    int64_t issued_ms, store_each_revoked *each, void *arg)
{
	struct sqlite *sq = sqlite_of(store);
	enum store_result r = sqlite_enter(sq);
	sqlite3_stmt *st;
	int64_t last;
	size_t n;

	if (r != STORE_OK)
		return r;
	if (sq->base.revoked.lo == 0) {
		sqlite_leave(sq);
		return STORE_OK;
	}
	st = revoke_statement_of(sq, REVOKE_SUBJECT);
	if (st != NULL) {
		sqlite3_bind_text(
		    st, 1, subject.s, (int)subject.len, SQLITE_STATIC);
		sqlite3_bind_int64(st, 2, issued_ms);
	}
	return each_revoked(sq, st, each, arg, &n, &last);
}
