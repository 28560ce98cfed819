/*
 * sqlite_harm.c - what can go wrong with a log in a file.  The file is moved,
 * restored from a copy, or locked by somebody else; rights are missing.
 */
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/talk/peer/peer.h"
#include "tests/talk/peer/within.h"

static sqlite3 *holder; /* closed with all others when a claim ends */

static void
lose(struct server *sv)
{
	check(rename(sv->db, text("%s.away", sv->db)) == 0);
}

static void
find(struct server *sv)
{
	check(rename(text("%s.away", sv->db), sv->db) == 0);
}

static void
remove_beside(struct server *sv)
{
	unlink(text("%s-wal", sv->db));
	unlink(text("%s-shm", sv->db));
}

static void
remove_all(struct server *sv)
{
	check(unlink(sv->db) == 0);
	remove_beside(sv);
}

/* What has no log beside it is whole in its own file. */
static void
replace(struct server *sv, struct server *by)
{
	sql(by, "PRAGMA wal_checkpoint(TRUNCATE)");
	remove_beside(by);
	remove_beside(sv);
	check(rename(by->db, sv->db) == 0);
}

static void
copy(struct server *sv, struct server *to)
{
	sql(sv, "VACUUM INTO '%s'", to->db);
	sql(to, "PRAGMA journal_mode = WAL");
}

/* Over the pages of sv's log, as `.restore` does. */
static void
restore(struct server *sv, struct server *from)
{
	sqlite3 *source = log_open(from->db), *target = log_open(sv->db);
	sqlite3_backup *b = sqlite3_backup_init(target, "main", source, "main");
	int rc;

	check(b != NULL);
	while ((rc = sqlite3_backup_step(b, -1)) == SQLITE_BUSY ||
	       rc == SQLITE_LOCKED)
		;
	check(rc == SQLITE_DONE);
	sqlite3_backup_finish(b);
	log_close(source);
	log_close(target);
}

/* As the table is that was dropped and made again. */
static void
rewind_ids(struct server *sv, const struct row *row)
{
	sqlite3 *db = log_open(sv->db);

	log_run(db, "BEGIN");
	log_run(db, "DELETE FROM events");
	log_run(db, "DELETE FROM sqlite_sequence WHERE name = 'events'");
	sqlite_insert(db, row);
	log_run(db, "COMMIT");
	log_close(db);
}

static void
set_schema(struct server *sv, int number)
{
	sql(sv, "UPDATE largesse SET value = %d WHERE key = 'schema'", number);
}

static void
only_read(struct server *sv)
{
	check(chmod(sv->db, 0444) == 0);
	become_nobody(sv);
}

static const char *
refuses(struct server *sv)
{
	sql(sv, "CREATE TRIGGER refuses AFTER INSERT ON events"
		" WHEN NEW.data = 'bad' BEGIN"
		" SELECT RAISE(ABORT, 'no such thing'); END");
	return "{\"data\":\"bad\"}";
}

static void
hold(struct server *sv)
{
	holder = log_open(sv->db);
	log_run(holder, "BEGIN IMMEDIATE");
}

static void
let_go(struct server *sv)
{
	(void)sv;
	log_close(holder);
}

/* locking_mode EXCLUSIVE is the one thing that shuts out readers of a WAL. */
static void
shut(struct server *sv)
{
	holder = log_open(sv->db);
	log_run(holder, "PRAGMA locking_mode = EXCLUSIVE");
	log_run(holder, "BEGIN IMMEDIATE");
	log_run(holder, "COMMIT");
}

const struct log_harm log_sqlite_harm = {
    .lose = lose,
    .find = find,
    .remove = remove_all,
    .replace = replace,
    .copy = copy,
    .restore = restore,
    .rewind = rewind_ids,
    .schema = set_schema,
    .only_read = only_read,
    .refuses = refuses,
    .hold = hold,
    .let_go = let_go,
    .shut = shut,
    .reopen = let_go,
};
