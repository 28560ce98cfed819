/*
 * follow.c - what is new in a SQLite log: a commit, or another log in its
 * place.
 */
#include "store/sqlite/sqlite.h"

enum {
	HINT_LOOKS = 8 /* that follow a hint at once */
};

/* Takes the log that is there now for ours; *id: from there on it is new. */
static enum store_news
take_over_file(struct sqlite *sq, struct store_id *id)
{
	int64_t ok_ms = sq->self.ok_ms;

	if (sqlite_enter_any(sq) != STORE_OK)
		return STORE_QUIET;
	if (sq->base.log_id[0] == '\0') { /* half made: not yet a log */
		sq->self.ok_ms = ok_ms;
		store_set_why(&sq->base, "%s: not an event log", sq->path);
		sqlite_end(sq);
		return STORE_QUIET;
	}
	*id = (struct store_id){0, sqlite_seek_time(sq, ok_ms)};
	sqlite_end(sq);
	sq->replaced = false;
	return STORE_REPLACED;
}

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
	return false;
}

static enum store_news
find_news(struct sqlite *sq, const struct news_seen *sn, struct store_id *id)
{
	if ((sn->moved || sq->db == NULL) &&
	    (sq->db == NULL || !identity_same_file(sq)) && !sqlite_reattach(sq))
		return STORE_QUIET;
	if (!sq->replaced && see_commit(sq, sn->hint)) {
		sq->news_version = sq->self.version;
		sqlite_leave(sq);
		return STORE_LOOK;
	}
	return sq->replaced ? take_over_file(sq, id) : STORE_QUIET;
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
	sqlite_news_next(&sq->news, sn.hint, news == STORE_LOOK);
	return news;
}

void
sqlite_set_poll(struct store *st, unsigned ms)
{
	struct sqlite *sq = sqlite_of(st);

	sq->news.poll_ms = ms;
	sqlite_news_again(&sq->news);
}
