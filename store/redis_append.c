/*
 * redis_append.c - adding events to a log on Redis.
 *
 * What one publisher has is one call of a script: all of it or none, and a
 * uid that is there already adds nothing.  When a commit is told, Redis has
 * it in memory and, with appendfsync always, on its disk; to wait for more
 * than that is not Redis's to offer (WAITAOF came with 7.2).
 */
#include <sys/socket.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "store/redis_words.h"

enum {
	FIELDS = 5 /* of an event */
};

/* --- what may not be appended ------------------------------------------- */

/* As the CHECKs of the SQLite engine have it. */
static enum store_result
check_event(struct store *st, const struct store_event *ev)
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
check_all(struct store *st, const struct store_event *events, size_t n)
{
	enum store_result r = STORE_OK;
	size_t i;

	for (i = 0; r == STORE_OK && i < n; i++)
		r = check_event(st, &events[i]);
	return r;
}

/* --- the command -------------------------------------------------------- */

static void
add_event(struct redis_words *w, const struct store_event *ev)
{
	redis_words_event(w, ev);
	if (ev->time_ms == 0)
		redis_words_add(w, "", 0);
	else
		redis_words_number(w, "=%lld", ev->time_ms);
}

/* Queues the call that appends these. */
static bool
put_append(struct redis *rs, const struct store_event *events, size_t n)
{
	size_t bytes = REDIS_NUMBER_SIZE, i;
	struct redis_words w;
	bool ok;

	for (i = 0; i < n; i++)
		bytes += events[i].topic.len + events[i].event.len +
			 events[i].data.len + events[i].uid.len + 64;
	ok = redis_words_begin(
	    &w, rs, "EVALSHA", rs->link.sha, 1 + n * FIELDS, bytes);
	if (ok) {
		redis_words_number(&w, "%lld", clock_wall_ms());
		for (i = 0; i < n; i++)
			add_event(&w, &events[i]);
		ok = redis_link_put(&rs->link, w.argc, w.argv, w.lens);
	}
	redis_words_free(&w);
	return ok;
}

/* --- the answer --------------------------------------------------------- */

/* What an error of Redis means to a publisher, by its first word. */
enum store_result
redis_append_trouble(struct redis *rs, const redisReply *r)
{
	static const struct {
		const char *word;
		enum store_result result;
		const char *why; /* NULL: in Redis's own words */
	} known[] = {
	    {"NOLOG", STORE_ERROR, redis_no_log},
	    {"OOM", STORE_FULL, "its memory is full (maxmemory)"},
	    {"READONLY", STORE_BUSY, "it is a replica: not to be written"},
	    {"LOADING", STORE_BUSY, "it is reading its log from the disk"},
	    {"BUSY", STORE_BUSY, "it is busy with a script"},
	    {"MASTERDOWN", STORE_BUSY, "it has lost its master"},
	    {"NOREPLICAS", STORE_BUSY, "too few replicas are connected"},
	    {"NOSCRIPT", STORE_BUSY, "it has forgotten the script"},
	    {"MISCONF", STORE_FULL, "it cannot write to its disk"},
	    {"MOVED", STORE_ERROR,
		"the log is on another node of the cluster: give its address"},
	    {"NOPERM", STORE_ERROR, NULL},
	};
	size_t i, len;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		len = strlen(known[i].word);
		if (strncmp(r->str, known[i].word, len) == 0 &&
		    (r->str[len] == ' ' || r->str[len] == '\0'))
			break;
		/* Within a script the word may come later. */
		if (strstr(r->str, known[i].word) != NULL && len > 3)
			break;
	}
	if (i == sizeof(known) / sizeof(known[0])) {
		store_set_why(&rs->base, "%s: %.180s", rs->url->shown, r->str);
		return STORE_ERROR;
	}
	store_set_why(&rs->base, "%s: %.180s", rs->url->shown,
	    known[i].why != NULL ? known[i].why : r->str);
	return known[i].result;
}

static enum store_result
take_ids(
    struct redis *rs, const redisReply *r, struct store_event *events, size_t n)
{
	redisReply id;
	size_t i;

	if (r->type == REDIS_REPLY_ERROR)
		return redis_append_trouble(rs, r);
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
		redis_id(&id, &events[i].id);
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

/* A connection that was lost while it lay idle is found out in time. */
static bool
get_up(struct redis *rs, int64_t until)
{
	char c;

	if (rs->link.phase == LINK_UP && rs->link.tls == NULL &&
	    recv(rs->link.fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) == 0)
		redis_link_close(&rs->link);
	return redis_link_wait_up(&rs->link, until);
}

/* May it be said again without being written twice? */
static bool
all_have_uids(const struct store_event *events, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (events[i].uid.s == NULL)
			return false;
	return true;
}

/* The reply, or NULL: then *lost says that the call may have been run. */
static redisReply *
call(struct redis *rs, struct store_event *events, size_t n, int64_t until)
{
	redisReply *r;

	if (!get_up(rs, until) || !put_append(rs, events, n))
		return NULL;
	r = redis_link_wait(&rs->link, until);
	if (r != NULL && r->type == REDIS_REPLY_ERROR &&
	    strncmp(r->str, "NOSCRIPT", 8) == 0) {
		freeReplyObject(r); /* connecting loads it again */
		redis_link_close(&rs->link);
		if (!get_up(rs, until) || !put_append(rs, events, n))
			return NULL;
		r = redis_link_wait(&rs->link, until);
	}
	if (r == NULL && rs->link.phase == LINK_UP)
		redis_link_fail(&rs->link, "no answer");
	return r;
}

enum store_result
redis_append(struct store *store, struct store_event *events, size_t n)
{
	struct redis *rs = redis_of(store);
	int64_t until = clock_steady_ms() + REDIS_WAIT_MS;
	enum store_result result = check_all(store, events, n);
	redisReply *r = NULL;

	if (result != STORE_OK)
		return result;
	do
		r = call(rs, events, n, until);
	while (r == NULL && !rs->link.hopeless && clock_steady_ms() < until &&
	       all_have_uids(events, n));
	if (r == NULL)
		return redis_out_of_reach(rs);
	result = take_ids(rs, r, events, n);
	freeReplyObject(r);
	return result;
}

/* --- several publishers ------------------------------------------------- */

/* Puts what may be appended on its way: those are STORE_LATER then. */
static void
put_all(struct redis *rs, struct store_batch *b, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		store_set_result(&rs->base, &b[i],
		    check_all(&rs->base, b[i].events, b[i].n));
		if (b[i].result == STORE_OK && b[i].n > 0) {
			put_append(rs, b[i].events, b[i].n);
			b[i].result = STORE_LATER;
		}
	}
}

/*
 * The result of one whose answer is r, or has not come.  It is tried alone
 * then, if that can be done without writing twice.
 */
static void
take_result(struct redis *rs, struct store_batch *b, const redisReply *r)
{
	bool forgotten = r != NULL && r->type == REDIS_REPLY_ERROR &&
			 strncmp(r->str, "NOSCRIPT", 8) == 0;

	if (r != NULL && !forgotten)
		store_set_result(
		    &rs->base, b, take_ids(rs, r, b->events, b->n));
	else if (forgotten || all_have_uids(b->events, b->n))
		store_set_result(
		    &rs->base, b, redis_append(&rs->base, b->events, b->n));
	else
		store_set_result(&rs->base, b, redis_out_of_reach(rs));
	if (r == NULL && b->result == STORE_BUSY)
		b->result = STORE_LATER; /* it was said, and may be done yet */
}

/* All calls go out together; the answers come in the same order. */
void
redis_append_all(struct store *store, struct store_batch *b, size_t n)
{
	struct redis *rs = redis_of(store);
	int64_t until = clock_steady_ms() + REDIS_WAIT_MS;
	redisReply **r = calloc(n + 1, sizeof(*r));
	bool up = r != NULL && get_up(rs, until);
	size_t i;

	if (up)
		put_all(rs, b, n);
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
			take_result(rs, &b[i], r[i]);
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
	redisReply *r;
	enum store_result result;

	if (!redis_link_wait_up(&rs->link, clock_steady_ms() + REDIS_OPEN_MS))
		return redis_out_of_reach(rs);
	r = call(rs, NULL, 0, clock_steady_ms() + REDIS_OPEN_MS);
	if (r == NULL)
		return redis_out_of_reach(rs);
	result = take_ids(rs, r, NULL, 0);
	freeReplyObject(r);
	return result;
}
