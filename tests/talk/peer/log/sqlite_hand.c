/*
 * sqlite_hand.c - what people do to a log in a file by hand: they run a
 * transaction, use the sqlite3 program, and read every row.
 */
#include "tests/talk/peer/peer.h"
#include "tests/talk/peer/within.h"

static void *
begin(struct server *sv)
{
	sqlite3 *db = log_open(sv->db);

	log_run(db, "BEGIN IMMEDIATE");
	return db;
}

static void
add(void *db, const struct row *row)
{
	sqlite_insert(db, row);
}

/* Closed in a transaction it is as the kernel would leave it. */
static void
end(void *db, bool commit)
{
	if (commit)
		log_run(db, "COMMIT");
	log_close(db);
}

static struct ran
tool(struct server *sv, const char *topic, const char *data)
{
	const char *program = sv->program;
	struct ran r;

	sv->program = "/usr/bin/sqlite3";
	r = run_with(sv, NULL, sv->db,
	    text("INSERT INTO events(topic, data) VALUES('%s', '%s')", topic,
		data),
	    NULL);
	sv->program = program;
	return r;
}

static char *
column_of(sqlite3_stmt *st, int i)
{
	const unsigned char *s = sqlite3_column_text(st, i);

	return s == NULL ? NULL : text("%s", (const char *)s);
}

static struct logged *
all_of(struct server *sv, size_t *n)
{
	size_t most = (size_t)log_count(sv);
	struct logged *all = keep((most + 1) * sizeof(*all));
	sqlite3 *db = log_open(sv->db);
	sqlite3_stmt *st = sqlite_prepared(db,
	    "SELECT id, topic, event, data, uid, time FROM events "
	    "ORDER BY id");

	for (*n = 0; *n < most && sqlite3_step(st) == SQLITE_ROW; (*n)++)
		all[*n] = (struct logged){column_of(st, 0), column_of(st, 1),
		    column_of(st, 2), column_of(st, 3), column_of(st, 4),
		    sqlite3_column_int64(st, 5)};
	sqlite3_finalize(st);
	log_close(db);
	return all;
}

const struct log_hand log_sqlite_hand = {
    .begin = begin,
    .add = add,
    .end = end,
    .tool = tool,
    .all = all_of,
};
