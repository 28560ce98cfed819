/*
 * follow.c - what is new in a SQLite log: a commit, or another log in its
 * place.
 *
 * The files may be moved, removed, linked and written over in any order while
 * we read.  After each such step we ask whether what we have open is what has
 * the names (files.h).  If it is not, we let go of all of it, wait until the
 * files are at rest, and open them again.  We never make or keep an index for a
 * -wal that is about to be removed: publishers would fail by it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/sqlite/sqlite.h"

enum {
	HINT_LOOKS = 8, /* that follow a hint at once */
	AGAIN_MS = 200, /* from one attempt to open a broken log to the next */
	TROUBLE_MS = 250, /* from one look to the next while there is trouble */
	UNSEEN_MIN_MS = 20, /* of a pause in which others let go, too */
	UNSEEN_MAX_MS = 120,
	UNSEEN_AGAIN_MS = 5000, /* after FOLLOW_TRIES */
	OTHER_MS =
	    100, /* that its files are at rest before it is another log */
	AHEAD_MS = 1000 /* times may differ so much */
};

/* --- another log -------------------------------------------------------- */

/*
 * The place from which on the rows of this log are new to those who read the
 * one before it.  If it is another copy of a log that was read, its new rows
 * are those after the newest row that both have.  Where the marks do not tell,
 * they are those that were written since that copy was last seen, and in a log
 * that was never read, since the log before was.  A time that lies ahead tells
 * nothing.
 */
static int64_t
place_of_new(struct sqlite *sq, const struct identity_read *rd)
{
	int64_t place;

	if (rd->seen_ms == 0) /* no log was read before */
		return rd->high;
	if (rd->low == rd->high)
		return rd->low;
	place = sqlite_seek_new(sq, rd->seen_ms, clock_wall_ms() + AHEAD_MS);
	if (place < rd->low)
		return rd->low;
	return place < rd->high ? place : rd->high;
}

/* Takes the log that is there now for ours; *id: from there on it is new. */
static enum store_news
take_over_file(struct sqlite *sq, struct store_id *id)
{
	struct identity_read rd;
	int64_t place;
	bool all = false;

	if (sqlite_enter_any(sq, &rd) != STORE_OK)
		return STORE_QUIET;
	sq->self.version = 0; /* what is kept of it is of the log before */
	if (rd.log_id[0] == '\0') { /* half made: not yet a log */
		store_set_bad(&sq->base);
		store_set_why(&sq->base, "%s: not an event log", sq->path);
	} else {
		place = place_of_new(sq, &rd);
		identity_read_place(sq, &rd, place);
		all = !sqlite_is_torn(sq, true) && sq->failed == SQLITE_OK;
		if (!all)
			sqlite_trouble(sq);
	}
	if (all) {
		identity_take(sq, &rd);
		*id = (struct store_id){0, (uint64_t)place};
		sq->replaced = sq->follow.other = false;
	}
	sqlite_end(sq);
	return all ? STORE_REPLACED : STORE_QUIET;
}

/* --- a commit ----------------------------------------------------------- */

/*
 * Has there been a commit since news last told of one?  After a hint the
 * commit is most often a few microseconds away, less than a timer takes to
 * wake us.  So a few looks follow each other at once.
 */
static bool
see_commit(struct sqlite *sq, bool hint)
{
	int tries = hint ? HINT_LOOKS : 1;

	for (; tries > 0; tries--) {
		if (sqlite_enter(sq) != STORE_OK)
			return false;
		if (sq->self.version != sq->news_version)
			return true;
		sqlite_end(sq);
	}
	sqlite_seen(sq);
	return false;
}

/* --- the files ---------------------------------------------------------- */

static unsigned
random_ms(unsigned from, unsigned to)
{
	return from + (unsigned)random() % (to - from);
}

/*
 * A commit is in the -wal, and the index of it does not know.  If nobody but us
 * has the index open it is made anew as we open it, and has the commit.  The
 * others of us do the same at the same time, so the pause is a random one.
 */
static void
go_for_unseen(struct sqlite *sq)
{
	struct follow *f = &sq->follow;
	int64_t since = clock_steady_ms() - f->attached_ms;

	if (f->unseen < FOLLOW_TRIES)
		f->unseen++;
	if (f->unseen < FOLLOW_TRIES || since > UNSEEN_AGAIN_MS)
		sqlite_let_go(sq, random_ms(UNSEEN_MIN_MS, UNSEEN_MAX_MS));
	if (f->unseen < FOLLOW_TRIES)
		return;
	store_set_broken(&sq->base);
	store_set_why(&sq->base,
	    "%s: there are commits that its index (-shm) does not show: a "
	    "publisher has files open that were removed: restart the "
	    "publishers",
	    sq->path);
}

/* What was unseen is seen, for the files were opened again. */
static void
end_unseen(struct sqlite *sq)
{
	struct follow *f = &sq->follow;

	if (f->unseen == 0)
		return;
	f->told_unseen =
	    f->told_unseen || f->unseen == FOLLOW_TRIES ||
	    store_warn(&sq->base,
		"%s: there was a commit that its index (-shm) did not show: a "
		"publisher was killed, or has files open that were removed: "
		"restart the publishers",
		sq->path);
	f->unseen = 0;
}

/* Nothing is new.  Is nothing new in the files? */
static void
look_at_files(struct sqlite *sq)
{
	struct follow *f = &sq->follow;

	f->looked_ms = clock_steady_ms();
	switch (files_look(&f->files, sq->db)) {
	case FILES_BUSY:
		break;
	case FILES_SEEN:
		end_unseen(sq);
		break;
	case FILES_UNSEEN:
		go_for_unseen(sq);
		break;
	case FILES_OVERWRITTEN:
		sqlite_let_go(sq, FOLLOW_SETTLE_MS);
	}
}

/* The log was let go.  True: it is open again. */
static bool
come_back(struct sqlite *sq, const struct news_seen *sn)
{
	struct follow *f = &sq->follow;
	int64_t now = clock_steady_ms();

	/* Publishers that go on to write are no reason to wait for them. */
	if (sn->hint && (sn->moved || f->unseen == 0) &&
	    f->settle_after_ms > 0 && now < f->settle_max_ms)
		f->settle_ms = now + f->settle_after_ms;
	if (now < f->settle_ms)
		return false;
	sqlite_news_follow(&sq->news, sq->path);
	if (!sqlite_reattach(sq))
		return false;
	if (f->unseen > 0 && f->unseen < FOLLOW_TRIES)
		look_at_files(sq);
	return sq->db != NULL;
}

/* Is the log open, and are its files those that publishers use? */
static bool
have_files(struct sqlite *sq, const struct news_seen *sn)
{
	struct follow *f = &sq->follow;

	if (sq->db != NULL && f->torn)
		sqlite_let_go(sq, FOLLOW_SETTLE_MS);
	if (sq->db != NULL && f->broken &&
	    clock_steady_ms() - f->attached_ms >= AGAIN_MS)
		return come_back(sq, sn);
	if (sq->db != NULL && !files_as_noted(&f->files, sq->db))
		return come_back(sq, sn);
	if (sq->db != NULL && sn->moved) {
		if (!sn->hint)
			sqlite_news_follow(&sq->news, sq->path);
		if (!files_same(&f->files, sq->db, sq->path))
			sqlite_let_go(sq, FOLLOW_SETTLE_MS);
	}
	return sq->db != NULL || come_back(sq, sn);
}

/* --- news --------------------------------------------------------------- */

/*
 * Another log is there.  It may be one that is only half there, by cp, and all
 * of it the log that we know: so the files are looked at when they are at rest.
 */
static bool
is_at_rest(struct sqlite *sq)
{
	struct follow *f = &sq->follow;

	if (f->other)
		return true;
	f->other = true;
	sq->replaced = false;
	sqlite_let_go(sq, OTHER_MS);
	return false;
}

static enum store_news
find_news(struct sqlite *sq, const struct news_seen *sn, struct store_id *id)
{
	struct follow *f = &sq->follow;

	if (!have_files(sq, sn))
		return STORE_QUIET;
	if (!sq->replaced && see_commit(sq, sn->hint)) {
		f->other = false;
		sq->news_version = sq->self.version;
		sqlite_leave(sq);
		return STORE_LOOK;
	}
	if (sq->replaced)
		return is_at_rest(sq) ? take_over_file(sq, id) : STORE_QUIET;
	if (sq->db != NULL &&
	    (sn->late || clock_steady_ms() - sq->follow.looked_ms > TROUBLE_MS))
		look_at_files(sq);
	return STORE_QUIET;
}

/* What makes events late or publishers wait, though all can be read. */
static void
tell_odd(struct sqlite *sq)
{
	struct follow *f = &sq->follow;
	int e = sq->news.deaf;

	if (e == 0)
		f->told_deaf =
		    f->told_deaf &&
		    !store_warn(&sq->base, "%s: inotify works again", sq->path);
	else if (!f->told_deaf && (e == EMFILE || e == ENOSPC || e == ENOMEM))
		f->told_deaf = store_warn(&sq->base,
		    "%s: no inotify: %s: events come up to %d ms late: raise "
		    "fs.inotify.max_user_%s; trying again",
		    sq->path, strerror(e), NEWS_DEAF_MS,
		    e == ENOSPC ? "watches" : "instances");
	if (sq->db == NULL)
		return;
	if (files_have_wal(&f->files, sq->db))
		f->told_mode = false;
	else if (!f->told_mode)
		f->told_mode = store_warn(&sq->base,
		    "%s: its journal mode is not WAL: readers and publishers "
		    "hold each other up: largesse init changes it",
		    sq->path);
}

/* When to look again, if nothing wakes us before. */
static unsigned
look_within(const struct sqlite *sq)
{
	int64_t left = sq->follow.settle_ms - clock_steady_ms();

	if (sq->db == NULL && left >= 0 && left < TROUBLE_MS)
		return (unsigned)left + 1;
	return sq->base.bad_since_ms != 0 ? TROUBLE_MS : 0;
}

enum store_news
sqlite_news(struct store *st, struct store_id *id)
{
	struct sqlite *sq = sqlite_of(st);
	struct news_seen sn = sqlite_news_take(&sq->news);
	enum store_news news;

	if (!sn.look)
		return STORE_QUIET;
	news = find_news(sq, &sn, id);
	if (sn.moved)
		tell_odd(sq);
	sqlite_news_next(&sq->news, sn.hint, news == STORE_LOOK);
	sqlite_news_within(&sq->news, look_within(sq));
	if (!sq->hold) /* else sqlite_wait does it */
		sqlite_news_arm(&sq->news);
	return news;
}

void
sqlite_set_poll(struct store *st, unsigned ms)
{
	struct sqlite *sq = sqlite_of(st);

	sq->news.poll_ms = ms;
	sqlite_news_again(&sq->news);
}
