/*
 * answer.c - sending questions to Redis and taking the answers.
 *
 * A question is asked together with the state of the log, as one transaction.
 * So of each answer it is known that it is our log's, and how much of the log
 * was there.
 */
#include <stdlib.h>
#include <string.h>

#include "store/redis/redis.h"

enum {
	ANSWER_MS = 5000,	    /* after that nobody wants it any more */
	BYTES_MAX = 4 * 1024 * 1024 /* of answers that are kept */
};

/* As one transaction, unless Redis has no room for a transaction. */
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
	a->revoked = rs->base.revoked;
	if (rs->full)
		return redis_full_put(rs, a->cmd, a->cmd_len, a->mark);
	return redis_link_put_bytes(l, multi, sizeof(multi) - 1) &&
	       redis_link_put_bytes(l, a->cmd != NULL ? a->cmd : time,
		   a->cmd != NULL ? a->cmd_len : sizeof(time) - 1) &&
	       redis_put_state(rs, l, a->mark) &&
	       redis_link_put_bytes(l, exec, sizeof(exec) - 1);
}

/* Questions that were sent on a connection that is lost are sent again. */
static void
queue_again(struct redis *rs)
{
	size_t i;

	for (i = 0; i < rs->nsent; i++) {
		struct redis_ask *a = &rs->ask[rs->sent[i]];

		if (a->stale)
			redis_ask_free(rs, a);
		else
			a->stage = ASK_QUEUED;
	}
	rs->nsent = 0;
}

/* Some are put together as they are sent.  False: none is needed. */
static bool
put_together(struct redis *rs, struct redis_ask *a)
{
	if (a->cmd != NULL)
		return true;
	return a->kind == ASK_ENTRIES ? redis_entries_put(rs, a)
	       : a->kind == ASK_ENDS  ? redis_ends_put(rs, a)
				      : true;
}

static bool
send_queued(struct redis *rs)
{
	struct redis_ask *a;
	bool any = false;

	while ((a = redis_ask_next(rs)) != NULL) {
		if (!put_together(rs, a)) {
			redis_ask_free(rs, a);
			continue;
		}
		rs->sent[rs->nsent++] = (size_t)(a - rs->ask);
		any = true;
		if (!put_ask(rs, a))
			return false;
	}
	if (any)
		rs->ask_used_ms = clock_steady_ms();
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
		redis_ask_free(rs, oldest);
	}
}

static bool
is_id_or_nil(const redisReply *r)
{
	struct store_id id;

	return r->type == REDIS_REPLY_NIL || redis_id(r, &id);
}

static bool
is_number(const redisReply *r, long long most)
{
	return r->type == REDIS_REPLY_INTEGER && r->integer >= 0 &&
	       r->integer <= most;
}

static bool
is_array(const redisReply *r, size_t n)
{
	return r->type == REDIS_REPLY_ARRAY && r->elements == n;
}

static bool
are_texts(const redisReply *r, size_t most)
{
	size_t i;

	if (r->type != REDIS_REPLY_ARRAY || r->elements > most)
		return false;
	for (i = 0; i < r->elements; i++)
		if (r->element[i]->type != REDIS_REPLY_STRING)
			return false;
	return true;
}

/* Entries come alone, or after whether there may be more. */
static bool
is_range(const struct redis_ask *a, const redisReply *r)
{
	if (a->measured && (!is_array(r, 2) || !is_number(r->element[0], 1)))
		return false;
	return redis_entries(
	    a->measured ? r->element[1] : r, a->page.after, a->rows);
}

/* Two for each id that was asked for, or for the first of them. */
static bool
are_entries(const redisReply *r, size_t most)
{
	size_t i;

	if (r->type != REDIS_REPLY_ARRAY || r->elements % 2 != 0 ||
	    r->elements == 0 || r->elements > 2 * most)
		return false;
	for (i = 0; i < r->elements; i += 2)
		if (!is_id_or_nil(r->element[i]) ||
		    (r->element[i + 1]->type != REDIS_REPLY_STRING &&
			r->element[i + 1]->type != REDIS_REPLY_NIL))
			return false;
	return true;
}

/* An id and a marked topic, and so on. */
static bool
are_passed(const redisReply *r)
{
	struct store_id id;
	size_t i;

	if (r->type != REDIS_REPLY_ARRAY || r->elements % 2 != 0)
		return false;
	for (i = 0; i < r->elements; i += 2)
		if (!redis_id(r->element[i], &id) ||
		    r->element[i + 1]->type != REDIS_REPLY_STRING ||
		    r->element[i + 1]->len == 0)
			return false;
	return true;
}

/* What redis_script_ends answers, for at most so many topics. */
static bool
are_ends(const redisReply *r, size_t most)
{
	const redisReply *ends;
	struct store_id id;
	size_t i;

	if (!is_array(r, 5) || !redis_id(r->element[0], &id) ||
	    !is_number(r->element[1], 1) || !is_id_or_nil(r->element[2]) ||
	    !are_passed(r->element[3]))
		return false;
	ends = r->element[4];
	if (ends->type != REDIS_REPLY_ARRAY || ends->elements == 0 ||
	    ends->elements > most)
		return false;
	for (i = 0; i < ends->elements; i++)
		if (!is_id_or_nil(ends->element[i]))
			return false;
	return true;
}

/* Has the answer the form of what was asked for? */
static bool
has_form(const struct redis_ask *a, const redisReply *r)
{
	switch (a->kind) {
	case ASK_STATE:
		return true; /* it is of no use */
	case ASK_PAGE:
	case ASK_REVOKED:
		return is_range(a, r);
	case ASK_ENTRY:
		return redis_entries(r, (struct store_id){0, 0}, 1);
	case ASK_ENTRIES:
		return are_entries(r, a->rows);
	case ASK_ENDS:
		return are_ends(r, a->rows);
	case ASK_CUT:
		return is_number(r, 1);
	case ASK_PLACE:
		return is_id_or_nil(r);
	case ASK_SCAN:
		return is_array(r, 4) && is_id_or_nil(r->element[0]) &&
		       is_id_or_nil(r->element[1]) &&
		       is_number(r->element[2], STORE_LAST_MAX) &&
		       is_number(r->element[3], INT32_MAX);
	case ASK_SEARCH:
		return is_array(r, 3) && is_id_or_nil(r->element[0]) &&
		       is_number(r->element[1], 1) &&
		       are_texts(r->element[2], REDIS_PASS);
	case ASK_TEXT:
		return r->type == REDIS_REPLY_STRING ||
		       r->type == REDIS_REPLY_NIL;
	}
	return false;
}

/* The entries are the answer; how far do they reach? */
static void
finish_range(struct redis *rs, struct redis_ask *a)
{
	struct redis_page *p = &a->page;
	bool more = a->answer->elements >= a->rows;
	size_t n;

	p->entries = a->answer;
	if (a->measured) {
		more = a->answer->element[0]->integer > 0;
		p->entries = a->answer->element[1];
	}
	n = p->entries->elements;
	p->upto = p->after;
	if (n > 0)
		redis_id(p->entries->element[n - 1]->element[0], &p->upto);
	if (a->kind == ASK_REVOKED) {
		if (!more && store_id_cmp(p->upto, p->state.revoked) < 0)
			p->upto = p->state.revoked;
		return;
	}
	redis_pace(rs, p->entries, a->rows);
	redis_newest_entries(rs, p->entries, rs->known);
	if (!more && store_id_cmp(p->upto, p->state.last) < 0)
		p->upto = p->state.last;
}

/* Which part of a transaction's answer is not what it has to be? */
static void
reject_answer(struct redis *rs, const redisReply *r)
{
	struct redis_link *l = &rs->link;

	if (!is_array(r, 2))
		redis_link_reject(l, r);
	else if (r->element[0]->type == REDIS_REPLY_ERROR ||
		 redis_state_read(
		     r->element[1], &(struct redis_state){.added = 0}))
		redis_link_reject(l, r->element[0]);
	else
		redis_state_reject(l, r->element[1]);
}

/*
 * Takes the answer of a transaction.  If one of its parts is an error, either
 * we made a mistake or Redis has forgotten the script: begin anew.
 */
static enum redis_verdict
take_answer(struct redis *rs, struct redis_ask *a, redisReply *r)
{
	enum redis_verdict v;

	if (!is_array(r, 2) || r->element[0]->type == REDIS_REPLY_ERROR ||
	    !has_form(a, r->element[0]) ||
	    !redis_state_read(r->element[1], &a->page.state)) {
		reject_answer(rs, r);
		freeReplyObject(r);
		return LOG_SAME;
	}
	/* What was asked of the log before says nothing of the one after. */
	v = a->stale ? LOG_SAME
		     : redis_state_judge(rs, &a->page.state, a->floor, a->mark);
	a->page.owner = r;
	a->answer = r->element[0];
	a->bytes = reply_bytes(r);
	rs->ask_bytes += a->bytes;
	a->stage = ASK_DONE;
	a->turn = rs->turn;
	rs->base.answered = true;
	if (v != LOG_SAME || a->stale)
		return v;
	redis_state_note(rs, &a->page.state, a->mark);
	if (a->kind == ASK_PAGE || a->kind == ASK_REVOKED)
		finish_range(rs, a);
	if (a->kind == ASK_ENTRIES)
		redis_entries_take(rs, a);
	if (a->kind == ASK_ENDS)
		redis_ends_take(rs, a);
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
take_answers(struct redis *rs)
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
			redis_ask_free(rs, a);
	}
	return v;
}

static void
sweep_asks(struct redis *rs, int64_t now)
{
	struct redis_ask *a;

	for (a = rs->ask; a < rs->ask + REDIS_ASKS; a++)
		if (a->stage != ASK_FREE && a->stage != ASK_SENT &&
		    now - a->asked_ms > ANSWER_MS)
			redis_ask_free(rs, a);
	if (rs->link.phase == LINK_UP && rs->nsent == 0 &&
	    now - rs->ask_used_ms > REDIS_IDLE_MS) {
		redis_link_close(&rs->link);
		rs->full = rs->careful = false;
	}
}

enum redis_verdict
redis_ask_turn(struct redis *rs)
{
	struct redis_link *l = &rs->link;
	enum redis_verdict v = LOG_SAME;
	int64_t now = clock_steady_ms();

	redis_ask_expire(rs);
	rs->turn++;
	if (l->phase != LINK_DOWN || redis_ask_queued(rs))
		redis_link_turn(l);
	if (l->phase != LINK_UP || l->session != rs->ask_session)
		queue_again(rs);
	rs->ask_session = l->session;
	if (l->phase == LINK_UP && send_queued(rs))
		redis_link_turn(l);
	if (l->phase == LINK_UP)
		v = take_answers(rs);
	if (v == LOG_SAME && l->phase == LINK_UP && send_queued(rs))
		redis_link_send(l);
	if (rs->nsent > 0 && l->phase == LINK_UP &&
	    now - rs->ask_used_ms > REDIS_SILENT_MS)
		redis_link_fail(l, "no answer");
	if (l->phase != LINK_UP)
		queue_again(rs);
	if (l->phase == LINK_DOWN && l->kind == REDIS_TOO_LARGE && !rs->careful)
		redis_ask_less(rs);
	sweep_asks(rs, now);
	return v;
}
