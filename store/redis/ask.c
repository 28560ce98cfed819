/*
 * ask.c - questions to Redis, and their answers for a moment.
 *
 * Nobody waits here for an answer.  A question is noted, goes out with the
 * next turn (answer.c), and who asked asks again when the answer has come.  So
 * all that is asked in one turn is asked once.  An answer that speaks of a
 * moment is good until the next turn.  A page of entries stays true, and is
 * kept for others who come by the same place.
 *
 * Anybody may ask for an old place in the log or for a name that is not there.
 * Such questions are cold.  A few of them are at Redis at one time, in the
 * order in which they were asked, so that neither Redis's other clients nor
 * those who ask for news have to wait for them.
 */
#include <sys/timerfd.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/clock.h"
#include "store/redis/words.h"

enum {
	PLACE_MS = 1000 /* after that the place may be another */
};

void
redis_ask_free(struct redis *rs, struct redis_ask *a)
{
	rs->ask_bytes -= a->bytes;
	redis_page_free(&a->page);
	free(a->cmd);
	memset(a, 0, sizeof(*a));
}

/* Is the answer a place, or a step on the way to one? */
static bool
is_place(enum ask_kind kind)
{
	return kind == ASK_ENTRY || kind == ASK_PLACE || kind == ASK_SCAN ||
	       kind == ASK_CUT;
}

/* Does the answer stay good while nothing else is known? */
static bool
is_kept(const struct redis_ask *a, int64_t now)
{
	return a->kind == ASK_PAGE ||
	       ((is_place(a->kind) || a->kind == ASK_SEARCH) && !a->used &&
		   now - a->asked_ms <= PLACE_MS);
}

/*
 * A request may have to ask for two things, one after the other: what was
 * revoked, and then the place where it starts.  Each answer comes in a turn of
 * its own, and the request needs both in the same turn.  So the place is kept
 * until somebody has taken it; else it would be gone again whenever the other
 * answer is there.
 */
void
redis_ask_expire(struct redis *rs)
{
	int64_t now = clock_steady_ms();
	struct redis_ask *a;

	for (a = rs->ask; a < rs->ask + REDIS_ASKS; a++)
		if (a->stage == ASK_DONE && !is_kept(a, now))
			redis_ask_free(rs, a);
}

void
redis_ask_forget(struct redis *rs)
{
	size_t i;

	redis_search_forget(rs);
	redis_entries_forget(rs);
	redis_ends_forget(rs);
	for (i = 0; i < REDIS_ASKS; i++)
		if (rs->ask[i].stage == ASK_SENT)
			rs->ask[i].stale = true;
		else if (rs->ask[i].stage != ASK_FREE)
			redis_ask_free(rs, &rs->ask[i]);
}

void
redis_ask_less(struct redis *rs)
{
	size_t i;

	rs->careful = rs->base.answered = true;
	for (i = 0; i < REDIS_ASKS; i++)
		if ((rs->ask[i].kind == ASK_PAGE ||
			rs->ask[i].kind == ASK_REVOKED) &&
		    rs->ask[i].stage == ASK_QUEUED)
			redis_ask_free(rs, &rs->ask[i]);
}

/* --- the timer ---------------------------------------------------------- */

bool
redis_ask_queued(const struct redis *rs)
{
	size_t i;

	for (i = 0; i < REDIS_ASKS; i++)
		if (rs->ask[i].stage == ASK_QUEUED)
			return true;
	return false;
}

static size_t
count_sent(const struct redis *rs, bool cold)
{
	size_t i, n = 0;

	for (i = 0; i < rs->nsent; i++)
		n += !cold || rs->ask[rs->sent[i]].cold;
	return n;
}

/*
 * Is a to be sent rather than b?  Whether a topic has ended is asked last: the
 * answer has to be as new as the place where a stream of it begins.
 */
static bool
is_first(const struct redis_ask *a, const struct redis_ask *b)
{
	if (b == NULL || (a->kind == ASK_ENDS) != (b->kind == ASK_ENDS))
		return b == NULL || b->kind == ASK_ENDS;
	if (a->cold != b->cold)
		return b->cold;
	return a->order < b->order;
}

struct redis_ask *
redis_ask_next(struct redis *rs)
{
	bool may_cold = count_sent(rs, true) < REDIS_FLIGHT_COLD;
	struct redis_ask *best = NULL, *a;

	if (count_sent(rs, false) >= REDIS_FLIGHT)
		return NULL;
	for (a = rs->ask; a < rs->ask + REDIS_ASKS; a++)
		if (a->stage == ASK_QUEUED && (may_cold || !a->cold) &&
		    is_first(a, best))
			best = a;
	return best;
}

/* When a turn is due though nothing comes; 0: never. */
static int64_t
ask_due(struct redis *rs)
{
	const struct redis_link *l = &rs->link;

	if (l->phase == LINK_UP && (l->more || redis_ask_next(rs) != NULL))
		return 1;
	if (l->phase == LINK_DOWN)
		return redis_ask_queued(rs) ? redis_link_due(l) : 0;
	if (l->phase != LINK_UP)
		return redis_link_due(l);
	return rs->ask_used_ms +
	       (rs->nsent > 0 ? REDIS_SILENT_MS : REDIS_IDLE_MS) + 1;
}

static int64_t
sooner(int64_t a, int64_t b)
{
	return a == 0 || (b != 0 && b < a) ? b : a;
}

void
redis_arm(struct redis *rs)
{
	int64_t at = sooner(redis_link_due(&rs->news), ask_due(rs));
	struct itimerspec when = {.it_value.tv_nsec = 0};

	if (rs->timer_fd == -1)
		return;
	when.it_value.tv_sec = at / 1000;
	when.it_value.tv_nsec = at % 1000 * 1000000;
	timerfd_settime(rs->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

/* --- asking ------------------------------------------------------------- */

static size_t
count_cold(const struct redis *rs)
{
	size_t i, n = 0;

	for (i = 0; i < REDIS_ASKS; i++)
		n += rs->ask[i].cold && (rs->ask[i].stage == ASK_QUEUED ||
					    rs->ask[i].stage == ASK_SENT);
	return n;
}

/*
 * A free entry of the table, or that of the answer wanted longest ago.  NULL:
 * there is none for such a question now.  Who asked is told when others have
 * been answered.
 */
static struct redis_ask *
new_ask(struct redis *rs, enum ask_kind kind, bool cold)
{
	struct redis_ask *best = NULL, *a;
	size_t i;

	if (cold && count_cold(rs) >= REDIS_COLD)
		return NULL;
	for (i = 0; i < REDIS_ASKS; i++) {
		a = &rs->ask[i];
		if (a->stage == ASK_FREE)
			break;
		if (a->stage == ASK_DONE &&
		    (best == NULL || a->asked_ms < best->asked_ms))
			best = a;
	}
	if (i < REDIS_ASKS)
		best = &rs->ask[i];
	else if (best == NULL)
		return NULL;
	else
		redis_ask_free(rs, best);
	best->kind = kind;
	best->cold = cold;
	best->order = rs->asked++;
	best->stage = ASK_QUEUED;
	best->asked_ms = clock_steady_ms();
	redis_arm(rs);
	return best;
}

/*
 * An answer of the moment, if there is one.  It is good for all who ask while
 * the log is held, and else for the first.
 */
static const struct redis_ask *
take_moment(struct redis *rs, struct redis_ask *a)
{
	a->asked_ms = clock_steady_ms();
	if (a->stage == ASK_DONE && a->used && !rs->held) {
		redis_ask_free(rs, a);
		return NULL;
	}
	a->used = a->stage == ASK_DONE;
	return a->used ? a : NULL;
}

/*
 * Can this question, which somebody has asked, be the one that is asked now?
 * If its answer is about the present state and it was sent already, the answer
 * would be too old.  The answer of a search or about a place belongs to whoever
 * asked first and asks again.
 */
static bool
is_open(const struct redis_ask *a, enum ask_kind kind)
{
	return a->kind == kind && !a->stale && a->stage != ASK_FREE &&
	       (a->stage != ASK_SENT || is_place(kind) || kind == ASK_SEARCH);
}

/* Of several answers the last says most; the others are of no more use. */
static struct redis_ask *
newest_state(struct redis *rs)
{
	struct redis_ask *best = NULL, *a;

	for (a = rs->ask; a < rs->ask + REDIS_ASKS; a++) {
		if (!is_open(a, ASK_STATE))
			continue;
		if (best == NULL || best->order < a->order) {
			if (best != NULL && best->stage == ASK_DONE)
				redis_ask_free(rs, best);
			best = a;
		} else if (a->stage == ASK_DONE)
			redis_ask_free(rs, a);
	}
	return best;
}

/* While the log is held, whatever came in this turn has the state with it. */
const struct redis_ask *
redis_ask_state(struct redis *rs)
{
	struct redis_ask *a;

	for (a = rs->ask; rs->held && a < rs->ask + REDIS_ASKS; a++)
		if (a->stage == ASK_DONE && a->turn == rs->turn && !a->stale)
			return a;
	if ((a = newest_state(rs)) != NULL) {
		const struct redis_ask *done = take_moment(rs, a);

		if (done != NULL || a->stage == ASK_QUEUED)
			return done;
	}
	new_ask(rs, ASK_STATE, false);
	return NULL;
}

/* May something that comes after this place be in the page? */
static bool
page_has(const struct redis_page *p, struct store_id after)
{
	return store_id_cmp(p->after, after) <= 0 &&
	       store_id_cmp(after, p->upto) < 0;
}

bool
redis_ask_set(struct redis_ask *a, struct redis_words *w)
{
	int len = redisFormatCommandArgv(&a->cmd, w->argc, w->argv, w->lens);

	redis_words_free(w);
	a->cmd_len = len < 0 ? 0 : (size_t)len;
	return len >= 0;
}

/* The same entries, but of those that are too long only what is short. */
static bool
set_measured(struct redis *rs, struct redis_ask *a, enum redis_key key,
    const char *from, const char *rows)
{
	uint64_t most = rs->base.event_max;
	struct redis_words w;

	if (most == 0 || most > REDIS_UNBOUNDED)
		most = REDIS_UNBOUNDED;
	if (!redis_words_begin(
		&w, rs, "EVAL", redis_script_range, 5, 3 * REDIS_NUMBER_SIZE))
		return false;
	redis_words_number(&w, "%lld", (long long)key + 1);
	redis_words_add(&w, from, strlen(from));
	redis_words_add(&w, rows, strlen(rows));
	redis_words_number(&w, "%lld", (long long)most);
	redis_words_number(&w, "%lld", REDIS_PAGE_BYTES);
	a->measured = true;
	return redis_ask_set(a, &w);
}

/* Asks for the entries of a stream that come after an id. */
static bool
set_range(struct redis *rs, struct redis_ask *a, enum redis_key key,
    struct store_id after, size_t n)
{
	char from[STORE_ID_SIZE + 1] = "(", rows[24];
	const char *argv[] = {
	    "XRANGE", rs->url->key[key], from, "+", "COUNT", rows};
	int len;

	a->page.after = after;
	a->rows = n;
	redis_id_print(after, from + 1);
	snprintf(rows, sizeof(rows), "%zu", n);
	if (rs->careful)
		return set_measured(rs, a, key, from, rows);
	len = redisFormatCommandArgv(&a->cmd, 6, argv, NULL);
	a->cmd_len = len < 0 ? 0 : (size_t)len;
	return len >= 0;
}

static const struct redis_ask *
ask_range(struct redis *rs, enum ask_kind kind, struct store_id after,
    size_t rows, bool cold)
{
	struct redis_ask *a = new_ask(rs, kind, cold);

	if (a != NULL &&
	    !set_range(rs, a, kind == ASK_PAGE ? KEY_EVENTS : KEY_REVOKED,
		after, rows))
		redis_ask_free(rs, a);
	return NULL;
}

/* Whoever asks for what came after the last but one news is up to date. */
const struct redis_ask *
redis_ask_page(struct redis *rs, struct store_id after)
{
	struct redis_ask *a;

	for (a = rs->ask; a < rs->ask + REDIS_ASKS; a++) {
		if (a->kind != ASK_PAGE || a->stale)
			continue;
		if (a->stage == ASK_DONE
			? page_has(&a->page, after)
			: a->stage != ASK_FREE &&
			      store_id_cmp(a->page.after, after) == 0) {
			a->asked_ms = clock_steady_ms();
			return a->stage == ASK_DONE ? a : NULL;
		}
	}
	return ask_range(rs, ASK_PAGE, after, rs->rows,
	    store_id_cmp(after, rs->known_before) < 0);
}

const struct redis_ask *
redis_ask_revoked(struct redis *rs, struct store_id after, size_t rows)
{
	const struct redis_ask *done;
	struct redis_ask *a;

	for (a = rs->ask; a < rs->ask + REDIS_ASKS; a++)
		if (is_open(a, ASK_REVOKED) && a->rows == rows &&
		    store_id_cmp(a->page.after, after) == 0) {
			done = take_moment(rs, a);
			if (done != NULL || a->stage != ASK_FREE)
				return done;
		}
	return ask_range(rs, ASK_REVOKED, after, rows, false);
}

const struct redis_ask *
redis_ask_command(struct redis *rs, enum ask_kind kind, int argc,
    const char **argv, const size_t *lens)
{
	char *cmd = NULL;
	int len = redisFormatCommandArgv(&cmd, argc, argv, lens);
	struct redis_ask *a;

	if (len < 0)
		return NULL;
	for (a = rs->ask; a < rs->ask + REDIS_ASKS; a++)
		if (is_open(a, kind) && a->cmd_len == (size_t)len &&
		    memcmp(a->cmd, cmd, a->cmd_len) == 0) {
			const struct redis_ask *done = take_moment(rs, a);

			if (done == NULL && a->stage == ASK_FREE)
				continue;
			free(cmd);
			return done;
		}
	if ((a = new_ask(rs, kind, kind != ASK_TEXT)) == NULL) {
		free(cmd);
		return NULL;
	}
	a->cmd = cmd;
	a->cmd_len = (size_t)len;
	return NULL;
}

/* One that is not sent yet is put together then, of all that are wanted. */
void
redis_ask_batch(struct redis *rs, enum ask_kind kind)
{
	struct redis_ask *a;

	for (a = rs->ask; a < rs->ask + REDIS_ASKS; a++)
		if (a->kind == kind && a->stage == ASK_QUEUED &&
		    a->cmd == NULL) {
			a->asked_ms = clock_steady_ms();
			return;
		}
	new_ask(rs, kind, kind == ASK_ENTRIES);
}

const struct redis_ask *
redis_ask_words(struct redis *rs, struct redis_words *w, enum ask_kind kind)
{
	const struct redis_ask *a =
	    redis_ask_command(rs, kind, w->argc, w->argv, w->lens);

	redis_words_free(w);
	return a;
}

void
redis_ask_taken(struct redis *rs, const struct redis_ask *a)
{
	redis_ask_free(rs, &rs->ask[a - rs->ask]);
}

enum store_result
redis_later(struct redis *rs)
{
	redis_arm(rs);
	return STORE_LATER;
}

void
redis_ask_answered(struct redis *rs, const struct redis_state *st)
{
	struct redis_ask *a = new_ask(rs, ASK_STATE, false);

	if (a == NULL)
		return;
	a->page.state = *st;
	a->stage = ASK_DONE;
}
