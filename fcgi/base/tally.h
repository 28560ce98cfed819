/*
 * tally.h - the numbers of a process: what it has counted and what it holds.
 *
 * Pure.  The code that does a thing also counts it, in the one struct tally of
 * its process. /status and /metrics print all numbers from the table here, so
 * both use the same names.  Several workers share their numbers through struct
 * tallies.
 */
#ifndef TALLY_H
#define TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fcgi/base/board.h"
#include "fcgi/base/listeners.h"

/*
 * Why a stream ended: one value and one word, the same in the log, in
 * /metrics and in the manual.
 */
enum end_reason {
	END_LEFT,    /* the client closed, or the web server did */
	END_ABORTED, /* the web server sent FCGI_ABORT_REQUEST */
	END_WRITE,   /* a write failed for another reason */
	END_STALLED, /* the client did not read for --stall seconds */
	/* from here to END_SHUTDOWN: it is told to come back */
	END_AGE,       /* open for --max-age seconds; told to come back */
	END_POLL,      /* it had its answer (`poll'); told to come back */
	END_TOKEN,     /* its token has expired; told to come back */
	END_REVOKED,   /* a row of largesse_revoke; told to come back */
	END_SHUTDOWN,  /* the responder stops; told to come back */
	END_DONE,      /* all its topics have ended */
	END_GAP,       /* a bare stream cannot be told of a gap */
	END_CUT_EVENT, /* half an event was sent and its row is gone */
	END_PROTOCOL,  /* the web server sent bytes that are not FastCGI */
	END_MEMORY,
	END_REASONS /* their number */
};

const char *tally_reason(enum end_reason);

/*
 * Turns of the loop are counted by how long they took.  tally_le_us has the
 * longest time of each bucket but the last, which has no end.
 */
enum {
	TURN_BUCKETS = 11
};
extern const uint64_t tally_le_us[TURN_BUCKETS - 1];

/* The bucket of a turn that took so many microseconds. */
size_t tally_bucket(uint64_t us);

/*
 * Events are counted by how old they were when the streams had been sent them
 * (stream/delay.h).  delay_le_ms is as tally_le_us, in milliseconds.
 */
enum {
	DELAY_BUCKETS = 12,
	DELAY_MAX_MS = 3600 * 1000 /* an older one is not counted */
};
extern const uint64_t delay_le_ms[DELAY_BUCKETS - 1];

/* The bucket of an event that was so many milliseconds old. */
size_t delay_bucket(uint64_t ms);

/* Totals since the start: they only grow. */
struct counters {
	uint64_t requests, opened, events, deliveries, bytes, writes;
	uint64_t blocked, heartbeats, refused, denied, broken, gaps;
	uint64_t polls, padded, aged, posted; /* of opened */
	uint64_t published, writer_ends, pages;
	uint64_t deliveries_log; /* of deliveries */
	uint64_t ended[END_REASONS];
	uint64_t turns[TURN_BUCKETS], turns_us;
	uint64_t delays[DELAY_BUCKETS], delays_ms;
};

/* How things are now. */
struct gauges {
	uint64_t streams, pending, probes, watches;
	uint64_t slow, behind;
	uint64_t writers, posts_waiting;
	uint64_t topics, subscriptions, listens;
	uint64_t window_events, window_bytes;
	uint64_t resident_bytes;
	uint64_t longest_turn_us; /* of all workers: the longest */
};

/*
 * All numbers have one type, and nothing else is here: tallies_sum adds them as
 * an array, all but the longest turn.
 */
struct tally {
	struct counters count;
	struct gauges now;
};

/* One number of the tally: its name and what it means. */
struct tally_line {
	const char *name;
	const char *help;
	size_t offset; /* in struct tally, of a uint64_t */
	bool total;    /* true: it only grows; false: as it is now */
};

extern const struct tally_line tally_lines[];
extern const size_t tally_nlines;

static inline uint64_t
tally_number(const struct tally *t, const struct tally_line *line)
{
	return *(const uint64_t *)((const char *)t + line->offset);
}

/*
 * The tallies of all workers, in memory that the processes share.  Each worker
 * writes its own and reads all; a number may be one turn old.
 */
struct tallies {
	uint64_t n;
	struct listeners *listeners; /* of each topic */
	struct board *board;	     /* the largest and the slowest */
	struct tally of[];
};

/*
 * Memory for the tallies of n workers, with their listeners and their board;
 * processes forked later share it.  seed: see listeners_make.  NULL without
 * memory.
 */
struct tallies *tallies_make(uint64_t n, uint32_t seed);
/* The worker is gone: its totals stay, and nothing else of it. */
void tallies_forget(struct tallies *, uint64_t worker);
void tallies_free(struct tallies *); /* takes NULL */

/* Sets sum to the sum of all tallies. */
void tallies_sum(const struct tallies *, struct tally *);

#endif
