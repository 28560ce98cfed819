/*
 * log.c - the event log as its publishers see it: a SQLite file with a table
 * in it.  None of the program's code has a part in this.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peer.h"
#include "within.h"

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

void
log_run(sqlite3 *db, const char *fmt, ...)
{
	va_list ap;
	char *statement;

	va_start(ap, fmt);
	statement = printed(fmt, ap);
	va_end(ap);
	if (log_try(db, statement) != SQLITE_OK)
		log_fail(db, statement);
}

void
sql(struct server *sv, const char *fmt, ...)
{
	sqlite3 *db = log_open(sv->db);
	va_list ap;
	char *statement;

	va_start(ap, fmt);
	statement = printed(fmt, ap);
	va_end(ap);
	if (log_try(db, statement) != SQLITE_OK)
		log_fail(db, statement);
	log_close(db);
}

static sqlite3_stmt *
prepared(sqlite3 *db, const char *statement)
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
	st = prepared(db, printed(fmt, ap));
	va_end(ap);
	if (sqlite3_step(st) != SQLITE_ROW)
		log_fail(db, sqlite3_sql(st));
	n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	log_close(db);
	return n;
}

static int64_t
insert(sqlite3 *db, const char *const value[4])
{
	sqlite3_stmt *st = prepared(
	    db, "INSERT INTO events(topic, event, data, uid) VALUES(?,?,?,?)");

	for (int i = 0; i < 4; i++)
		if (value[i] != NULL)
			sqlite3_bind_text(
			    st, i + 1, value[i], -1, SQLITE_STATIC);
	if (sqlite3_step(st) != SQLITE_DONE)
		log_fail(db, sqlite3_sql(st));
	sqlite3_finalize(st);
	return sqlite3_last_insert_rowid(db);
}

int64_t
append_event(struct server *sv, const char *topic, const char *event,
    const char *data, const char *uid)
{
	sqlite3 *db = log_open(sv->db);
	int64_t id = insert(db, (const char *[]){topic, event, data, uid});

	log_close(db);
	return id;
}

int64_t
append(struct server *sv, const char *topic, const char *data)
{
	return append_event(sv, topic, NULL, data, NULL);
}

int64_t
append_many(struct server *sv, const char *topic, int first, int n, size_t size)
{
	sqlite3 *db = log_open(sv->db);
	char *data = keep(size + 16);
	int64_t id = 0;

	log_run(db, "BEGIN IMMEDIATE");
	for (int i = first; i < first + n; i++) {
		size_t len = (size_t)sprintf(data, "%d ", i);

		if (len < size) {
			memset(data + len, 'x', size - len);
			data[size] = '\0';
		}
		id = insert(db, (const char *[]){topic, NULL, data, NULL});
	}
	log_run(db, "COMMIT");
	log_close(db);
	return id;
}

int64_t
log_append_bytes(sqlite3 *db, int type, const char *data, size_t len)
{
	sqlite3_stmt *st = prepared(db, "INSERT INTO events(data) VALUES(?)");

	if (type == SQLITE_BLOB)
		sqlite3_bind_blob(st, 1, data, (int)len, SQLITE_STATIC);
	else
		sqlite3_bind_text(st, 1, data, (int)len, SQLITE_STATIC);
	if (sqlite3_step(st) != SQLITE_DONE)
		log_fail(db, sqlite3_sql(st));
	sqlite3_finalize(st);
	return sqlite3_last_insert_rowid(db);
}

/* SQLite knows JSON, and it is not the program's own hand that we trust. */
char *
json(const char *s, const char *path)
{
	sqlite3 *db = log_open(":memory:");
	sqlite3_stmt *st = prepared(db, "SELECT json_extract(?1, ?2)");
	char *value = NULL;

	sqlite3_bind_text(st, 1, s, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 2, path, -1, SQLITE_STATIC);
	if (sqlite3_step(st) != SQLITE_ROW)
		talk_fail("not JSON: %s", s);
	if (sqlite3_column_text(st, 0) != NULL)
		value = text("%s", (const char *)sqlite3_column_text(st, 0));
	sqlite3_finalize(st);
	log_close(db);
	return value;
}
