/*
 * join.c - where one event ends and the next begins in what is read.
 */
#include <string.h>

#include "fcgi/base/command.h"
#include "fcgi/command/join.h"
#include "store/store.h"

static void
hold_back(struct join *j)
{
	if (j->due == 0)
		j->due = clock_steady_ms() + j->ms;
}

int
join_wait(const struct join *j)
{
	int64_t ms;

	if (j->due == 0)
		return -1;
	ms = j->due - clock_steady_ms();
	return ms > 0 ? (int)ms : 0;
}

/* --- text --------------------------------------------------------------- */

/* How many bytes an event may end with that are not yet a character. */
static size_t
part_of_character(const char *s, size_t len)
{
	size_t i, need;
	unsigned char c;

	if (len > 0 && s[len - 1] == '\r')
		return 1; /* a LF may follow */
	for (i = 1; i <= 3 && i <= len; i++) {
		c = (unsigned char)s[len - i];
		if ((c & 0xc0) == 0x80)
			continue;
		need = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;
		return need > i ? i : 0;
	}
	return 0;
}

static int
put_front(struct join *j, struct bytes *text, size_t len)
{
	int status = j->put(j->arg, text->s + text->at, len);

	text->at += len;
	j->due = 0;
	return status;
}

static int
text_take(struct join *j, struct bytes *text, bool ended)
{
	const char *s;
	size_t len;
	int status = 0;

	while (status == 0 && (len = text->len - text->at) > 0) {
		s = text->s + text->at;
		if (len > JOIN_BYTES)
			len = JOIN_BYTES;
		if (!ended || len == JOIN_BYTES)
			len -= part_of_character(s, len);
		if (len == 0)
			break;
		hold_back(j);
		if (len + 4 < JOIN_BYTES && !ended && join_wait(j) > 0)
			break;
		status = put_front(j, text, len);
	}
	return status;
}

/* --- chunks ------------------------------------------------------------- */

static int
put_held(struct join *j)
{
	int status = 0;

	if (j->due != 0)
		status = j->put(j->arg, j->held.s, j->held.len);
	j->held.len = 0;
	j->due = 0;
	return status;
}

static int
cut_chunk(struct join *j, const char *s, size_t len)
{
	struct chunk c;
	bool grows = len < JOIN_BYTES && chunk_find(&c, s, len, j->path);
	int status;

	if (grows && j->due != 0 && j->held.len + c.n <= JOIN_BYTES &&
	    chunk_alike(&j->chunk, j->held.s, j->held.len, &c, s, len) &&
	    chunk_join(&j->chunk, &j->held, &c, s, len) == 0)
		return 0;
	status = put_held(j);
	if (status != 0)
		return status;
	if (!grows || bytes_add(&j->held, s, len) == -1)
		return j->put(j->arg, s, len);
	j->chunk = c;
	hold_back(j);
	return 0;
}

/* --- lines -------------------------------------------------------------- */

static int
cut_line(struct join *j, const char *s, size_t len)
{
	if (len > 0 && s[len - 1] == '\r')
		len--;
	return j->how == JOIN_CHUNKS ? cut_chunk(j, s, len)
				     : j->put(j->arg, s, len);
}

/* If the last line has no line end, it ends with the input. */
static int
cut_lines(struct join *j, struct bytes *text, bool ended)
{
	const char *s, *end;
	size_t len;
	int status = 0;

	while (status == 0 && (len = text->len - text->at) > 0) {
		s = text->s + text->at;
		end = memchr(s + j->looked, '\n', len - j->looked);
		j->looked = end != NULL ? 0 : len;
		if (end == NULL && !ended)
			break;
		text->at += end != NULL ? (size_t)(end - s) + 1 : len;
		status = cut_line(j, s, end != NULL ? (size_t)(end - s) : len);
	}
	return status;
}

int
join_take(struct join *j, struct bytes *text, bool ended)
{
	int status;

	if (j->how == JOIN_TEXT)
		return text_take(j, text, ended);
	status = cut_lines(j, text, ended);
	if (status == 0 && (ended || join_wait(j) == 0))
		status = put_held(j);
	return status;
}

void
join_free(struct join *j)
{
	bytes_free(&j->held);
}
