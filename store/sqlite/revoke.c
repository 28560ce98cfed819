/*
 * revoke.c - what was taken away from readers, in the table largesse_revoke.
 *
 * The look at the log that every new commit needs (identity.c) brings the
 * newest id of the table along.  So a log in which nothing is revoked costs
 * nothing more.
 *
 * Of a subject and a topic only the newest revocation counts.  The index on
 * subject, topic and time has it at hand, so it makes no difference how often
 * somebody has been logged out.
 */
#include "store/sqlite/sqlite.h"

enum {
	COL_REVOKE_ID,
	COL_REVOKE_TOPIC,
	COL_REVOKE_SUBJECT,
	COL_REVOKE_TIME
};

enum {
	TOPICS_MAX = 1000, /* of one subject; more count as every topic */
	CLOCK_ROWS = 32	   /* from one look at the clock to the next */
};

#define COLUMNS "SELECT id, topic, subject, time FROM largesse_revoke"
/* Where there is no such index, preparing the statement fails. */
#define BY_INDEX COLUMNS " INDEXED BY largesse_revoke_of WHERE subject = ?1"
#define NEWEST	 " ORDER BY topic DESC, time DESC LIMIT 1"

static const char *const sql[REVOKE_COUNT] = {
    [REVOKE_AFTER] = COLUMNS " WHERE id > ?1 ORDER BY id LIMIT ?2",
    [REVOKE_NEXT] = "SELECT id FROM largesse_revoke WHERE id > ?1"
		    " ORDER BY id LIMIT 1",
    [REVOKE_ALL] = BY_INDEX " AND topic IS NULL" NEWEST,
    [REVOKE_TOPIC] = BY_INDEX " AND topic IS NOT NULL" NEWEST,
    [REVOKE_BEFORE] = BY_INDEX " AND topic < ?2" NEWEST,
    [REVOKE_SUBJECT] = COLUMNS " WHERE subject = ?1 AND time >= ?2",
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

/* Hands out the row that a statement stands on. */
static void
give_revocation(sqlite3_stmt *st, store_each_revoked *each, void *arg)
{
	struct store_revocation rv = {
	    .topic = sqlite_text(st, COL_REVOKE_TOPIC),
	    .subject = sqlite_text(st, COL_REVOKE_SUBJECT),
	    .time_ms = sqlite3_column_int64(st, COL_REVOKE_TIME),
	};

	each(arg, &rv);
}

/* --- in order, as they come --------------------------------------------- */

/*
 * A row that is too large to be read names nobody and nothing that we know, so
 * it is passed over.  False: there is trouble of another kind.
 */
static bool
pass_large(struct sqlite *sq, int rc, int64_t *last)
{
	sqlite3_stmt *st = revoke_statement_of(sq, REVOKE_NEXT);
	bool found;

	if ((rc & 0xff) != SQLITE_TOOBIG || st == NULL)
		return false;
	sqlite3_bind_int64(st, 1, *last);
	found = sqlite3_step(st) == SQLITE_ROW;
	if (found)
		*last = sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return found;
}

/*
 * Hands out up to limit rows after *last, which becomes the last of them;
 * *done when there are no more.
 */
static enum store_result
each_after(struct sqlite *sq, size_t limit, store_each_revoked *each, void *arg,
    int64_t *last, bool *done)
{
	sqlite3_stmt *st = revoke_statement_of(sq, REVOKE_AFTER);
	int64_t until_ns = clock_steady_ns() + STORE_SLICE_NS;
	size_t n = 0;
	int rc = SQLITE_ERROR;

	*done = false;
	if (st == NULL)
		return sqlite_trouble(sq);
	do {
		sqlite3_bind_int64(st, 1, *last);
		sqlite3_bind_int64(
		    st, 2, limit - n < INT32_MAX ? limit - n : INT32_MAX);
		while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
			give_revocation(st, each, arg);
			*last = sqlite3_column_int64(st, COL_REVOKE_ID);
			if (++n % CLOCK_ROWS == 0 &&
			    clock_steady_ns() > until_ns)
				break;
		}
		sqlite3_reset(st);
	} while (pass_large(sq, rc, last));
	*done = rc == SQLITE_DONE && n < limit;
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? STORE_OK
						     : sqlite_trouble(sq);
}

enum store_result
sqlite_revocations(struct store *store, struct store_id *after, size_t limit,
    store_each_revoked *each, void *arg)
{
	struct sqlite *sq = sqlite_of(store);
	enum store_result r = sqlite_enter(sq);
	int64_t last = (int64_t)after->lo;
	bool done;

	if (r != STORE_OK)
		return r;
	if (limit == 0 || sq->base.revoked.lo <= after->lo) {
		if (limit == 0)
			after->lo = sq->base.revoked.lo;
		sqlite_leave(sq);
		return STORE_OK;
	}
	r = each_after(sq, limit, each, arg, &last, &done);
	if (r == STORE_OK && done)
		last = (int64_t)sq->base.revoked.lo; /* deleted since */
	if (sqlite_is_torn(sq, true)) {
		last = (int64_t)after->lo; /* some may have been passed over */
		r = sqlite_trouble(sq);
	}
	sqlite_leave(sq);
	after->lo = (uint64_t)last;
	return r;
}

/* --- of a subject ------------------------------------------------------- */

/* One subject is looked up. */
struct lookup {
	struct sqlite *sq;
	struct store_text subject;
	int64_t issued_ms;
	store_each_revoked *each;
	void *arg;
};

/*
 * Steps to the one row of a statement, the newest revocation of a topic, and
 * hands it out if it holds.  *topic becomes its topic, to be freed, or NULL
 * when there is no row.
 */
static enum store_result
look_up(struct lookup *l, enum revoke_statement s, sqlite3_value **topic)
{
	sqlite3_stmt *st = revoke_statement_of(l->sq, s);
	int rc;

	if (st == NULL)
		return sqlite_trouble(l->sq);
	sqlite_bind_text(st, 1, l->subject);
	if (s == REVOKE_BEFORE)
		sqlite3_bind_value(st, 2, *topic);
	sqlite3_value_free(*topic);
	*topic = NULL;
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW) {
		*topic = sqlite3_value_dup(
		    sqlite3_column_value(st, COL_REVOKE_TOPIC));
		if (sqlite3_column_int64(st, COL_REVOKE_TIME) >= l->issued_ms)
			give_revocation(st, l->each, l->arg);
	}
	sqlite3_reset(st);
	if (s == REVOKE_BEFORE)
		sqlite3_clear_bindings(st);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? STORE_OK
						     : sqlite_trouble(l->sq);
}

/* By the index: one look for each topic, however many rows it has. */
static enum store_result
revoked_by_index(struct lookup *l)
{
	struct store_revocation all = {
	    .subject = l->subject, .time_ms = l->issued_ms};
	sqlite3_value *topic = NULL;
	enum store_result r = look_up(l, REVOKE_ALL, &topic);
	size_t n = 0;

	if (r == STORE_OK)
		r = look_up(l, REVOKE_TOPIC, &topic);
	while (r == STORE_OK && topic != NULL && ++n < TOPICS_MAX)
		r = look_up(l, REVOKE_BEFORE, &topic);
	if (r == STORE_OK && topic != NULL)
		l->each(l->arg, &all);
	sqlite3_value_free(topic);
	return r;
}

/* Without it: row for row, and of a subject that has too many nothing holds. */
static enum store_result
revoked_by_rows(struct lookup *l)
{
	sqlite3_stmt *st = revoke_statement_of(l->sq, REVOKE_SUBJECT);
	int64_t until_ns = clock_steady_ns() + 2 * STORE_SLICE_NS;
	size_t rows = 0;
	int rc;

	if (st == NULL)
		return sqlite_trouble(l->sq);
	sqlite_bind_text(st, 1, l->subject);
	sqlite3_bind_int64(st, 2, l->issued_ms);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		give_revocation(st, l->each, l->arg);
		if (++rows % CLOCK_ROWS == 0 && clock_steady_ns() > until_ns)
			break;
	}
	sqlite3_reset(st);
	if (rc == SQLITE_DONE)
		return STORE_OK;
	if (rc != SQLITE_ROW)
		return sqlite_trouble(l->sq);
	store_set_why(&l->sq->base,
	    "%s: a subject has more revocations than can be read at once; "
	    "largesse init %s makes an index for them",
	    l->sq->path, l->sq->path);
	return STORE_BUSY;
}

enum store_result
sqlite_revoked(struct store *store, struct store_text subject,
    int64_t issued_ms, store_each_revoked *each, void *arg)
{
	struct sqlite *sq = sqlite_of(store);
	struct lookup l = {sq, subject, issued_ms, each, arg};
	enum store_result r = sqlite_enter(sq);

	if (r != STORE_OK)
		return r;
	if (sq->base.revoked.lo != 0)
		r = revoke_statement_of(sq, REVOKE_BEFORE) != NULL
			? revoked_by_index(&l)
			: revoked_by_rows(&l);
	if (sqlite_is_torn(sq, true))
		r = sqlite_trouble(sq);
	sqlite_leave(sq);
	return r;
}
