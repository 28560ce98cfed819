/*
 * append.c - adding events to a log on Redis.
 *
 * What one publisher has is one call of a script: all of it is added or none,
 * and an event whose uid is there already adds nothing.  When we tell of a
 * commit, Redis has it in memory and, with appendfsync always, on its disk.
 * Redis offers nothing else to wait for before its version 7.2 (WAITAOF).
 */
#include <sys/socket.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/clock.h"
#include "store/redis/words.h"

enum {
	FIELDS = 5 /* of an event */
};

/* --- what may not be appended ------------------------------------------- */

/* The SQLite engine has CHECKs that ask for the same. */
static enum store_result
may_append(struct store *st, const struct store_event *ev)
{
	struct store_id id;

	if (!redis_words_fit(ev)) {
		store_set_why(st, "an event is too large for Redis");
		return STORE_FULL;
	}
	if (ev->uid.s == NULL)
		return STORE_OK;
	if (ev->uid.len == 0 ||
	    store_id_parse(st, ev->uid.s, ev->uid.len, &id)) {
		store_set_why(st,
		    "%s: a uid may not be empty nor look like an id: not "
		    "digits alone, nor digits-digits",
		    redis_of(st)->url->shown);
		return STORE_REFUSED;
	}
	return STORE_OK;
}

static enum store_result
check_batch(struct store *st, const struct store_event *events, size_t n)
{
	enum store_result r = STORE_OK;
	size_t i;

	for (i = 0; r == STORE_OK && i < n; i++)
		r = may_append(st, &events[i]);
	return r;
}

/* --- the command -------------------------------------------------------- */

/* Queues the call that appends these. */
static bool
put_append(struct redis *rs, const struct store_event *events, size_t n)
{
	size_t bytes = REDIS_NUMBER_SIZE, i;
	struct redis_words w;
	bool ok;

	for (i = 0; i < n; i++)
		bytes += redis_words_event_size(&events[i]);
	ok = redis_words_begin(
	    &w, rs, "EVALSHA", rs->link.sha, 1 + n * FIELDS, bytes);
	if (ok) {
		redis_words_number(&w, "%lld", clock_wall_ms());
		for (i = 0; i < n; i++)
			redis_words_event(&w, &events[i], 0);
		ok = redis_link_put(&rs->link, w.argc, w.argv, w.lens);
	}
	redis_words_free(&w);
	return ok;
}

/* --- the answer --------------------------------------------------------- */

/* A writer that was sent to a replica looks for the master anew. */
enum store_result
redis_append_trouble(struct redis *rs, const redisReply *r)
{
	char why[160];
	enum store_result result = redis_trouble(rs->url, r, why, sizeof(why));

	rs->astray = rs->astray || redis_trouble_is(r, "READONLY");
	store_set_why(&rs->base, "%s: %s", rs->url->shown, why);
	return result;
}

/*
 * n is 0 when opening only looks whether there is a log.  One whose memory is
 * full is there, so it is opened, and publishing tried later.
 */
static enum store_result
take_ids(
    struct redis *rs, const redisReply *r, struct store_event *events, size_t n)
{
	enum store_result result;
	redisReply id;
	size_t i;

	if (redis_trouble_is(r, "TAKEN")) {
		store_set_why(&rs->base,
		    "%s: the uid is that of an event of another topic",
		    rs->url->shown);
		return STORE_TAKEN;
	}
	if (r->type == REDIS_REPLY_ERROR) {
		result = redis_append_trouble(rs, r);
		return n == 0 && result == STORE_FULL ? STORE_BUSY : result;
	}
	if (r->type != REDIS_REPLY_ARRAY || r->elements != n) {
		store_set_why(
		    &rs->base, "%s: not an answer of ours", rs->url->shown);
		return STORE_ERROR;
	}
	for (i = 0; i < n; i++) {
		id = *r->element[i];
		events[i].repeated = id.type == REDIS_REPLY_STRING &&
				     id.len > 0 && id.str[0] == '=';
		if (events[i].repeated) {
			id.str++;
			id.len--;
		}
		if (!redis_id(&id, &events[i].id)) {
			store_set_why(&rs->base, "%s: not an answer of ours",
			    rs->url->shown);
			return STORE_ERROR;
		}
	}
	return STORE_OK;
}

/* --- the link ----------------------------------------------------------- */

enum store_result
redis_out_of_reach(struct redis *rs)
{
	const char *why = rs->link.why;

	store_set_why(&rs->base, "%s: %.180s", rs->url->shown,
	    why[0] != '\0' ? why : "no answer");
	return rs->link.hopeless ? STORE_ERROR : STORE_BUSY;
}

/*
 * Lets go of a connection that leads to the wrong place, or that was lost
 * while it lay idle: else we find that out after the command was sent, when
 * nobody knows whether it was run.
 */
static void
drop_bad_link(struct redis *rs)
{
	char c;

	if (rs->link.phase != LINK_UP)
		return;
	if (rs->astray ||
	    (rs->link.tls == NULL &&
		recv(rs->link.fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) == 0))
		redis_link_close(&rs->link);
	rs->astray = false;
}

/* May the command be sent again without any event being written twice? */
static bool
all_have_uids(const struct store_event *events, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (events[i].uid.s == NULL)
			return false;
	return true;
}

struct call {
	struct redis *rs;
	const struct store_event *events;
	size_t n;
};

static bool
put_call(void *arg)
{
	const struct call *c = arg;

	return put_append(c->rs, c->events, c->n);
}

/* The reply, or NULL: then the command may have been run. */
static redisReply *
call_append(
    struct redis *rs, const struct store_event *events, size_t n, int64_t until)
{
	struct call c = {rs, events, n};

	drop_bad_link(rs);
	return redis_link_call(&rs->link, put_call, &c, until);
}

static enum store_result
append_until(
    struct redis *rs, struct store_event *events, size_t n, int64_t until)
{
	enum store_result result;
	redisReply *r;

	rs->link.unsure = false;
	do
		r = call_append(rs, events, n, until);
	while (r == NULL && !rs->link.hopeless && clock_steady_ms() < until &&
	       all_have_uids(events, n));
	if (r == NULL)
		return redis_out_of_reach(rs);
	result = take_ids(rs, r, events, n);
	freeReplyObject(r);
	return result;
}

enum store_result
redis_append(struct store *store, struct store_event *events, size_t n)
{
	int64_t until = redis_until(redis_of(store), REDIS_WAIT_MS);
	enum store_result result = check_batch(store, events, n);

	return result == STORE_OK
		   ? append_until(redis_of(store), events, n, until)
		   : result;
}

/* --- several publishers ------------------------------------------------- */

/* Sends the batches that may be appended; their result is STORE_LATER. */
static void
put_batches(struct redis *rs, struct store_batch *b, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		store_set_result(&rs->base, &b[i],
		    check_batch(&rs->base, b[i].events, b[i].n));
		if (b[i].result == STORE_OK && b[i].n > 0) {
			put_append(rs, b[i].events, b[i].n);
			b[i].result = STORE_LATER;
		}
	}
}

/*
 * The result of a batch whose reply is r.  Without a reply, or when it was
 * refused unrun, the batch is tried alone if nothing can be written twice by
 * that.  Of several that were refused on one connection only the first tells
 * the link where to go.
 */
static void
take_result(struct redis *rs, struct store_batch *b, const redisReply *r,
    uint64_t session, int64_t until)
{
	bool unrun = r != NULL && redis_link_refusal(r);
	enum store_result result;

	if (unrun && rs->link.session == session)
		redis_link_refused(&rs->link, r);
	if (r != NULL && !unrun)
		result = take_ids(rs, r, b->events, b->n);
	else if (unrun || all_have_uids(b->events, b->n))
		result = append_until(rs, b->events, b->n, until);
	else
		result = redis_out_of_reach(rs);
	store_set_result(&rs->base, b, result);
	if (result == STORE_BUSY && (r == NULL || (unrun && rs->link.unsure)))
		b->result = STORE_LATER; /* it was sent, and may be done yet */
}

/* All calls go out together; the answers come in the same order. */
void
redis_append_all(struct store *store, struct store_batch *b, size_t n)
{
	struct redis *rs = redis_of(store);
	int64_t until = redis_until(redis_of(store), REDIS_WAIT_MS);
	redisReply **r = calloc(n + 1, sizeof(*r));
	uint64_t session;
	bool up;
	size_t i;

	drop_bad_link(rs);
	up = r != NULL && redis_link_wait_up(&rs->link, until);
	session = rs->link.session;
	if (up)
		put_batches(rs, b, n);
	for (i = 0; up && i < n; i++)
		if (b[i].result == STORE_LATER &&
		    (r[i] = redis_link_wait(&rs->link, until)) == NULL &&
		    rs->link.phase == LINK_UP)
			redis_link_fail(&rs->link, "no answer");
	for (i = 0; i < n; i++) {
		if (!up)
			store_set_result(
			    &rs->base, &b[i], redis_out_of_reach(rs));
		else if (b[i].result == STORE_LATER)
			take_result(rs, &b[i], r[i], session, until);
		if (r != NULL && r[i] != NULL)
			freeReplyObject(r[i]);
	}
	free(r);
}

/* A writer does not wait for more than Redis's own answer. */
int
redis_set_synchronous(struct store *store, bool on)
{
	(void)store, (void)on;
	return 0;
}

enum store_result
redis_writer_look(struct redis *rs)
{
	redisReply *r =
	    call_append(rs, NULL, 0, redis_until(rs, REDIS_OPEN_MS));
	enum store_result result;

	if (r == NULL)
		return redis_out_of_reach(rs);
	result = take_ids(rs, r, NULL, 0);
	freeReplyObject(r);
	return result;
}
