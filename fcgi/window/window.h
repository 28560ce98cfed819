/*
 * window.h - the newest events in memory, encoded once for all streams.
 *
 * This is the first page of the room window/: what there is to send.
 *
 *	sse         an event -> text/event-stream
 *	control     the blocks that we write ourselves: start, gap, bye
 *	run         encoded events of one topic, one after another
 *	topics      the topics that have listeners, and their subscriptions
 *	most        which of them have the most streams
 *	window      the newest events, in the runs of those topics
 *	page        events of the log, for streams that are behind the window
 *	due         what one stream must get next, as pieces of runs
 *	record      FastCGI records of those pieces; burst: one for many streams
 *	reader      text/event-stream -> events, for the commands
 *
 * The room includes base/, request/ and store/store.h.  It writes to no socket
 * and has no clock.  stream/ decides when a stream gets what is due.
 *
 * Each topic with listeners has a run.  An event is in the run of its topic
 * and in that of every prefix that covers the topic.  When the window is over
 * its limit, the oldest event of all runs is dropped and the floor of its run
 * rises.  A stream whose place is below the floor reads the log instead.
 */
#ifndef WINDOW_H
#define WINDOW_H

#include "fcgi/window/topics.h"

struct window {
	struct topic *
	    *queue; /* a ring: the topic of each event, oldest first */
	uint32_t first, count, cap; /* cap is a power of two */
	uint64_t max_bytes;	    /* of events and of what keeps them */
	uint64_t max_event_bytes;
};

int window_open(struct window *, uint64_t max_bytes, uint64_t max_event_bytes);
void window_close(struct window *);

/*
 * Adds the event to the runs of its topics and makes their streams due.  False:
 * no stream has any of its topics.
 */
bool window_add(struct window *, struct topics *, const struct store *,
    const struct store_event *);

/* Drops every event.  All runs begin again after this place. */
void window_forget(struct window *, struct topics *, struct store_id place);

/*
 * The most bytes that window_encode can write for this event.  An event that
 * is larger than max is replaced by a stream-gap.
 */
size_t window_encode_size(const struct store_event *, uint64_t max);

/*
 * Encodes an event for the wire; buf holds that many bytes.  bare: what would
 * be an event of ours becomes a block with its id and no data, which clients
 * pass over.
 */
size_t window_encode(char *buf, const struct store *,
    const struct store_event *, uint64_t max, bool bare);

#endif
