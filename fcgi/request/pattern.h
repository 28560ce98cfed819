/*
 * pattern.h - topics as a claim or an option lists them: `news`, `news*`, `*`,
 * and `inbox/{sub}`, where a word in braces means whoever asks.
 *
 * Pure.  A subject is plain text: `*` and braces in it mean nothing special.
 */
#ifndef PATTERN_H
#define PATTERN_H

#include "fcgi/request/request.h"

struct pattern {
	struct request_topic topic; /* its name: in here or in the text read */
	char name[REQUEST_TOPIC_BYTES];
};

/*
 * Reads len bytes at s, which must live as long as the pattern, and replaces
 * each word (such as `{sub}`) in it by the subject.  False if that is no
 * topic, or if the word is in it and the subject is NULL or empty: then the
 * pattern covers nothing.
 */
bool pattern_read(struct pattern *, const char *s, size_t len, const char *word,
    const char *subject, size_t subject_len);

/* Replaces each word in a topic.  False: it would be longer than a topic is. */
bool pattern_fill(struct pattern *, const struct request_topic *from,
    const char *word, const char *subject, size_t subject_len);

/* Does a name every topic that b names? */
bool pattern_covers(
    const struct request_topic *a, const struct request_topic *b);

/* Is there a topic that both a and b name? */
bool pattern_meets(
    const struct request_topic *a, const struct request_topic *b);

#endif
