/*
 * page.c - pages of the log, for streams that are behind the window.
 */
#include <stdlib.h>
#include <string.h>

#include "fcgi/window/page.h"
#include "fcgi/window/window.h"

void
pages_open(struct pages *ps, size_t rows, uint64_t max_event_bytes)
{
	memset(ps, 0, sizeof(*ps));
	ps->rows = rows;
	ps->max_event_bytes = max_event_bytes;
}

void
pages_close(struct pages *ps)
{
	size_t i;

	for (i = 0; i < PAGES; i++)
		run_free(&ps->page[i].run);
	memset(ps, 0, sizeof(*ps));
}

void
pages_forget(struct pages *ps, const struct sub *sub)
{
	size_t i;

	for (i = 0; i < PAGES; i++)
		if (sub == NULL || ps->page[i].sub == sub)
			ps->page[i].sub = NULL;
}

static struct page *
find_page(
    struct pages *ps, const struct sub *sub, uint64_t known, struct store_id id)
{
	size_t i;

	for (i = 0; i < PAGES; i++) {
		struct page *p = &ps->page[i];

		if (p->sub == sub && p->known == known &&
		    store_id_cmp(p->run.floor, id) <= 0 &&
		    store_id_cmp(id, p->upto) < 0)
			return p;
	}
	return NULL;
}

/* A free page, or the one that was used longest ago. */
static struct page *
free_or_oldest(struct pages *ps)
{
	struct page *best = &ps->page[0];
	size_t i;

	for (i = 0; i < PAGES; i++) {
		struct page *p = &ps->page[i];

		if (p->sub == NULL)
			return p;
		if (p->used < best->used)
			best = p;
	}
	return best;
}

struct filling {
	struct pages *pages;
	struct page *page;
	const struct store *store;
	bool bare, failed;
};

static bool
page_add(void *arg, const struct store_event *ev)
{
	struct filling *f = arg;
	struct run *r = &f->page->run;
	char *room;
	size_t len;

	room = run_room(r, window_encode_size(ev, f->pages->max_event_bytes));
	len = room == NULL ? 0
			   : window_encode(room, f->store, ev,
				 f->pages->max_event_bytes, f->bare);
	if (room == NULL || run_add(r, ev->id, len) == -1) {
		f->failed = true;
		return false;
	}
	return r->end - r->start < PAGE_BYTES &&
	       (uint64_t)clock_steady_ns() < f->pages->until_ns;
}

/*
 * What the page has got, although the read failed or there was no memory for
 * the next event: a page that ends with its last event.  False if it has none.
 */
static bool
cut_page(struct page *p, struct store_span *span)
{
	if (p->run.count == 0)
		return false;
	span->upto = run_mark(&p->run, p->run.count - 1)->id;
	span->at_end = false;
	return true;
}

/*
 * Reads a page, and then asks the log whether *id is still there, and what came
 * after it of these topics.  In this order nothing is lost unnoticed: if the
 * log was pruned during the read, the question comes after the pruning and is
 * answered with STORE_GONE.
 */
static enum store_result
fill_page(struct pages *ps, struct store *st, const struct sub *sub,
    struct page_cuts *cuts, struct store_id *id, struct store_id head,
    struct page *p)
{
	struct filling f = {ps, p, st, sub_is_bare(sub), false};
	struct store_topic topics[REQUEST_TOPICS_MAX];
	struct store_seek seek = {.from = STORE_FROM_ID,
	    .id = *id,
	    .topics = topics,
	    .n = sub->ntopics,
	    .cuts = cuts->known};
	struct store_span span;
	enum store_result r;
	size_t i;

	for (i = 0; i < sub->ntopics; i++)
		topics[i] = (struct store_topic){sub->topics[i]->name,
		    sub->topics[i]->len, sub->topics[i]->kind & TOPIC_PREFIX};
	run_reset(&p->run, *id);
	r = store_read(
	    st, *id, topics, sub->ntopics, ps->rows, page_add, &f, &span);
	if (r == STORE_OK && f.failed)
		r = STORE_BUSY;
	if (r != STORE_OK && !cut_page(p, &span))
		return r;
	ps->reads++;
	p->known = cuts->known;
	r = store_seek(st, &seek, id);
	cuts->folded = seek.folded;
	if (r == STORE_AGAIN)
		cuts->known = seek.cuts;
	else if (r == STORE_OK || r == STORE_GONE)
		cuts->known = store_cuts(st);
	p->upto = span.upto;
	if (r == STORE_OK && span.at_end && store_id_cmp(p->upto, head) < 0)
		p->upto = head;
	return r;
}

enum store_result
pages_get(struct pages *ps, struct store *st, const struct sub *sub,
    struct page_cuts *cuts, struct store_id *id, struct store_id head,
    struct page **page)
{
	struct page *p = find_page(ps, sub, cuts->known, *id);
	enum store_result r;

	if (p == NULL) {
		p = free_or_oldest(ps);
		p->sub = NULL;
		if ((r = fill_page(ps, st, sub, cuts, id, head, p)) != STORE_OK)
			return r;
		p->sub = sub;
	}
	p->used = ++ps->lookups;
	*page = p;
	return STORE_OK;
}
