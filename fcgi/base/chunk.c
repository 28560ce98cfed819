/*
 * chunk.c - the text that grows in the chunks of a stream of JSON.
 *
 * The bytes between the quotes are joined as they are.  That is right also
 * where they have escapes: jansson has read both values, so no escape is cut
 * and no half of a surrogate pair stands alone.  Nothing is written anew, so
 * numbers keep all their digits.
 */
#include <jansson.h>

#include <string.h>

#include "fcgi/base/chunk.h"
#include "fcgi/base/json_text.h"

enum {
	JSON_FLAGS = JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY
};

/* A text that is JSON is read from s on, which never comes to the end. */
struct scan {
	const char *s, *end;
};

static void
scan_space(struct scan *sc)
{
	sc->s += json_text_space(sc->s, sc->end);
}

/* From the first quote to the byte after the last. */
static void
scan_string(struct scan *sc)
{
	sc->s += json_text_string(sc->s, sc->end);
}

static void
scan_value(struct scan *sc)
{
	sc->s += json_text_value(sc->s, sc->end);
}

/* Passes over what stands before the next member or element; false: none. */
static bool
scan_next(struct scan *sc, char close)
{
	scan_space(sc);
	if (*sc->s == close)
		return false;
	sc->s++; /* the bracket, or a comma */
	scan_space(sc);
	return *sc->s != close; /* it is empty */
}

/* From an object to the value of its member of this name. */
static bool
scan_member(struct scan *sc, const char *name, size_t len)
{
	const char *quote;
	bool found;

	while (scan_next(sc, '}')) {
		quote = sc->s;
		scan_string(sc);
		found = (size_t)(sc->s - quote) == len + 2 &&
			memcmp(quote + 1, name, len) == 0;
		scan_space(sc);
		sc->s++; /* the colon */
		if (found)
			return true;
		scan_value(sc);
	}
	return false;
}

static bool
scan_element(struct scan *sc, const char *number, size_t len)
{
	size_t i, n = 0;

	if (len == 0 || len > 9 || (len > 1 && *number == '0'))
		return false;
	for (i = 0; i < len; i++) {
		if (number[i] < '0' || number[i] > '9')
			return false;
		n = n * 10 + (size_t)(number[i] - '0');
	}
	while (scan_next(sc, ']')) {
		if (n-- == 0)
			return true;
		scan_value(sc);
	}
	return false;
}

static bool
is_json(const char *s, size_t len)
{
	json_t *json;

	/* jansson passes over a NUL after a number or a word. */
	if (memchr(s, '\0', len) != NULL)
		return false;
	json = json_loadb(s, len, JSON_FLAGS, NULL);
	json_decref(json);
	return json != NULL;
}

bool
chunk_find(struct chunk *c, const char *s, size_t len, const char *path)
{
	struct scan sc = {s, s + len};
	const char *begin;
	size_t n;

	if (!is_json(s, len))
		return false;
	for (;; path += n + 1) {
		scan_space(&sc);
		n = strcspn(path, ".");
		if (*sc.s == '{' ? !scan_member(&sc, path, n)
				 : *sc.s != '[' || !scan_element(&sc, path, n))
			return false;
		if (path[n] == '\0')
			break;
	}
	scan_space(&sc);
	if (*sc.s != '"')
		return false;
	begin = sc.s + 1;
	scan_string(&sc);
	c->at = (size_t)(begin - s);
	c->n = (size_t)(sc.s - 1 - begin);
	return true;
}

bool
chunk_alike(const struct chunk *c, const char *s, size_t len,
    const struct chunk *d, const char *t, size_t tlen)
{
	size_t after = len - c->at - c->n;

	return c->at == d->at && tlen - d->at - d->n == after &&
	       memcmp(s, t, c->at) == 0 &&
	       memcmp(s + len - after, t + tlen - after, after) == 0;
}

int
chunk_join(struct chunk *c, struct bytes *text, const struct chunk *d,
    const char *t, size_t tlen)
{
	size_t after = tlen - d->at; /* its string, and all behind that */

	if (bytes_room(text, after) == -1)
		return -1;
	text->len = text->at + c->at + c->n;
	c->n += d->n;
	return bytes_add(text, t + d->at, after);
}
