/*
 * prune.c - removing old rows at once, and exactly as many as was said.
 *
 * Publishers go on meanwhile.  A transaction removes few enough rows to be
 * over in a moment.  Then the lock is left alone for longer than it was held,
 * because the sqlite3 program gives up when it does not get the lock at once.
 */
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "store/clock.h"
#include "store/sqlite/keep/schema.h"

enum {
	PAGE_MIN = 10, /* rows a transaction */
	PAGE_MAX = 1000,
	PAGE_MS = 10, /* how long one may take before pages get smaller */
	REST = 2      /* rests so many times as long as it worked */
};

enum {
	DUE_MAX = 64 /* topics that are removed in one transaction */
};

/* A topic that has ended, and the id of its end. */
struct due {
	sqlite3_value *topic;
	int64_t end;
};

struct pruning {
	struct sql_job job;
	int page; /* rows */
	int64_t removed;
	bool replaced; /* the log was, in the middle of it */
	sqlite3_stmt *delete_run;
	struct due due[DUE_MAX];
	int ndue, done;		 /* of them */
	int64_t at_time, at_end; /* the last end that was looked at */
};

static void
rest(int64_t ns)
{
	struct timespec ts = {ns / 1000000000, ns % 1000000000};

	nanosleep(&ts, NULL);
}

/* What is done within a transaction.  Rows removed, or -1. */
typedef int removal(struct pruning *, void *arg);

static int
run_delete(struct pruning *pr, sqlite3_stmt *st)
{
	sqlite3_step(st);
	return sqlite3_reset(st) == SQLITE_OK ? sqlite3_changes(pr->job.db)
					      : -1;
}

static int
remove_by_statement(struct pruning *pr, void *st)
{
	return run_delete(pr, st);
}

/*
 * A transaction.  If the log was replaced before or under it, nothing of it
 * goes into the log that is there now.  Returns rows, or -1.
 */
static int
remove_rows(struct pruning *pr, removal *work, void *arg)
{
	sqlite3 *db = pr->job.db;
	int n = -1;

	if (sql_run(db, "BEGIN IMMEDIATE") == -1)
		return -1;
	pr->replaced = !sql_same(&pr->job);
	if (!pr->replaced && (n = work(pr, arg)) != -1)
		pr->replaced = !sql_same(&pr->job);
	if (n != -1 && !pr->replaced && sql_run(db, "COMMIT") == 0)
		return n;
	if (!sqlite3_get_autocommit(db))
		sql_run(db, "ROLLBACK");
	return -1;
}

/*
 * Does the work of one transaction, then rests and sees how much the next one
 * may do: rows can be a few bytes or a megabyte.  Returns rows, or -1.
 */
static int
remove_page(struct pruning *pr, removal *work, void *arg)
{
	int64_t start = clock_steady_ns(), took;
	int n = remove_rows(pr, work, arg);

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

/* A statement of fmt, as for printf.  NULL: sqlite3_errmsg says why. */
static sqlite3_stmt *
prepare(struct pruning *pr, const char *fmt, ...)
{
	sqlite3_stmt *st = NULL;
	va_list ap;
	char *sql;

	va_start(ap, fmt);
	sql = sqlite3_vmprintf(fmt, ap);
	va_end(ap);
	if (sql != NULL)
		sqlite3_prepare_v2(pr->job.db, sql, -1, &st, NULL);
	sqlite3_free(sql);
	return st;
}

/* Steps to a row.  1, or 0 for none, or -1. */
static int
step(sqlite3_stmt *st)
{
	int rc = sqlite3_step(st);

	return rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : -1;
}

/* --- of all topics -------------------------------------------------------- */

/* Removes all but the newest rows. */
static int
prune_rows(struct pruning *pr, uint64_t rows)
{
	sqlite3_stmt *st;
	int64_t last;
	int r = rows > INT64_MAX ? 0
				 : sql_number(pr->job.db, &last,
				       "SELECT id FROM events ORDER BY id DESC"
				       " LIMIT 1 OFFSET %lld",
				       (int64_t)rows);

	if (r != 1)
		return r;
	st = prepare(pr, "DELETE FROM events WHERE id IN (SELECT id FROM events"
			 " WHERE id <= ?1 ORDER BY id LIMIT ?2)");
	if (st == NULL)
		return -1;
	sqlite3_bind_int64(st, 1, last);
	while (r > 0) {
		sqlite3_bind_int(st, 2, pr->page);
		r = remove_page(pr, remove_by_statement, st);
	}
	sqlite3_finalize(st);
	return r;
}

/*
 * Removes what is older than time_ms, wherever it stands: a publisher may set
 * the times.  A page without such rows is read and no lock is taken.  match is
 * what has to be true of a row besides.
 */
static int
prune_age_of(struct pruning *pr, int64_t time_ms, const char *match)
{
	sqlite3_stmt *page = prepare(pr,
	    "SELECT max(id), min(time) < ?2 FROM (SELECT id, time FROM events"
	    " WHERE id > ?1 AND %s ORDER BY id LIMIT ?3)",
	    match);
	sqlite3_stmt *st = prepare(pr,
	    "DELETE FROM events WHERE id > ?1 AND id <= ?2 AND time < ?3"
	    " AND %s",
	    match);
	int64_t at = 0, end;
	int r = page != NULL && st != NULL ? 1 : -1;

	while (r > 0) {
		sqlite3_bind_int64(page, 1, at);
		sqlite3_bind_int64(page, 2, time_ms);
		sqlite3_bind_int(page, 3, pr->page);
		r = step(page);
		end = sqlite3_column_int64(page, 0);
		if (r == 1 && sqlite3_column_type(page, 0) == SQLITE_NULL)
			r = 0;
		if (r == 1 && sqlite3_column_int(page, 1) == 0)
			r = 2; /* none of them is old */
		sqlite3_reset(page);
		sqlite3_bind_int64(st, 1, at);
		sqlite3_bind_int64(st, 2, end);
		sqlite3_bind_int64(st, 3, time_ms);
		if (r == 1 && remove_page(pr, remove_by_statement, st) == -1)
			r = -1;
		at = end;
	}
	sqlite3_finalize(st);
	sqlite3_finalize(page);
	return r;
}

/* --- of some topics ------------------------------------------------------- */

/* One topic is found by its index, those of a prefix by going through all. */
static int
prune_age(struct pruning *pr, int64_t time_ms, const char *pattern)
{
	char *match =
	    pattern == NULL
		? sqlite3_mprintf("1")
		: topics_match_sql(
		      topics_is_prefix(pattern) ? "+topic" : "topic", pattern);
	int r = match == NULL ? -1 : prune_age_of(pr, time_ms, match);

	sqlite3_free(match);
	return r;
}

/* Removes all but the newest rows of one topic. */
static int
prune_topic_rows(struct pruning *pr, sqlite3_stmt *last, sqlite3_stmt *st,
    sqlite3_value *topic, uint64_t rows)
{
	int r;

	sqlite3_bind_value(last, 1, topic);
	sqlite3_bind_int64(last, 2, (int64_t)rows);
	r = step(last);
	if (r == 1) {
		sqlite3_bind_value(st, 1, topic);
		sqlite3_bind_int64(st, 2, sqlite3_column_int64(last, 0));
	}
	sqlite3_reset(last);
	while (r > 0) {
		sqlite3_bind_int(st, 3, pr->page);
		r = remove_page(pr, remove_by_statement, st);
	}
	return r;
}

/*
 * Goes from one topic to the next by the index, from the first that the prefix
 * allows.  1 and *topic, which is to be freed; 0 after the last; or -1.
 */
static int
topic_after(sqlite3_stmt *next, sqlite3_value **topic)
{
	int r;

	if (*topic != NULL)
		sqlite3_bind_value(next, 1, *topic);
	r = step(next);
	sqlite3_value_free(*topic);
	*topic = NULL;
	if (r == 1 && sqlite3_column_int(next, 1) == 0)
		r = 0;
	if (r == 1 &&
	    (*topic = sqlite3_value_dup(sqlite3_column_value(next, 0))) == NULL)
		r = -1;
	sqlite3_reset(next);
	return r;
}

/* For each topic of the pattern. */
struct each_topic {
	sqlite3_stmt *first, *next, *last, *delete;
};

static void
prepare_each(struct pruning *pr, struct each_topic *e, const char *match)
{
	static const char topics[] =
	    "SELECT topic, %s FROM events"
	    " WHERE topic %s ?1 ORDER BY topic LIMIT 1";

	e->first = prepare(pr, topics, match, ">=");
	e->next = prepare(pr, topics, match, ">");
	e->last = prepare(pr, "SELECT id FROM events WHERE topic = ?1"
			      " ORDER BY id DESC LIMIT 1 OFFSET ?2");
	e->delete =
	    prepare(pr, "DELETE FROM events WHERE id IN (SELECT id FROM events"
			" WHERE topic = ?1 AND id <= ?2 ORDER BY id LIMIT ?3)");
}

static int
prune_each(struct pruning *pr, const struct each_topic *e, uint64_t rows,
    const char *pattern)
{
	int len = (int)strlen(pattern) - (topics_is_prefix(pattern) ? 1 : 0);
	sqlite3_value *topic = NULL;
	int r = -1;

	if (e->first != NULL && e->next != NULL && e->last != NULL &&
	    e->delete != NULL &&
	    sqlite3_bind_text(e->first, 1, pattern, len, SQLITE_STATIC) ==
		SQLITE_OK)
		r = topic_after(e->first, &topic);
	while (r == 1) {
		r = prune_topic_rows(pr, e->last, e->delete, topic, rows);
		if (r == 0)
			r = topic_after(e->next, &topic);
	}
	sqlite3_value_free(topic);
	return r;
}

static int
prune_rows_of(struct pruning *pr, uint64_t rows, const char *pattern)
{
	char *match = topics_match_sql("topic", pattern);
	struct each_topic e = {0};
	int r = -1;

	if (rows > INT64_MAX)
		rows = INT64_MAX;
	if (match != NULL) {
		prepare_each(pr, &e, match);
		r = prune_each(pr, &e, rows, pattern);
	}
	sqlite3_finalize(e.delete);
	sqlite3_finalize(e.last);
	sqlite3_finalize(e.next);
	sqlite3_finalize(e.first);
	sqlite3_free(match);
	return r;
}

/* --- topics that have ended ----------------------------------------------- */

static void
forget_due(struct pruning *pr)
{
	while (pr->ndue > 0)
		sqlite3_value_free(pr->due[--pr->ndue].topic);
	pr->done = 0;
}

/*
 * The ends in their order, without those of topics that were opened again.
 * By the index they come by their times; a log of an older largesse has none,
 * and there they come by their ids.
 */
static sqlite3_stmt *
prepare_ends(struct pruning *pr, const char *match)
{
	static const char newest[] =
	    "id = (SELECT max(id) FROM events WHERE topic = e.topic)";
	sqlite3_stmt *st = prepare(pr,
	    "SELECT topic, id, time, %s AND %s FROM events AS e"
	    " INDEXED BY largesse_ends WHERE event = '" STORE_END_TYPE "'"
	    " AND time >= ?1 AND time < ?3 AND (time > ?1 OR id > ?2)"
	    " ORDER BY time, id LIMIT %d",
	    match, newest, DUE_MAX);

	if (st == NULL)
		st = prepare(pr,
		    "SELECT topic, id, time, %s AND %s FROM events AS e"
		    " WHERE event = '" STORE_END_TYPE "'"
		    " AND id > ?2 AND time < ?3 ORDER BY id LIMIT %d",
		    match, newest, DUE_MAX);
	return st;
}

/* Notes the next few that are due.  How many ends were looked at, or -1. */
static int
find_ended(struct pruning *pr, sqlite3_stmt *ends)
{
	int looked = 0, r;

	sqlite3_bind_int64(ends, 1, pr->at_time);
	sqlite3_bind_int64(ends, 2, pr->at_end);
	while ((r = step(ends)) == 1) {
		struct due *due = &pr->due[pr->ndue];

		looked++;
		due->end = pr->at_end = sqlite3_column_int64(ends, 1);
		pr->at_time = sqlite3_column_int64(ends, 2);
		if (sqlite3_column_int(ends, 3) == 0)
			continue;
		due->topic = sqlite3_value_dup(sqlite3_column_value(ends, 0));
		if (due->topic == NULL)
			return -1;
		pr->ndue++;
	}
	sqlite3_reset(ends);
	return r == 0 ? looked : -1;
}

/*
 * The oldest rows go first, the end last.  So a run that is larger than a page
 * has ended as long as anything is left of it, and if it is opened again
 * meanwhile what is left stays.
 */
static int
remove_due(struct pruning *pr, void *arg)
{
	int left = pr->page, n;

	(void)arg;
	for (; pr->done < pr->ndue; pr->done++) {
		const struct due *due = &pr->due[pr->done];

		sqlite3_bind_value(pr->delete_run, 1, due->topic);
		sqlite3_bind_int64(pr->delete_run, 2, due->end);
		sqlite3_bind_int(pr->delete_run, 3, left);
		if ((n = run_delete(pr, pr->delete_run)) == -1)
			return -1;
		left -= n;
		if (left == 0)
			break; /* there may be more of it */
	}
	return pr->page - left;
}
static int
remove_ended(struct pruning *pr, sqlite3_stmt *ends)
{
	int looked, r = 0;

	while (r != -1 && (looked = find_ended(pr, ends)) > 0) {
		while (r != -1 && pr->done < pr->ndue)
			r = remove_page(pr, remove_due, NULL);
		forget_due(pr);
	}
	forget_due(pr);
	return r == -1 ? -1 : looked;
}

/* Removes the topics of the pattern that ended before time_ms. */
static int
prune_ended(struct pruning *pr, int64_t time_ms, const char *pattern)
{
	char *match = topics_match_sql("topic", pattern);
	sqlite3_stmt *ends = match == NULL ? NULL : prepare_ends(pr, match);
	int r = -1;

	pr->delete_run = prepare(pr,
	    "DELETE FROM events WHERE id IN (SELECT id FROM events"
	    " WHERE topic = ?1 AND id <= ?2 ORDER BY id LIMIT ?3)"
	    " AND (SELECT max(id) FROM events WHERE topic = ?1) = ?2");
	pr->at_time = INT64_MIN;
	pr->at_end = 0;
	if (ends != NULL && pr->delete_run != NULL) {
		sqlite3_bind_int64(ends, 3, time_ms);
		r = remove_ended(pr, ends);
	}
	sqlite3_finalize(pr->delete_run);
	sqlite3_finalize(ends);
	sqlite3_free(match);
	return r;
}

/* --- the command ---------------------------------------------------------- */

/* One rule.  What would be older than 1970 is nothing. */
static int
prune_by(void *arg, const struct store_keep *keep)
{
	struct pruning *pr = arg;
	const char *topic =
	    keep->topic == NULL && keep->ended ? "*" : keep->topic;
	int64_t now;
	int r = 0;

	if (keep->rows != 0)
		r = topic == NULL ? prune_rows(pr, keep->rows)
				  : prune_rows_of(pr, keep->rows, topic);
	if (r == -1 || keep->age_ms == 0)
		return r;
	if (sql_number(pr->job.db, &now, "SELECT " SCHEMA_NOW_MS) != 1)
		return -1;
	if (keep->age_ms >= (uint64_t)now)
		return 0;
	now -= (int64_t)keep->age_ms;
	return keep->ended ? prune_ended(pr, now, topic)
			   : prune_age(pr, now, topic);
}

/*
 * Whoever asks for one of these topics is told by a note what is gone (cuts.c).
 * In a log of an older largesse nobody takes it.
 */
static int
take_notes(struct pruning *pr, void *arg)
{
	(void)arg;
	return find_set_triggers(pr->job.db);
}

static int
prune_all(struct pruning *pr, const struct store_keep *keep, bool as_set)
{
	/* If the power fails now, a few old rows are back, and no more. */
	if (sql_run(pr->job.db, "PRAGMA synchronous = NORMAL") == -1)
		return -1;
	if ((keep->topic != NULL || keep->ended) &&
	    remove_page(pr, take_notes, NULL) == -1)
		return -1;
	if (prune_by(pr, keep) == -1)
		return -1;
	return as_set ? topics_each_rule(pr->job.db, prune_by, pr) : 0;
}

static int
count_rule(void *n, const struct store_keep *keep)
{
	(void)keep;
	++*(int *)n;
	return 0;
}

/*
 * What to keep, with what store_init has set filled in.  *as_set: the rules of
 * topics that it has set, too.  0 or -1, why.
 */
static int
fill_in_keep(const struct sql_job *job, struct store_keep *keep, bool *as_set)
{
	struct store_keep set = {.rows = 0, .age_ms = 0};
	bool of_topics = keep->topic != NULL || keep->ended;
	int rules = 0;

	if (schema_ready(job) == -1)
		return -1;
	*as_set = !of_topics && keep->rows == STORE_KEEP_SAME &&
		  keep->age_ms == STORE_KEEP_SAME;
	if ((!of_topics && retention_get(job->db, &set) == -1) ||
	    (*as_set && topics_each_rule(job->db, count_rule, &rules) == -1))
		return sql_trouble(job);
	if (keep->rows == STORE_KEEP_SAME)
		keep->rows = set.rows;
	if (keep->age_ms == STORE_KEEP_SAME)
		keep->age_ms = set.age_ms;
	if (keep->rows != 0 || keep->age_ms != 0 || rules > 0)
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
	bool as_set;

	if (keep != NULL)
		what = *keep;
	if (sql_open(&pr.job, path) == -1)
		return -1;
	if (fill_in_keep(&pr.job, &what, &as_set) == 0) {
		files_opened(&pr.job.files, pr.job.db);
		if (prune_all(&pr, &what, as_set) == 0)
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
