/*
 * words.h - puts together a command that runs a script.
 *
 * Private to store/redis.  A text that may be none has a `=' before it, or is
 * empty where there is none; the scripts take it apart.
 */
#ifndef REDIS_WORDS_H
#define REDIS_WORDS_H

#include "store/redis/redis.h"

enum {
	REDIS_NUMBER_SIZE = 48 /* of an id or a number, at the most */
};

struct redis_words {
	const char **argv;
	size_t *lens;
	char *text, *p; /* what does not lie elsewhere */
	int argc;
};

/* Is no text of this event too long for Redis? */
bool redis_words_fit(const struct store_event *);

/*
 * Begins with how (EVAL, EVALSHA), script and keys.  There is room for n words
 * more, and for so many bytes of text, numbers and ids.  False without memory,
 * with nothing to be freed.
 */
bool redis_words_begin(struct redis_words *, const struct redis *,
    const char *how, const char *script, size_t n, size_t bytes);
void redis_words_free(struct redis_words *);

/* Asks this as redis_ask_command does (ask.c), and frees the words. */
const struct redis_ask *redis_ask_words(
    struct redis *, struct redis_words *, enum ask_kind);

/* Sets them as the command of a question, and frees the words. */
bool redis_ask_set(struct redis_ask *, struct redis_words *);

/* A word that lies elsewhere until all is said. */
void redis_words_add(struct redis_words *, const char *, size_t len);

/* These are copied.  The text may be none, and takes a byte more. */
void redis_words_text(struct redis_words *, struct store_text);
void redis_words_marked(
    struct redis_words *, char mark, const char *, size_t len);
/*
 * Five words: topic, type, data, uid and time, with what a publisher need not
 * say.  The time is left out where it is what the entry has without it.
 */
void redis_words_event(
    struct redis_words *, const struct store_event *, int64_t default_ms);
size_t redis_words_event_size(const struct store_event *); /* bytes, at most */
void redis_words_number(struct redis_words *, const char *fmt, long long);
void redis_words_id(struct redis_words *, struct store_id);

#endif
