/*
 * feed.c - HTTP/1.1, chunks and text/event-stream, as they come.
 *
 * The client runs on the same two cores as the servers that it measures, so
 * this reader is cheap and not general.  A line that is whole in the buffer is
 * parsed there.  Only a line that was cut by a read is copied.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "feed.h"

struct sink {
	struct feed_faults *faults;
	feed_event *event;
	void *arg;
};

static void
carry_add(struct feed *f, const char *s, size_t len)
{
	while (f->carried + len > f->room) {
		f->room = f->room == 0 ? 512 : f->room * 2;
		f->carry = realloc(f->carry, f->room);
		if (f->carry == NULL)
			abort();
	}
	memcpy(f->carry + f->carried, s, len);
	f->carried += (uint32_t)len;
}

/* A line's end frees the room it took: 10,000 idle feeds keep nothing. */
static void
carry_drop(struct feed *f)
{
	free(f->carry);
	f->carry = NULL;
	f->carried = f->room = 0;
}

static const char *
digits(const char *s, const char *end, uint64_t *value)
{
	uint64_t v = 0;

	for (; s < end && (unsigned)(*s - '0') < 10; s++)
		v = v * 10 + (unsigned)(*s - '0');
	*value = v;
	return s;
}

/* `@n=12 t=3456 xxx$` */
static void
data_line(struct feed *f, const char *s, const char *end, struct sink *k)
{
	if (f->own)
		return;
	if (end - s < 8 || memcmp(s, "@n=", 3) != 0) {
		k->faults->strange++;
		return;
	}
	s = digits(s + 3, end, &f->n);
	if (end - s < 4 || memcmp(s, " t=", 3) != 0 || end[-1] != '$') {
		k->faults->torn++;
		return;
	}
	digits(s + 3, end, &f->t);
	f->has_n = true;
}

/*
 * Numeric ids must grow; ours have a check of four characters behind the
 * number. What nchan writes (`time:n`) has only to be there.
 */
static void
id_line(struct feed *f, const char *s, const char *end, struct sink *k)
{
	const char *after;
	uint64_t id;

	f->has_id = true;
	after = digits(s, end, &id);
	if (after != end && !(end - after == 5 && *after == '-' &&
				after[1] >= 'a' && after[1] <= 'z'))
		return;
	if (!f->own && id <= f->id && f->id != 0)
		k->faults->ids++;
	f->id = id;
}

/* As it is: it goes back to the server. */
static void
place_line(struct feed *f, const char *s, const char *end)
{
	f->has_place = end - s < FEED_PLACE;
	if (f->has_place) {
		memcpy(f->next_place, s, (size_t)(end - s));
		f->next_place[end - s] = '\0';
	}
}

static void
event_end(struct feed *f, struct sink *k)
{
	if (f->has_n && !f->own) {
		if (!f->has_id)
			k->faults->ids++;
		k->event(k->arg, f->n, f->t);
	}
	if (f->gap)
		k->faults->gaps++;
	if (f->bye && !f->started)
		f->away = true;
	f->started |= (f->own || f->has_n) && !f->bye;
	if (f->has_place)
		memcpy(f->place, f->next_place, sizeof(f->place));
	f->live |= f->has_id;
	f->has_place = false;
	f->has_n = f->has_id = f->own = f->gap = f->bye = false;
}

static void
line(struct feed *f, const char *s, const char *end, struct sink *k)
{
	if (end > s && end[-1] == '\r')
		end--;
	if (end == s)
		event_end(f, k);
	else if (end - s > 6 && memcmp(s, "data: ", 6) == 0)
		data_line(f, s + 6, end, k);
	else if (end - s > 4 && memcmp(s, "id: ", 4) == 0) {
		id_line(f, s + 4, end, k);
		place_line(f, s + 4, end);
	} else if (end - s > 14 && memcmp(s, "event: stream-", 14) == 0) {
		f->own = true;
		f->gap = end - s == 17 && memcmp(s + 14, "gap", 3) == 0;
		f->bye = end - s == 19 && memcmp(s + 14, "retry", 5) == 0;
	} else if (end - s > 7 && memcmp(s, "retry: ", 7) == 0)
		f->retry_ms = (uint32_t)strtoul(s + 7, NULL, 10);
	else if (*s != ':')
		k->faults->strange++;
}

static void
body(struct feed *f, const char *s, const char *end, struct sink *k)
{
	const char *nl;

	if (f->carried > 0) {
		nl = memchr(s, '\n', (size_t)(end - s));
		carry_add(f, s, (size_t)((nl != NULL ? nl : end) - s));
		if (nl == NULL)
			return;
		line(f, f->carry, f->carry + f->carried, k);
		carry_drop(f);
		s = nl + 1;
	}
	while (s < end && (nl = memchr(s, '\n', (size_t)(end - s))) != NULL) {
		line(f, s, nl, k);
		s = nl + 1;
	}
	if (s < end)
		carry_add(f, s, (size_t)(end - s));
}

/* The number that a header of the answer has, or 0. */
static uint64_t
head_number(const struct feed *f, const char *name)
{
	const char *at = strcasestr(f->carry, name);

	return at != NULL ? strtoull(at + strlen(name), NULL, 10) : 0;
}

/* Returns how many of len bytes belong to the headers. */
static size_t
head(struct feed *f, const char *s, size_t len)
{
	size_t before = f->carried;
	char *end;

	carry_add(f, s, len);
	end = memmem(f->carry, f->carried, "\r\n\r\n", 4);
	if (end == NULL)
		return len;
	len = (size_t)(end + 4 - f->carry) - before;
	*end = '\0';
	if (sscanf(f->carry, "HTTP/1.%*c %hu", &f->status) != 1)
		f->status = 599;
	f->chunked = strcasestr(f->carry, "\ntransfer-encoding: chunked");
	f->state = f->chunked ? FEED_SIZE : FEED_BODY;
	f->sized =
	    strcasestr(f->carry, "\ncontent-length:") != NULL && !f->chunked;
	if (f->sized)
		f->left = head_number(f, "\ncontent-length:");
	f->after_ms = (uint32_t)head_number(f, "\nretry-after:") * 1000;
	carry_drop(f);
	return len;
}

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The length of a chunk, which ends with its line. */
static const char *
size_line(struct feed *f, const char *s, const char *end)
{
	for (; s < end; s++) {
		if (*s == '\n') {
			f->state = f->left > 0 ? FEED_BODY : FEED_OVER;
			return s + 1;
		}
		if (hex(*s) >= 0)
			f->left = f->left * 16 + (unsigned)hex(*s);
	}
	return s;
}

static const char *
chunk_body(struct feed *f, const char *s, const char *end, struct sink *k)
{
	bool bounded = f->chunked || f->sized;

	if (bounded && (uint64_t)(end - s) >= f->left) {
		end = s + f->left;
		f->state = f->chunked ? FEED_CRLF : FEED_OVER;
	}
	if (bounded)
		f->left -= (uint64_t)(end - s);
	body(f, s, end, k);
	return end;
}

void
feed_bytes(struct feed *f, const char *buf, size_t len,
    struct feed_faults *faults, feed_event *event, void *arg)
{
	struct sink k = {faults, event, arg};
	const char *s = buf, *end = buf + len;

	while (s < end) {
		switch (f->state) {
		case FEED_HEAD:
			s += head(f, s, (size_t)(end - s));
			break;
		case FEED_SIZE:
			s = size_line(f, s, end);
			break;
		case FEED_BODY:
			s = chunk_body(f, s, end, &k);
			break;
		case FEED_CRLF:
			if (*s++ == '\n')
				f->state = FEED_SIZE;
			break;
		default:
			return;
		}
	}
}

void
feed_status(struct feed *f, uint16_t status)
{
	f->status = status;
	f->state = FEED_BODY;
}

void
feed_free(struct feed *f)
{
	carry_drop(f);
	memset(f, 0, sizeof(*f));
}

void
feed_again(struct feed *f)
{
	struct feed old = *f;

	feed_free(f);
	f->id = old.id;
	f->retry_ms = old.retry_ms;
	memcpy(f->place, old.place, sizeof(f->place));
}
