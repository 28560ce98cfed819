/*
 * page.h - pages of the log, for streams that are behind the window.
 *
 * A page has the events of one subscription between two places of the log,
 * encoded as in the window.  The last few pages are kept: when many streams
 * resume at about the same place, the log is read once for all of them.
 */
#ifndef PAGE_H
#define PAGE_H

#include "fcgi/window/topics.h"

enum {
	PAGES = 16,
	PAGE_BYTES = 256 * 1024 /* a page ends after the event that fills it */
};

/*
 * What a stream knows of cuts (store.h): how many there were when its place was
 * found.  A stream that is told of a gap knows of those too.
 */
struct page_cuts {
	uint64_t known;
	bool folded; /* set with STORE_GONE: see store_seek */
};

struct page {
	const struct sub *sub; /* NULL: free */
	uint64_t known;	       /* it is for streams that know so many cuts */
	struct store_id upto;  /* the page has all after run.floor up to here */
	struct run run;
	uint64_t used; /* number of the look-up that used it last */
};

struct pages {
	struct page page[PAGES];
	uint64_t lookups, reads;
	size_t rows;	   /* of a page */
	uint64_t until_ns; /* steady clock: a page has no row read later */
	uint64_t max_event_bytes;
};

void pages_open(struct pages *, size_t rows, uint64_t max_event_bytes);
void pages_close(struct pages *);

/*
 * Finds or reads the page with what comes after an id for this subscription.
 * head is the newest id in the window: a page that reached the end of the log
 * goes at least to head.  STORE_OK and *page, valid until the next call;
 * STORE_GONE when events after the id were removed (then *id is the place to go
 * on from); or another result of the store.
 */
enum store_result pages_get(struct pages *, struct store *, const struct sub *,
    struct page_cuts *, struct store_id *id, struct store_id head,
    struct page **);

/* Forgets the pages of this subscription; NULL: all pages. */
void pages_forget(struct pages *, const struct sub *);

#endif
