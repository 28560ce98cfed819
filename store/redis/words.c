/*
 * words.c - puts together a command that runs a script.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/redis/words.h"

enum {
	TEXT_MAX = 500 * 1000000 /* Redis takes no longer one */
};

bool
redis_words_fit(const struct store_event *ev)
{
	return ev->topic.len <= TEXT_MAX && ev->event.len <= TEXT_MAX &&
	       ev->data.len <= TEXT_MAX && ev->uid.len <= TEXT_MAX;
}

bool
redis_words_begin(struct redis_words *w, const struct redis *rs,
    const char *how, const char *script, size_t n, size_t bytes)
{
	size_t i;

	memset(w, 0, sizeof(*w));
	w->argv = malloc((REDIS_HEAD + n) * sizeof(*w->argv));
	w->lens = malloc((REDIS_HEAD + n) * sizeof(*w->lens));
	w->text = w->p = malloc(bytes);
	if (w->argv == NULL || w->lens == NULL || w->text == NULL) {
		redis_words_free(w);
		return false;
	}
	redis_head(w->argv, rs->url, how, script);
	for (i = 0; i < REDIS_HEAD; i++)
		w->lens[i] = strlen(w->argv[i]);
	w->argc = REDIS_HEAD;
	return true;
}

void
redis_words_free(struct redis_words *w)
{
	free(w->argv);
	free(w->lens);
	free(w->text);
	memset(w, 0, sizeof(*w));
}

void
redis_words_add(struct redis_words *w, const char *s, size_t len)
{
	w->argv[w->argc] = s;
	w->lens[w->argc++] = len;
}

/* What was just written at p, len bytes of it. */
static void
add_own(struct redis_words *w, size_t len)
{
	redis_words_add(w, w->p, len);
	w->p += len;
}

void
redis_words_marked(struct redis_words *w, char mark, const char *s, size_t len)
{
	*w->p = mark;
	if (len > 0)
		memcpy(w->p + 1, s, len);
	add_own(w, len + 1);
}

void
redis_words_text(struct redis_words *w, struct store_text t)
{
	if (t.s == NULL) {
		redis_words_add(w, "", 0);
		return;
	}
	redis_words_marked(w, '=', t.s, t.len);
}

size_t
redis_words_event_size(const struct store_event *ev)
{
	return ev->topic.len + ev->event.len + ev->data.len + ev->uid.len +
	       strlen("=main"
		      "===") +
	       REDIS_NUMBER_SIZE;
}

void
redis_words_event(
    struct redis_words *w, const struct store_event *ev, int64_t default_ms)
{
	static const struct store_text main_topic = {"main", 4},
				       no_data = {"", 0};

	redis_words_text(w, ev->topic.s == NULL ? main_topic : ev->topic);
	redis_words_text(w, ev->event);
	redis_words_text(w, ev->data.s == NULL ? no_data : ev->data);
	redis_words_text(w, ev->uid);
	if (ev->time_ms == default_ms)
		redis_words_add(w, "", 0);
	else
		redis_words_number(w, "=%lld", ev->time_ms);
}

void
redis_words_number(struct redis_words *w, const char *fmt, long long n)
{
	add_own(w, (size_t)snprintf(w->p, REDIS_NUMBER_SIZE, fmt, n));
}

void
redis_words_id(struct redis_words *w, struct store_id id)
{
	add_own(w, redis_id_print(id, w->p));
}
