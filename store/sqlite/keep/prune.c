/*
 * prune.c - removing old rows at once, and exactly as many as was said.
 *
 * Publishers go on meanwhile.  A transaction removes few enough rows to be
 * over in a moment.  Then the lock is left alone for longer than it was held,
 * because the sqlite3 program gives up when it does not get the lock at once.
 */
#include <time.h>

#include "store/clock.h"
#include "store/sqlite/keep/schema.h"

enum {
	PAGE_MIN = 10, /* rows a transaction */
	PAGE_MAX = 1000,
	PAGE_MS = 10, /* how long one may take before pages get smaller */
	REST = 2      /* rests so many times as long as it worked */
};

struct pruning {
	struct sql_job job;
	int page; /* rows */
	int64_t removed;
	bool replaced; /* the log was, in the middle of it */
};

static void
rest(int64_t ns)
{
	struct timespec ts = {ns / 1000000000, ns % 1000000000};

	nanosleep(&ts, NULL);
}

/*
 * One DELETE as a transaction.  If the log was replaced before or under it,
 * nothing of it goes into the log that is there now.  Returns rows, or -1.
 */
static int
remove_rows(struct pruning *pr, const char *sql)
{
	sqlite3 *db = pr->job.db;
	int n = -1;

	if (sql_run(db, "BEGIN IMMEDIATE") == -1)
		return -1;
	pr->replaced = !sql_same(&pr->job);
	if (!pr->replaced && sql_run(db, "%s", sql) == 0) {
		n = sqlite3_changes(db);
		pr->replaced = !sql_same(&pr->job);
	}
	if (n != -1 && !pr->replaced && sql_run(db, "COMMIT") == 0)
		return n;
	if (!sqlite3_get_autocommit(db))
		sql_run(db, "ROLLBACK");
	return -1;
}

/*
 * Runs one DELETE as a transaction, then rests and sees how much the next one
 * may do: rows can be a few bytes or a megabyte.  Returns rows, or -1.
 */
static int
remove_page(struct pruning *pr, const char *sql)
{
	int64_t start = clock_steady_ns(), took;
	int n = remove_rows(pr, sql);

	if (n == -1)
		return -1;
	took = clock_steady_ns() - start;
	pr->removed += n;
	if (took > PAGE_MS * 1000000LL && pr->page / 2 >= PAGE_MIN)
		pr->page /= 2;
	else if (took < PAGE_MS * 1000000LL / 4 && pr->page * 2 <= PAGE_MAX)
		pr->page *= 2;
	rest(took * REST);
	return n;
}

/* Removes all but the newest rows. */
static int
prune_rows(struct pruning *pr, uint64_t rows)
{
	int64_t last;
	char sql[128];
	int r = rows > INT64_MAX ? 0
				 : sql_number(pr->job.db, &last,
				       "SELECT id FROM events ORDER BY id DESC"
				       " LIMIT 1 OFFSET %lld",
				       (int64_t)rows);

	while (r > 0) {
		sqlite3_snprintf(sizeof(sql), sql,
		    "DELETE FROM events WHERE id IN (SELECT id FROM events"
		    " WHERE id <= %lld ORDER BY id LIMIT %d)",
		    last, pr->page);
		r = remove_page(pr, sql);
	}
	return r;
}

/*
 * Removes what is older than time_ms, wherever it stands: a publisher may set
 * the times.  A page without such rows is read and no lock is taken.
 */
static int
prune_age(struct pruning *pr, int64_t time_ms)
{
	int64_t at = 0, end, n;
	char sql[128];
	int r;

	while ((r = sql_number(pr->job.db, &end,
		    "SELECT max(id) FROM (SELECT id FROM events"
		    " WHERE id > %lld ORDER BY id LIMIT %d)",
		    at, pr->page)) == 1) {
		r = sql_number(pr->job.db, &n,
		    "SELECT 1 FROM events WHERE id > %lld AND id <= %lld"
		    " AND time < %lld LIMIT 1",
		    at, end, time_ms);
		if (r == 1) {
			sqlite3_snprintf(sizeof(sql), sql,
			    "DELETE FROM events WHERE id > %lld AND"
			    " id <= %lld AND time < %lld",
			    at, end, time_ms);
			r = remove_page(pr, sql);
		}
		if (r == -1)
			return -1;
		at = end;
	}
	return r;
}

static int
prune_all(struct pruning *pr, const struct store_keep *keep)
{
	int64_t now;

	/* If the power fails now, a few old rows are back, and no more. */
	if (sql_run(pr->job.db, "PRAGMA synchronous = NORMAL") == -1)
		return -1;
	if (keep->rows != 0 && prune_rows(pr, keep->rows) == -1)
		return -1;
	if (keep->age_ms == 0)
		return 0;
	if (sql_number(pr->job.db, &now, "SELECT " SCHEMA_NOW_MS) != 1)
		return -1;
	if (keep->age_ms >= (uint64_t)now)
		return 0;
	return prune_age(pr, now - (int64_t)keep->age_ms);
}

/* What to keep, with what store_init has set filled in.  0 or -1, why. */
static int
fill_in_keep(const struct sql_job *job, struct store_keep *keep)
{
	struct store_keep set = {.rows = 0, .age_ms = 0};

	if (schema_ready(job) == -1)
		return -1;
	if (retention_get(job->db, &set) == -1)
		return sql_trouble(job);
	if (keep->rows == STORE_KEEP_SAME)
		keep->rows = set.rows;
	if (keep->age_ms == STORE_KEEP_SAME)
		keep->age_ms = set.age_ms;
	if (keep->rows != 0 || keep->age_ms != 0)
		return 0;
	return sql_refuse(
	    job, "keeps all: say how much with --keep-rows or --keep-age");
}

int64_t
sqlite_prune(
    const char *path, const struct store_keep *keep, char *why, size_t size)
{
	struct store_keep what = {
	    .rows = STORE_KEEP_SAME, .age_ms = STORE_KEEP_SAME};
	struct pruning pr = {.job = {.path = path, .why = why, .size = size},
	    .page = PAGE_MAX / 4};
	int64_t removed = -1;

	if (keep != NULL)
		what = *keep;
	if (sql_open(&pr.job, path) == -1)
		return -1;
	if (fill_in_keep(&pr.job, &what) == 0) {
		files_opened(&pr.job.files, pr.job.db);
		if (prune_all(&pr, &what) == 0)
			removed = pr.removed;
		else
			sql_refuse(&pr.job, "%s, after %lld rows were removed",
			    pr.replaced
				? "it was replaced meanwhile: do it again"
				: sqlite3_errmsg(pr.job.db),
			    pr.removed);
	}
	sqlite3_close(pr.job.db);
	return removed;
}
