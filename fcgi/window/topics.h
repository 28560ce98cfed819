/*
 * topics.h - the topics that have listeners, and their subscriptions.
 *
 * A subscription is a set of topics.  All streams that ask for the same set
 * share one subscription, so news for one of them is news for all of them.
 * The topics of an event are found by a hash of the name.  So topics without
 * listeners cost nothing, and an event costs the same however many other
 * topics have listeners.
 */
#ifndef TOPICS_H
#define TOPICS_H

#include "fcgi/base/hash.h"
#include "fcgi/request/request.h"
#include "fcgi/window/run.h"

struct stream;

/*
 * A topic is an exact name or a prefix.  Streams that get nothing but what was
 * published have a topic of their own, because in its run our events are not.
 */
enum topic_kind {
	TOPIC_PREFIX = 1,
	TOPIC_BARE = 2,
	TOPIC_KINDS = 4
};

struct topic {
	struct hash_node node; /* first: see hash.h */
	uint32_t nsubs, cap;   /* nsubs 0: freed with its last event */
	uint32_t queued;       /* events of it in the window's queue */
	uint32_t nstreams;     /* that have it (topics_count) */
	uint32_t rank;	       /* its place in the heap `most' */
	struct sub **subs;
	struct run run; /* its part of the window */
	/*
	 * Where it has ended, or {0, 0}; of an exact name.  It is known from
	 * when somebody has set it, and then each event that is added tells.
	 */
	struct store_id end;
	bool end_known;
	uint8_t kind; /* of enum topic_kind */
	uint16_t len;
	char name[]; /* len bytes */
};

struct sub {
	struct hash_node node; /* first: see hash.h */
	uint32_t nstreams, cap;
	struct stream **streams;
	char *last; /* last_len bytes: the last block when all has ended */
	uint16_t last_len;
	bool due; /* is in the list `due` below */
	uint8_t ntopics;
	struct topic *topics[]; /* none covers another */
};

/* Has a topic with this end ended, at this place or before it? */
static inline bool
topic_ended(struct store_id end, struct store_id place)
{
	return (end.hi != 0 || end.lo != 0) && store_id_cmp(end, place) <= 0;
}

/* How the streams of a subscription begin and end. */
struct sub_form {
	bool bare;
	const char *last; /* last_len bytes */
	uint16_t last_len;
};

struct topics {
	struct hash_table topics, subs;
	uint64_t kept_bytes; /* by all runs together, see topic_kept */
	uint32_t bare;	     /* topics of TOPIC_BARE */
	uint32_t prefixes[REQUEST_TOPIC_BYTES + 1]; /* prefix topics a length */
	struct topic **most; /* a heap of all, by their streams (most.c) */
	uint32_t most_cap;
	bool moved; /* a topic has streams more or less: see topics_most */
	struct sub **due; /* with news since the last flush; room for all */
	uint32_t ndue, due_cap;
};

int topics_open(struct topics *); /* -1 without memory */
void topics_close(struct topics *);

/*
 * Finds or makes the subscription to these topics of a request.  form may be
 * NULL: our events are sent, and no last block.  For a new topic the window
 * will hold the events after floor.  NULL without memory.
 */
struct sub *topics_subscribe(struct topics *, const struct request_topic *,
    size_t n, const struct sub_form *form, struct store_id floor);

/* Does it get nothing but what was published? */
static inline bool
sub_is_bare(const struct sub *sub)
{
	return (sub->topics[0]->kind & TOPIC_BARE) != 0;
}

/* Has each of its topics ended, at this place or before it? */
enum sub_end {
	SUB_OPEN,
	SUB_UNKNOWN, /* of topics[*i] it is not known */
	SUB_ENDED
};
enum sub_end sub_end(const struct sub *, struct store_id place, size_t *i);

/* A stream joins at place *index.  -1 without memory. */
int topics_join(struct sub *, struct stream *, uint32_t *index);
/* The stream at this place leaves.  Returns the one that gets the place. */
struct stream *topics_leave(struct sub *, uint32_t index);
/* Frees a subscription without streams, and topics without subscriptions. */
void topics_forget(struct topics *, struct sub *);

/* The topic of this name and kind, or NULL: it has no listener. */
struct topic *topics_find(
    const struct topics *, const char *name, size_t len, unsigned kind);

/*
 * A stream more has this topic, or with -1 one less.  The number is what
 * topics_most goes by.
 */
void topics_count(struct topics *, struct topic *, int more);

/*
 * Sets list to the topics with the most streams, most first, at most max of
 * them and TOPICS_MOST; none that has no stream.  Returns their number.  It
 * takes the same time however many topics there are.
 */
enum {
	TOPICS_MOST = 64
};
size_t topics_most(
    const struct topics *, const struct topic **list, size_t max);

/* A new topic gets its place in that order, one that is freed loses it. */
int topics_rank(struct topics *, struct topic *); /* -1 without memory */
void topics_unrank(struct topics *, struct topic *);

/*
 * How many streams get the events of this topic, by its name or by a prefix
 * that covers it.  No stream is counted twice, for none of its topics covers
 * another.
 */
uint64_t topics_listeners(const struct topics *, const char *name, size_t len);

/* Goes through all topics and subscriptions: the next one, NULL at the end. */
static inline struct topic *
topics_next(const struct topics *ts, const struct topic *t)
{
	return (struct topic *)hash_after(
	    &ts->topics, t == NULL ? NULL : &t->node);
}

static inline struct sub *
topics_next_sub(const struct topics *ts, const struct sub *sub)
{
	return (struct sub *)hash_after(
	    &ts->subs, sub == NULL ? NULL : &sub->node);
}

/* Puts the subscriptions of this topic into the list `due`. */
void topics_due(struct topics *, struct topic *);

/* The memory of a topic's events, with their marks and places in the queue. */
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
