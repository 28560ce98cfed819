/*
 * burst.c - one record for all streams that are at the same place.
 */
#include <string.h>

#include "fcgi/window/burst.h"

void
burst_make(struct burst *b, const struct sub *sub, struct store_id from,
    const struct due *d)
{
	struct due_place place = {from, 0};
	struct iovec iov[DUE_PIECES];
	uint8_t *p = b->frame + RECORD_HEADER;
	int n, i;

	b->sub = NULL;
	n = due_pieces(d, place, iov, RECORD_MAX, &b->len);
	if (n == 0)
		return;
	b->events = 0;
	place = due_sent(d, place, b->len, &b->events);
	if (place.offset > 0 || !due_all(d, place))
		return;
	for (i = 0; i < n; i++) {
		memcpy(p, iov[i].iov_base, iov[i].iov_len);
		p += iov[i].iov_len;
	}
	record_header(b->frame, 1, (uint16_t)b->len);
	b->due = *d;
	b->from = from;
	b->to = place.id;
	b->sub = sub;
}

/* All web servers that we know use request id 1, but others may not. */
const uint8_t *
burst_frame(struct burst *b, uint16_t request_id)
{
	b->frame[2] = (uint8_t)(request_id >> 8);
	b->frame[3] = (uint8_t)request_id;
	return b->frame;
}
