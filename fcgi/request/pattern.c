/*
 * pattern.c - topics as a claim or an option lists them.
 *
 * Whether a pattern is a prefix is decided before the word is replaced, so no
 * subject can make a prefix of it.
 */
#include <string.h>

#include "fcgi/request/pattern.h"
#include "fcgi/base/utf8.h"

bool
pattern_fill(struct pattern *p, const struct request_topic *from,
    const char *word, const char *subject, size_t subject_len)
{
	const char *s = from->name, *end = s + from->len, *at;
	size_t len = 0, part, word_len = strlen(word);

	for (; (at = memmem(s, (size_t)(end - s), word, word_len)) != NULL;
	     s = at + word_len) {
		part = (size_t)(at - s);
		if (len + part + subject_len > sizeof(p->name))
			return false;
		memcpy(p->name + len, s, part);
		memcpy(p->name + len + part, subject, subject_len);
		len += part + subject_len;
	}
	part = (size_t)(end - s);
	if (len + part > sizeof(p->name))
		return false;
	memcpy(p->name + len, s, part);
	p->topic = (struct request_topic){p->name, len + part, from->prefix};
	return true;
}

bool
pattern_read(struct pattern *p, const char *s, size_t len, const char *word,
    const char *subject, size_t subject_len)
{
	struct request_topic topic;

	if (request_topic(&topic, s, len) != NULL)
		return false;
	if (memmem(topic.name, topic.len, word, strlen(word)) == NULL) {
		p->topic = topic;
		return true;
	}
	return subject_len > 0 && utf8_clean(subject, subject_len) &&
	       pattern_fill(p, &topic, word, subject, subject_len);
}

bool
pattern_covers(const struct request_topic *a, const struct request_topic *b)
{
	if (!a->prefix)
		return !b->prefix && a->len == b->len &&
		       memcmp(a->name, b->name, a->len) == 0;
	return b->len >= a->len && memcmp(a->name, b->name, a->len) == 0;
}

bool
pattern_meets(const struct request_topic *a, const struct request_topic *b)
{
	return pattern_covers(a, b) || pattern_covers(b, a);
}
