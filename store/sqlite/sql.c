/*
 * sql.c - open, run, and ask for one value.
 *
 * No statement stays open here and nothing is cached: a log is made once.
 */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>

#include "store/engine.h"
#include "store/sqlite/sql.h"

int
sql_open(struct sql_job *job, const char *file)
{
	int cause;

	files_begin(&job->files); /* and the -shm may be cut short under us */
	if (sqlite3_open_v2(file, &job->db,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
		NULL) == SQLITE_OK) {
		files_note(&job->files, job->db);
		sqlite3_extended_result_codes(job->db, 1);
		sqlite3_busy_timeout(job->db, SQL_WAIT_MS);
		return 0;
	}
	cause = job->db == NULL ? ENOMEM : sqlite3_system_errno(job->db);
	sqlite3_snprintf((int)job->size, job->why, "%s: %s", file,
	    cause != 0 ? strerror(cause) : sqlite3_errmsg(job->db));
	sqlite3_close(job->db);
	job->db = NULL;
	return -1;
}

int
sql_refuse(const struct sql_job *job, const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	s = sqlite3_vmprintf(fmt, ap);
	va_end(ap);
	sqlite3_snprintf((int)job->size, job->why, "%s: %s", job->path,
	    s == NULL ? "no memory" : s);
	sqlite3_free(s);
	return -1;
}

int
sql_trouble(const struct sql_job *job)
{
	return sql_refuse(job, "%s", sqlite3_errmsg(job->db));
}

int
sql_no_log(const struct sql_job *job)
{
	char quoted[PATH_MAX];

	shell_quote(quoted, sizeof(quoted), job->path);
	return sql_refuse(job,
	    "not an event log: make it one with: largesse init %s", quoted);
}

bool
sql_same(struct sql_job *job)
{
	struct files *f = &job->files;

	if (files_same(f, job->db, job->path) &&
	    files_look(f, job->db) != FILES_OVERWRITTEN)
		return true;
	sqlite3_db_config(job->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	return false;
}

int
sql_end(const struct sql_job *job, int r)
{
	if (r != -1 && sql_run(job->db, "COMMIT") == -1)
		r = sql_trouble(job);
	if (!sqlite3_get_autocommit(job->db))
		sql_run(job->db, "ROLLBACK");
	return r;
}

/* Prepares the one statement of fmt and steps to its first row. */
static int
step_to_first(sqlite3 *db, sqlite3_stmt **st, const char *fmt, va_list ap)
{
	char *text = sqlite3_vmprintf(fmt, ap);
	int rc = SQLITE_NOMEM;

	*st = NULL;
	if (text != NULL)
		rc = sqlite3_prepare_v2(db, text, -1, st, NULL);
	sqlite3_free(text);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(*st);
	if (rc == SQLITE_ROW)
		return sqlite3_column_type(*st, 0) != SQLITE_NULL;
	return rc == SQLITE_DONE ? 0 : -1;
}

int
sql_run(sqlite3 *db, const char *fmt, ...)
{
	va_list ap;
	char *text;
	int rc = SQLITE_NOMEM;

	va_start(ap, fmt);
	text = sqlite3_vmprintf(fmt, ap);
	va_end(ap);
	if (text != NULL)
		rc = sqlite3_exec(db, text, NULL, NULL, NULL);
	sqlite3_free(text);
	return rc == SQLITE_OK ? 0 : -1;
}

int
sql_number(sqlite3 *db, int64_t *n, const char *fmt, ...)
{
	sqlite3_stmt *st;
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = step_to_first(db, &st, fmt, ap);
	va_end(ap);
	if (r == 1)
		*n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return r;
}

int
sql_text(sqlite3 *db, char **s, const char *fmt, ...)
{
	sqlite3_stmt *st;
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = step_to_first(db, &st, fmt, ap);
	va_end(ap);
	if (r == 1) {
		*s = sqlite3_mprintf("%s", sqlite3_column_text(st, 0));
		if (*s == NULL)
			r = -1;
	}
	sqlite3_finalize(st);
	return r;
}
