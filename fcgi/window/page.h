/*
 * page.h - pages of the log, for streams that are behind the window.
 *
 * A page is what the log has for one subscription between two places, encoded
 * as in the window.  The few that were read last are kept, so that a storm of
 * streams resuming at about the same place reads the log once.
 */
#ifndef PAGE_H
#define PAGE_H

#include "fcgi/window/topics.h"

enum {
	PAGES = 16,
	PAGE_BYTES = 256 * 1024 /* a page ends after the event that fills it */
};

struct page {
	const struct sub *sub; /* NULL: free */
	struct store_id upto;  /* the page has all from run.floor to here */
	struct run run;
	uint64_t used; /* when last, by the count of look-ups */
};

struct pages {
	struct page page[PAGES];
	uint64_t lookups, reads;
	size_t rows; /* of a page */
	uint64_t max_event_bytes;
};

void pages_open(struct pages *, size_t rows, uint64_t max_event_bytes);
void pages_close(struct pages *);

/*
 * The page with what comes after an id for this subscription.  head is how
 * far the window has come: a page that reached the end of the log has at
 * least that.  STORE_OK and *page, good until the next call; STORE_GONE when
 * events after the id were pruned (*id is the place to go on from); or the
 * store's trouble.
 */
enum store_result pages_get(struct pages *, struct store *, const struct sub *,
    struct store_id *id, struct store_id head, struct page **);

/* No page is of this subscription any more; NULL: of any. */
void pages_forget(struct pages *, const struct sub *);

#endif
