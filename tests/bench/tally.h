/*
 * tally.h - sums of what all streams of a client have received.
 */
#ifndef TALLY_H
#define TALLY_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
	TALLY_FINE = 64, /* steps to a power of two: 1.6 % wide */
	TALLY_POWERS = 36
};

struct tally_event {
	uint32_t count;	  /* streams that have it */
	uint32_t last_us; /* delay of the last of them */
};

struct tally {
	uint64_t deliveries, bytes, reads;
	uint64_t first_ns, last_ns; /* clock of the first and last delivery */
	uint64_t delays;	    /* deliveries in the histogram */
	uint64_t max_ns, over_100ms;
	uint64_t missing, repeated; /* by the numbers of the events */
	uint64_t lowest;	    /* number of events[0] */
	size_t nevents, room;
	struct tally_event *events;
	uint64_t histogram[TALLY_POWERS * TALLY_FINE];
};

uint64_t tally_now(void);    /* CLOCK_MONOTONIC, ns */
uint64_t tally_cpu_us(void); /* that this process has used */

/* Event n, published at t, received now; t 0: its delay says nothing. */
void tally_event(struct tally *, uint64_t n, uint64_t t, uint64_t now);

/* Forgets all that was received. */
void tally_clear(struct tally *);

/*
 * Members of a JSON object, without its braces.  The delay of an event's last
 * stream counts only for events that `streams` streams received.
 */
void tally_print(const struct tally *, size_t streams, FILE *);

#endif
