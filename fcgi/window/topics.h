/*
 * topics.h - topics that somebody listens to, and who does.
 *
 * A subscription is a set of topics; all streams that ask for the same set
 * share one, and what one of them is due all of them are due.  An event finds
 * its topics by hashing its name, so topics without listeners cost nothing
 * and a topic's event costs the same whatever else is listened to.
 */
#ifndef TOPICS_H
#define TOPICS_H

#include "fcgi/request/request.h"
#include "fcgi/window/run.h"

struct stream;

struct topic {
	struct topic *next; /* of the same hash */
	uint32_t hash;
	uint32_t nsubs, cap; /* 0 subs: it waits for its events to go */
	uint32_t queued;     /* events of it in the window's queue */
	struct sub **subs;
	struct run run; /* its part of the window */
	uint16_t len;
	bool prefix;
	char name[]; /* len bytes */
};

struct sub {
	struct sub *next; /* of the same hash */
	uint32_t hash;
	uint32_t nstreams, cap;
	struct stream **streams;
	bool due; /* stands in the list of those with news */
	uint8_t ntopics;
	struct topic *topics[]; /* none covers another */
};

struct topics {
	struct topic **topic_table;
	struct sub **sub_table;
	uint32_t topic_mask, sub_mask; /* sizes less 1, powers of two */
	uint32_t ntopics, nsubs;
	uint32_t seed;
	uint64_t kept_bytes; /* by all runs together, see topic_kept */
	uint32_t prefixes[REQUEST_TOPIC_BYTES + 1]; /* prefix topics a length */
	struct sub **due; /* with news since the last flush; room for all */
	uint32_t ndue, due_cap;
};

int topics_open(struct topics *); /* -1 without memory */
void topics_close(struct topics *);

/*
 * The subscription to these topics of a request, made if it is new; the
 * window then has their events after floor.  NULL without memory.
 */
struct sub *topics_subscribe(struct topics *, const struct request_topic *,
    size_t n, struct store_id floor);

/* A stream joins (-1 without memory) and leaves; *index is its place. */
int sub_join(struct sub *, struct stream *, uint32_t *index);
/* Returns the stream that takes over the place, or NULL. */
struct stream *sub_leave(struct sub *, uint32_t index);
/* Frees a subscription without streams, and topics without subscriptions. */
void topics_forget(struct topics *, struct sub *);

/* The topic that is listened to under this name, or NULL. */
struct topic *topics_find(
    const struct topics *, const char *name, size_t len, bool prefix);

/* The subscriptions of this topic are due. */
void topics_due(struct topics *, struct topic *);

/* What a topic's events take in memory, with what keeps them. */
enum {
	KEEP_BYTES = sizeof(struct mark) + sizeof(struct topic *)
};
static inline uint64_t
topic_kept(const struct topic *t)
{
	return t->run.end - t->run.start + t->run.count * KEEP_BYTES;
}

/* Frees a topic that has no subscription and nothing queued. */
void topics_drop(struct topics *, struct topic *);

#endif
