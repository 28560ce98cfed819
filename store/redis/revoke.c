/*
 * revoke.c - what was taken away from readers, in a stream of its own.
 *
 * Its entries have the fields topic and subject.  The time of an entry is that
 * of its id, unless a field time gives another.  News tells that there are new
 * entries.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/clock.h"
#include "store/redis/words.h"

enum {
	SEARCH_MS = 5000,	       /* then nobody asks for it any more */
	TOPICS_BYTES = 4 * 1024 * 1024 /* of one search */
};

static struct store_text
find_field(const redisReply *entry, const char *name)
{
	const redisReply *f = entry->element[1];
	size_t i;

	for (i = 0; i + 1 < f->elements; i += 2)
		if (strcmp(f->element[i]->str, name) == 0)
			return (struct store_text){
			    f->element[i + 1]->str, f->element[i + 1]->len};
	return (struct store_text){NULL, 0};
}

/* Hands out what entries say. */
static void
each_entry(const redisReply *r, store_each_revoked *each, void *arg)
{
	struct store_id id = {0, 0};
	size_t i;

	for (i = 0; i < r->elements; i++) {
		const redisReply *e = r->element[i];
		struct store_revocation rv = {.topic = find_field(e, "topic"),
		    .subject = find_field(e, "subject")};

		redis_id(e->element[0], &id);
		rv.time_ms = redis_ms(find_field(e, "time"), id);
		if (rv.topic.s != NULL || rv.subject.s != NULL)
			each(arg, &rv);
	}
}

enum store_result
redis_revocations(struct store *store, struct store_id *after, size_t limit,
    store_each_revoked *each, void *arg)
{
	struct redis *rs = redis_of(store);
	const struct redis_ask *a;

	if (rs->base.log_id[0] == '\0')
		return redis_later(rs);
	if (limit == 0 || store_id_cmp(rs->base.revoked, *after) <= 0) {
		if (limit == 0)
			*after = rs->base.revoked;
		return STORE_OK;
	}
	if (limit > REDIS_ROWS_MAX)
		limit = REDIS_ROWS_MAX;
	if ((a = redis_ask_revoked(rs, *after, limit)) == NULL)
		return redis_later(rs);
	each_entry(a->page.entries, each, arg);
	*after = a->page.upto; /* those deleted since need no look */
	return STORE_OK;
}

/* --- of one subject ------------------------------------------------------ */

static void
free_search(struct redis_search *s)
{
	free(s->subject);
	free(s->topics);
	memset(s, 0, sizeof(*s));
}

void
redis_search_forget(struct redis *rs)
{
	size_t i;

	for (i = 0; i < REDIS_SEARCHES; i++)
		free_search(&rs->search[i]);
}

/*
 * The search for this subject, a new one if there is none.  NULL: there is no
 * room as long as others are asked for.
 */
static struct redis_search *
find_search(struct redis *rs, struct store_text subject, int64_t issued_ms)
{
	int64_t now = clock_steady_ms();
	struct redis_search *s, *best = NULL;

	for (s = rs->search; s < rs->search + REDIS_SEARCHES; s++) {
		if (s->subject != NULL && now - s->asked_ms > SEARCH_MS)
			free_search(s);
		if (s->subject != NULL && s->issued_ms == issued_ms &&
		    s->len == subject.len &&
		    memcmp(s->subject, subject.s, s->len) == 0)
			return s;
		if (s->subject == NULL ||
		    (s->done &&
			(best == NULL || (best->subject != NULL &&
					     s->asked_ms < best->asked_ms))))
			best = s;
	}
	if (best == NULL)
		return NULL;
	free_search(best);
	best->subject = malloc(subject.len + 1);
	if (best->subject == NULL)
		return NULL;
	memcpy(best->subject, subject.s, subject.len);
	best->len = subject.len;
	best->issued_ms = issued_ms;
	best->from = (struct store_id){(uint64_t)issued_ms, 0};
	return best;
}

/*
 * Adds a topic that the subject has lost; an empty name means all topics.  If
 * there are more than fit, all topics count as lost.
 */
static void
add_lost(struct redis_search *s, const redisReply *r)
{
	uint32_t len = (uint32_t)r->len;
	size_t need = s->bytes + sizeof(len) + len, room = need * 2;
	char *p;

	if (len == 0 || need > TOPICS_BYTES)
		s->all = true;
	if (s->all)
		return;
	if (need > s->room) {
		if ((p = realloc(s->topics, room)) == NULL) {
			s->all = true;
			return;
		}
		s->topics = p;
		s->room = room;
	}
	len--; /* without the mark */
	memcpy(s->topics + s->bytes, &len, sizeof(len));
	memcpy(s->topics + s->bytes + sizeof(len), r->str + 1, len);
	s->bytes += sizeof(len) + len;
}

/* What one step has found. */
static void
take_step(struct redis_search *s, const struct redis_ask *a)
{
	const redisReply *r = a->answer, *topics = r->element[2];
	size_t i;

	for (i = 0; i < topics->elements; i++)
		add_lost(s, topics->element[i]);
	if (redis_id(r->element[0], &s->from))
		s->begun = true;
	s->upto = a->page.state.revoked;
	if (store_id_cmp(s->upto, a->revoked) < 0)
		s->upto = a->revoked; /* the newest was deleted */
	s->done = s->all || r->element[1]->integer == 0;
}

static const struct redis_ask *
ask_step(struct redis *rs, const struct redis_search *s)
{
	char from[STORE_ID_SIZE + 1] = "(";
	struct redis_words w;

	if (!redis_words_begin(
		&w, rs, "EVAL", redis_script_revoked, 4, 2 * REDIS_NUMBER_SIZE))
		return NULL;
	redis_id_print(s->from, from + 1);
	redis_words_add(&w, s->subject, s->len);
	redis_words_add(
	    &w, s->begun ? from : from + 1, strlen(s->begun ? from : from + 1));
	redis_words_number(&w, "%lld", s->issued_ms);
	redis_words_number(&w, "%lld", REDIS_PASS);
	return redis_ask_words(rs, &w, ASK_SEARCH);
}

static void
hand_out(const struct redis_search *s, store_each_revoked *each, void *arg)
{
	struct store_revocation rv = {
	    .subject = {s->subject, s->len}, .time_ms = s->issued_ms};
	const char *p = s->topics;
	uint32_t len;

	if (s->all) {
		each(arg, &rv);
		return;
	}
	while (p != NULL && p < s->topics + s->bytes) {
		memcpy(&len, p, sizeof(len));
		rv.topic = (struct store_text){p + sizeof(len), len};
		each(arg, &rv);
		p += sizeof(len) + len;
	}
}

/*
 * The stream of revocations is gone through in steps, and what was found is
 * good until news tells of another revocation: then the search goes on from
 * where it was.  News that comes later ends the stream that begins now.
 */
enum store_result
redis_revoked(struct store *store, struct store_text subject, int64_t issued_ms,
    store_each_revoked *each, void *arg)
{
	struct redis *rs = redis_of(store);
	const struct redis_ask *a;
	struct redis_search *s;

	if (rs->base.log_id[0] == '\0')
		return redis_later(rs);
	s = find_search(rs, subject, issued_ms < 0 ? 0 : issued_ms);
	if (s == NULL)
		return redis_later(rs);
	s->asked_ms = clock_steady_ms();
	while (!s->all &&
	       (!s->done || store_id_cmp(s->upto, rs->base.revoked) < 0)) {
		if ((a = ask_step(rs, s)) == NULL)
			return redis_later(rs);
		take_step(s, a);
		redis_ask_taken(rs, a);
	}
	hand_out(s, each, arg);
	return STORE_OK;
}
