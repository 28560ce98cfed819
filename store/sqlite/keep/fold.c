/*
 * fold.c - the rows of runs that are over, joined into few.
 *
 * The rows of a topic are read in their order.  Neighbours that may be joined
 * become the last of them, which keeps its id, time, uid and event type, and
 * the others are removed.  The end of a run is joined with nothing.  All of it
 * is one transaction, so a reader finds a run as it was or folded.
 *
 * A client that had some of the rows would get their text again with the last
 * of them.  So a cut is noted up to that one (cuts.c): the client is told.
 */
#include <stdlib.h>
#include <string.h>

#include "store/sqlite/keep/schema.h"
#include "store/sqlite/sqlite.h"

/* A row as it is read. */
struct piece {
	int64_t id;
	bool has_event, blob, is_end;
	struct store_text event, data;
	size_t uid_len;
	size_t at, n; /* the text in the data */
};

/* Neighbours that are one row when the group ends: head, text and tail. */
struct group {
	int64_t first, before, last; /* ids; before is the last but one */
	int rows;
	bool blob;
	char *event; /* NULL: none */
	size_t event_len;
	sqlite3_str *data; /* head and text */
	size_t head;	   /* bytes of it */
	char *tail;
	size_t tail_len;
};

struct folding {
	struct sql_job job;
	const struct store_fold *fold;
	struct store_text topic;
	sqlite3_stmt *rows;
	struct group group;
	int64_t events, left; /* without the ends: before, and now */
	int64_t upto;	      /* the newest row that took others in */
	int64_t lost;	      /* up to here events of the topic may be lost */
};

/* --- a group ------------------------------------------------------------- */

static void
end_group(struct group *g)
{
	sqlite3_free(sqlite3_str_finish(g->data));
	free(g->event);
	free(g->tail);
	*g = (struct group){0};
}

/* A copy that may be of no bytes; NULL: no memory. */
static char *
copy_bytes(const char *s, size_t len)
{
	char *copy = malloc(len + 1);

	if (copy != NULL)
		memcpy(copy, s, len);
	return copy;
}

/* Its data so far: head and text.  sqlite3_str has no pointer to no bytes. */
static const char *
group_data(const struct group *g)
{
	return sqlite3_str_length(g->data) > 0 ? sqlite3_str_value(g->data)
					       : "";
}

static int
begin_group(struct folding *fo, const struct piece *p)
{
	struct group *g = &fo->group;
	const char *tail = p->data.s + p->at + p->n;

	g->first = g->last = p->id;
	g->rows = 1;
	g->blob = p->blob;
	g->head = p->at;
	g->tail_len = p->data.len - p->at - p->n;
	g->tail = copy_bytes(tail, g->tail_len);
	g->data = sqlite3_str_new(fo->job.db);
	sqlite3_str_append(g->data, p->data.s, (int)(p->at + p->n));
	g->event_len = p->event.len;
	if (p->has_event)
		g->event = copy_bytes(p->event.s, p->event.len);
	if (g->tail == NULL || (p->has_event && g->event == NULL) ||
	    sqlite3_str_errcode(g->data) != SQLITE_OK)
		return sql_refuse(&fo->job, "no memory");
	return 0;
}

/* Are head, tail and type those of the group, and is there room? */
static bool
may_join(const struct folding *fo, const struct piece *p)
{
	const struct group *g = &fo->group;
	const struct store_fold *f = fo->fold;
	size_t len = (size_t)sqlite3_str_length(g->data) + p->n + g->tail_len +
		     (f->lines ? 1 : 0);

	return g->rows > 0 && p->has_event == (g->event != NULL) &&
	       p->event.len == g->event_len && p->at == g->head &&
	       p->data.len - p->at - p->n == g->tail_len &&
	       (!p->has_event ||
		   memcmp(p->event.s, g->event, g->event_len) == 0) &&
	       memcmp(p->data.s, group_data(g), g->head) == 0 &&
	       memcmp(p->data.s + p->at + p->n, g->tail, g->tail_len) == 0 &&
	       len + fo->topic.len + g->event_len + p->uid_len <= f->max_bytes;
}

static int
add_to_group(struct folding *fo, const struct piece *p)
{
	struct group *g = &fo->group;

	g->before = g->last;
	g->last = p->id;
	g->rows++;
	g->blob = g->blob || p->blob;
	if (fo->fold->lines)
		sqlite3_str_appendchar(g->data, 1, '\n');
	sqlite3_str_append(g->data, p->data.s + p->at, (int)p->n);
	return sqlite3_str_errcode(g->data) == SQLITE_OK
		   ? 0
		   : sql_refuse(&fo->job, "no memory");
}

/* --- writing ------------------------------------------------------------- */

static int
set_data(struct folding *fo)
{
	struct group *g = &fo->group;
	int len, rc = SQLITE_NOMEM;
	sqlite3_stmt *st;

	sqlite3_str_append(g->data, g->tail, (int)g->tail_len);
	len = sqlite3_str_length(g->data);
	if (sqlite3_str_errcode(g->data) == SQLITE_OK)
		rc = sqlite3_prepare_v2(fo->job.db,
		    "UPDATE events SET data = ?1 WHERE id = ?2", -1, &st, NULL);
	if (rc != SQLITE_OK)
		return -1;
	if (g->blob)
		sqlite3_bind_blob(st, 1, group_data(g), len, SQLITE_STATIC);
	else
		sqlite3_bind_text(st, 1, group_data(g), len, SQLITE_STATIC);
	sqlite3_bind_int64(st, 2, g->last);
	sqlite3_step(st);
	return sqlite3_finalize(st) == SQLITE_OK ? 0 : -1;
}

static int
remove_joined(struct folding *fo, int64_t from, int64_t to)
{
	sqlite3_stmt *st;

	if (sqlite3_prepare_v2(fo->job.db,
		"DELETE FROM events WHERE topic = ?1 AND id >= ?2 AND id <= ?3",
		-1, &st, NULL) != SQLITE_OK)
		return -1;
	sqlite_bind_text(st, 1, fo->topic);
	sqlite3_bind_int64(st, 2, from);
	sqlite3_bind_int64(st, 3, to);
	sqlite3_step(st);
	return sqlite3_finalize(st) == SQLITE_OK ? 0 : -1;
}

/*
 * The newest of those that go is removed first: triggers note the newest that
 * was ever removed, and have nothing to note of the others then.  The oldest is
 * removed last: as long as it is there no note of a uid is forgotten (find.c).
 */
static int
write_group(struct folding *fo)
{
	struct group *g = &fo->group;
	int r = 0;

	if (g->rows > 1) {
		r = set_data(fo) == 0 &&
			    remove_joined(fo, g->before, g->before) == 0 &&
			    remove_joined(fo, g->first + 1, g->before - 1) ==
				0 &&
			    remove_joined(fo, g->first, g->before) == 0
			? 0
			: sql_trouble(&fo->job);
		fo->upto = g->last;
	}
	end_group(g);
	return r;
}

/* --- the rows ------------------------------------------------------------ */

static struct store_text
column_bytes(sqlite3_stmt *st, int column)
{
	struct store_text t;

	if (sqlite3_column_type(st, column) != SQLITE_BLOB)
		return sqlite_some_text(st, column);
	t.s = sqlite3_column_blob(st, column);
	t.len = (size_t)sqlite3_column_bytes(st, column);
	return t.s == NULL ? (struct store_text){"", 0} : t;
}

/* The row that the statement is at.  False: it joins nothing. */
static bool
take_piece(const struct folding *fo, struct piece *p)
{
	const struct store_fold *f = fo->fold;
	struct store_event ev = {.event = sqlite_text(fo->rows, 1)};

	p->id = sqlite3_column_int64(fo->rows, 0);
	p->is_end = store_is_end(&ev);
	p->event = ev.event;
	p->has_event = ev.event.s != NULL;
	p->blob = sqlite3_column_type(fo->rows, 2) == SQLITE_BLOB;
	p->data = column_bytes(fo->rows, 2);
	p->uid_len = (size_t)sqlite3_column_int64(fo->rows, 3);
	p->at = 0;
	p->n = p->data.len;
	return !p->is_end && p->data.len <= f->max_bytes &&
	       (f->text_of == NULL ||
		   f->text_of(f->arg, p->data.s, p->data.len, &p->at, &p->n));
}

/* What is written while the statement is open are rows that it has passed. */
static int
fold_row(struct folding *fo)
{
	struct piece p;
	bool joins = take_piece(fo, &p);

	fo->events += p.is_end ? 0 : 1;
	if (joins && may_join(fo, &p))
		return add_to_group(fo, &p);
	if (write_group(fo) == -1)
		return -1;
	fo->left += p.is_end ? 0 : 1;
	return joins ? begin_group(fo, &p) : 0;
}

/* All that is in the topic up to its end, which is no event of a run. */
static int
fold_rows(struct folding *fo, int64_t end)
{
	int rc = sqlite3_prepare_v2(fo->job.db,
	    "SELECT id, event, data, coalesce(length(CAST(uid AS BLOB)), 0)"
	    " FROM events WHERE topic = ?1 AND id <= ?2 ORDER BY id",
	    -1, &fo->rows, NULL);

	if (rc != SQLITE_OK)
		return sql_trouble(&fo->job);
	sqlite_bind_text(fo->rows, 1, fo->topic);
	sqlite3_bind_int64(fo->rows, 2, end);
	while ((rc = sqlite3_step(fo->rows)) == SQLITE_ROW)
		if (fold_row(fo) == -1)
			return -1;
	return rc == SQLITE_DONE ? write_group(fo) : sql_trouble(&fo->job);
}

/* What was removed before is in no row that others are joined into. */
static int
find_lost(struct folding *fo)
{
	int64_t cut = 0, old = 0;

	if (sql_number(fo->job.db, &cut,
		"SELECT CASE WHEN folded > 0 THEN folded - 1 ELSE id END"
		" FROM largesse_cuts WHERE topic = %Q",
		fo->topic.s) == -1 ||
	    sql_number(fo->job.db, &old,
		"SELECT min((SELECT min(id) FROM events) - 1, value)"
		" FROM largesse WHERE key = 'pruned'") == -1)
		return sql_trouble(&fo->job);
	fo->lost = cut > old ? cut : old;
	return 0;
}

/*
 * The trigger that notes cuts (cuts.c) has nothing to note of the oldest rows
 * of the log, and does not know of the row that has all the text now.
 */
static int
note_cut(struct folding *fo)
{
	sqlite3_stmt *st;

	if (sqlite3_prepare_v2(fo->job.db,
		"INSERT INTO largesse_cuts(topic, id, folded)"
		" VALUES(?1, ?2, ?3 + 1) ON CONFLICT(topic) DO UPDATE"
		" SET id = max(id, excluded.id), folded = excluded.folded",
		-1, &st, NULL) != SQLITE_OK)
		return sql_trouble(&fo->job);
	sqlite_bind_text(st, 1, fo->topic);
	sqlite3_bind_int64(st, 2, fo->upto);
	sqlite3_bind_int64(st, 3, fo->lost);
	sqlite3_step(st);
	return sqlite3_finalize(st) == SQLITE_OK ? 0 : sql_trouble(&fo->job);
}

/* The id of the topic's newest row, which has to be its end.  0 or -1, why. */
static int
find_end(struct folding *fo, int64_t *end)
{
	struct store_event ev = {.event = {NULL, 0}};
	sqlite3_stmt *st;
	bool found;

	if (sqlite3_prepare_v2(fo->job.db,
		"SELECT id, event FROM events WHERE topic = ?1"
		" ORDER BY id DESC LIMIT 1",
		-1, &st, NULL) != SQLITE_OK)
		return sql_trouble(&fo->job);
	sqlite_bind_text(st, 1, fo->topic);
	found = sqlite3_step(st) == SQLITE_ROW;
	if (found) {
		*end = sqlite3_column_int64(st, 0);
		ev.event = sqlite_text(st, 1);
		found = store_is_end(&ev);
	} else
		*end = 0;
	if (sqlite3_finalize(st) != SQLITE_OK)
		return sql_trouble(&fo->job);
	if (found)
		return 0;
	return sql_refuse(&fo->job,
	    *end == 0 ? "no event of the topic %s"
		      : "the topic %s has not ended: its newest event is no "
			"stream-end",
	    fo->topic.s);
}

/* --- the command --------------------------------------------------------- */

static int
fold_topic(struct folding *fo)
{
	int64_t end = 0;
	int r = 0;

	if (!sql_same(&fo->job))
		r = sql_refuse(&fo->job, "it was replaced: do it again");
	if (r == 0 && find_set_triggers(fo->job.db) == -1)
		r = sql_trouble(&fo->job);
	if (r == 0)
		r = find_end(fo, &end);
	if (r == 0)
		r = find_lost(fo);
	if (r == 0)
		r = fold_rows(fo, end);
	if (r == 0 && fo->upto != 0)
		r = note_cut(fo);
	if (r == 0 && !sql_same(&fo->job))
		r = sql_refuse(&fo->job, "it was replaced: do it again");
	return r;
}

static int64_t
tell_folded(struct folding *fo)
{
	int64_t removed = fo->events - fo->left;

	if (removed == 0)
		sqlite3_snprintf((int)fo->job.size, fo->job.why,
		    "%s: nothing to fold", fo->topic.s);
	else
		sqlite3_snprintf((int)fo->job.size, fo->job.why,
		    "%s: %lld events folded into %lld", fo->topic.s, fo->events,
		    fo->left);
	return removed;
}

int64_t
sqlite_fold(
    const char *path, const struct store_fold *fold, char *why, size_t size)
{
	struct folding fo = {.job = {.path = path, .why = why, .size = size},
	    .fold = fold,
	    .topic = {fold->topic, strlen(fold->topic)}};
	int r;

	if (sql_open(&fo.job, path) == -1)
		return -1;
	r = schema_ready(&fo.job);
	if (r == 0) {
		files_opened(&fo.job.files, fo.job.db);
		r = sql_run(fo.job.db, "BEGIN IMMEDIATE") == -1
			? sql_trouble(&fo.job)
			: fold_topic(&fo);
	}
	end_group(&fo.group);
	sqlite3_finalize(fo.rows);
	r = sql_end(&fo.job, r);
	sqlite3_close(fo.job.db);
	return r == 0 ? tell_folded(&fo) : -1;
}
