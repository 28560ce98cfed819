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
	LOOKS = 8,   /* for a row that is still there */
	NEWEST = 32, /* rows that are compared one by one */
	READS = 128  /* in one search */
};

void
marks_begin(struct marks *m, const char *log_id)
{
	m->recent.added = m->recent.n = m->old.added = m->old.n = 0;
	m->seen_ms = m->time_ms = m->head = 0;
	memset(&m->lost, 0, sizeof(m->lost));
	memset(m->log_id, 0, sizeof(m->log_id));
	strncpy(m->log_id, log_id, sizeof(m->log_id) - 1);
}

static void
ring_add(struct marks *m, struct mark_ring *r, const struct row_mark *mark)
{
	if (m->time_ms < mark->time_ms)
		m->time_ms = mark->time_ms;
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
	ring_add(m, &m->old, mark);
}

void
marks_add(struct marks *m, const struct row_mark *mark)
{
	const struct row_mark *newest = marks_newest(m);
	uint64_t added = m->recent.added;

	if (newest != NULL && mark->id <= newest->id)
		return;
	if (m->recent.n == MARKS && added % MARKS_STEP == 0)
		ring_add(m, &m->old, &m->recent.mark[added % MARKS]);
	ring_add(m, &m->recent, mark);
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

/* --- where two copies part ---------------------------------------------- */

/* The search for the newest mark that holds.  Index 0 is the newest mark. */
struct search {
	const struct marks *m;
	marks_read *read;
	void *arg;
	size_t n;    /* marks that there are */
	size_t part; /* all before this one do not hold, or have no row */
	size_t hold; /* the newest that is known to hold, or n */
	int left;    /* rows that may still be read */
};

/* The newest mark that is not newer than this id, or n. */
static size_t
first_upto(const struct search *s, int64_t id)
{
	size_t low = 0, high = s->n, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (mark_at(s->m, mid)->id > id)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

const struct row_mark *
marks_after(const struct marks *m, int64_t id)
{
	struct search s = {.m = m, .n = m->recent.n + m->old.n};
	size_t i = first_upto(&s, id);

	return i > 0 ? mark_at(m, i - 1) : NULL;
}

/*
 * The first from i on, and before end, that has a row; *same: it is the row
 * that was marked.  Marks without a row are passed over, all at once.
 */
static size_t
first_with_row(struct search *s, size_t i, size_t end, bool *same)
{
	const struct row_mark *mark;
	struct row_mark now;

	while (i < end && (mark = mark_at(s->m, i)) != NULL && s->left-- > 0) {
		if (!s->read(s->arg, mark->id, &now))
			break; /* nor are there any before it */
		i = first_upto(s, now.id);
		mark = mark_at(s->m, i);
		if (i < end && mark != NULL && mark->id == now.id) {
			*same = memcmp(&now, mark, sizeof(now)) == 0;
			return i;
		}
	}
	return end;
}

/* Most often it is one of the newest. */
static void
search_newest(struct search *s)
{
	bool same = false;
	size_t i;
	int n;

	for (n = 0; n < NEWEST && s->part < s->n; n++) {
		i = first_with_row(s, s->part, s->n, &same);
		if (same)
			s->hold = i;
		if (same || i == s->n)
			return;
		s->part = i + 1;
	}
}

/* Two copies are the same up to some row and differ after it: by halving. */
static void
search_older(struct search *s)
{
	size_t i, mid, end = s->n;
	bool same = false;

	while (s->part < end) {
		mid = s->part + (end - s->part) / 2;
		i = first_with_row(s, mid, end, &same);
		if (i < end && !same) {
			s->part = i + 1;
			continue;
		}
		if (i < end)
			s->hold = i;
		end = mid;
	}
}

/* After which row none is known to be in both? */
static int64_t
high_of(const struct search *s, size_t lost)
{
	const struct marks *m = s->m;
	const struct row_mark *mark = mark_at(m, lost);

	if (s->left >= 0 && mark != NULL && lost < m->recent.n)
		return mark->id; /* each row after it had a mark, too */
	/* The oldest that does not hold; those before it have no row. */
	if (s->part > 0)
		return mark_at(m, s->part - 1)->id - 1;
	mark = marks_newest(m); /* no row after it was read */
	return mark != NULL && mark->id > m->head ? mark->id : m->head;
}

struct marks_part
marks_compare(const struct marks *m, marks_read *read, void *arg, int64_t head)
{
	struct search s = {m, read, arg, m->recent.n + m->old.n, 0, 0, READS};
	struct marks_part p = {.high = head};
	const struct row_mark *mark;
	int64_t high;

	s.hold = s.n;
	s.part = first_upto(&s, head);
	search_newest(&s);
	if (s.hold == s.n)
		search_older(&s);
	p.lost = s.hold;
	mark = mark_at(m, p.lost);
	if (mark != NULL)
		p.low = mark->id;
	if (p.lost > 0)
		p.first_lost = *mark_at(m, p.lost - 1);
	high = high_of(&s, p.lost);
	if (high < head)
		p.high = high;
	return p;
}
