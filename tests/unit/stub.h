/*
 * stub.h - a log that has the events 1 to STUB_EVENTS and fails as it is told.
 */
#ifndef STUB_H
#define STUB_H

#include "tests/unit/cm.h"

#include "store/engine.h"

enum {
	STUB_EVENTS = 10
};

struct stub {
	struct store store;
	uint64_t bad;		/* reading fails at this event; 0: never */
	enum store_result with; /* what a read that fails ends with */
	enum store_result seeks;
	uint64_t pruned;
	uint64_t bad_revoked; /* likewise, of revocations */
};

static inline enum store_result
stub_read(struct store *st, struct store_id after, const struct store_topic *t,
    size_t n, size_t limit, store_each *each, void *arg,
    struct store_span *span)
{
	const struct stub *stub = (const struct stub *)st;
	struct store_event ev = {
	    .topic = {"main", 4}, .data = {"x", 1}, .id = after};

	(void)t;
	(void)n;
	if (stub->bad == after.lo + 1)
		return stub->with; /* and span is what it was */
	*span = (struct store_span){after, false};
	while (limit-- > 0 && ev.id.lo < STUB_EVENTS) {
		if (++ev.id.lo == stub->bad)
			return stub->with;
		span->upto = ev.id;
		if (!each(arg, &ev))
			return STORE_OK;
	}
	span->at_end = ev.id.lo == STUB_EVENTS;
	return STORE_OK;
}

static inline enum store_result
stub_seek(struct store *st, struct store_seek *seek, struct store_id *id)
{
	const struct stub *stub = (const struct stub *)st;

	*id = seek->id;
	if (stub->seeks != STORE_OK || seek->id.lo >= stub->pruned)
		return stub->seeks;
	id->lo = stub->pruned;
	return STORE_GONE;
}

#endif
