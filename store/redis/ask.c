/*
 * ask.c - questions to Redis, and their answers for a moment.
 *
 * A question is asked together with the state of the log, as one transaction,
 * so that each answer is known to be our log's and how much of it was there.
 * It goes out with the next turn, so all that is asked in one turn is asked
 * once; an answer that speaks of a moment is good until the next.  A page of
 * entries stays true and is kept for those who come by the same place.
 */
#include <stdlib.h>
#include <string.h>

#include "store/clock.h"
#include "store/redis/redis.h"

enum {
	ANSWER_MS = 5000, /* after that nobody wants it any more */
	PLACE_MS = 1000,  /* or for a place, it may be another by now */
	IDLE_MS = 3000,	  /* then the link is given back */
	SILENT_MS = 5000, /* Redis does not answer */
	BYTES_MAX = 4 * 1024 * 1024 /* of answers that are kept */
};

static void
free_ask(struct redis *rs, struct redis_ask *a)
{
	rs->ask_bytes -= a->bytes;
	redis_page_free(&a->page);
	free(a->cmd);
	memset(a, 0, sizeof(*a));
}

/*
 * A request may have to ask two things one after the other, who is revoked and
 * then for its place: the place waits for it, or neither would be at hand when
 * the other is.
 */
void
redis_ask_expire(struct redis *rs)
{
	int64_t now = clock_steady_ms();
	struct redis_ask *a;

	for (a = rs->ask; a < rs->ask + REDIS_ASKS; a++)
		if (a->stage == ASK_DONE && a->kind != ASK_PAGE &&
		    (!a->place || a->used || now - a->asked_ms > PLACE_MS))
			free_ask(rs, a);
}

void
redis_ask_forget(struct redis *rs)
{
	size_t i;

	for (i = 0; i < REDIS_ASKS; i++)
		if (rs->ask[i].stage == ASK_SENT)
			rs->ask[i].stale = true;
		else if (rs->ask[i].stage != ASK_FREE)
			free_ask(rs, &rs->ask[i]);
}

/* --- asking ------------------------------------------------------------- */

/* A free place, or that of the page that was wanted longest ago. */
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
		free_ask(rs, best);
	best->kind = kind;
	best->stage = ASK_QUEUED;
	best->asked_ms = clock_steady_ms();
	redis_arm(rs);
	return best;
}

/*
 * An answer of the moment, if there is one: good for all who ask while the
 * log is held, else for one.
 */
static const struct redis_ask *
take_moment(struct redis *rs, struct redis_ask *a)
{
	a->asked_ms = clock_steady_ms();
	if (a->stage == ASK_DONE && a->used && !rs->held) {
		free_ask(rs, a);
		return NULL;
	}
	a->used = a->stage == ASK_DONE;
	return a->used ? a : NULL;
}

/* What was sent already was asked too early for who asks now. */
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

/* A page that lies so that something after this place may be in it. */
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
		free_ask(rs, a);
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

enum store_result
redis_later(struct redis *rs)
{
	redis_arm(rs);
	return STORE_LATER;
}

/* What opening has seen is as good as asked for, for its moment. */
void
redis_ask_answered(struct redis *rs, const struct redis_state *st)
{
	struct redis_ask *a = new_ask(rs, ASK_STATE);

	if (a == NULL)
		return;
	a->page.state = *st;
	a->stage = ASK_DONE;
}

/* --- sending ------------------------------------------------------------ */

/* One transaction, unless Redis has no room for one. */
static bool
put_ask(struct redis *rs, struct redis_ask *a)
{
	static const char multi[] = "*1\r\n$5\r\nMULTI\r\n",
			  exec[] = "*1\r\n$4\r\nEXEC\r\n",
			  time[] = "*1\r\n$4\r\nTIME\r\n";
	struct redis_link *l = &rs->link;

	a->stage = ASK_SENT;
	a->skip = rs->full ? 0 : 3;
	a->floor = rs->newest;
	a->mark = rs->mark;
	if (rs->full)
		return redis_full_put(rs, a->cmd, a->cmd_len, a->mark);
	return redis_link_put_bytes(l, multi, sizeof(multi) - 1) &&
	       redis_link_put_bytes(l, a->cmd != NULL ? a->cmd : time,
		   a->cmd != NULL ? a->cmd_len : sizeof(time) - 1) &&
	       redis_put_state(rs, l, a->mark) &&
	       redis_link_put_bytes(l, exec, sizeof(exec) - 1);
}

/* What was under way on a connection that is lost is asked again. */
static void
again(struct redis *rs)
{
	size_t i;

	for (i = 0; i < rs->nsent; i++) {
		struct redis_ask *a = &rs->ask[rs->sent[i]];

		if (a->stale)
			free_ask(rs, a);
		else
			a->stage = ASK_QUEUED;
	}
	rs->nsent = 0;
}

static bool
send_queued(struct redis *rs)
{
	int64_t now = clock_steady_ms();
	bool any = false;
	size_t i;

	for (i = 0; i < REDIS_ASKS; i++) {
		if (rs->ask[i].stage != ASK_QUEUED)
			continue;
		rs->sent[rs->nsent++] = i;
		any = true;
		if (!put_ask(rs, &rs->ask[i]))
			return false;
	}
	if (any)
		rs->ask_used_ms = now;
	return any;
}

/* --- answers ------------------------------------------------------------ */

static size_t
reply_bytes(const redisReply *r)
{
	size_t n = sizeof(*r) + r->len + 16, i;

	if (r->type == REDIS_REPLY_ARRAY)
		for (i = 0; i < r->elements; i++)
			n += reply_bytes(r->element[i]) + sizeof(r);
	return n;
}

static void
bound_bytes(struct redis *rs, const struct redis_ask *but)
{
	struct redis_ask *a, *oldest;

	while (rs->ask_bytes > BYTES_MAX) {
		oldest = NULL;
		for (a = rs->ask; a < rs->ask + REDIS_ASKS; a++)
			if (a->stage == ASK_DONE && a != but &&
			    (oldest == NULL || a->asked_ms < oldest->asked_ms))
				oldest = a;
		if (oldest == NULL)
			return;
		free_ask(rs, oldest);
	}
}

/* Entries and how far they reach. */
static void
finish_page(struct redis *rs, struct redis_ask *a)
{
	struct redis_page *p = &a->page;
	size_t n = a->answer->elements;

	p->entries = a->answer;
	p->upto = p->after;
	redis_pace(rs, p->entries, a->rows);
	if (n > 0)
		redis_id(p->entries->element[n - 1]->element[0], &p->upto);
	if (n < a->rows && store_id_cmp(p->upto, p->state.last) < 0)
		p->upto = p->state.last;
}

/*
 * Takes the answer of a transaction.  An error among its parts is one of our
 * making, or the script is not known there any more: begin anew.
 */
static enum redis_verdict
take_answer(struct redis *rs, struct redis_ask *a, redisReply *r)
{
	enum redis_verdict v;

	if (r->type != REDIS_REPLY_ARRAY || r->elements != 2 ||
	    r->element[0]->type == REDIS_REPLY_ERROR ||
	    !redis_state_read(r->element[1], &a->page.state)) {
		const redisReply *e = r;

		if (r->type == REDIS_REPLY_ARRAY && r->elements == 2)
			e = r->element[r->element[0]->type !=
				       REDIS_REPLY_ERROR];
		if (e->type == REDIS_REPLY_ERROR)
			redis_link_refused(&rs->link, e);
		else
			redis_link_fail(&rs->link, "not an answer of Redis");
		freeReplyObject(r);
		return LOG_SAME;
	}
	v = redis_state_judge(rs, &a->page.state, a->floor, a->mark);
	a->page.owner = r;
	a->answer = r->element[0];
	a->bytes = reply_bytes(r);
	rs->ask_bytes += a->bytes;
	a->stage = ASK_DONE;
	a->turn = rs->turn;
	rs->base.answered = true;
	if (v != LOG_SAME || a->stale)
		return v;
	redis_state_note(rs, &a->page.state);
	if (a->kind == ASK_PAGE)
		finish_page(rs, a);
	bound_bytes(rs, a);
	return v;
}

static void
shift_sent(struct redis *rs)
{
	rs->nsent--;
	memmove(rs->sent, rs->sent + 1, rs->nsent * sizeof(rs->sent[0]));
}

static enum redis_verdict
take_all(struct redis *rs)
{
	enum redis_verdict v = LOG_SAME;
	struct redis_ask *a;
	redisReply *r;

	while (v == LOG_SAME && rs->nsent > 0 &&
	       (r = redis_link_get(&rs->link)) != NULL) {
		a = &rs->ask[rs->sent[0]];
		if (a->skip > 0) {
			a->skip--;
			rs->full = rs->full || redis_trouble_is(r, "OOM");
			if (r->type == REDIS_REPLY_ERROR)
				redis_link_refused(&rs->link, r);
			freeReplyObject(r);
			continue;
		}
		v = take_answer(rs, a, r);
		if (rs->link.phase != LINK_UP)
			break;
		shift_sent(rs);
		if (v != LOG_SAME || a->stale)
			free_ask(rs, a);
	}
	return v;
}

static void
sweep(struct redis *rs, int64_t now)
{
	struct redis_ask *a;

	for (a = rs->ask; a < rs->ask + REDIS_ASKS; a++)
		if (a->stage != ASK_FREE && a->stage != ASK_SENT &&
		    now - a->asked_ms > ANSWER_MS)
			free_ask(rs, a);
	if (rs->link.phase == LINK_UP && rs->nsent == 0 &&
	    now - rs->ask_used_ms > IDLE_MS) {
		redis_link_close(&rs->link);
		rs->full = false;
	}
}

static bool
any_queued(const struct redis *rs)
{
	size_t i;

	for (i = 0; i < REDIS_ASKS; i++)
		if (rs->ask[i].stage == ASK_QUEUED)
			return true;
	return false;
}

enum redis_verdict
redis_ask_turn(struct redis *rs)
{
	struct redis_link *l = &rs->link;
	enum redis_verdict v = LOG_SAME;
	int64_t now = clock_steady_ms();

	redis_ask_expire(rs);
	rs->turn++;
	if (l->phase != LINK_DOWN || any_queued(rs))
		redis_link_turn(l);
	if (l->phase != LINK_UP || l->session != rs->ask_session)
		again(rs);
	rs->ask_session = l->session;
	if (l->phase == LINK_UP && send_queued(rs))
		redis_link_turn(l);
	if (l->phase == LINK_UP)
		v = take_all(rs);
	if (rs->nsent > 0 && l->phase == LINK_UP &&
	    now - rs->ask_used_ms > SILENT_MS)
		redis_link_fail(l, "no answer");
	if (l->phase != LINK_UP)
		again(rs);
	sweep(rs, now);
	return v;
}

/* When a turn is due though nothing comes; 0: never. */
int64_t
redis_ask_due(const struct redis *rs)
{
	const struct redis_link *l = &rs->link;

	if (any_queued(rs) && l->phase == LINK_UP)
		return 1;
	if (l->phase == LINK_DOWN)
		return any_queued(rs) ? redis_link_due(l) : 0;
	if (l->phase != LINK_UP)
		return redis_link_due(l);
	return rs->ask_used_ms + (rs->nsent > 0 ? SILENT_MS : IDLE_MS) + 1;
}
