/*
 * user_topic.c - topics with the user's name in them: `inbox/{user}`.
 *
 * Whether a topic is a prefix was decided when it was read, before the name is
 * filled in.  So the name `*` is the name of one user and no prefix.
 *
 * The topics of --user-topic must keep users apart, whatever their names are.
 * No name with a `/` is filled in (allow_topic.c).  So two topics are compared
 * part by part, as the `/` divide them.
 */
#include <stdlib.h>
#include <string.h>

#include "fcgi/request/pattern.h"
#include "fcgi/request/request.h"

#define WORD "{user}"

static bool
names_user(const struct request_topic *topic)
{
	return memmem(topic->name, topic->len, WORD, strlen(WORD)) != NULL;
}

bool
request_wants_user(const struct request *rq)
{
	size_t i;

	for (i = 0; i < rq->ntopics; i++)
		if (names_user(&rq->topics[i]))
			return true;
	return false;
}

const char *
request_name_user(struct request *rq, const char *user, size_t len)
{
	struct request_topic topics[REQUEST_TOPICS_MAX];
	char *to = malloc(rq->ntopics * REQUEST_TOPIC_BYTES);
	size_t i, n = rq->ntopics;
	struct pattern p;

	free(rq->user_topics);
	rq->user_topics = to;
	if (to == NULL)
		return "out of memory";
	memcpy(topics, rq->topics, n * sizeof(topics[0]));
	for (i = rq->ntopics = 0; i < n; i++) {
		if (!names_user(&topics[i])) {
			request_insert(rq, &topics[i], n);
			continue;
		}
		if (!pattern_fill(&p, &topics[i], WORD, user, len))
			return "topic: longer than 255 bytes with the user's "
			       "name";
		p.topic.name = memcpy(to, p.name, p.topic.len);
		to += p.topic.len;
		request_insert(rq, &p.topic, n);
	}
	return NULL;
}

/* --- --user-topic ------------------------------------------------------- */

/* The bytes between two `/`, and what stands around `{user}` in them. */
struct part {
	const char *s;
	size_t len;
	bool user;
	size_t before, after; /* bytes before the first, after the last */
	bool last;
};

/* Takes the next part off the front of a topic. */
static struct part
next_part(struct request_topic *topic)
{
	const size_t word = strlen(WORD);
	const char *slash = memchr(topic->name, '/', topic->len), *at, *end;
	struct part p = {.s = topic->name,
	    .len = slash != NULL ? (size_t)(slash - topic->name) : topic->len,
	    .last = slash == NULL};
	const char *s = p.s;

	end = p.s + p.len;
	while ((at = memmem(s, (size_t)(end - s), WORD, word)) != NULL) {
		if (!p.user)
			p.before = (size_t)(at - p.s);
		p.user = true;
		s = at + word;
		p.after = (size_t)(end - s);
	}
	if (!p.last) {
		topic->name += p.len + 1;
		topic->len -= p.len + 1;
	}
	return p;
}

/* Can a name make the part of these two bounds that begins and ends so? */
static bool
fits(const struct part *a, const struct part *b)
{
	size_t b_before = b->user ? b->before : b->len;
	size_t b_after = b->user ? b->after : b->len;
	size_t before = a->before < b_before ? a->before : b_before;
	size_t after = a->after < b_after ? a->after : b_after;

	if (!b->user && b->len <= a->before + a->after)
		return false; /* no name is empty */
	return memcmp(a->s, b->s, before) == 0 &&
	       memcmp(a->s + a->len - after, b->s + b->len - after, after) == 0;
}

/* Can two parts in the same place be equal for two different users? */
enum parts {
	PARTS_DIFFER, /* no, and not for one user either */
	PARTS_SAME,   /* no, only for one and the same user */
	PARTS_MEET    /* perhaps */
};

static enum parts
compare_parts(const struct part *a, const struct part *b)
{
	bool same = a->len == b->len && memcmp(a->s, b->s, a->len) == 0;

	if (!a->user && !b->user)
		return same ? PARTS_MEET : PARTS_DIFFER;
	if (same)
		return PARTS_SAME;
	return (a->user ? fits(a, b) : fits(b, a)) ? PARTS_MEET : PARTS_DIFFER;
}

bool
request_users_meet(const char *s, const char *t)
{
	struct request_topic a, b;
	struct part pa, pb;

	if (request_topic(&a, s, strlen(s)) != NULL ||
	    request_topic(&b, t, strlen(t)) != NULL || !names_user(&a) ||
	    !names_user(&b))
		return false;
	for (;;) {
		pa = next_part(&a);
		pb = next_part(&b);
		/* What follows the last part of a prefix can be anything. */
		if ((pa.last && a.prefix) || (pb.last && b.prefix))
			return true;
		if (compare_parts(&pa, &pb) != PARTS_MEET || pa.last != pb.last)
			return false;
		if (pa.last)
			return true;
	}
}

const char *
request_user_wrong(const char *s)
{
	struct request_topic topic;
	const char *wrong = request_topic(&topic, s, strlen(s));
	struct part p;

	if (wrong != NULL || !topic.prefix)
		return wrong;
	do
		p = next_part(&topic);
	while (!p.last);
	return p.user ? "the user al would read what is alice's: a `/` has to "
			"stand between {user} and `*`"
		      : NULL;
}
