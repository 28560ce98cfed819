/*
 * burst.h - one record for all streams that are at the same place.
 *
 * Pure.  If streams of one subscription are at the same place, they must all
 * get the same bytes next.  For the first stream the bytes are found and put
 * into a record.  The other streams are sent the same record.  Only a stream
 * whose socket did not take all of it goes on with record.h by itself.
 */
#ifndef BURST_H
#define BURST_H

#include "fcgi/window/due.h"
#include "fcgi/window/record.h"

struct burst {
	const struct sub *sub; /* NULL: none */
	struct store_id from, to;
	uint64_t events;
	size_t len; /* of the content */
	uint8_t frame[RECORD_HEADER + RECORD_MAX];
	struct due due; /* where the content was found */
};

/*
 * Makes a record of all that is due after `from`.  If that does not fit in one
 * record, the burst is empty.  Valid until the runs of d change.
 */
void burst_make(struct burst *, const struct sub *, struct store_id from,
    const struct due *d);

/* Is it what a stream of this subscription at this id must get next? */
static inline bool
burst_fits(const struct burst *b, const struct sub *sub, struct store_id id)
{
	return b->sub == sub && store_id_cmp(b->from, id) == 0;
}

/* The record with its header, for a request of this id. */
const uint8_t *burst_frame(struct burst *, uint16_t request_id);

#endif
