/*
 * merge.c - the ids of some topics, by the index on topic.
 *
 * The index has the ids of each topic in their order.  They are read side by
 * side, a few of each at a time.  A prefix stands for the topics that the
 * index has in its range: they are found by going from one to the next, never
 * by reading what is between them.
 *
 * The index is left alone where it would not find what a look at all rows
 * finds: topics that are no text, or a column with rules of its own for what
 * is equal.  Then, with too many topics, and after any trouble, the caller
 * goes through the rows.
 */
#include <string.h>

#include "store/hash.h"
#include "store/sqlite/sqlite.h"

/* BY_INDEX: where it cannot be used, preparing the statement fails. */
#define BY_INDEX " FROM events INDEXED BY largesse_topic WHERE topic "

static const char *const sql[INDEX_COUNT] = {
    [INDEX_AFTER] =
	"SELECT id" BY_INDEX "= ?1 AND id > ?2 ORDER BY id LIMIT ?3",
    [INDEX_UPTO] =
	"SELECT id" BY_INDEX "= ?1 AND id <= ?2 ORDER BY id DESC LIMIT ?3",
    [INDEX_TOPIC] = "SELECT topic" BY_INDEX ">= ?1 ORDER BY topic LIMIT 1",
    [INDEX_ROWS] =
	"SELECT " EVENT_COLUMNS BY_INDEX "= ?1 AND id > ?2 ORDER BY id",
    [INDEX_ODD] = "SELECT EXISTS(SELECT 1" BY_INDEX ">= x''),"
		  " EXISTS(SELECT 1" BY_INDEX "< '')",
};

/* Is equal, to this column, what has the same bytes? */
static bool
plain_column(struct sqlite *sq)
{
	const char *type, *rule;

	return sqlite3_table_column_metadata(sq->db, "main", "events", "topic",
		   &type, &rule, NULL, NULL, NULL) == SQLITE_OK &&
	       type != NULL && sqlite3_strlike("%INT%", type, 0) != 0 &&
	       (sqlite3_strlike("%TEXT%", type, 0) == 0 ||
		   sqlite3_strlike("%CHAR%", type, 0) == 0) &&
	       sqlite3_stricmp(rule, "BINARY") == 0;
}

/* Asks SQLite what the index is good for, when first wanted. */
static bool
have_index(struct sqlite *sq)
{
	size_t i;

	if (sq->index_known)
		return sq->index[INDEX_COUNT - 1] != NULL;
	sq->index_known = true;
	sq->plain_version = 0;
	for (i = 0; plain_column(sq) && i < INDEX_COUNT; i++)
		if (sqlite3_prepare_v3(sq->db, sql[i], -1,
			SQLITE_PREPARE_PERSISTENT, &sq->index[i],
			NULL) != SQLITE_OK)
			break;
	return sq->index[INDEX_COUNT - 1] != NULL;
}

void
sqlite_merge_forget(struct sqlite *sq)
{
	size_t i;

	for (i = 0; i < INDEX_COUNT; i++) {
		sqlite3_finalize(sq->index[i]);
		sq->index[i] = NULL;
	}
	sq->index_known = false;
}

/* Are all topics texts?  It is asked once for each state of the log. */
static bool
all_texts(struct sqlite *sq)
{
	sqlite3_stmt *st = sq->index[INDEX_ODD];

	if (sq->plain_version == sq->self.version && sq->self.version != 0)
		return true;
	if (sqlite3_step(st) == SQLITE_ROW && sqlite3_column_int(st, 0) == 0 &&
	    sqlite3_column_int(st, 1) == 0)
		sq->plain_version = sq->self.version;
	sqlite3_reset(st);
	return sq->plain_version == sq->self.version;
}

/* Reads the next few ids of a topic.  False: there is none, or trouble. */
static bool
read_ids(struct merge *m, size_t i, int ahead)
{
	struct merge_topic *t = &m->topic[i];
	sqlite3_stmt *st = m->sq->index[m->back ? INDEX_UPTO : INDEX_AFTER];

	t->n = t->at = 0;
	sqlite3_bind_text(st, 1, t->name, (int)t->len, SQLITE_STATIC);
	sqlite3_bind_int64(st, 2, t->from);
	sqlite3_bind_int(st, 3, ahead);
	while (t->n < ahead && sqlite3_step(st) == SQLITE_ROW)
		t->ids[t->n++] = sqlite3_column_int64(st, 0);
	t->last = t->n < ahead;
	if (sqlite3_reset(st) != SQLITE_OK)
		m->failed = true;
	if (t->n == 0 || m->failed)
		return false;
	t->from = t->ids[t->n - 1];
	if (m->back && t->from > INT64_MIN)
		t->from--;
	m->next[i] = t->ids[0];
	return true;
}

/* A topic is read if it has anything to come.  False: no room, or trouble. */
static bool
begin_topic(struct merge *m, const char *name, size_t len, int64_t from)
{
	struct merge_topic *t = &m->topic[m->n];

	if (m->n == MERGE_TOPICS)
		return false;
	t->name = name;
	t->len = len;
	t->from = from;
	if (read_ids(m, m->n, MERGE_FIRST))
		m->n++;
	return !m->failed;
}

/* The first topic that is not before *name; a copy of it, with a NUL. */
static bool
topic_from(struct merge *m, struct store_text *name)
{
	sqlite3_stmt *st = m->sq->index[INDEX_TOPIC];
	struct store_text t = {NULL, 0};

	sqlite3_bind_text(st, 1, name->s, (int)name->len, SQLITE_STATIC);
	if (sqlite3_step(st) == SQLITE_ROW)
		t = sqlite_text(st, 0);
	if (t.s != NULL && t.len >= sizeof(m->names) - m->names_len)
		m->failed = true; /* the names are too long, all in all */
	else if (t.s != NULL) {
		name->s = memcpy(m->names + m->names_len, t.s, t.len);
		name->len = t.len;
		m->names[m->names_len + t.len] = '\0';
		m->names_len += t.len + 1;
	}
	if (sqlite3_reset(st) != SQLITE_OK)
		m->failed = true;
	return t.s != NULL && !m->failed;
}

/*
 * Adds the topics of the i-th prefix that none before it stands for.  False:
 * they are too many, or there is trouble.
 */
static bool
add_prefix(
    struct merge *m, const struct store_topic *topics, size_t i, int64_t from)
{
	struct store_text name = {topics[i].name, topics[i].len};
	size_t len, n;

	for (;;) {
		len = m->names_len;
		n = m->n;
		if (!topic_from(m, &name) ||
		    !store_topic_match(&topics[i], 1, name.s, name.len))
			return !m->failed;
		if ((i == 0 ||
			!store_topic_match(topics, i, name.s, name.len)) &&
		    !begin_topic(m, name.s, name.len, from))
			return false;
		if (m->n == n)
			m->names_len = len; /* it has nothing to come */
		if (++m->looked > MERGE_SURE && clock_steady_ns() > m->until_ns)
			return false;
		name.len++; /* the next one is after this one and a NUL */
	}
}

/*
 * Where these topics are remembered if they were too many for the index: then
 * it is asked again only once in a while.
 */
static struct merge_memo *
memo_of(struct sqlite *sq, const struct store_topic *topics, size_t n)
{
	uint64_t hash = STORE_HASH_BEGIN;
	struct merge_memo *memo;
	size_t i;

	for (i = 0; i < n; i++) {
		hash = store_hash(hash, topics[i].name, topics[i].len);
		hash = store_hash_add(hash, topics[i].prefix ? 256 : 257);
	}
	memo = &sq->memo[hash % MERGE_MEMOS];
	if (memo->hash != hash)
		*memo = (struct merge_memo){.hash = hash};
	return memo;
}

static bool
find_topics(
    struct merge *m, const struct store_topic *topics, size_t n, int64_t from)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (topics[i].prefix) {
			if (!add_prefix(m, topics, i, from))
				return false;
		} else if (i == 0 || !store_topic_match(topics, i,
					 topics[i].name, topics[i].len)) {
			if (!begin_topic(
				m, topics[i].name, topics[i].len, from))
				return false;
		}
	}
	return true;
}

bool
sqlite_merge_begin(struct merge *m, struct sqlite *sq,
    const struct store_topic *topics, size_t n, int64_t from, bool back)
{
	struct merge_memo *memo;

	m->sq = sq;
	m->back = back;
	m->failed = false;
	m->n = m->names_len = m->looked = 0;
	m->until_ns = clock_steady_ns() + STORE_SLICE_NS / 2;
	if (n == 0 || n > MERGE_TOPICS || !have_index(sq) || !all_texts(sq))
		return false;
	memo = memo_of(sq, topics, n);
	if (memo->skip > 0) {
		memo->skip--;
		return false;
	}
	if (find_topics(m, topics, n, from))
		return true;
	memo->skip = MERGE_SKIP;
	return false;
}

/* The topic whose next id comes first, of one or more. */
static size_t
first_of(const struct merge *m)
{
	size_t i, best = 0;

	for (i = 1; i < m->n; i++)
		if (m->back ? m->next[i] > m->next[best]
			    : m->next[i] < m->next[best])
			best = i;
	return best;
}

bool
sqlite_merge_next(struct merge *m, int64_t *id)
{
	struct merge_topic *t;
	size_t i;

	if (m->n == 0 || m->failed)
		return false;
	i = first_of(m);
	t = &m->topic[i];
	*id = m->next[i];
	if (++t->at < t->n)
		m->next[i] = t->ids[t->at];
	else if ((t->last || !read_ids(m, i, MERGE_AHEAD)) && !m->failed) {
		*t = m->topic[--m->n];
		m->next[i] = m->next[m->n];
	}
	return true;
}
