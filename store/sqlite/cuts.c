/*
 * cuts.c - rows that were removed from the middle of the log.
 *
 * Whose place lies before the oldest row is told that rows are gone (seek.c).
 * But rows of one topic may go while older rows of other topics stay: somebody
 * deletes a run, or prunes or folds it.  So the log notes, by triggers, up to
 * which id rows of a topic are gone.  That is a cut.  A client of the topic
 * that comes back from before the cut is told so, and clients of other topics
 * are not.
 *
 * General retention removes the oldest rows.  Each of them is the oldest when
 * it goes, so it makes no cut, and it takes the cuts with it that are not
 * after it: they say nothing that the oldest row does not say.  The last row
 * takes them all.
 *
 * Whoever folds a run sets folded, and id to that of the row which has all the
 * text now: a client that has some of the pieces has to know before it gets
 * that row.  folded is 1 more than the newest id that may have been removed
 * before: who comes from before that has lost what is not in the text.
 *
 * Cuts are numbered as they are made, in made, so a stream that knows of some
 * finds those that are newer.  A row that goes from below a cut makes it a new
 * one: a stream that stands before it has lost that row, too.  Triggers on the
 * table itself do that, whoever writes to it.
 */
#include "store/sqlite/keep/schema.h"
#include "store/sqlite/sqlite.h"

/* --- the notes ---------------------------------------------------------- */

static const char cut_table[] =
    "CREATE TABLE IF NOT EXISTS largesse_cuts (\n"
    "  topic  TEXT PRIMARY KEY,\n"
    "  id     INTEGER NOT NULL,\n"
    "  folded INTEGER NOT NULL DEFAULT 0,\n"
    "  made   INTEGER NOT NULL DEFAULT 0\n"
    ") WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS largesse_cuts_id ON largesse_cuts(id);"
    "CREATE INDEX IF NOT EXISTS largesse_cuts_made ON largesse_cuts(made);"
    "INSERT OR IGNORE INTO largesse(key, value) VALUES('cuts', 0);";

#define HAS_OLDER "EXISTS (SELECT 1 FROM events WHERE id < OLD.id)"
#define NUMBER_IT                                                    \
	" UPDATE largesse SET value = value + 1 WHERE key = 'cuts';" \
	" UPDATE largesse_cuts SET made = coalesce("                 \
	"(SELECT value FROM largesse WHERE key = 'cuts'), 0)"        \
	"  WHERE topic = NEW.topic; END"

static const struct {
	const char *name, *sql;
} triggers[] = {
    {"largesse_cut_delete",
	"CREATE TRIGGER largesse_cut_delete AFTER DELETE ON events"
	" WHEN " HAS_OLDER
	" OR EXISTS (SELECT 1 FROM largesse_cuts WHERE id <= OLD.id) BEGIN"
	" INSERT INTO largesse_cuts(topic, id)"
	"  SELECT CAST(OLD.topic AS TEXT), OLD.id WHERE " HAS_OLDER
	"  ON CONFLICT(topic) DO UPDATE"
	"  SET id = max(id, excluded.id), folded = 0;"
	" DELETE FROM largesse_cuts WHERE id <="
	"  CASE WHEN " HAS_OLDER " THEN 0"
	"   WHEN EXISTS (SELECT 1 FROM events) THEN OLD.id"
	"   ELSE 9223372036854775807 END; END"},

    {"largesse_cut_insert",
	"CREATE TRIGGER largesse_cut_insert AFTER INSERT ON largesse_cuts"
	" BEGIN" NUMBER_IT},

    {"largesse_cut_update", "CREATE TRIGGER largesse_cut_update"
			    " AFTER UPDATE OF id, folded ON largesse_cuts"
			    " BEGIN" NUMBER_IT},
};

int
cuts_set_triggers(sqlite3 *db)
{
	size_t i;

	if (sql_run(db, cut_table) == -1)
		return -1;
	for (i = 0; i < sizeof(triggers) / sizeof(triggers[0]); i++)
		if (schema_set_trigger(db, triggers[i].name, triggers[i].sql) ==
		    -1)
			return -1;
	return 0;
}

const char *
cuts_trigger(size_t i)
{
	return i < sizeof(triggers) / sizeof(triggers[0]) ? triggers[i].name
							  : NULL;
}

/* --- for readers -------------------------------------------------------- */

enum {
	CLOCK_ROWS = 32, /* from one look at the clock to the next */
	PROBE_ROWS = 256 /* topics of a prefix that are all looked at */
};

static const char *const sql[CUT_COUNT] = {
    [CUT_OF] = "SELECT id, folded FROM largesse_cuts"
	       " WHERE topic = ?1 AND id > ?2 AND made > ?3",
    [CUT_FROM] =
	"SELECT topic FROM largesse_cuts WHERE topic >= ?1 ORDER BY topic",
    [CUT_UPTO] = "SELECT id, topic FROM largesse_cuts"
		 " WHERE id > ?1 AND id <= ?2 ORDER BY id DESC",
    [CUT_MADE] = "SELECT made, topic FROM largesse_cuts"
		 " WHERE made > ?1 ORDER BY made",
    [CUT_LAST] = "SELECT max(id) FROM largesse_cuts",
};

/* How far one call has come; what the next one has to know is in seek. */
struct look {
	struct sqlite *sq;
	struct store_seek *seek;
	int64_t place;
	int64_t until_ns;
	size_t rows;
	bool found;    /* a cut that matters... */
	bool unfolded; /* ...and that is no fold: nothing else is worse */
};

/* Prepares them when they are first wanted.  False: it has no such table. */
static bool
have_cuts(struct sqlite *sq)
{
	int rc = SQLITE_OK;
	size_t i;

	for (i = 0; i < CUT_COUNT && rc == SQLITE_OK; i++)
		if (sq->cuts[i] == NULL)
			rc = sqlite3_prepare_v3(sq->db, sql[i], -1,
			    SQLITE_PREPARE_PERSISTENT, &sq->cuts[i], NULL);
	if (rc != SQLITE_OK && rc != SQLITE_ERROR)
		sqlite_note(sq, rc);
	return rc == SQLITE_OK;
}

void
sqlite_cuts_forget(struct sqlite *sq)
{
	size_t i;

	for (i = 0; i < CUT_COUNT; i++) {
		sqlite3_finalize(sq->cuts[i]);
		sq->cuts[i] = NULL;
	}
}

static bool
slice_is_over(struct look *l)
{
	return ++l->rows % CLOCK_ROWS == 0 && clock_steady_ns() > l->until_ns;
}

/* Does this topic have a cut that the reader has to be told of? */
static void
look_at_cut(struct look *l, struct store_text topic)
{
	sqlite3_stmt *st = l->sq->cuts[CUT_OF];

	sqlite_bind_text(st, 1, topic);
	sqlite3_bind_int64(st, 2, l->place);
	sqlite3_bind_int64(st, 3, (int64_t)l->seek->cuts);
	if (sqlite_step(l->sq, st) == SQLITE_ROW) {
		l->found = true;
		l->unfolded |= sqlite3_column_int64(st, 1) < 1 ||
			       sqlite3_column_int64(st, 1) - 1 > l->place;
	}
	sqlite3_reset(st);
}

/* The same of a row with a topic, if one of the prefixes stands for it. */
static void
look_at_row(struct look *l, sqlite3_stmt *st, int column)
{
	struct store_text t = sqlite_some_text(st, column);

	if (store_topic_match(l->seek->topics, l->seek->n, t.s, t.len))
		look_at_cut(l, t);
}

/* A row that is too large to be read may be any. */
static void
end_look(struct look *l, sqlite3_stmt *st, int rc)
{
	if ((rc & 0xff) == SQLITE_TOOBIG)
		l->found = l->unfolded = true;
	sqlite3_reset(st);
}

/* Returns whether there is a prefix among the topics. */
static bool
look_at_topics(struct look *l)
{
	const struct store_seek *s = l->seek;
	bool prefix = false;
	size_t i;

	for (i = 0; i < s->n; i++)
		if (s->topics[i].prefix)
			prefix = true;
		else
			look_at_cut(l, (struct store_text){s->topics[i].name,
					   s->topics[i].len});
	return prefix;
}

/* All topics of the prefixes, by name.  False: they are too many. */
static bool
look_by_name(struct look *l)
{
	sqlite3_stmt *st = l->sq->cuts[CUT_FROM];
	const struct store_topic *t = l->seek->topics;
	int rc = SQLITE_DONE, left = PROBE_ROWS;
	struct store_text name;
	size_t i;

	for (i = 0; i < l->seek->n && left > 0; i++) {
		if (!t[i].prefix)
			continue;
		name = (struct store_text){t[i].name, t[i].len};
		sqlite_bind_text(st, 1, name);
		while (
		    --left > 0 && (rc = sqlite_step(l->sq, st)) == SQLITE_ROW) {
			name = sqlite_some_text(st, 0);
			if (!store_topic_match(&t[i], 1, name.s, name.len))
				break;
			look_at_cut(l, name);
		}
		end_look(l, st, rc);
	}
	return left > 0 || l->unfolded;
}

/* All cuts after the place, the newest first.  come.place is the last seen. */
static enum store_result
look_by_id(struct look *l)
{
	sqlite3_stmt *st = l->sq->cuts[CUT_UPTO];
	struct store_come *come = &l->seek->come;
	bool over = false;
	int rc = SQLITE_DONE;

	sqlite3_bind_int64(st, 1, l->place);
	sqlite3_bind_int64(st, 2, (int64_t)come->place.lo);
	while (!over && !l->unfolded &&
	       (rc = sqlite_step(l->sq, st)) == SQLITE_ROW) {
		come->place.lo = (uint64_t)sqlite3_column_int64(st, 0) - 1;
		look_at_row(l, st, 1);
		over = slice_is_over(l);
	}
	end_look(l, st, rc);
	return over ? STORE_AGAIN : STORE_OK;
}

/* All that are newer than those which the reader knows; then it knows them. */
static enum store_result
look_by_number(struct look *l)
{
	sqlite3_stmt *st = l->sq->cuts[CUT_MADE];
	uint64_t known = l->seek->cuts;
	bool over = false;
	int rc = SQLITE_DONE;

	sqlite3_bind_int64(st, 1, (int64_t)known);
	while (!over && !l->unfolded &&
	       (rc = sqlite_step(l->sq, st)) == SQLITE_ROW) {
		known = (uint64_t)sqlite3_column_int64(st, 0);
		look_at_row(l, st, 1);
		over = slice_is_over(l);
	}
	end_look(l, st, rc);
	if (over && !l->found)
		l->seek->cuts = known;
	return over ? STORE_AGAIN : STORE_OK;
}

/*
 * Prefixes may stand for any number of topics.  If they are few they are looked
 * at by name.  Else all cuts after the place are, newest first, and in the end
 * those that were made meanwhile: come.left says how many there were.  A stream
 * that reads on remembers no more than the number of the cuts that it knows
 * (page.c), so they are looked at by their numbers for it.
 */
static enum store_result
look_at_prefixes(struct look *l)
{
	struct store_come *come = &l->seek->come;
	enum store_result r;

	if (l->seek->cuts == 0 && !come->begun) {
		if (look_by_name(l))
			return STORE_OK;
		come->begun = l->seek->named;
		come->place.lo = INT64_MAX;
		come->left = l->sq->base.cuts;
	}
	if (come->begun) {
		if ((r = look_by_id(l)) != STORE_OK || l->unfolded)
			return r;
		if (l->seek->cuts < come->left)
			l->seek->cuts = come->left;
	}
	r = look_by_number(l);
	if (come->begun)
		come->left = l->seek->cuts;
	return r;
}

/*
 * Of a place below the oldest row: was all folded that the reader asks for?
 * Then nothing of it is lost.
 */
static bool
all_folded(struct look *l)
{
	const struct store_topic *t = l->seek->topics;
	size_t i;

	l->found = true;
	for (i = 0; i < l->seek->n && l->found && !l->unfolded; i++) {
		l->found = false;
		if (!t[i].prefix)
			look_at_cut(
			    l, (struct store_text){t[i].name, t[i].len});
	}
	return l->seek->n > 0 && l->found && !l->unfolded;
}

enum store_result
sqlite_find_cut(struct sqlite *sq, struct store_seek *seek, enum store_result r,
    int64_t place)
{
	struct look l = {.sq = sq,
	    .seek = seek,
	    .place = place,
	    .until_ns = clock_steady_ns() + STORE_SLICE_NS};

	if ((r != STORE_OK && r != STORE_GONE) || sq->base.cuts <= seek->cuts ||
	    !have_cuts(sq))
		return r;
	if (r == STORE_GONE) {
		l.place = (int64_t)seek->id.lo;
		seek->folded = seek->from == STORE_FROM_ID && all_folded(&l);
		return r;
	}
	if (seek->n == 0 && seek->cuts == 0)
		l.found = l.unfolded =
		    sqlite_number(sq, sq->cuts[CUT_LAST], 0) > place;
	else if ((look_at_topics(&l) || seek->n == 0) && !l.unfolded)
		r = look_at_prefixes(&l);
	seek->folded = l.found && !l.unfolded;
	return l.found ? STORE_GONE : r;
}
