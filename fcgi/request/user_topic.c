/*
 * user_topic.c - topics that name whoever asks: `inbox/{user}`.
 *
 * Whether a topic is a prefix was decided when it was read, so a user by the
 * name of `*` is one user.
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

/*
 * Is what it names the user's alone?  Not as `inbox/{user}*`, for al would
 * read what is alice's, and not with a name that goes on below another's.
 */
static bool
is_own(const struct request_topic *topic, const char *user, size_t len)
{
	const char *end = topic->name + topic->len;

	return memchr(user, '/', len) == NULL &&
	       (!topic->prefix || end[-1] == '/');
}

/* Puts a topic in its place. */
static void
add(struct request *rq, const struct request_topic *topic, bool own)
{
	size_t i = rq->ntopics;

	while (i > 0 && request_topic_cmp(&rq->topics[i - 1], topic) > 0)
		i--;
	if (i > 0 && request_topic_cmp(&rq->topics[i - 1], topic) == 0) {
		/* Asked for by its name as well: that has to be allowed. */
		rq->own[i - 1] &= own;
		return;
	}
	memmove(&rq->topics[i + 1], &rq->topics[i],
	    (rq->ntopics - i) * sizeof(rq->topics[0]));
	memmove(&rq->own[i + 1], &rq->own[i],
	    (rq->ntopics - i) * sizeof(rq->own[0]));
	rq->topics[i] = *topic;
	rq->own[i] = own;
	rq->ntopics++;
}

const char *
request_name_user(struct request *rq, const char *user, size_t len)
{
	struct request_topic topics[REQUEST_TOPICS_MAX];
	char *to = malloc(rq->ntopics * REQUEST_TOPIC_BYTES);
	size_t i, n = rq->ntopics;
	struct pattern p;
	bool own;

	free(rq->user_topics);
	rq->user_topics = to;
	if (to == NULL)
		return "out of memory";
	memcpy(topics, rq->topics, n * sizeof(topics[0]));
	for (i = rq->ntopics = 0; i < n; i++) {
		if (!names_user(&topics[i])) {
			add(rq, &topics[i], false);
			continue;
		}
		if (!pattern_fill(&p, &topics[i], WORD, user, len))
			return "topic: longer than 255 bytes with the user's "
			       "name";
		own = is_own(&topics[i], user, len);
		p.topic.name = memcpy(to, p.name, p.topic.len);
		to += p.topic.len;
		add(rq, &p.topic, own);
	}
	return NULL;
}
