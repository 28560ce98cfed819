/*
 * marks.c - which rows of a log were read, so that they are known again.
 *
 * Two copies of a log are the same up to some row, and differ after it.  So the
 * newest mark that still holds is where they part.  A row that is not there any
 * more proves nothing.
 */
#include <string.h>

#include "store/sqlite/files/marks.h"

enum {
	LOOKS = 8 /* for a row that is still there */
};

void
marks_begin(struct marks *m, const char *log_id)
{
	m->recent.added = m->recent.n = m->old.added = m->old.n = 0;
	memset(&m->lost, 0, sizeof(m->lost));
	memset(m->log_id, 0, sizeof(m->log_id));
	strncpy(m->log_id, log_id, sizeof(m->log_id) - 1);
}

static void
ring_add(struct mark_ring *r, const struct row_mark *mark)
{
	r->mark[r->added++ % MARKS] = *mark;
	if (r->n < MARKS)
		r->n++;
}

/* The newest n of them. */
static void
ring_forget(struct mark_ring *r, size_t n)
{
	r->added -= n;
	r->n -= n;
}

/* The i-th, counted back from the newest; NULL: there are not so many. */
static const struct row_mark *
mark_at(const struct marks *m, size_t i)
{
	const struct mark_ring *r = &m->recent;

	if (i >= r->n) {
		i -= r->n;
		r = &m->old;
	}
	return i < r->n ? &r->mark[(r->added - 1 - i) % MARKS] : NULL;
}

const struct row_mark *
marks_newest(const struct marks *m)
{
	return mark_at(m, 0);
}

void
marks_add_old(struct marks *m, const struct row_mark *mark)
{
	ring_add(&m->old, mark);
}

void
marks_add(struct marks *m, const struct row_mark *mark)
{
	const struct row_mark *newest = marks_newest(m);
	uint64_t added = m->recent.added;

	if (newest != NULL && mark->id <= newest->id)
		return;
	if (m->recent.n == MARKS && added % MARKS_STEP == 0)
		ring_add(&m->old, &m->recent.mark[added % MARKS]);
	ring_add(&m->recent, mark);
}

int
marks_compare_row(const struct row_mark *mark, marks_read *read, void *arg)
{
	struct row_mark now;

	if (!read(arg, mark->id, &now) || now.id != mark->id)
		return -1;
	return memcmp(&now, mark, sizeof(now)) == 0;
}

bool
marks_hold(const struct marks *m, marks_read *read, void *arg)
{
	const struct row_mark *mark;
	int is = -1;
	size_t i;

	for (i = 0; i < LOOKS && is == -1; i++) {
		if ((mark = mark_at(m, i)) == NULL)
			break;
		is = marks_compare_row(mark, read, arg);
	}
	return is != 0;
}

void
marks_forget(struct marks *m, size_t n)
{
	size_t recent = n < m->recent.n ? n : m->recent.n;

	ring_forget(&m->recent, recent);
	ring_forget(&m->old, n - recent);
}

struct marks_part
marks_compare(const struct marks *m, marks_read *read, void *arg, int64_t head)
{
	struct marks_part p = {.high = head};
	const struct row_mark *mark, *next = NULL;

	for (; (mark = mark_at(m, p.lost)) != NULL; next = mark, p.lost++)
		if (mark->id <= head && marks_compare_row(mark, read, arg) == 1)
			break;
	if (next != NULL)
		p.first_lost = *next;
	if (mark != NULL)
		p.low = mark->id;
	if (mark != NULL && p.lost < m->recent.n)
		p.high = mark->id; /* each row after it had a mark, too */
	else if (next != NULL && next->id - 1 < head)
		p.high = next->id - 1;
	return p;
}
