/*
 * user_topic.c - topics with the user's name in them: `inbox/{user}`.
 *
 * Whether a topic is a prefix was decided when it was read, before the name is
 * filled in.  So the name `*` is the name of one user and no prefix.
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
 * Does the topic belong to this user alone?  `inbox/{user}*` does not: al
 * would read alice's topics.  Nor does it with a `/` in the name: al/x would
 * read what is below al's topic.
 */
static bool
is_users_alone(const struct request_topic *topic, const char *user, size_t len)
{
	const char *end = topic->name + topic->len;

	return memchr(user, '/', len) == NULL &&
	       (!topic->prefix || end[-1] == '/');
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
			request_insert(rq, &topics[i], false, n);
			continue;
		}
		if (!pattern_fill(&p, &topics[i], WORD, user, len))
			return "topic: longer than 255 bytes with the user's "
			       "name";
		own = is_users_alone(&topics[i], user, len);
		p.topic.name = memcpy(to, p.name, p.topic.len);
		to += p.topic.len;
		request_insert(rq, &p.topic, own, n);
	}
	return NULL;
}
