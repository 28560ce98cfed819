/*
 * pattern.h - topics as a claim or an option lists them: `news`, `news*`, `*`,
 * and `inbox/{sub}`, where a word stands for whoever asks.
 *
 * Pure.  A subject is text and nothing else: a `*` or a brace in it is a
 * character of a name.
 */
#ifndef PATTERN_H
#define PATTERN_H

#include "fcgi/request/request.h"

struct pattern {
	struct request_topic topic; /* its name is in here or was given */
	char name[REQUEST_TOPIC_BYTES];
};

/*
 * Reads len bytes at s, which have to outlive the pattern, with each word
 * (such as `{sub}`) in it replaced by the subject.  False if that is no topic,
 * or has the word in it and there is no subject (NULL or empty): then it
 * covers nothing.
 */
bool pattern_read(struct pattern *, const char *s, size_t len, const char *word,
    const char *subject, size_t subject_len);

/* Replaces each word in a topic.  False: it would be longer than a topic is. */
bool pattern_fill(struct pattern *, const struct request_topic *from,
    const char *word, const char *subject, size_t subject_len);

/* Are all topics that b names among those that a names? */
bool pattern_covers(
    const struct request_topic *a, const struct request_topic *b);

/* Is there a topic that both of them name? */
bool pattern_meets(
    const struct request_topic *a, const struct request_topic *b);

#endif
