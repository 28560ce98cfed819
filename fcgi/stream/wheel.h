/*
 * wheel.h - one timer for all connections: heartbeats, stalls, ages.
 *
 * A connection is in the slot of the tick at which it wants to be looked at,
 * and in no other.  When an event is sent, the next heartbeat is due later, but
 * the wheel is not touched: the connection is looked at too early once, and
 * then goes into a later slot.
 */
#ifndef WHEEL_H
#define WHEEL_H

#include <stdbool.h>
#include <stdint.h>

#include "fcgi/stream/turn.h"

enum {
	TICK_MS = 250,
	WHEEL_SLOTS = 256 /* 64 s; what is due later goes round again */
};

/*
 * Ten years: a later end than this is taken as none, because ticks cannot count
 * for ever.
 */
#define WHEEL_FAR_MS (10LL * 365 * 24 * 3600 * 1000)

/* What an accepted connection is, and so which struct begins with it. */
enum conn_kind {
	CONN_PENDING, /* its request is not whole */
	CONN_STREAM,
	CONN_PROBE,
	CONN_WATCH
};

/*
 * What every accepted connection has.  A connection that is over stays in
 * memory until the turn of the loop is done.
 */
struct conn {
	struct conn *next, **prev; /* in its slot; prev NULL: in no slot */
	int fd;			   /* when over: closed, or taken over */
	uint32_t due;		   /* tick */
	uint8_t kind;		   /* enum conn_kind */
	bool over;
	bool again;	/* over, but fd stays open for another request */
	uint32_t beats; /* tick of a stream's next beat: no padding here */
};

typedef void wheel_due(void *arg, struct conn *);

struct wheel {
	uv_timer_t timer;
	struct turn *turn;
	struct conn *slots[WHEEL_SLOTS];
	struct conn *list; /* of the slot that is being looked at */
	uint64_t start_ms; /* of the loop's clock */
	uint32_t tick;	   /* slots up to this one have been looked at */
	uint64_t count;	   /* connections in slots */
	bool turning;	   /* within on_timer, which sets the timer last */
	wheel_due *look;
	void *arg;
};

/* The turn is the loop's, and bounds how many are looked at. */
void wheel_open(
    struct wheel *, uv_loop_t *, struct turn *, wheel_due *, void *arg);
void wheel_close(struct wheel *);

/* The tick that belongs to the loop's time. */
uint32_t wheel_now(const struct wheel *);

/* Look at the connection at this tick, or at the next if this is past. */
void wheel_set(struct wheel *, struct conn *, uint32_t tick);
void wheel_remove(struct wheel *, struct conn *);

/* Calls the function for each connection, which may leave the wheel. */
void wheel_each(struct wheel *, wheel_due *);

/* Ticks in so many ms, rounded up; 0 ms is 0. */
uint32_t wheel_ticks(uint64_t ms);

#endif
