/*
 * burst.h - one record for all streams that stand at the same place.
 *
 * Pure.  Streams of one subscription that have all there was before an event
 * are due the same bytes after it.  The first of them finds and frames what
 * is due; the others are sent that very record, and only what a socket did
 * not take whole goes the long way.
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
 * Makes a record of all that is due after `from`, if it fits in one; else
 * there is none.  It holds until the runs of d change.
 */
void burst_make(struct burst *, const struct sub *, struct store_id from,
    const struct due *d);

/* Is it what a stream of this subscription at this id is due? */
static inline bool
burst_fits(const struct burst *b, const struct sub *sub, struct store_id id)
{
	return b->sub == sub && store_id_cmp(b->from, id) == 0;
}

/* Its bytes with their header, for a request of this id. */
const uint8_t *burst_frame(struct burst *, uint16_t request_id);

#endif
