/*
 * due.c - what a stream is due, as pieces of runs.
 */
#include "fcgi/window/due.h"

struct store_id
due_after(struct due_place place)
{
	return place.offset == 0 ? place.id : store_id_before(place.id);
}

bool
due_find(struct due *d, struct due_place place)
{
	struct store_id after = due_after(place);
	bool found = place.offset == 0;
	size_t i;

	for (i = 0; i < d->n; i++) {
		const struct run *r = d->run[i];

		d->at[i] = run_find(r, after);
		if (!found && d->at[i] < r->count &&
		    store_id_cmp(run_mark(r, d->at[i])->id, place.id) == 0)
			found = true;
	}
	return found;
}

/* The index of the run with the next event, d->n when there is none. */
static size_t
next_run(const struct due *d, const size_t *at)
{
	size_t i, best = d->n;

	for (i = 0; i < d->n; i++)
		if (at[i] < d->run[i]->count &&
		    (best == d->n ||
			store_id_cmp(run_mark(d->run[i], at[i])->id,
			    run_mark(d->run[best], at[best])->id) < 0))
			best = i;
	return best;
}

/* Appends a piece; joins it to the piece before it if they touch. */
static int
add_piece(struct iovec *iov, int n, const char *bytes, size_t len)
{
	if (n > 0 &&
	    (char *)iov[n - 1].iov_base + iov[n - 1].iov_len == bytes) {
		iov[n - 1].iov_len += len;
		return n;
	}
	iov[n].iov_base = (void *)(uintptr_t)bytes;
	iov[n].iov_len = len;
	return n + 1;
}

/* Does due_pieces for a single run: what is due is one piece of it. */
static int
one_piece(const struct due *d, struct due_place place, struct iovec *iov,
    size_t max, size_t *len)
{
	const struct run *r = d->run[0];
	uint64_t from = run_start(r, d->at[0]) + place.offset;

	*len = (size_t)(r->end - from);
	if (*len == 0)
		return 0;
	if (*len > max)
		*len = max;
	return add_piece(iov, 0, run_bytes(r, from), *len);
}

int
due_pieces(const struct due *d, struct due_place place, struct iovec *iov,
    size_t max, size_t *len)
{
	size_t at[REQUEST_TOPICS_MAX], i, skip = place.offset;
	int n = 0;

	if (d->n == 1)
		return one_piece(d, place, iov, max, len);
	for (i = 0; i < d->n; i++)
		at[i] = d->at[i];
	*len = 0;
	while (n < DUE_PIECES && *len < max && (i = next_run(d, at)) < d->n) {
		const struct run *r = d->run[i];
		uint64_t from = run_start(r, at[i]) + skip;
		size_t bytes = (size_t)(run_mark(r, at[i])->end - from);

		if (bytes > max - *len)
			bytes = max - *len;
		n = add_piece(iov, n, run_bytes(r, from), bytes);
		*len += bytes;
		at[i]++;
		skip = 0;
	}
	return n;
}

size_t
due_rest(const struct due *d, struct due_place place)
{
	size_t i = place.offset == 0 ? d->n : next_run(d, d->at);

	if (i == d->n)
		return 0;
	return (size_t)(run_mark(d->run[i], d->at[i])->end -
			run_start(d->run[i], d->at[i])) -
	       place.offset;
}

bool
due_all(const struct due *d, struct due_place place)
{
	size_t i;

	for (i = 0; i < d->n; i++)
		if (run_find(d->run[i], place.id) < d->run[i]->count)
			return false;
	return place.offset == 0;
}

/* Does due_sent for a single run: finds the event by its position. */
static struct due_place
one_sent(
    const struct due *d, struct due_place place, size_t sent, uint64_t *events)
{
	const struct run *r = d->run[0];
	uint64_t pos = run_start(r, d->at[0]) + place.offset + sent;
	size_t low = d->at[0], high = r->count, mid;

	if (pos == r->end)
		low = high;
	while (low < high) { /* the first event that ends after pos */
		mid = low + (high - low) / 2;
		if (run_mark(r, mid)->end <= pos)
			low = mid + 1;
		else
			high = mid;
	}
	*events += low - d->at[0];
	if (low < r->count && pos > run_start(r, low))
		return (struct due_place){
		    run_mark(r, low)->id, (uint32_t)(pos - run_start(r, low))};
	if (low == d->at[0])
		return place;
	return (struct due_place){run_mark(r, low - 1)->id, 0};
}

struct due_place
due_sent(
    const struct due *d, struct due_place place, size_t sent, uint64_t *events)
{
	size_t at[REQUEST_TOPICS_MAX], i;

	if (d->n == 1)
		return one_sent(d, place, sent, events);
	for (i = 0; i < d->n; i++)
		at[i] = d->at[i];
	sent += place.offset;
	while (sent > 0 && (i = next_run(d, at)) < d->n) {
		const struct run *r = d->run[i];
		size_t bytes =
		    (size_t)(run_mark(r, at[i])->end - run_start(r, at[i]));

		place.id = run_mark(r, at[i])->id;
		if (sent < bytes) {
			place.offset = (uint32_t)sent;
			return place;
		}
		place.offset = 0;
		sent -= bytes;
		at[i]++;
		(*events)++;
	}
	return place;
}
