/*
 * copy.c - carrying a log to another engine, ids and all.
 *
 * The source is read page by page, as for a stream.  Each read asks in the
 * same transaction whether all that follows the place is still there.  Each
 * page is one write to the target, and the target knows the last place that
 * was written.  So a copy can break off at any moment and go on from that
 * place later, and it keeps no more than one page in memory.
 *
 * An id of the source means the same place in the target.  What the source
 * had pruned when the copy began is pruned in the target too.  If the source
 * prunes an event before it was copied, the copy fails: no reader of the
 * target could be told of that hole.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/base/log.h"
#include "fcgi/command/copy.h"
#include "store/store.h"

enum {
	PAGE_ROWS = 500,
	PAGE_BYTES = 4 * 1024 * 1024, /* about: an event is not divided */
	REVOKED_ROWS = 100,
	PATIENCE_MS = 15000, /* for a source that does not answer */
	TRIES = 5	     /* to write, while no event gets through */
};

struct copy {
	struct store *from, *to;
	const char *from_name, *to_name;
	struct store_origin origin;
	char log_id[64];
	struct store_copied done;
	int64_t waiting_since; /* ms; 0: not waiting for the source */
	bool replaced;	       /* the source is another log now */
	bool no_memory;

	/* one page of the source, and what was revoked */
	struct store_event events[PAGE_ROWS];
	char *text[PAGE_ROWS]; /* what each event points into */
	size_t n, bytes;
	struct store_revocation revoked[REVOKED_ROWS];
	char *revoked_text[REVOKED_ROWS];
	size_t nrevoked;
	struct store_id upto, revoked_upto, removed;
	struct store_id told; /* the target knows of removed up to here */

	struct store_event newest; /* of the target */
	char *newest_text;	   /* what newest points into */

	copy_progress *progress;
	void *arg; /* of progress */
	struct copy_done *copied;
};

/* --- a page -------------------------------------------------------------- */

static struct store_text
put_text_at(char **p, struct store_text t)
{
	struct store_text to = {t.s == NULL ? NULL : *p, t.len};

	if (t.s != NULL && t.len > 0)
		memcpy(*p, t.s, t.len);
	*p += t.len;
	return to;
}

/* Copies an event, which is good only during the read.  NULL: no memory. */
static char *
keep_event(struct store_event *to, const struct store_event *ev)
{
	char *text = malloc(
	    ev->topic.len + ev->event.len + ev->data.len + ev->uid.len + 1);
	char *p = text;

	if (text == NULL)
		return NULL;
	*to = *ev;
	to->topic = put_text_at(&p, ev->topic);
	to->event = put_text_at(&p, ev->event);
	to->data = put_text_at(&p, ev->data);
	to->uid = put_text_at(&p, ev->uid);
	return text;
}

static bool
take_event(void *arg, const struct store_event *ev)
{
	struct copy *cp = arg;

	cp->text[cp->n] = keep_event(&cp->events[cp->n], ev);
	if (cp->text[cp->n] == NULL) {
		cp->no_memory = true;
		return false;
	}
	cp->n++;
	cp->bytes += ev->topic.len + ev->event.len + ev->data.len + ev->uid.len;
	return cp->bytes < PAGE_BYTES;
}

static void
take_revoked(void *arg, const struct store_revocation *rv)
{
	struct copy *cp = arg;
	char *p = malloc(rv->topic.len + rv->subject.len + 1);
	struct store_revocation *to = &cp->revoked[cp->nrevoked];

	if (p == NULL) {
		cp->no_memory = true;
		return;
	}
	cp->revoked_text[cp->nrevoked] = p;
	to->time_ms = rv->time_ms;
	to->topic = put_text_at(&p, rv->topic);
	to->subject = put_text_at(&p, rv->subject);
	cp->nrevoked++;
}

static void
drop_events(struct copy *cp)
{
	while (cp->n > 0)
		free(cp->text[--cp->n]);
	cp->bytes = 0;
}

static void
drop_revoked(struct copy *cp)
{
	while (cp->nrevoked > 0)
		free(cp->revoked_text[--cp->nrevoked]);
}

/* --- asking the source --------------------------------------------------- */

/*
 * Should the same question be asked again, after this result?  If so it waits
 * first, for the answer or for trouble to pass.  After PATIENCE_MS: no.
 */
static bool
ask_source_again(struct copy *cp, enum store_result r)
{
	struct pollfd pfd = {.fd = store_fd(cp->from), .events = POLLIN};
	struct store_id place;
	int64_t now = clock_steady_ms();

	if (r != STORE_LATER && r != STORE_BUSY) {
		cp->waiting_since = 0;
		return false;
	}
	if (cp->waiting_since == 0)
		cp->waiting_since = now;
	if (now - cp->waiting_since > PATIENCE_MS)
		return false;
	poll(&pfd, 1, 100);
	if (store_news(cp->from, &place) == STORE_REPLACED &&
	    cp->log_id[0] != '\0')
		cp->replaced = true;
	return !cp->replaced;
}

static enum store_result
seek_source(struct copy *cp, struct store_seek what, struct store_id *place)
{
	enum store_result r;

	do
		r = store_seek(cp->from, &what, place);
	while (ask_source_again(cp, r));
	return r;
}

/* Says what went wrong with the source.  Returns -1. */
static int
source_failed(const struct copy *cp, enum store_result r)
{
	char id[STORE_ID_SIZE];

	store_id_print(cp->from, cp->done.upto, id);
	if (cp->no_memory)
		log_error("copy", "out of memory");
	else if (cp->replaced)
		log_error(cp->from_name, "another log has taken its place");
	else if (r == STORE_GONE)
		log_error(cp->from_name,
		    "events after %s were removed before they were copied: "
		    "copy into a new log, and keep more until that is done",
		    id);
	else if (r == STORE_LATER && store_healthy(cp->from))
		log_error(cp->from_name, "no answer");
	else
		log_plain(store_why(cp->from));
	return -1;
}

/* Where the source begins, and the id of that log. */
static int
find_origin(struct copy *cp)
{
	struct store_seek before_all = {
	    .from = STORE_FROM_ID, .cuts = UINT64_MAX};
	struct store_id place;
	enum store_result r = seek_source(cp, before_all, &place);

	if (r != STORE_OK && r != STORE_GONE)
		return source_failed(cp, r);
	cp->origin.base = r == STORE_GONE ? place : before_all.id;
	do
		r = store_numbers(cp->from, &cp->origin.numbers);
	while (ask_source_again(cp, r));
	if (r != STORE_OK)
		return source_failed(cp, r);
	snprintf(cp->log_id, sizeof(cp->log_id), "%s", store_log_id(cp->from));
	cp->origin.log_id = cp->log_id;
	return 0;
}

/* A page after the place that the target has reached. */
static enum store_result
read_page(struct copy *cp, struct store_span *span)
{
	/* What was cut from the middle is not in the copy, and that is all. */
	struct store_seek what = {
	    STORE_FROM_ID, .id = cp->done.upto, .cuts = UINT64_MAX};
	struct store_id place;
	enum store_result r;

	do {
		drop_events(cp);
		store_hold(cp->from);
		r = store_read(cp->from, cp->done.upto, NULL, 0, PAGE_ROWS,
		    take_event, cp, span);
		if (r == STORE_OK)
			r = store_seek(cp->from, &what, &place);
		if (r == STORE_OK)
			r = store_removed(cp->from, &cp->removed);
		store_release(cp->from);
	} while (ask_source_again(cp, r));
	return cp->no_memory ? STORE_ERROR : r;
}

static enum store_result
read_revoked(struct copy *cp)
{
	enum store_result r;

	do {
		drop_revoked(cp);
		cp->revoked_upto = cp->done.revoked;
		r = store_revocations(cp->from, &cp->revoked_upto, REVOKED_ROWS,
		    take_revoked, cp);
	} while (ask_source_again(cp, r));
	return cp->no_memory ? STORE_ERROR : r;
}

/* --- is the target its copy? --------------------------------------------- */

static bool
take_newest(void *arg, const struct store_event *ev)
{
	struct copy *cp = arg;

	free(cp->newest_text);
	cp->newest_text = keep_event(&cp->newest, ev);
	return false;
}

static bool
same_text(struct store_text a, struct store_text b)
{
	if (a.s == NULL || b.s == NULL)
		return a.s == b.s;
	return a.len == b.len && memcmp(a.s, b.s, a.len) == 0;
}

/* uid is not compared: in the target it may hold the id of the source. */
static bool
same_event(const struct store_event *a, const struct store_event *b)
{
	return store_id_cmp(a->id, b->id) == 0 && a->time_ms == b->time_ms &&
	       same_text(a->topic, b->topic) && same_text(a->event, b->event) &&
	       same_text(a->data, b->data);
}

static int
has_others(const struct copy *cp, struct store_id id)
{
	char text[STORE_ID_SIZE];

	store_id_print(cp->to, id, text);
	log_error(cp->to_name,
	    "has events that %s has not, such as %s: it was published to, or "
	    "is the newer of the two",
	    cp->from_name, text);
	return -1;
}

/* Is the newest event of the target in the source, or pruned there? */
static int
check_newest(struct copy *cp)
{
	struct store_id before = store_id_before(cp->newest.id), first;
	struct store_span span;
	enum store_result r;

	do {
		drop_events(cp);
		r = store_read(
		    cp->from, before, NULL, 0, 1, take_event, cp, &span);
	} while (ask_source_again(cp, r));
	if (r != STORE_OK)
		return source_failed(cp, r);
	if (cp->n == 1 && same_event(&cp->events[0], &cp->newest))
		return 0;
	if (cp->n == 1 && store_id_cmp(cp->events[0].id, cp->newest.id) == 0)
		return has_others(cp, cp->newest.id);
	r = seek_source(cp,
	    (struct store_seek){.from = STORE_FROM_FIRST, .id = before},
	    &first);
	if (r != STORE_OK)
		return source_failed(cp, r);
	return store_id_cmp(first, cp->newest.id) >= 0
		   ? 0
		   : has_others(cp, cp->newest.id);
}

/* Begins at the place that the target has reached.  STORE_BUSY: not now. */
static enum store_result
begin_at_target(struct copy *cp)
{
	struct store_seek upto = {.from = STORE_FROM_ID, .cuts = UINT64_MAX};
	struct store_id place;
	enum store_result r;

	free(cp->newest_text);
	cp->newest_text = NULL;
	r = store_copy_begin(cp->to, &cp->origin, &cp->done, take_newest, cp);
	if (r == STORE_BUSY)
		return r;
	if (r != STORE_OK) {
		log_plain(store_why(cp->to));
		return STORE_ERROR;
	}
	if (cp->newest_text != NULL && check_newest(cp) == -1)
		return STORE_ERROR;
	/* With no event to compare, the number proves what a client's does. */
	upto.id = cp->done.upto;
	upto.named = cp->newest_text == NULL && upto.id.hi == 0;
	r = seek_source(cp, upto, &place);
	if (r == STORE_OK)
		return r;
	if (r == STORE_UNKNOWN)
		has_others(cp, cp->done.upto);
	else
		source_failed(cp, r);
	return STORE_ERROR;
}

/* --- carrying ------------------------------------------------------------ */

static enum store_result
write_page(struct copy *cp)
{
	struct store_copy page = {cp->log_id, cp->done.upto, cp->upto,
	    cp->events, cp->n, cp->revoked, cp->nrevoked, cp->revoked_upto,
	    cp->removed};
	enum store_result r;

	if (cp->n == 0 && cp->nrevoked == 0 &&
	    store_id_cmp(cp->upto, cp->done.upto) == 0 &&
	    store_id_cmp(cp->removed, cp->told) <= 0)
		return STORE_OK;
	r = store_copy_in(cp->to, &page);
	if (r == STORE_OK) {
		cp->done.upto = cp->upto;
		cp->done.revoked = cp->revoked_upto;
		cp->told = cp->removed;
		cp->copied->events += cp->n;
		store_id_print(cp->from, cp->upto, cp->copied->upto);
	} else if (r != STORE_BUSY)
		log_plain(store_why(cp->to));
	return r == STORE_OK || r == STORE_BUSY ? r : STORE_ERROR;
}

/*
 * One page.  head was the newest id before the page was read.  If nothing is
 * left to read, all up to head is copied, even if no event has that id.
 */
static enum store_result
carry_page(struct copy *cp, struct store_id head, bool *at_end)
{
	struct store_span span;
	enum store_result r = read_page(cp, &span);

	if (r == STORE_OK)
		r = read_revoked(cp);
	if (r != STORE_OK) {
		source_failed(cp, r);
		return STORE_ERROR;
	}
	*at_end = span.at_end && cp->nrevoked < REVOKED_ROWS;
	cp->upto = span.upto;
	if (span.at_end && store_id_cmp(cp->upto, head) < 0)
		cp->upto = head;
	return write_page(cp);
}

/* Until all is copied, or the target is in trouble. */
static enum store_result
carry(struct copy *cp)
{
	struct store_id head;
	bool at_end = false;
	enum store_result r = seek_source(
	    cp, (struct store_seek){.from = STORE_FROM_HEAD}, &head);

	if (r != STORE_OK) {
		source_failed(cp, r);
		return STORE_ERROR;
	}
	while (r == STORE_OK && !at_end) {
		r = carry_page(cp, head, &at_end);
		if (r == STORE_OK)
			cp->progress(
			    cp->arg, cp->copied->events, cp->copied->upto);
	}
	return r;
}

/*
 * A write that got no answer may have been done.  The target knows: the copy
 * asks it for its place and goes on from there.
 */
static int
carry_on(struct copy *cp)
{
	struct store_id tried = {0, 0};
	enum store_result r = STORE_BUSY;
	size_t n = 0; /* events of the page that was tried */
	uint64_t before, *events = &cp->copied->events;
	int tries;

	for (tries = TRIES; r == STORE_BUSY && tries > 0; tries--) {
		before = *events;
		r = begin_at_target(cp);
		if (r != STORE_OK)
			continue;
		if (store_id_cmp(cp->done.upto, tried) == 0)
			*events += n;
		r = carry(cp);
		if (*events > before)
			tries = TRIES;
		n = cp->n;
		tried = cp->upto;
	}
	if (r == STORE_BUSY)
		log_plain(store_why(cp->to));
	return r == STORE_OK ? 0 : -1;
}

int
copy_run(struct store *from, const char *from_name, struct store *to,
    const char *to_name, copy_progress *progress, void *arg,
    struct copy_done *done)
{
	struct copy *cp = calloc(1, sizeof(*cp));
	int status = -1;

	memset(done, 0, sizeof(*done));
	if (cp == NULL) {
		log_error("copy", "out of memory");
		return -1;
	}
	cp->from = from;
	cp->to = to;
	cp->from_name = from_name;
	cp->to_name = to_name;
	cp->progress = progress;
	cp->arg = arg;
	cp->copied = done;
	if (find_origin(cp) == 0)
		status = carry_on(cp);
	if (status == 0)
		store_id_print(from, cp->done.upto, done->upto);
	drop_events(cp);
	drop_revoked(cp);
	free(cp->newest_text);
	free(cp);
	return status;
}
