/*
 * revoke.c - ends the streams of a topic or a subject that was revoked.
 *
 * Many revocations are read at a time, and then all streams are checked against
 * them at once.  So logging out a thousand people takes no more work than
 * logging out one.  The clients are told to come back; auth/allow_who.c then
 * decides whether they are still allowed to read.
 */
#include <stdlib.h>
#include <string.h>

#include "fcgi/request/pattern.h"
#include "fcgi/stream/revoke.h"
#include "fcgi/stream/todo.h"

enum {
	ROWS = 128 /* rows read in one turn */
};

/* One row; both its texts are in one piece of memory. */
struct revoked {
	struct store_text subject; /* NULL: every reader of the topic */
	bool whole;		   /* all topics */
	struct request_topic topic;
	char *text;
};

struct taking {
	struct revoked row[ROWS];
	size_t n;
	bool failed;
};

/*
 * A row may name a topic that no request could ask for: such a text is taken as
 * the exact name of a topic.
 */
static void
read_topic(struct revoked *r, const char *s, size_t len)
{
	if (request_topic(&r->topic, s, len) != NULL)
		r->topic = (struct request_topic){.name = s, .len = len};
}

static void
take_row(void *arg, const struct store_revocation *rv)
{
	struct taking *t = arg;
	struct revoked *r = &t->row[t->n];
	size_t topic_len = rv->topic.len;

	r->text = malloc(topic_len + rv->subject.len + 1);
	if (r->text == NULL) {
		t->failed = true;
		return;
	}
	t->n++;
	r->whole = rv->topic.s == NULL;
	if (!r->whole)
		memcpy(r->text, rv->topic.s, topic_len);
	read_topic(r, r->text, topic_len);
	r->subject = (struct store_text){NULL, rv->subject.len};
	if (rv->subject.s != NULL)
		r->subject.s =
		    memcpy(r->text + topic_len, rv->subject.s, rv->subject.len);
}

/* Sorts by subject; rows without a subject come first. */
static int
compare(const void *a, const void *b)
{
	const struct store_text *x = &((const struct revoked *)a)->subject;
	const struct store_text *y = &((const struct revoked *)b)->subject;
	int cmp;

	if (x->s == NULL || y->s == NULL)
		return (x->s != NULL) - (y->s != NULL);
	cmp = memcmp(x->s, y->s, x->len < y->len ? x->len : y->len);
	return cmp != 0 ? cmp : (x->len > y->len) - (x->len < y->len);
}

static bool
about(const struct revoked *r, const struct sub *sub)
{
	size_t i;

	for (i = 0; i < sub->ntopics; i++) {
		struct request_topic topic = {.name = sub->topics[i]->name,
		    .len = sub->topics[i]->len,
		    .prefix = sub->topics[i]->kind & TOPIC_PREFIX};

		if (r->whole || pattern_meets(&r->topic, &topic))
			return true;
	}
	return false;
}

/* Is one of the rows without a subject about this subscription? */
static bool
topic_revoked(const struct taking *t, const struct sub *sub)
{
	size_t i;

	for (i = 0; i < t->n && t->row[i].subject.s == NULL; i++)
		if (about(&t->row[i], sub))
			return true;
	return false;
}

static bool
subject_revoked(const struct taking *t, const struct stream *s)
{
	struct revoked key = {.subject = {NULL, 0}};
	size_t low = 0, high = t->n, mid;

	if (s->caller == NULL || s->caller->len == 0)
		return false;
	key.subject = (struct store_text){s->caller->subject, s->caller->len};
	while (low < high) {
		mid = low + (high - low) / 2;
		if (compare(&t->row[mid], &key) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < t->n && compare(&t->row[low], &key) == 0; low++)
		if (about(&t->row[low], s->sub))
			return true;
	return false;
}

/* It ends when its turn comes: to end all of them may take long. */
static void
set_revoked(struct hub *hub, struct stream *s)
{
	if (s->conn.over)
		return;
	s->revoked = true;
	todo_add(hub, s);
}

static void
end_streams(struct hub *hub, const struct taking *t)
{
	struct sub *sub = NULL;
	uint32_t i;
	bool all;

	while ((sub = topics_next_sub(&hub->topics, sub)) != NULL) {
		all = topic_revoked(t, sub);
		for (i = 0; i < sub->nstreams; i++)
			if (all || subject_revoked(t, sub->streams[i]))
				set_revoked(hub, sub->streams[i]);
	}
}

void
revoke_start(struct hub *hub, bool all)
{
	hub->revoked = (struct store_id){0, 0};
	if (!all)
		store_revocations(hub->store, &hub->revoked, 0, NULL, NULL);
}

/*
 * The rows that were read before a read failed hold: the next read goes on
 * behind them.
 */
static enum revoking
take_all(struct hub *hub, struct taking *t)
{
	struct store_id upto = hub->revoked;
	enum store_result r =
	    store_revocations(hub->store, &upto, ROWS, take_row, t);

	if (t->failed || (r != STORE_OK && t->n == 0))
		return REVOKING_LATER;
	qsort(t->row, t->n, sizeof(t->row[0]), compare);
	end_streams(hub, t);
	hub->revoked = upto;
	if (!store_revocations_after(hub->store, hub->revoked))
		return REVOKING_DONE;
	return r == STORE_OK ? REVOKING_MORE : REVOKING_LATER;
}

enum revoking
revoke_turn(struct hub *hub)
{
	enum revoking state = REVOKING_LATER;
	struct taking *t;
	size_t i;

	if (!store_revocations_after(hub->store, hub->revoked))
		return REVOKING_DONE;
	if ((t = calloc(1, sizeof(*t))) != NULL)
		state = take_all(hub, t);
	for (i = 0; t != NULL && i < t->n; i++)
		free(t->row[i].text);
	free(t);
	return state;
}
