/*
 * ask.c - questions to Redis, and their answers for a moment.
 *
 * Nobody waits here for an answer.  A question is noted, goes out with the
 * next turn (answer.c), and who asked asks again when the answer has come.  So
 * all that is asked in one turn is asked once.  An answer that speaks of a
 * moment is good until the next turn.  A page of entries stays true, and is
 * kept for others who come by the same place.
 */
#include <sys/timerfd.h>

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
		if (a->stage == ASK_DONE && a->kind != ASK_PAGE &&
		    (!a->place || a->used || now - a->asked_ms > PLACE_MS))
			redis_ask_free(rs, a);
}

void
redis_ask_forget(struct redis *rs)
{
	size_t i;

	for (i = 0; i < REDIS_ASKS; i++)
		if (rs->ask[i].stage == ASK_SENT)
			rs->ask[i].stale = true;
		else if (rs->ask[i].stage != ASK_FREE)
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

/* When a turn is due though nothing comes; 0: never. */
static int64_t
ask_due(const struct redis *rs)
{
	const struct redis_link *l = &rs->link;

	if (redis_ask_queued(rs) && l->phase == LINK_UP)
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

/* A free entry of the table, or that of the answer wanted longest ago. */
static struct redis_ask *
new_ask(struct redis *rs, enum ask_kind kind)
{
	struct redis_ask *best = NULL, *a;
	size_t i;

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

/* A question that was sent already was asked too early for who asks now. */
static bool
is_open(const struct redis_ask *a, enum ask_kind kind)
{
	return a->kind == kind && !a->stale &&
	       (a->stage == ASK_DONE || a->stage == ASK_QUEUED);
}

/* While the log is held, whatever came in this turn has the state with it. */
const struct redis_ask *
redis_ask_state(struct redis *rs)
{
	struct redis_ask *a;

	for (a = rs->ask; rs->held && a < rs->ask + REDIS_ASKS; a++)
		if (a->stage == ASK_DONE && a->turn == rs->turn && !a->stale)
			return a;
	for (a = rs->ask; a < rs->ask + REDIS_ASKS; a++)
		if (is_open(a, ASK_STATE)) {
			const struct redis_ask *done = take_moment(rs, a);

			if (done != NULL || a->stage == ASK_QUEUED)
				return done;
		}
	new_ask(rs, ASK_STATE);
	return NULL;
}

/* May something that comes after this place be in the page? */
static bool
page_has(const struct redis_page *p, struct store_id after)
{
	return store_id_cmp(p->after, after) <= 0 &&
	       store_id_cmp(after, p->upto) < 0;
}

static bool
set_page(const struct redis *rs, struct redis_ask *a, struct store_id after)
{
	char id[STORE_ID_SIZE + 1] = "(", rows[24];
	const char *argv[] = {
	    "XRANGE", rs->url->key[KEY_EVENTS], id, "+", "COUNT", rows};
	int len;

	a->page.after = after;
	a->rows = rs->rows;
	redis_id_print(after, id + 1);
	snprintf(rows, sizeof(rows), "%zu", a->rows);
	len = redisFormatCommandArgv(&a->cmd, 6, argv, NULL);
	a->cmd_len = len < 0 ? 0 : (size_t)len;
	return len >= 0;
}

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
	a = new_ask(rs, ASK_PAGE);
	if (a != NULL && !set_page(rs, a, after))
		redis_ask_free(rs, a);
	return NULL;
}

const struct redis_ask *
redis_ask_command(struct redis *rs, int argc, const char **argv,
    const size_t *lens, bool place)
{
	char *cmd = NULL;
	int len = redisFormatCommandArgv(&cmd, argc, argv, lens);
	struct redis_ask *a;

	if (len < 0)
		return NULL;
	for (a = rs->ask; a < rs->ask + REDIS_ASKS; a++)
		if (is_open(a, ASK_OTHER) && a->cmd_len == (size_t)len &&
		    memcmp(a->cmd, cmd, a->cmd_len) == 0) {
			const struct redis_ask *done = take_moment(rs, a);

			if (done == NULL && a->stage == ASK_FREE)
				continue;
			free(cmd);
			return done;
		}
	if ((a = new_ask(rs, ASK_OTHER)) == NULL) {
		free(cmd);
		return NULL;
	}
	a->cmd = cmd;
	a->cmd_len = (size_t)len;
	a->place = place;
	return NULL;
}

const struct redis_ask *
redis_ask_words(struct redis *rs, struct redis_words *w, bool place)
{
	const struct redis_ask *a =
	    redis_ask_command(rs, w->argc, w->argv, w->lens, place);

	redis_words_free(w);
	return a;
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
	struct redis_ask *a = new_ask(rs, ASK_STATE);

	if (a == NULL)
		return;
	a->page.state = *st;
	a->stage = ASK_DONE;
}
