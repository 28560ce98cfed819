/*
 * topic.c - a topic as a reader names it (`news`, `news*` or `*`), and the
 * topics of a request in order.
 */
#include <string.h>

#include "fcgi/request/request.h"
#include "fcgi/base/utf8.h"

const char *
request_topic(struct request_topic *topic, const char *s, size_t len)
{
	bool prefix = len > 0 && s[len - 1] == '*';

	if (len == 0)
		return "topic: empty name";
	if (prefix)
		len--;
	if (len > REQUEST_TOPIC_BYTES)
		return "topic: longer than 255 bytes";
	if (memchr(s, '*', len) != NULL)
		return "topic: `*` may only stand at the end";
	if (!utf8_clean(s, len))
		return "topic: not UTF-8, or a control character in it";
	*topic = (struct request_topic){s, len, prefix};
	return NULL;
}

int
request_topic_cmp(const struct request_topic *a, const struct request_topic *b)
{
	size_t len = a->len < b->len ? a->len : b->len;
	int cmp;

	if (a->prefix != b->prefix)
		return a->prefix ? 1 : -1;
	cmp = memcmp(a->name, b->name, len);
	if (cmp != 0)
		return cmp;
	return a->len < b->len ? -1 : a->len > b->len;
}

bool
request_insert(
    struct request *rq, const struct request_topic *topic, size_t max)
{
	size_t i = rq->ntopics, after;

	while (i > 0 && request_topic_cmp(&rq->topics[i - 1], topic) > 0)
		i--;
	if (i > 0 && request_topic_cmp(&rq->topics[i - 1], topic) == 0)
		return true;
	if (rq->ntopics >= max)
		return false;
	after = rq->ntopics++ - i;
	memmove(&rq->topics[i + 1], &rq->topics[i], after * sizeof(*topic));
	rq->topics[i] = *topic;
	return true;
}
