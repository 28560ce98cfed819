/*
 * advance.c - the one way to deliver: send what comes after a stream's id.
 *
 * The events to send are in the window.  For a stream that is behind the window
 * they are in a page of the log.  Both hold them as runs.  If the place of the
 * stream is not in the log any more, the client is told about the gap first,
 * and then the stream goes on from another place.
 */
#include "fcgi/stream/advance.h"
#include "fcgi/stream/stream.h"
#include "fcgi/stream/way.h"
#include "fcgi/stream/write.h"

enum {
	PAGE_NS = 250 * 1000 /* for a page, also at the end of a step */
};

/* Tells the client that its place is gone, and goes on from another place. */
static bool
tell_gap(struct hub *hub, struct stream *s, struct store_id place)
{
	char text[CONTROL_GAP_SIZE], asked[STORE_ID_SIZE], id[STORE_ID_SIZE];
	size_t len;

	if (s->offset > 0 || sub_is_bare(s->sub)) {
		stream_end(hub, s, s->offset > 0 ? END_CUT_EVENT : END_GAP);
		return false;
	}
	store_id_print(hub->store, s->id, asked);
	store_place_print(hub->store, place, id);
	len = control_gap(text, s->gap, asked, id);
	if (!stream_put_control(hub, s, text, len)) {
		/*
		 * Without room it is told later.  The place that a replaced
		 * log goes on from is known; any other is found again.
		 */
		if (s->gap != GAP_REPLACED)
			s->gap = GAP_NONE;
		stream_end_failed(hub, s);
		return false;
	}
	hub->count.gaps++;
	s->id = place;
	s->gap = GAP_NONE;
	return true;
}

/*
 * Does the window have everything that comes after this place?  A page of the
 * log can be ahead of the window.  An event that was begun from such a page has
 * to be finished from the log too.
 */
static bool
in_window(const struct hub *hub, const struct sub *sub, struct due_place place)
{
	struct store_id after = due_after(place);
	size_t i;

	if (place.offset > 0 && store_id_cmp(hub->head, place.id) < 0)
		return false;
	for (i = 0; i < sub->ntopics; i++)
		if (store_id_cmp(after, sub->topics[i]->run.floor) < 0)
			return false;
	return true;
}

enum source {
	SOURCE_READY,
	SOURCE_AGAIN, /* there was nothing for it there: look further on */
	SOURCE_COLD,  /* it is in the log, which may not be read now */
	SOURCE_WAIT,
	SOURCE_OVER
};

/* What it takes to read a page is what this client makes us do. */
static enum store_result
read_cold(
    struct hub *hub, struct stream *s, struct store_id *id, struct page **page)
{
	struct page_cuts cuts = {s->cuts, false};
	uint64_t began = uv_hrtime(), reads = hub->pages.reads, now;
	enum store_result r;

	hub->pages.until_ns = hub->turn.until;
	if (hub->pages.until_ns < began + PAGE_NS)
		hub->pages.until_ns = began + PAGE_NS;
	r = pages_get(
	    &hub->pages, hub->store, s->sub, &cuts, id, hub->head, page);
	s->cuts = cuts.known;
	if (r == STORE_GONE)
		s->gap = cuts.folded ? GAP_FOLDED : GAP_PRUNED;
	if (s->caller != NULL && hub->pages.reads != reads) {
		now = uv_hrtime();
		share_spend(
		    &hub->shares, &s->caller->address, now, now - began);
	}
	return r;
}

/* Finds what is due in a page of the log, for a stream behind the window. */
static enum source
from_log(struct hub *hub, struct stream *s, struct due *d)
{
	struct due_place place = {s->id, s->offset};
	struct store_id id = due_after(place);
	uint64_t cuts = s->cuts;
	struct page *page;

	switch (read_cold(hub, s, &id, &page)) {
	case STORE_OK:
		/* Was a right revoked before these events? */
		if (!store_revocations_after(hub->store, hub->revoked))
			break;
		return SOURCE_WAIT; /* read the revocations first */
	case STORE_AGAIN: /* what it has to be told is not known yet */
		return SOURCE_AGAIN;
	case STORE_GONE:
		if (tell_gap(hub, s, id))
			return SOURCE_AGAIN;
		s->cuts = cuts;
		return SOURCE_OVER;
	case STORE_UNKNOWN: /* an older log: news_take() sees to it */
	default:
		return SOURCE_WAIT;
	}
	d->n = 1;
	d->from_log = true;
	d->run[0] = &page->run;
	if (!due_find(d, place)) {
		stream_end(hub, s, END_CUT_EVENT);
		return SOURCE_OVER;
	}
	if (d->at[0] < page->run.count)
		return SOURCE_READY;
	s->id = page->upto;
	return SOURCE_AGAIN;
}

/*
 * If many streams are at the same place, puts what is due into one record: the
 * other streams are sent the same record.
 */
static void
make_burst(struct hub *hub, const struct stream *s, const struct due *d)
{
	if (s->framed && s->sub->nstreams > 1 && stream_is_between(s) &&
	    hub->burst.sub != s->sub)
		burst_make(&hub->burst, s->sub, s->id, d);
}

/* Finds what the stream is due, in the window or in the log. */
static enum source
find_due(struct hub *hub, struct stream *s, bool cold, struct due *d)
{
	struct due_place place;
	size_t i;

	if (s->gap != GAP_NONE && !tell_gap(hub, s, hub->place))
		return SOURCE_OVER;
	place = (struct due_place){s->id, s->offset};
	if (!in_window(hub, s->sub, place))
		return cold ? from_log(hub, s, d) : SOURCE_COLD;
	d->from_log = false;
	d->n = s->sub->ntopics;
	for (i = 0; i < d->n; i++)
		d->run[i] = &s->sub->topics[i]->run;
	if (!due_find(d, place)) {
		stream_end(hub, s, END_CUT_EVENT);
		return SOURCE_OVER;
	}
	make_burst(hub, s, d);
	return SOURCE_READY;
}

/* Sends as much of what is due as fits in one record.  Returns its bytes. */
static size_t
send_due(struct hub *hub, struct stream *s, const struct due *d, size_t max)
{
	struct due_place place = {s->id, s->offset};
	struct iovec iov[1 + DUE_PIECES];
	uint64_t before = hub->count.deliveries;
	size_t len, sent;
	int n;

	if (s->framed && max > record_room(&s->record))
		max = record_room(&s->record);
	if (hub->closing && s->record.left == 0 && max > due_rest(d, place))
		max = due_rest(d, place);
	n = due_pieces(d, place, iov + 1, max, &len);
	if (n == 0)
		return 0;
	sent = stream_put(hub, s, iov, n, len);
	place = due_sent(d, place, sent, &hub->count.deliveries);
	if (d->from_log)
		hub->count.deliveries_log += hub->count.deliveries - before;
	s->id = place.id;
	s->offset = place.offset;
	stream_end_failed(hub, s);
	return len;
}

/* May this stream be sent the record that was made for its place? */
static bool
takes_burst(const struct hub *hub, const struct stream *s)
{
	return burst_fits(&hub->burst, s->sub, s->id) && s->framed &&
	       s->gap == GAP_NONE && stream_is_between(s) && !hub->closing;
}

/* Sends that record.  What the socket did not take stays due. */
static enum advance
send_burst(struct hub *hub, struct stream *s)
{
	struct burst *b = &hub->burst;
	struct due_place place = {s->id, 0};
	size_t sent =
	    stream_put_record(hub, s, burst_frame(b, s->request_id), b->len);

	if (sent == b->len) {
		s->id = b->to;
		hub->count.deliveries += b->events;
		return ADVANCE_LEVEL;
	}
	place = due_sent(&b->due, place, sent, &hub->count.deliveries);
	s->id = place.id;
	s->offset = place.offset;
	stream_end_failed(hub, s);
	return ADVANCE_STUCK;
}

/* Sends events. */
static enum advance
advance_events(struct hub *hub, struct stream *s, bool cold)
{
	size_t budget = hub->conf->write_budget_bytes, len;
	struct due d;

	if (takes_burst(hub, s))
		return send_burst(hub, s);
	while (budget > 0) {
		if (s->conn.over || s->blocked)
			return ADVANCE_STUCK;
		if (hub->closing && stream_is_between(s)) {
			stream_end(hub, s, END_SHUTDOWN);
			return ADVANCE_STUCK;
		}
		switch (find_due(hub, s, cold, &d)) {
		case SOURCE_READY:
			break;
		case SOURCE_AGAIN:
			if (cold && turn_spent(&hub->turn))
				return ADVANCE_MORE;
			continue;
		case SOURCE_COLD:
			return ADVANCE_COLD;
		case SOURCE_WAIT:
			return ADVANCE_WAIT;
		case SOURCE_OVER:
			return ADVANCE_STUCK;
		}
		len = send_due(hub, s, &d, budget);
		if (len == 0) {
			if (s->wants_out)
				stream_want_no_room(hub, s);
			return ADVANCE_LEVEL;
		}
		budget -= len;
		if (cold && turn_spent(&hub->turn))
			break;
	}
	return s->conn.over || s->blocked ? ADVANCE_STUCK : ADVANCE_MORE;
}

/* Sends events to a stream that has a pad, or ends after what it was sent. */
static enum advance
advance_by_way(struct hub *hub, struct stream *s, bool cold)
{
	enum advance came;
	uint64_t bytes;

	if (s->pad_left > 0 && !way_pad(hub, s))
		return ADVANCE_STUCK;
	bytes = hub->count.bytes; /* a pad needs no pad */
	came = advance_events(hub, s, cold);
	if (hub->count.bytes != bytes)
		s->told = s->owes_pad = true;
	if (came == ADVANCE_LEVEL && s->owes_pad && !way_pad(hub, s))
		return ADVANCE_STUCK;
	return came;
}

enum advance
stream_advance(struct hub *hub, struct stream *s, bool cold)
{
	if (s->revoked) {
		stream_end(hub, s, END_REVOKED);
		return ADVANCE_STUCK;
	}
	return s->pad > 0 || s->poll ? advance_by_way(hub, s, cold)
				     : advance_events(hub, s, cold);
}
