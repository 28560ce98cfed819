/*
 * news.c - hearing of new entries and revocations.
 *
 * One command waits at Redis for either.  The state of the log comes with its
 * answer; it tells whether this is our log and whether anything was lost
 * between the last news and this.  Nothing wakes the command when the stream
 * is deleted or flushed, so it waits for a bounded time.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/clock.h"
#include "store/redis/redis.h"

enum {
	BLOCK_MS = 1000, /* when there is no sweep */
	BLOCK_MIN_MS = 50,
	BLOCK_MAX_MS = 5000,
	ANSWER_BYTES = 8 * 1024 * 1024 /* that are taken in any case */
};

static void
forget_heard(struct redis *rs)
{
	if (rs->heard != NULL)
		freeReplyObject(rs->heard);
	rs->heard = NULL;
}

void
redis_news_close(struct redis *rs)
{
	redis_page_free(&rs->tail);
	forget_heard(rs);
}

void
redis_bad(struct redis *rs, const char *why)
{
	store_set_bad(&rs->base);
	rs->base.size.known = false;
	store_set_why(
	    &rs->base, "%s: %.150s; trying again", rs->url->shown, why);
}

/* --- asking for news ---------------------------------------------------- */

/* A random part of it, so that many processes do not ask at one moment. */
static unsigned
block_ms(const struct redis *rs)
{
	unsigned ms = rs->poll_ms == 0 ? BLOCK_MS : rs->poll_ms;

	if (ms < BLOCK_MIN_MS)
		ms = BLOCK_MIN_MS;
	if (ms > BLOCK_MAX_MS)
		ms = BLOCK_MAX_MS;
	return ms - (unsigned)random() % (ms / 4);
}

static bool
put_wait(struct redis *rs)
{
	char known[STORE_ID_SIZE], revoked[STORE_ID_SIZE], rows[24], ms[24];
	char *const *key = rs->url->key;
	const char *argv[] = {"XREAD", "COUNT", rows, "BLOCK", ms, "STREAMS",
	    key[KEY_EVENTS], key[KEY_REVOKED], known, revoked};

	redis_id_print(rs->known, known);
	redis_id_print(rs->revoked_known, revoked);
	snprintf(rows, sizeof(rows), "%zu", rs->rows);
	rs->waits_ms = clock_steady_ms();
	rs->block_ms = block_ms(rs);
	snprintf(ms, sizeof(ms), "%u", rs->block_ms);
	return redis_link_put(&rs->news, 10, argv, NULL);
}

/* Asks for the newest entry from before we last saw our own log. */
static bool
put_place(struct redis *rs)
{
	const char *argv[REDIS_HEAD + 1];
	char ms[24];

	redis_head(argv, rs->url, "EVAL", redis_script_time);
	argv[REDIS_HEAD] = ms;
	snprintf(ms, sizeof(ms), "%lld", (long long)rs->ok_ms);
	return redis_link_put(&rs->news, REDIS_HEAD + 1, argv, NULL);
}

/*
 * On a new connection only the state is asked for, because what to wait for
 * depends on whether this is still our log.
 */
void
redis_news_ask(struct redis *rs)
{
	struct redis_link *l = &rs->news;

	if (l->phase != LINK_UP || rs->waiting)
		return;
	rs->looking = !rs->replaced &&
		      (rs->session != l->session || rs->base.log_id[0] == '\0');
	rs->session = l->session;
	rs->floor = rs->newest;
	rs->asked_mark = rs->mark;
	rs->asked_rows = rs->rows;
	if ((!rs->looking && !(rs->replaced ? put_place(rs) : put_wait(rs))) ||
	    !redis_put_state(rs, l, rs->mark))
		return;
	l->deadline_ms = clock_steady_ms() + BLOCK_MAX_MS + REDIS_SILENT_MS;
	rs->waiting = true;
	redis_link_send(
	    l); /* else an answer that comes at once does not wake us */
}

/* --- what came ---------------------------------------------------------- */

/* The entries of one stream in the reply to XREAD, or NULL. */
static redisReply *
of_stream(const redisReply *r, const char *key)
{
	const redisReply *s;
	size_t i;

	for (i = 0; r->type == REDIS_REPLY_ARRAY && i < r->elements; i++) {
		s = r->element[i];
		if (strcmp(s->element[0]->str, key) == 0 &&
		    s->element[1]->elements > 0)
			return s->element[1];
	}
	return NULL;
}

static void
last_id(const redisReply *entries, struct store_id *id)
{
	redis_id(entries->element[entries->elements - 1]->element[0], id);
}

/* A stream's name, and the entries that came after what was known. */
static bool
is_news(const struct redis *rs, const redisReply *r)
{
	struct store_id after = rs->known;

	if (r->type != REDIS_REPLY_ARRAY || r->elements != 2 ||
	    r->element[0]->type != REDIS_REPLY_STRING)
		return false;
	if (strcmp(r->element[0]->str, rs->url->key[KEY_EVENTS]) != 0)
		after = rs->revoked_known;
	return redis_entries(r->element[1], after, rs->asked_rows);
}

/* Has it the form of what was waited for? */
static bool
is_heard(const struct redis *rs, const redisReply *r)
{
	struct store_id id;
	size_t i;

	if (r->type == REDIS_REPLY_NIL)
		return true;
	if (rs->replaced)
		return redis_id(r, &id);
	if (r->type != REDIS_REPLY_ARRAY || r->elements > 2)
		return false;
	for (i = 0; i < r->elements; i++)
		if (!is_news(rs, r->element[i]))
			return false;
	return true;
}

/*
 * Did Redis answer at once instead of waiting?  Then we would ask it again and
 * again without a pause.
 */
static bool
came_early(const struct redis *rs, const redisReply *r)
{
	return r->type == REDIS_REPLY_NIL && !rs->replaced &&
	       clock_steady_ms() - rs->waits_ms < rs->block_ms / 2;
}

/*
 * Do n entries follow what was known without a hole?  They do while nothing
 * after it was removed, and else if as many were added as came.
 */
static bool
joins_known(const struct redis *rs, const struct redis_state *st, size_t n,
    struct store_id upto)
{
	if (redis_state_whole(st, rs->known))
		return true;
	return rs->counted && st->added >= 0 &&
	       store_id_cmp(st->last, upto) == 0 &&
	       st->added - rs->added == (int64_t)n;
}

/* True: there are new entries, or some that came are gone already. */
static bool
take_entries(struct redis *rs, const struct redis_state *st)
{
	redisReply *entries = of_stream(rs->heard, rs->url->key[KEY_EVENTS]);
	struct redis_page tail = {.after = rs->known, .state = *st};
	struct store_event last;
	bool joined;

	if (entries == NULL)
		return false;
	last_id(entries, &tail.upto);
	joined = joins_known(rs, st, entries->elements, tail.upto);
	redis_pace(rs, entries, rs->asked_rows);
	redis_page_free(&rs->tail);
	if (joined) {
		tail.owner = rs->heard;
		tail.entries = entries;
		rs->tail = tail;
	}
	rs->counted = store_id_cmp(st->last, tail.upto) == 0 && st->added >= 0;
	rs->added = st->added;
	rs->known_before = rs->known;
	rs->known = rs->mark = tail.upto;
	rs->mark_ms =
	    redis_event(entries->element[entries->elements - 1], 0, &last)
		? last.time_ms
		: 0;
	if (store_id_cmp(rs->newest, rs->known) < 0)
		rs->newest = rs->known;
	redis_newest_entries(rs, entries, rs->known_before);
	return true;
}

/* True: there are new revocations. */
static bool
take_revocations(struct redis *rs)
{
	redisReply *r = of_stream(rs->heard, rs->url->key[KEY_REVOKED]);

	if (r == NULL)
		return false;
	last_id(r, &rs->revoked_known);
	if (store_id_cmp(rs->base.revoked, rs->revoked_known) < 0)
		rs->base.revoked = rs->revoked_known;
	return true;
}

/*
 * It is another log, or ours gone back in time: all that we know is void.  Its
 * events are new from the place on that was asked for.  If we had no log
 * before, none of its events is new.
 */
static enum store_news
adopt_log(struct redis *rs, const struct redis_state *st, struct store_id *id)
{
	*id = st->last;
	if (rs->base.log_id[0] != '\0' && !redis_id(rs->heard, id))
		*id = redis_state_floor(st);
	redis_ask_forget(rs);
	redis_page_free(&rs->tail);
	redis_state_adopt(rs, st);
	rs->replaced = rs->passing = false;
	rs->base.answered = true;
	store_set_seen(&rs->base);
	return STORE_REPLACED;
}

/*
 * The news was too large to be taken.  All of it counts as known, and the
 * streams that want it read it in pages, without the large texts.
 */
static enum store_news
pass_over(struct redis *rs, const struct redis_state *st)
{
	rs->passing = false;
	redis_ask_less(rs);
	redis_page_free(&rs->tail);
	rs->known_before = rs->known;
	rs->known = rs->told = st->last;
	rs->mark = st->entry;
	rs->mark_ms = 0;
	rs->revoked_known = st->revoked;
	rs->counted = st->added >= 0;
	rs->added = st->added;
	redis_newest_begin(rs);
	return STORE_LOOK;
}

/*
 * News may be behind other answers.  Up to where has it told all there is?  An
 * entry may be gone again, so it is not enough to wait for the newest id.
 */
static void
note_told(struct redis *rs, const struct redis_state *st)
{
	struct store_id told = rs->known;

	if (store_id_cmp(st->entry, told) <= 0 || st->length == 0)
		told = st->last;
	if (store_id_cmp(rs->told, told) < 0)
		rs->told = told;
}

/* It is our log: is there anything in it that we did not know? */
static enum store_news
take_same(struct redis *rs, const struct redis_state *st)
{
	bool look = false;

	store_set_seen(&rs->base);
	redis_state_note(rs, st, rs->asked_mark);
	if (rs->passing)
		return pass_over(rs, st);
	if (rs->heard == NULL) {
		note_told(rs, st);
		return STORE_QUIET;
	}
	look = take_entries(rs, st);
	note_told(rs, st);
	look |= take_revocations(rs);
	if (rs->heard == rs->tail.owner)
		rs->heard = NULL;
	return look ? STORE_LOOK : STORE_QUIET;
}

/* The state came; before it came what was waited for, if it came at all. */
static enum store_news
take_state(struct redis *rs, const struct redis_state *st, struct store_id *id)
{
	enum redis_verdict v =
	    redis_state_judge(rs, st, rs->floor, rs->asked_mark);

	if (v == LOG_NONE) {
		/* Without a stream Redis answers at once: asking on would not
		 * end. */
		redis_link_fail(&rs->news, "%s", redis_no_log);
		return STORE_QUIET;
	}
	if (rs->replaced || (v == LOG_OTHER && rs->base.log_id[0] == '\0'))
		return adopt_log(rs, st, id);
	if (v == LOG_SAME)
		return take_same(rs, st);
	rs->replaced = true; /* and from where on is it new? */
	return STORE_QUIET;
}

static enum store_news
take_replies(struct redis *rs, struct store_id *id)
{
	enum store_news news = STORE_QUIET;
	struct redis_state st;
	redisReply *r;

	while (news == STORE_QUIET && rs->waiting &&
	       (r = redis_link_get(&rs->news)) != NULL) {
		if (!rs->looking && rs->heard == NULL &&
		    r->type != REDIS_REPLY_ERROR && is_heard(rs, r)) {
			rs->heard = r;
			rs->early = came_early(rs, r);
			continue;
		}
		if ((!rs->looking && rs->heard == NULL) ||
		    !redis_state_read(r, &st)) {
			redis_state_reject(&rs->news, r);
			freeReplyObject(r);
			break;
		}
		freeReplyObject(r);
		rs->waiting = false;
		news = take_state(rs, &st, id);
		forget_heard(rs);
		if (rs->early && news == STORE_QUIET)
			redis_link_fail(&rs->news, "it does not wait for news");
		redis_news_ask(rs);
	}
	return news;
}

/* A link that went down while it waited. */
static void
note_link(struct redis *rs)
{
	if (rs->news.phase == LINK_UP && rs->session == rs->news.session)
		return;
	rs->waiting = rs->early = false;
	forget_heard(rs);
	if (rs->news.phase != LINK_DOWN)
		return;
	rs->passing = rs->passing || rs->news.kind == REDIS_TOO_LARGE;
	redis_bad(rs, rs->news.why);
	if (rs->news.kind == REDIS_NEWER)
		store_set_newer(&rs->base);
}

/* An answer has a page of entries, of which the last may be a long one. */
static void
set_bounds(struct redis *rs)
{
	uint64_t most = rs->base.event_max;

	if (most == 0 || most > REDIS_UNBOUNDED)
		most = REDIS_UNBOUNDED;
	rs->news.most = rs->link.most =
	    ANSWER_BYTES + (most > ANSWER_BYTES / 2 ? 2 * most : 0);
}

enum store_news
redis_news(struct store *store, struct store_id *id)
{
	struct redis *rs = redis_of(store);
	enum store_news news;
	uint64_t ticks;

	if (rs->mode != STORE_READ)
		return STORE_QUIET;
	while (read(rs->timer_fd, &ticks, sizeof(ticks)) > 0)
		continue;
	rs->served.is = rs->base.answered = false;
	set_bounds(rs);
	redis_link_turn(&rs->news);
	note_link(rs);
	redis_news_ask(rs);
	news = take_replies(rs, id);
	note_link(rs);
	if (redis_ask_turn(rs) == LOG_OTHER && news != STORE_REPLACED &&
	    !rs->replaced) {
		/* What the other link waits for will not come. */
		rs->replaced = true;
		redis_link_close(&rs->news);
		note_link(rs);
	}
	redis_arm(rs);
	return news;
}
