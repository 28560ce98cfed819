/*
 * sqlite.c - the event log as its publishers see it: a SQLite file with a
 * table in it.  Nothing of the program's code is used.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/talk/peer/peer.h"
#include "tests/talk/peer/within.h"

struct log {
	struct log *next;
	sqlite3 *db;
};

static struct log *logs;

static void
log_fail(sqlite3 *db, const char *statement)
{
	talk_fail("sqlite: %s: %s", statement, sqlite3_errmsg(db));
}

sqlite3 *
log_open(const char *path)
{
	struct log *l = calloc(1, sizeof(*l));

	if (l == NULL)
		abort();
	l->next = logs;
	logs = l;
	if (sqlite3_open_v2(path, &l->db, SQLITE_OPEN_READWRITE, NULL) != 0)
		talk_fail("open %s: %s", path, sqlite3_errmsg(l->db));
	sqlite3_busy_timeout(l->db, PATIENCE_MS);
	return l->db;
}

void
log_close(sqlite3 *db)
{
	for (struct log **p = &logs; *p != NULL; p = &(*p)->next) {
		struct log *l = *p;

		if (l->db != db)
			continue;
		*p = l->next;
		sqlite3_close_v2(db);
		free(l);
		return;
	}
}

void
logs_sweep(void)
{
	while (logs != NULL)
		log_close(logs->db);
}

int
log_try(sqlite3 *db, const char *statement)
{
	return sqlite3_exec(db, statement, NULL, NULL, NULL);
}

static char *
printed(const char *fmt, va_list ap)
{
	char buf[4096];

	if (vsnprintf(buf, sizeof(buf), fmt, ap) >= (int)sizeof(buf))
		talk_fail("too long a statement: %s", buf);
	return text("%s", buf);
}

static void
run(sqlite3 *db, const char *fmt, va_list ap)
{
	char *statement = printed(fmt, ap);

	if (log_try(db, statement) != SQLITE_OK)
		log_fail(db, statement);
}

void
log_run(sqlite3 *db, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	run(db, fmt, ap);
	va_end(ap);
}

void
sql(struct server *sv, const char *fmt, ...)
{
	sqlite3 *db = log_open(sv->db);
	va_list ap;

	va_start(ap, fmt);
	run(db, fmt, ap);
	va_end(ap);
	log_close(db);
}

sqlite3_stmt *
sqlite_prepared(sqlite3 *db, const char *statement)
{
	sqlite3_stmt *st;

	if (sqlite3_prepare_v2(db, statement, -1, &st, NULL) != SQLITE_OK)
		log_fail(db, statement);
	return st;
}

int64_t
sql_number(struct server *sv, const char *fmt, ...)
{
	sqlite3 *db = log_open(sv->db);
	sqlite3_stmt *st;
	va_list ap;
	int64_t n;

	va_start(ap, fmt);
	st = sqlite_prepared(db, printed(fmt, ap));
	va_end(ap);
	if (sqlite3_step(st) != SQLITE_ROW)
		log_fail(db, sqlite3_sql(st));
	n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	log_close(db);
	return n;
}

/* What is NULL is as if it had not been named, as in the schema. */
int64_t
sqlite_insert(sqlite3 *db, const struct row *row)
{
	const struct column *col[] = {
	    &row->topic, &row->event, &row->data, &row->uid};
	sqlite3_stmt *st;

	st = sqlite_prepared(db,
	    "INSERT INTO events(id, topic, event, data, uid, time) VALUES(?1, "
	    "ifnull(?2, 'main'), ?3, ifnull(?4, ''), ?5, "
	    "ifnull(?6, CAST((julianday('now') - 2440587.5) * 86400000 AS "
	    "INTEGER)))");
	if (row->id != 0)
		sqlite3_bind_int64(st, 1, row->id);
	for (int i = 0; i < 4; i++)
		if (col[i]->s != NULL)
			sqlite3_bind_text(st, i + 2, col[i]->s,
			    (int)col[i]->len, SQLITE_STATIC);
	if (row->time_ms != 0)
		sqlite3_bind_int64(st, 6, row->time_ms);
	if (sqlite3_step(st) != SQLITE_DONE)
		log_fail(db, sqlite3_sql(st));
	sqlite3_finalize(st);
	return sqlite3_last_insert_rowid(db);
}

static char *
sqlite_name(const struct server *sv)
{
	return text("%s/events.db", sv->dir);
}

static int64_t
sqlite_append(struct server *sv, const struct row *rows, size_t n)
{
	sqlite3 *db = log_open(sv->db);
	int64_t id = 0;

	log_run(db, "BEGIN IMMEDIATE");
	for (size_t i = 0; i < n; i++)
		id = sqlite_insert(db, &rows[i]);
	log_run(db, "COMMIT");
	log_close(db);
	return id;
}

static int64_t
sqlite_count(struct server *sv)
{
	return sql_number(sv, "SELECT count(*) FROM events");
}

static int64_t
sqlite_next(struct server *sv, int64_t id)
{
	return sql_number(sv,
	    "SELECT ifnull(min(id), 0) FROM events WHERE id > %lld",
	    (long long)id);
}

static void
sqlite_remove_before(struct server *sv, int64_t id)
{
	sql(sv, "DELETE FROM events WHERE id < %lld", (long long)id);
}

static void
revoke_one(sqlite3 *db, const struct revocation *rv)
{
	sqlite3_stmt *st = sqlite_prepared(db,
	    "INSERT INTO largesse_revoke(topic, subject, time) VALUES(?1, ?2, "
	    "ifnull(?3, CAST((julianday('now') - 2440587.5) * 86400000 AS "
	    "INTEGER)))");

	if (rv->topic != NULL)
		sqlite3_bind_text(st, 1, rv->topic, -1, SQLITE_STATIC);
	if (rv->subject != NULL)
		sqlite3_bind_text(st, 2, rv->subject, -1, SQLITE_STATIC);
	if (rv->time_ms != 0)
		sqlite3_bind_int64(st, 3, rv->time_ms);
	if (sqlite3_step(st) != SQLITE_DONE)
		log_fail(db, sqlite3_sql(st));
	sqlite3_finalize(st);
}

static void
sqlite_revoke(struct server *sv, const struct revocation *rv, size_t n,
    const struct row *row)
{
	sqlite3 *db = log_open(sv->db);

	log_run(db, "BEGIN IMMEDIATE");
	for (size_t i = 0; i < n; i++)
		revoke_one(db, &rv[i]);
	if (row != NULL)
		sqlite_insert(db, row);
	log_run(db, "COMMIT");
	log_close(db);
}

static char *
sqlite_shown(const struct server *sv)
{
	return sv->db;
}

static void
sqlite_share(struct server *sv)
{
	check(chmod(sv->db, 0666) == 0);
}

const struct log_engine log_sqlite = {
    .name = "sqlite",
    .name_log = sqlite_name,
    .append = sqlite_append,
    .count = sqlite_count,
    .next = sqlite_next,
    .remove_before = sqlite_remove_before,
    .revoke = sqlite_revoke,
    .shown = sqlite_shown,
    .share = sqlite_share,
    .hand = &log_sqlite_hand,
    .harm = &log_sqlite_harm,
};

int64_t
log_append_bytes(sqlite3 *db, int type, const char *data, size_t len)
{
	sqlite3_stmt *st =
	    sqlite_prepared(db, "INSERT INTO events(data) VALUES(?)");

	if (type == SQLITE_BLOB)
		sqlite3_bind_blob(st, 1, data, (int)len, SQLITE_STATIC);
	else
		sqlite3_bind_text(st, 1, data, (int)len, SQLITE_STATIC);
	if (sqlite3_step(st) != SQLITE_DONE)
		log_fail(db, sqlite3_sql(st));
	sqlite3_finalize(st);
	return sqlite3_last_insert_rowid(db);
}
